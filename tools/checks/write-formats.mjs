// Writes one file of every format that the product writes, for read_formats.py to open as users do. Run after a build:
//   node tools/checks/write-formats.mjs FOLDER && python tools/checks/read_formats.py FOLDER
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCsv } from '../../dist/formats/csv.js';
import { Hdf5Writer } from '../../dist/formats/hdf5/index.js';
import { encodePng } from '../../dist/formats/image.js';
import { writeMat5 } from '../../dist/formats/mat5.js';
import { NiftiWriter, nsdAffine } from '../../dist/formats/nifti.js';
import { writeNpy } from '../../dist/formats/npy.js';
import { writeSafetensors } from '../../dist/formats/safetensors.js';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: node tools/checks/write-formats.mjs FOLDER');
mkdirSync(folder, { recursive: true });
const at = (name) => join(folder, name);
const value = (i) => ((i * 7919) % 2003) - 1001;

const betas = Int16Array.from({ length: 750 * 3 * 4 * 5 }, (_, i) => value(i));
const floats = Float32Array.from({ length: 60 }, (_, i) => value(i));

writeNpy(at('floats.npy'), { dtype: 'float32', shape: [3, 4, 5], data: floats });

const hdf5 = new Hdf5Writer(at('betas.hdf5'));
hdf5.createDataset('betas', { dtype: 'int16', shape: [750, 3, 4, 5], chunks: [750, 1, 1, 1] });
hdf5.writeSlice('betas', [[0, 750], [0, 3], [0, 4], [0, 5]], { dtype: 'int16', shape: [750, 3, 4, 5], data: betas });
hdf5.createDataset('group/floats', { dtype: 'float32', shape: [3, 4, 5], compression: 4 });
hdf5.writeSlice('group/floats', [[0, 3], [0, 4], [0, 5]], { dtype: 'float32', shape: [3, 4, 5], data: floats });
hdf5.close();

const brick = new Hdf5Writer(at('nsd_stimuli.hdf5'));
brick.createDataset('imgBrick', { dtype: 'uint8', shape: [73000, 425, 425, 3], chunks: [1, 425, 425, 3] });
const started = performance.now();
for (let k = 0; k < 200; k += 1) {
  const row = (k * 365) % 73000;
  const image = new Uint8Array(425 * 425 * 3).fill(k);
  brick.writeSlice('imgBrick', [[row, row + 1], [0, 425], [0, 425], [0, 3]], { dtype: 'uint8', shape: [1, 425, 425, 3], data: image });
}
brick.close();
process.stdout.write(`200 images in ${((performance.now() - started) / 1000).toFixed(2)} s\n`);

const roi = Float32Array.from({ length: 60 }, (_, i) => [-1, 0, 1, 2, 5][i % 5]);
for (const [name, options, data] of [
  ['betas.nii.gz', { shape: [5, 4, 3, 750], dtype: 'int16', repetition: 4 / 3 }, betas],
  ['roi.nii.gz', { shape: [5, 4, 3], dtype: 'float32' }, roi],
  ['plain.nii', { shape: [5, 4, 3], dtype: 'float32' }, roi],
]) {
  const writer = new NiftiWriter(at(name), { ...options, affine: nsdAffine([5, 4, 3], 1.8) });
  await writer.append(data);
  await writer.close();
}

writeMat5(at('design.mat'), {
  masterordering: { dtype: 'float64', shape: [1, 30000], data: Float64Array.from({ length: 30000 }, (_, i) => 1 + ((i * 7919) % 10000)) },
  subjectim: { dtype: 'float64', shape: [8, 10], data: Float64Array.from({ length: 80 }, (_, i) => 1 + ((i * 7919) % 73000)) },
  fractions: { dtype: 'float64', shape: [2, 3], data: Float64Array.from({ length: 6 }, (_, i) => i / 3) },
  tiny: { dtype: 'float64', shape: [1, 3], data: Float64Array.of(1, 2, 3) },
  mask: { dtype: 'bool', shape: [2, 2], data: Uint8Array.of(1, 0, 0, 1) },
  ids: { dtype: 'int64', shape: [1, 2], data: BigInt64Array.of(-5n, 2n ** 60n) },
});

writeCsv(at('info.csv'), ['', 'nsdId', 'cropBox', 'flagged', 'note'], Array.from({ length: 10 }, (_, i) => [i, i, `(0.0, ${i / 10}, 0.1, 0.2)`, i % 2 === 0 ? 'True' : 'False', 'say "x"\nthen']));
writeFileSync(at('picture.png'), await encodePng(Uint8Array.from({ length: 8 * 10 * 3 }, (_, i) => i % 251), 10, 8, 3));
writeSafetensors(at('weights.safetensors'), { w: { dtype: 'float32', shape: [3, 4, 5], data: floats }, n: { dtype: 'int64', shape: [2], data: BigInt64Array.of(1n, -2n) } }, { made: 'by check' });
