// Kills `pipeline run pipelines/tiny.yaml` with SIGKILL (the whole process group) at random moments; after each kill the next run must succeed and end with
// outputs that are byte-identical to those of a run that was never disturbed. Usage: node tools/slow/kill-loop.mjs [--kills 20] [--seed 1] [--pipeline FILE]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' }, pipeline: { type: 'string', default: 'pipelines/tiny.yaml' } } });
const kills = Number(values.kills);
const { Random } = await import('../../dist/core/random.js');
const random = new Random(`kill-loop/${values.seed}`);
const work = mkdtempSync(join(tmpdir(), 'kill-loop-'));
const cli = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const args = (name) => [cli, 'run', values.pipeline, '--cache-dir', join(work, name), '--results', join(work, `${name}-results`)];

function finish(name) {
  const done = spawnSync(process.execPath, args(name), { encoding: 'utf8' });
  if (done.status !== 0) fail(`a run after a kill ended with ${done.status}\n${done.stdout}\n${done.stderr}`);
  return outputs(name);
}

/** stage.output → digest, of the newest run */
function outputs(name) {
  const runs = join(work, name, 'runs');
  const newest = readdirSync(runs).sort().at(-1);
  const record = JSON.parse(readFileSync(join(runs, newest, 'run.json'), 'utf8'));
  const digests = record.stages.flatMap((stage) => Object.entries(stage.outputs).map(([port, output]) => `${stage.name}.${port} ${output.digest}`));
  return { digests: digests.join('\n'), words: record.stages.map((stage) => stage.word) };
}

function fail(message) {
  process.stderr.write(`${message}\nkept: ${work}\n`);
  process.exit(1);
}

const started = Date.now();
const reference = finish('reference');
const whole = Date.now() - started;
process.stdout.write(`undisturbed run: ${(whole / 1000).toFixed(1)} s, ${reference.words.length} stages\n`);
let landed = 0;
for (let kill = 0; landed < kills; kill += 1) {
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
  if ((await ended) !== 'SIGKILL') {
    rmSync(join(work, name), { recursive: true, force: true });
    continue;
  }
  landed += 1;
  const result = finish(name);
  if (result.digests !== reference.digests) fail(`outputs differ after a kill at ${after} ms:\n${result.digests}\nexpected:\n${reference.digests}`);
  const restored = result.words.filter((word) => word === 'restored').length;
  process.stdout.write(`kill ${landed} at ${after} ms: same outputs, ${restored} stages restored\n`);
  rmSync(join(work, name), { recursive: true, force: true });
}
rmSync(work, { recursive: true, force: true });
process.stdout.write(`${landed} passed, 0 failed (seed ${values.seed})\n`);
