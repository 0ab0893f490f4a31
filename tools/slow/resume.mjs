// Kills a training with SIGKILL (the whole process group) at random steps, again and again, and lets each next run go on: what comes out in the end must be
// byte for byte what the training that nobody disturbed gives. Every round begins with a copy of a cache that holds what comes before the training.
// Usage: node tools/slow/resume.mjs [--kills 20] [--seed 1] [--epochs 6] [--out FILE]
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Random } from '../../dist/core/random.js';
import { Figures, options } from './faults/figures.mjs';

const settings = options({ kills: 20, seed: 1, epochs: 6 });
const figures = new Figures('killed trainings', settings);
const random = new Random(`resume/${settings.seed}`);
const work = mkdtempSync(join(tmpdir(), 'resume-'));
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const pipeline = fileURLToPath(new URL('../../test/fixtures/pipelines/finetune-tiny.yaml', import.meta.url));
const STAGE = 'tuned';
/** what the pipeline says */
const CHECKPOINT_EVERY = 2;
const AFTER = [STAGE, 'features', 'evaluation', 'dream'];
/** a kill comes so many milliseconds after the step it is meant for at most: in the middle of a step, or of a checkpoint that is being written */
const LATEST = 200;

/** One run; `killAt(done)` says after which steps of the training it is killed. */
async function run(cache, epochs, killAt) {
  const args = [cli, 'run', pipeline, '--json', '--cache-dir', join(work, cache), '--results', join(work, 'results'), '--set', `params.epochs=${epochs}`];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const seen = { signal: null, code: null, run: undefined, outputs: undefined, resumed: undefined, done: 0, total: 0, warnings: [], errors: '' };
  child.stderr.on('data', (text) => (seen.errors += text));
  let doomed = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line);
    seen.run ??= event.run;
    if (event.stage !== STAGE) return;
    if (event.kind === 'stage.log') {
      const found = /goes on after step (\d+)/.exec(event.text);
      if (found !== null) seen.resumed = Number(found[1]);
      if (event.level === 'warning') seen.warnings.push(event.text);
    }
    if (event.kind !== 'stage.progress' || event.note === undefined || !event.note.startsWith('loss')) return;
    seen.done = event.done;
    seen.total = event.total;
    if (doomed || !killAt(event.done)) return;
    doomed = true;
    setTimeout(() => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // it had ended already
      }
    }, random.uniform(0, LATEST));
  });
  [seen.code, seen.signal] = await new Promise((resolve) => child.once('close', (code, signal) => resolve([code, signal])));
  if (seen.signal === null && seen.code !== 0) throw new Error(`the run ended with ${seen.code}\n${seen.errors}`);
  if (seen.signal === null) {
    const { stages } = JSON.parse(readFileSync(join(work, cache, 'runs', seen.run, 'run.json'), 'utf8'));
    // the fine-tuning and all that follows from it
    seen.outputs = stages.filter(({ name }) => AFTER.includes(name)).flatMap(({ name, outputs }) => Object.entries(outputs).map(([port, { digest }]) => `${name}.${port} ${digest}`)).sort().join('\n');
    if (!seen.outputs.includes(`${STAGE}.backbone`) || !seen.outputs.includes(`${STAGE}.readout`)) throw new Error(`the run has no outputs of "${STAGE}"`);
  }
  return seen;
}

await run('base', 1, () => false);
const fresh = (name) => {
  cpSync(join(work, 'base'), join(work, name), { recursive: true, preserveTimestamps: true });
  return name;
};
const reference = await run(fresh('reference'), settings.epochs, () => false);
let [kills, resumes, rounds] = [0, 0, 0];
while (kills < settings.kills) {
  rounds += 1;
  const cache = fresh(`round-${rounds}`);
  let last = 0;
  for (;;) {
    const target = last + random.integer(1, Math.max(3, Math.floor(reference.total / 3)));
    const seen = await run(cache, settings.epochs, (done) => kills < settings.kills && done >= target);
    if (seen.resumed !== undefined) resumes += 1;
    // a checkpoint is written before the step after it is told of
    if (last >= CHECKPOINT_EVERY && (seen.resumed ?? 0) < last - CHECKPOINT_EVERY && seen.outputs === undefined) figures.violated(`round ${rounds}`, [`went on after step ${seen.resumed ?? 0} although step ${last} had been done`]);
    if (seen.warnings.length > 0) figures.violated(`round ${rounds}`, seen.warnings);
    if (seen.signal === null) {
      if (seen.outputs !== reference.outputs) figures.violated(`round ${rounds}`, [`the outputs differ: ${seen.outputs} instead of ${reference.outputs}`]);
      break;
    }
    kills += 1;
    last = Math.max(last, seen.done);
  }
  rmSync(join(work, cache), { recursive: true, force: true });
}
if (resumes === 0) figures.violated('all rounds', ['no run went on from a checkpoint']);
rmSync(work, { recursive: true, force: true });
figures.finish({ 'steps of a training': reference.total, kills, 'runs that went on from a checkpoint': resumes, 'trainings finished': rounds });
