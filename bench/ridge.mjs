// Ridge with a penalty per target, 20 penalties, 3 folds: this engine against himalaya and scikit-learn, each fit in a process of its own on the same
// files, alternating. Prints wall time of the fit, peak memory of the process, ratios, and how far penalties and held-out R² agree.
// Usage: node bench/ridge.mjs [--sizes 3000x1000x30000,8000x4000x15000] [--peers himalaya-torch,himalaya-numpy] [--rounds 1] [--threads 2] [--python PATH] [--json]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../dist/core/random.js';
import { tensor } from '../dist/core/tensor.js';
import { NpyWriter, readNpy, writeNpy } from '../dist/formats/npy.js';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '3000x1000x30000,8000x4000x15000' },
    peers: { type: 'string', default: 'himalaya-torch,himalaya-numpy' },
    rounds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    python: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
});
const FOLDS = 3;
const TEST_ROWS = 256;
const ALPHAS = Array.from({ length: 20 }, (_, i) => 10 ** (-1 + (7 * i) / 19));
/** neighbouring features correlate by this much, as channels of a network do: eigenvalues span more than two decades */
const CORRELATION = 0.9;
/** features that drive a target */
const DRIVERS = 8;

/** Features: a first-order autoregression along the columns. Targets: a few features plus noise from 0.1 to 30 times as strong. */
function writeData(folder, n, p, v) {
  const random = new Random('ridge benchmark');
  const rows = n + TEST_ROWS;
  const x = new Float32Array(rows * p);
  for (let i = 0; i < rows; i += 1) for (let j = 0, last = 0; j < p; j += 1) x[i * p + j] = last = j === 0 ? random.normal() : CORRELATION * last + Math.sqrt(1 - CORRELATION ** 2) * random.normal();
  writeNpy(join(folder, 'x.npy'), tensor('float32', [n, p], x.subarray(0, n * p)));
  writeNpy(join(folder, 'x_test.npy'), tensor('float32', [TEST_ROWS, p], x.subarray(n * p)));
  const drivers = Int32Array.from({ length: v * DRIVERS }, () => Math.floor(random.uniform() * p));
  const noise = Float64Array.from({ length: v }, () => 10 ** (-1 + 2.5 * random.uniform()));
  const files = [new NpyWriter(join(folder, 'y.npy'), 'float32', [n, v]), new NpyWriter(join(folder, 'y_test.npy'), 'float32', [TEST_ROWS, v])];
  for (let i = 0; i < rows; i += 1) {
    const row = new Float32Array(v);
    for (let t = 0; t < v; t += 1) {
      let sum = 0;
      for (let k = 0; k < DRIVERS; k += 1) sum += x[i * p + drivers[t * DRIVERS + k]];
      // A uniform draw of the right variance: at a hundred million draws a normal one would take minutes.
      row[t] = sum + noise[t] * (random.uniform() - 0.5) * Math.sqrt(12);
    }
    files[i < n ? 0 : 1].append(row);
  }
  for (const file of files) file.close();
  writeNpy(join(folder, 'folds.npy'), tensor('int32', [n], Int32Array.from({ length: n }, (_, i) => Math.floor((i * FOLDS) / n))));
  writeFileSync(join(folder, 'task.json'), JSON.stringify({ alphas: ALPHAS }));
}

const script = (name) => new URL(name, import.meta.url).pathname;
const commands = (folder) => ({
  ours: [process.execPath, script('ridge-ours.mjs'), folder, values.threads],
  ...Object.fromEntries(values.peers.split(',').filter(Boolean).map((peer) => [peer, [values.python, script('peers/ridge.py'), peer, folder, values.threads]])),
});
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const say = (line) => values.json || process.stdout.write(`${line}\n`);
const report = [];
for (const size of values.sizes.split(',')) {
  const [n, p, v] = size.split('x').map(Number);
  const folder = mkdtempSync(join(tmpdir(), 'ridge-'));
  try {
    writeData(folder, n, p, v);
    const found = {};
    const all = commands(folder);
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const [who, [program, ...args]] of Object.entries(all)) {
        try {
          const printed = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
          const run = JSON.parse(printed.trim().split('\n').at(-1));
          (found[who] ??= []).push(run);
          say(`  … round ${round + 1} ${who}: ${run.seconds.toFixed(1)} s, ${run.cpuSeconds.toFixed(1)} s of processor, peak ${run.peakMiB.toFixed(0)} MiB`);
        } catch (error) {
          const why = String(error.stderr ?? error.message).trim().split('\n').at(-1);
          say(`${who} could not run: ${why}. Peers need a Python with himalaya, torch and scikit-learn: pip install them, then --python PATH.`);
        }
      }
    }
    say(`${size}: ${ALPHAS.length} penalties, ${FOLDS} folds, ${values.threads} threads, median of ${values.rounds}`);
    const ours = found.ours ?? [];
    const load = (what, who) => readNpy(join(folder, `${what}.${who}.npy`)).data;
    for (const [who, runs] of Object.entries(found)) {
      const seconds = median(runs.map((run) => run.seconds));
      const peakMiB = Math.max(...runs.map((run) => run.peakMiB));
      const line = { size, who, seconds, cpuSeconds: median(runs.map((run) => run.cpuSeconds)), peakMiB, versions: runs[0].versions, times: seconds / median(ours.map((run) => run.seconds)) };
      let agreement = '';
      if (who !== 'ours' && ours.length > 0) {
        const [a, b] = [load('alpha', 'ours'), load('alpha', who)];
        const [r, s] = [load('r2', 'ours'), load('r2', who)];
        line.sameAlpha = a.reduce((same, value, t) => same + (Math.abs(Math.log(value / b[t])) < 1e-3 ? 1 : 0), 0) / v;
        line.largestR2Gap = r.reduce((most, value, t) => Math.max(most, Math.abs(value - s[t])), 0);
        line.meanR2Ours = r.reduce((sum, value) => sum + value, 0) / v;
        line.meanR2 = s.reduce((sum, value) => sum + value, 0) / v;
        agreement = `   same penalty ${(100 * line.sameAlpha).toFixed(2)} %   held-out R² ${line.meanR2.toFixed(5)} (ours ${line.meanR2Ours.toFixed(5)}, largest difference ${line.largestR2Gap.toExponential(1)})`;
      }
      report.push(line);
      say(`  ${who.padEnd(22)} ${seconds.toFixed(1).padStart(7)} s   ${line.times.toFixed(2)} × ours   processor ${line.cpuSeconds.toFixed(1).padStart(7)} s   peak ${peakMiB.toFixed(0).padStart(6)} MiB${agreement}   ${JSON.stringify(line.versions)}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
