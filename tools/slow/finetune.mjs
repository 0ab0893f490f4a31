// Fine-tunes untrained built-in networks on a simulated subject at toy size, through the real program, and goes on to features, scores and a dream with what
// comes out: a ResNet with its batch norms in both modes, a vision transformer, CLIP's image tower. Every stage must run, and the loss must fall.
// Usage: node tools/slow/finetune.mjs [--only part-of-a-name]      (after npm run build; about a minute a network)
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const fixture = fileURLToPath(new URL('../../test/fixtures/pipelines/finetune-tiny.yaml', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'finetune-'));

const NETWORKS = {
  'resnet18, evaluation': { architecture: 'resnet18', size: 64, layers: ['layer3.1.relu_1', 'layer4.1.relu_1'], trainable: ['layer4'], batch_norm: 'evaluation' },
  'resnet18, training': { architecture: 'resnet18', size: 64, layers: ['layer4.1.relu_1'], trainable: ['layer4'], batch_norm: 'training' },
  vit_small: { architecture: 'vit_small_patch16_224', size: 64, layers: ['blocks.10', 'blocks.11'], trainable: ['blocks.11'], batch_norm: 'evaluation' },
  'vit_small, all of it': { architecture: 'vit_small_patch16_224', size: 32, layers: ['blocks.11'], trainable: ['*'], batch_norm: 'evaluation' },
  'clip-vit-b-32': { architecture: 'clip-vit-b-32', size: 64, layers: ['visual.transformer.resblocks.11'], trainable: ['visual.transformer.resblocks.11'], batch_norm: 'training' },
  convnext_tiny: { architecture: 'convnext_tiny', size: 64, layers: ['features.7.2'], trainable: ['features.7'], batch_norm: 'evaluation' },
};

/** What the small fine-tuning does after its backbone, on another backbone. */
function pipelineOf({ architecture, size, layers, trainable, batch_norm }) {
  const text = readFileSync(fixture, 'utf8');
  const from = text.indexOf('  pictures:');
  const to = text.indexOf('  tuned:');
  const backbone = `  backbone:\n    type: backbone.builtin\n    params: { architecture: ${architecture}, untrained: true, size: ${size} }\n`;
  return (text.slice(0, from) + backbone + text.slice(to))
    .replaceAll('layers: [conv5, conv6]', `layers: ${JSON.stringify(layers)}`)
    .replace('trainable: ["*"], batch: 8', `trainable: ${JSON.stringify(trainable)}, batch_norm: ${batch_norm}, batch: 8, learning_rate: 0.003`)
    .replace('early_stopping: 5', 'early_stopping: 0');
}

const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
/** reports of the loss at the beginning and at the end */
const PART = 3;
let failures = 0;
try {
  for (const [name, network] of Object.entries(NETWORKS)) {
    if (!name.includes(values.only)) continue;
    const file = join(work, 'finetune.yaml');
    writeFileSync(file, pipelineOf(network));
    const started = performance.now();
    const done = spawnSync(process.execPath, [cli, 'run', file, '--json', '--cache-dir', join(work, 'cache'), '--results', join(work, 'results'), '--set', 'params.epochs=3'], { encoding: 'utf8', env: { ...process.env, CI: '1', NO_COLOR: '1' } });
    const runs = join(work, 'cache', 'runs');
    const newest = readdirSync(runs).map((run) => JSON.parse(readFileSync(join(runs, run, 'run.json'), 'utf8'))).sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))[0];
    const tuned = newest.stages.find((stage) => stage.name === 'tuned');
    const losses = done.stdout.split('\n').filter((line) => line.includes('"loss ')).map((line) => JSON.parse(line)).filter(({ stage, note }) => stage === 'tuned' && note?.startsWith('loss ')).map(({ note }) => Number.parseFloat(note.slice('loss '.length)));
    const problem = done.status !== 0 ? done.stdout.slice(-2000) + done.stderr.slice(-2000) : mean(losses.slice(-PART)) < mean(losses.slice(0, PART)) ? undefined : 'learned nothing';
    if (problem !== undefined) failures += 1;
    process.stdout.write(`${name}: ${problem ?? 'ran'} in ${Math.round((performance.now() - started) / 1000)} s; loss ${losses[0]} to ${losses.at(-1)}; ${JSON.stringify(tuned?.metrics)}\n`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.stdout.write(`failures: ${failures}\n`);
process.exitCode = failures === 0 ? 0 : 1;
