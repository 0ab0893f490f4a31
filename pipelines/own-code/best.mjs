// A program of any kind: it finds everything in the file that PIPELINE_JOB names, and writes into the folders of its outputs.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const job = JSON.parse(readFileSync(process.env.PIPELINE_JOB, 'utf8'));
const [, ...rows] = readFileSync(join(job.inputs.reliability.folder, 'reliability.csv'), 'utf8').trim().split('\n');
const voxels = rows.map((row) => row.split(',').map(Number)).filter(([, r]) => !Number.isNaN(r));
voxels.sort(([a, x], [b, y]) => y - x || a - b);
const best = voxels.slice(0, job.values.count);
console.log(`best ${best.length} of ${voxels.length} voxels`);
writeFileSync(join(job.outputs.best.folder, 'best.csv'), `voxel,reliability\n${best.map((row) => row.join(',')).join('\n')}\n`);
writeFileSync(job.metrics, JSON.stringify({ lowest: best.at(-1)?.[1] ?? 0 }));
