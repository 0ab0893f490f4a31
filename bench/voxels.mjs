// Extraction of voxels from sessions of NSD's real size (81 × 104 × 83, 750 trials), .nii.gz and .hdf5 with NSD's chunks: this engine against nibabel, or
// h5py, and numpy as boldreams uses them; each in a process of its own, alternating. Prints wall time, peak memory, ratios and the largest difference.
// One session of each format is made and given the other names by hard links: the page cache is warm for everyone (2 GB of it).
// Usage: node bench/voxels.mjs [--sessions 10] [--voxels 15000] [--rounds 1] [--threads 2] [--formats nii.gz,hdf5] [--python PATH] [--keep FOLDER] [--json]
import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../dist/core/random.js';
import { tensor } from '../dist/core/tensor.js';
import { Hdf5Writer } from '../dist/formats/hdf5/index.js';
import { NiftiWriter, nsdAffine } from '../dist/formats/nifti.js';
import { readNpy, writeNpy } from '../dist/formats/npy.js';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '10' },
    voxels: { type: 'string', default: '15000' },
    rounds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    formats: { type: 'string', default: 'nii.gz,hdf5' },
    python: { type: 'string', default: 'python3' },
    keep: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const GRID = [81, 104, 83];
const TRIALS = 750;
const [X, Y, Z] = GRID;
const PLANE = X * Y;
const sessions = Number(values.sessions);
const formats = values.formats.split(',');

/** An ellipsoid of brain in zeros; inside, int16 noise of 2 % signal change × 300 around a mean of its own, as noisy as betas are. */
function makeSession() {
  const random = new Random('voxel benchmark');
  const inside = [];
  for (let z = 0; z < Z; z += 1) for (let y = 0; y < Y; y += 1) for (let x = 0; x < X; x += 1) {
    if (((x - X / 2) / (X / 2.3)) ** 2 + ((y - Y / 2) / (Y / 2.3)) ** 2 + ((z - Z / 2) / (Z / 2.3)) ** 2 < 1) inside.push(x + X * (y + Y * z));
  }
  const noise = Int16Array.from({ length: 1 << 16 }, () => Math.round(600 * random.normal()));
  let at = 1;
  // A linear congruence picks from the table: half a billion normal draws would take minutes.
  const draw = () => noise[(at = (Math.imul(at, 1664525) + 1013904223) >>> 0) >>> 16];
  const data = new Int16Array(TRIALS * PLANE * Z);
  for (let t = 0; t < TRIALS; t += 1) for (const place of inside) data[t * PLANE * Z + place] = draw();
  return { data, inside };
}

/** The visual cortex is at the back and in clusters: runs of neighbours along x, from the posterior half. */
function chooseVoxels(inside, count) {
  const random = new Random('voxels');
  const posterior = inside.filter((place) => Math.floor(place / X) % Y < Y / 2);
  const chosen = new Set();
  while (chosen.size < Math.min(count, posterior.length)) {
    const start = Math.floor(random.uniform() * posterior.length);
    for (let k = start; k < Math.min(posterior.length, start + 12) && chosen.size < count; k += 1) chosen.add(posterior[k]);
  }
  return Int32Array.from(chosen).sort();
}

const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'voxels-'));
const name = (s, format) => join(folder, `session${String(s).padStart(2, '0')}.${format}`);

async function prepare() {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, 'ready'))) {
    const { data, inside } = makeSession();
    writeNpy(join(folder, 'inside.npy'), tensor('int32', [inside.length], Int32Array.from(inside)));
    const nifti = new NiftiWriter(name(1, 'nii.gz'), { shape: [...GRID, TRIALS], affine: nsdAffine(GRID, 1.8), dtype: 'int16' });
    for (let t = 0; t < TRIALS; t += 1) await nifti.append(data.subarray(t * PLANE * Z, (t + 1) * PLANE * Z));
    await nifti.close();
    const hdf5 = new Hdf5Writer(name(1, 'hdf5'));
    hdf5.createDataset('betas', { dtype: 'int16', shape: [TRIALS, Z, Y, X], chunks: [TRIALS, 1, 1, 1] });
    for (let z = 0; z < Z; z += 1) {
      const slab = new Int16Array(TRIALS * PLANE);
      for (let t = 0; t < TRIALS; t += 1) slab.set(data.subarray((t * Z + z) * PLANE, (t * Z + z + 1) * PLANE), t * PLANE);
      hdf5.writeSlice('betas', [[0, TRIALS], [z, z + 1], [0, Y], [0, X]], tensor('int16', [TRIALS, 1, Y, X], slab));
    }
    hdf5.close();
    writeFileSync(join(folder, 'ready'), '');
  }
  const inside = [...readNpy(join(folder, 'inside.npy')).data];
  writeNpy(join(folder, 'voxels.npy'), tensor('int32', [chooseVoxels(inside, Number(values.voxels)).length], chooseVoxels(inside, Number(values.voxels))));
  writeFileSync(join(folder, 'task.json'), JSON.stringify({ grid: GRID, trials: TRIALS }));
  for (const format of formats) for (let s = 2; s <= sessions; s += 1) if (!existsSync(name(s, format))) linkSync(name(1, format), name(s, format));
}

const script = (file) => new URL(file, import.meta.url).pathname;
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const say = (line) => values.json || process.stdout.write(`${line}\n`);
const report = [];
try {
  await prepare();
  for (const format of formats) {
    const commands = {
      ours: [process.execPath, script('voxels-ours.mjs'), format, folder, values.sessions, values.threads],
      peer: [values.python, script('peers/voxels.py'), format, folder, values.sessions],
    };
    const found = {};
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const [who, [program, ...args]] of Object.entries(commands)) {
        try {
          (found[who] ??= []).push(JSON.parse(execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim().split('\n').at(-1)));
        } catch (error) {
          say(`${who} could not run: ${String(error.stderr || error.message).trim().split('\n').at(-1)}. The peer needs a Python with numpy, nibabel and h5py: pip install them, then --python PATH.`);
        }
      }
    }
    say(`${format}: ${sessions} sessions of ${(statSync(name(1, format)).size / 1e9).toFixed(2)} GB, ${values.voxels} voxels, ${values.threads} threads, median of ${values.rounds}, warm page cache`);
    for (const [who, runs] of Object.entries(found)) {
      const line = { format, who, sessions, seconds: median(runs.map((run) => run.seconds)), peakMiB: Math.max(...runs.map((run) => run.peakMiB)), versions: runs[0].versions };
      line.times = line.seconds / median((found.ours ?? runs).map((run) => run.seconds));
      if (who === 'peer' && found.ours !== undefined) {
        const [a, b] = [readNpy(join(folder, `rows.ours.${format}.npy`)).data, readNpy(join(folder, `rows.peer.${format}.npy`)).data];
        line.largestDifference = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
      }
      report.push(line);
      const difference = line.largestDifference === undefined ? '' : `   largest difference ${line.largestDifference.toExponential(1)} z`;
      say(`  ${who.padEnd(6)} ${line.seconds.toFixed(1).padStart(7)} s   ${line.times.toFixed(2)} × ours   peak ${line.peakMiB.toFixed(0).padStart(6)} MiB${difference}   ${JSON.stringify(line.versions)}`);
    }
  }
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
