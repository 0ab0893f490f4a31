// Fuzzing of everything that reads what a user wrote: pipeline files (flipped, cut, doubled and spliced copies of the files of this repository), expressions made
// from their grammar, `--set` and selectors; every second batch: checkpoints that PyTorch and safetensors wrote, damaged. Each batch runs in a process of its own with 512 MB and a time limit. Whatever comes in, a plan (tensors) or typed
// diagnostics with a place inside the file must come out; prototypes stay as they are, and the process lives.
// Usage: node tools/slow/fuzz.mjs [--seconds 60] [--seed 1] [--keep FOLDER] [--out FILE]
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Figures, options } from './faults/figures.mjs';

const BATCH_SECONDS = 10;
const BATCHES = ['faults/fuzz-batch.mjs', 'faults/fuzz-checkpoints.mjs'];
const settings = options({ seconds: 60, seed: 1, keep: '' });
const figures = new Figures('fuzz', settings);
const work = mkdtempSync(join(tmpdir(), 'fuzz-'));
const totals = new Map();
let batch = 0;
for (let left = settings.seconds; left > 0; left -= BATCH_SECONDS, batch += 1) {
  const seconds = Math.min(left, BATCH_SECONDS);
  const seed = `${settings.seed}/${batch}`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--max-old-space-size=512', fileURLToPath(new URL(BATCHES[batch % BATCHES.length], import.meta.url)), seed, String(seconds), work], {
    encoding: 'utf8', timeout: (seconds + 30) * 1000, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024,
  });
  const what = `batch ${seed}`;
  const found = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  if (status !== 0) figures.violated(what, [`it ended with ${signal ?? status}${signal === 'SIGKILL' ? ' (hung)' : ''} at ${lastInput()}: ${stderr.slice(0, 600)}`]);
  for (const line of found) {
    if (line.violation !== undefined) {
      figures.violated(`${what}, input ${line.input}`, [line.violation]);
      if (settings.keep !== '') save(line);
      continue;
    }
    const row = totals.get(line.kind) ?? { kind: line.kind, inputs: 0, accepted: 0, refused: 0, 'slowest ms': 0, codes: new Set() };
    totals.set(line.kind, row);
    row.inputs += line.inputs;
    row.accepted += line.accepted;
    row.refused += line.refused;
    row['slowest ms'] = Math.max(row['slowest ms'], line.slowest);
    for (const code of line.codes) row.codes.add(code);
  }
}
rmSync(work, { recursive: true, force: true });
for (const { codes, ...row } of totals.values()) figures.row({ ...row, 'different codes': codes.size });
figures.finish({ inputs: [...totals.values()].reduce((sum, { inputs }) => sum + inputs, 0) });

/** What it was reading when it ended, kept for a test. */
function lastInput() {
  const [newest] = readdirSync(work).map((name) => join(work, name)).filter((path) => statSync(path).isFile()).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  return newest === undefined ? '(nothing)' : JSON.stringify(readFileSync(newest, 'utf8').slice(0, 2000));
}

function save({ input, text }) {
  mkdirSync(settings.keep, { recursive: true });
  writeFileSync(join(settings.keep, `${input}.yaml`), text);
}
