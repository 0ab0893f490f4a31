// Eight runs of one pipeline on one cache that start at the same moment, again and again; in a third of the rounds with a gc in a loop beside them, in
// another third one of them is killed. All others must succeed with the same bytes; how often each stage was computed is counted.
// Usage: node tools/slow/races.mjs [--rounds 50] [--processes 8] [--seed 1] [--once] [--out FILE]      --once: more than one computation of a stage is a violation
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../dist/core/random.js';
import { collectGarbage } from '../../dist/engine/store/gc.js';
import { Figures, options } from './faults/figures.mjs';
import { everybodyGone, outputViolations, Project, referenceOf, violations } from './faults/checks.mjs';
import { RACE_PIPELINE } from './faults/stages.mjs';

const settings = options({ rounds: 50, processes: 8, seed: 1, once: false });
const figures = new Figures('runs that race', settings);
const random = new Random(`races/${settings.seed}`);
const reference = await referenceOf(RACE_PIPELINE);
const rows = ['alone', 'with gc', 'one killed'].map((kind) => ({ kind, rounds: 0, runs: 0, succeeded: 0, killed: 0, collections: 0, computations: 0, 'stages computed more than once': 0, 'most for one stage': 0 }));

for (let round = 0; round < settings.rounds; round += 1) {
  const row = rows[round % rows.length];
  const what = `round ${round} (${row.kind})`;
  const project = new Project(RACE_PIPELINE);
  const barrier = join(project.folder, 'trace-barrier');
  const runs = Array.from({ length: settings.processes }, () => project.start(['--json'], { FAULTS_BARRIER: barrier }));
  await sleep(300 + 60 * settings.processes); // until they have loaded their modules
  let running = true;
  const ends = Promise.all(runs.map(({ ended }) => ended)).finally(() => (running = false));
  writeFileSync(barrier, '');
  const victim = row.kind === 'one killed' ? random.integer(0, runs.length) : -1;
  if (victim >= 0) {
    await sleep(random.uniform(0, 400));
    try {
      process.kill(-runs[victim].child.pid, 'SIGKILL');
    } catch {
      // it had ended already
    }
  }
  while (row.kind === 'with gc' && running) {
    await collectGarbage(project.cache, { dryRun: false, graceMs: 0 });
    row.collections += 1;
    await sleep(2);
  }
  const results = await ends;
  row.rounds += 1;
  row.runs += results.length;
  for (const [i, result] of results.entries()) {
    if (result.signal === 'SIGKILL' && i === victim) {
      row.killed += 1;
      continue;
    }
    if (result.status === 0) row.succeeded += 1;
    figures.violated(what, outputViolations(result, { allowed: [0] }));
    const digests = result.stdout.split('\n').filter((line) => line.includes('"stage.ran"')).length;
    if (result.status === 0 && digests > reference.stages.size) figures.violated(what, ['a stage ran twice in one run']);
  }
  for (const { child } of runs) if (!(await everybodyGone(project, child.pid))) figures.violated(what, ['somebody of a run is still there']);
  const counts = [...project.computations()].filter(([name]) => name.startsWith('ran '));
  row.computations += counts.reduce((sum, [, count]) => sum + count, 0);
  // The stage that the killed run was computing is computed once more by another.
  const often = counts.filter(([, count]) => count > (victim >= 0 ? 2 : 1));
  row['stages computed more than once'] += often.length;
  row['most for one stage'] = Math.max(row['most for one stage'], ...counts.map(([, count]) => count));
  if (settings.once && often.length > 0) figures.violated(what, [`F26: ${often.map(([name, count]) => `${name} ${count} times`).join(', ')}`]);
  const { found } = await violations(project, reference);
  figures.violated(what, found);
  project.remove();
}
for (const row of rows.filter(({ rounds }) => rounds > 0)) figures.row(row);
figures.finish({ 'stages of the pipeline': reference.stages.size });
