// Kills `pipeline run pipelines/tiny.yaml` with SIGKILL (the whole process group) at random moments. After each kill the store is verified byte by byte, its
// record-keeping is read back, and the next run must succeed, reuse every stage whose record is there, and end with outputs that are byte-identical to
// those of a run that was never disturbed. Usage: node tools/slow/kill-loop.mjs [--kills 200] [--seed 1] [--pipeline FILE] [--out FILE]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../../dist/core/random.js';
import { openStore } from '../../dist/engine/store/file-store.js';
import { verifyStore } from '../../dist/engine/store/verify.js';
import { Figures, options } from './faults/figures.mjs';

const settings = options({ kills: 200, seed: 1, pipeline: 'pipelines/tiny.yaml' });
const figures = new Figures('random kills', settings);
const random = new Random(`kill-loop/${settings.seed}`);
const work = mkdtempSync(join(tmpdir(), 'kill-loop-'));
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const args = (name) => [cli, 'run', settings.pipeline, '--cache-dir', join(work, name), '--results', join(work, `${name}-results`)];

/** Runs to the end; throws what people would see otherwise. */
function finish(name) {
  const done = spawnSync(process.execPath, args(name), { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`the run ended with ${done.status}\n${done.stdout}\n${done.stderr}`);
  const runs = join(work, name, 'runs');
  const newest = readdirSync(runs).sort().at(-1);
  return JSON.parse(readFileSync(join(runs, newest, 'run.json'), 'utf8')).stages;
}

/** stage.output → digest */
const outputsOf = (stages) => stages.flatMap((stage) => Object.entries(stage.outputs).map(([port, { digest }]) => `${stage.name}.${port} ${digest}`)).sort().join('\n');

async function servedBy(name) {
  if (!existsSync(join(work, name))) return new Set();
  const store = await openStore(join(work, name), { mode: 'read' });
  const names = [];
  for (const { name: stage, key } of reference) if (key !== undefined && (await store.lookup(key)) !== undefined) names.push(stage);
  await store.close();
  return new Set(names);
}

const started = Date.now();
const reference = finish('reference');
const whole = Date.now() - started;
const expected = outputsOf(reference);
process.stdout.write(`undisturbed run: ${(whole / 1000).toFixed(1)} s, ${reference.length} stages\n`);
let [landed, restored] = [0, 0];
/** how many stages were stored when the kill came → how often */
const histogram = new Map();
for (let kill = 0; landed < settings.kills; kill += 1) {
  const name = `cache-${kill}`;
  const after = Math.round(random.uniform(0.02, 1) * whole);
  const child = spawn(process.execPath, args(name), { detached: true, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
  await new Promise((resolve) => setTimeout(resolve, after));
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // it had ended already
  }
  if ((await ended) === 'SIGKILL') {
    landed += 1;
    const what = `kill ${landed} at ${after} ms`;
    const { problems } = await verifyStore(join(work, name), { readData: true });
    if (Object.keys(problems).length > 0) figures.violated(what, [`I10: ${JSON.stringify(problems)}`]);
    const served = await servedBy(name);
    histogram.set(served.size, (histogram.get(served.size) ?? 0) + 1);
    try {
      const stages = finish(name);
      if (outputsOf(stages) !== expected) figures.violated(what, ['I4: the outputs differ']);
      for (const { name: stage, word } of stages) if (served.has(stage) && word !== 'restored') figures.violated(what, [`F1: "${stage}" was published and ${word} all the same`]);
      restored += stages.filter(({ word }) => word === 'restored').length;
    } catch (error) {
      figures.violated(what, [`I4: ${error.message}`]);
    }
  }
  rmSync(join(work, name), { recursive: true, force: true });
  rmSync(join(work, `${name}-results`), { recursive: true, force: true });
}
rmSync(work, { recursive: true, force: true });
for (const [stored, kills] of [...histogram].sort(([a], [b]) => a - b)) figures.row({ 'stages stored when the kill came': stored, kills });
figures.finish({ kills: landed, 'stages restored afterwards': restored, 'stages of the pipeline': reference.length });
