// Voxels of all sessions by this engine: node voxels-ours.mjs FORMAT FOLDER SESSIONS THREADS. What the stage nsd.voxels does with its sessions, with the
// z-scored trials written to a file as there. Prints one line of JSON.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tensor } from '../dist/core/tensor.js';
import { NpyFile, readNpy, writeNpy } from '../dist/formats/npy.js';
import { extractTrials } from '../dist/stages/nsd-voxels/trials.js';

const [format, folder, sessions, threads] = [process.argv[2], process.argv[3], Number(process.argv[4]), Number(process.argv[5])];
const { grid, trials } = JSON.parse(readFileSync(join(folder, 'task.json'), 'utf8'));
const voxels = readNpy(join(folder, 'voxels.npy')).data;
const out = join(folder, `trials.${format}.npy`);
const began = performance.now();
await extractTrials(out, {
  paths: Array.from({ length: sessions }, (_, i) => join(folder, `session${String(i + 1).padStart(2, '0')}.${format}`)),
  format, trialsPerSession: trials, voxels, grid, counts: () => true, cpus: threads, signal: new AbortController().signal, progress: () => undefined,
});
const seconds = (performance.now() - began) / 1000;
const peakMiB = process.resourceUsage().maxRSS / 1024;
const file = new NpyFile(out);
const rows = Float64Array.from([...file.rows(0, 1).data, ...file.rows(sessions * trials - 1, 1).data]);
file.close();
writeNpy(join(folder, `rows.ours.${format}.npy`), tensor('float64', [2, voxels.length], rows));
process.stdout.write(`${JSON.stringify({ seconds, peakMiB, versions: { node: process.versions.node, zlib: process.versions.zlib } })}\n`);
