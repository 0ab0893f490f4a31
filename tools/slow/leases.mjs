// What others left in the store (leases of the dead, of other boots, machines and containers, torn and empty ones) and clocks that jump while a run is under
// way. No run may need a hand or lose a result; gc removes what is provably dead and nothing else.
// Usage: node tools/slow/leases.mjs [--every 1] [--out FILE]
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { currentOwner } from '../../dist/engine/store/owner.js';
import { Figures, options } from './faults/figures.mjs';
import { filesBelow, outputViolations, Project, referenceOf, violations } from './faults/checks.mjs';
import { PIPELINE } from './faults/stages.mjs';

const settings = options({ every: 1 });
const figures = new Figures('leases and clocks', settings);
const reference = await referenceOf(PIPELINE);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const self = currentOwner();
const lease = (owner, startedAt = Date.now()) => `${JSON.stringify({ owner, startedAt })}\n`;

/** [what, text of the lease, age of its files, must gc (now, grace 24 h) remove it?] */
const LEASES = [
  ['a process that has ended', lease({ ...self, pid: 2 ** 22 - 7, startTicks: 1 }), 0, true],
  ['a process id that somebody else has now', lease({ ...self, startTicks: (self.startTicks ?? 0) - 1 }), 0, true],
  ['this machine before it was started again', lease({ ...self, boot: '00000000-0000-0000-0000-000000000000' }), 0, true],
  ['a living process of this machine', lease(self), 0, false],
  ['another machine, a minute ago', lease({ ...self, host: 'elsewhere', machine: 'f'.repeat(32) }), 60_000, false],
  ['another machine, silent for two days', lease({ ...self, host: 'elsewhere', machine: 'f'.repeat(32) }), 2 * DAY_MS, true],
  ['another container with the same host name', lease({ ...self, pidNamespace: 'pid:[1]' }), 60_000, false],
  ['a time in the future', lease({ ...self, pid: 2 ** 22 - 7, startTicks: 1 }, Date.now() + 365 * DAY_MS), -DAY_MS, true],
  ['a torn file, a minute old', '{"owner":{"mach', 60_000, false],
  ['a torn file, two days old', '{"owner":{"mach', 2 * DAY_MS, true],
  ['an empty file', '', 60_000, false],
  ['no JSON at all', '\u0000\u0001garbage', 2 * DAY_MS, true],
];

for (const [what, text, ageMs, removed] of LEASES.filter((_, i) => i % settings.every === 0)) {
  const project = new Project();
  const folder = join(project.cache, 'leases');
  const staging = join(project.cache, 'staging', '00000000000000ff', 'theirs-1');
  mkdirSync(folder, { recursive: true });
  mkdirSync(staging, { recursive: true });
  writeFileSync(join(staging, 'half'), 'half of an output');
  const path = join(folder, '00000000000000ff.json');
  writeFileSync(path, text);
  writeFileSync(path.replace('.json', '.beat'), '');
  const at = new Date(Date.now() - ageMs);
  for (const file of [path, path.replace('.json', '.beat')]) utimesSync(file, at, at);
  const result = await project.run();
  figures.violated(what, outputViolations(result, { allowed: [0] }));
  if (project.state().outputs !== reference.outputs) figures.violated(what, ['the outputs differ']);
  const gc = await project.run(['--json'], 'cache gc');
  figures.violated(what, outputViolations(gc, { allowed: [0] }));
  const gone = !existsSync(path);
  if (gone !== removed) figures.violated(what, [`F28: gc ${gone ? 'removed' : 'kept'} it`]);
  if (!removed && filesBelow(staging).length === 0) figures.violated(what, ['F28: gc removed the unfinished outputs of somebody who may live']);
  const again = await project.run(['--json']);
  const restored = again.stdout.split('\n').filter((line) => line.includes('"stage.restored"')).length;
  if (restored !== reference.stages.size) figures.violated(what, [`${restored} stages restored instead of ${reference.stages.size}`]);
  figures.row({ case: `lease: ${what}`, run: result.status, 'gc removes it': gone ? 'yes' : 'no', restored });
  project.remove();
}

const JUMPS = [['back a day', -DAY_MS], ['ahead a day', DAY_MS], ['back an hour', -HOUR_MS], ['ahead ten years', 3650 * DAY_MS], ['back to 1970', -Date.now() + 1000]];
for (const [what, ms] of JUMPS.filter((_, i) => i % settings.every === 0)) {
  for (const after of [0, 3, 10, 30].filter((_, i) => i % settings.every === 0)) {
    const name = `the clock jumps ${what} after ${after} looks`;
    const project = new Project();
    const first = await project.start([], { FAULTS_CLOCK: `${after}:${ms}` }).ended;
    figures.violated(name, outputViolations(first, { allowed: [0] }));
    const gc = await project.run(['--json'], 'cache gc');
    figures.violated(name, outputViolations(gc, { allowed: [0] }));
    const second = await project.start(['--json'], { FAULTS_CLOCK: `0:${ms}` }).ended;
    figures.violated(name, outputViolations(second, { allowed: [0] }));
    const events = second.stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    const restored = events.filter(({ kind }) => kind === 'stage.restored').length;
    if (restored !== reference.stages.size) figures.violated(name, [`${restored} stages restored: a key depends on the clock`]);
    if (events.some(({ durationMs }) => durationMs < 0 || durationMs > HOUR_MS)) figures.violated(name, ['F30: a duration follows the clock']);
    const { found } = await violations(project, reference);
    figures.violated(name, found);
    figures.row({ case: `clock: ${what}, after ${after} looks`, run: first.status, 'gc removes it': '', restored });
    project.remove();
  }
}
figures.finish();
