/** Volumes and label tables of the simulated subject: brain mask, mean image, pRF maps, regions with their lh./rh. variants, colour tables. */
import { Random } from '../../../core/random.js';
import { nsdAffine, writeNifti } from '../../../formats/nifti.js';
import { colourTable, functionalFolder, roiVolume } from '../../nsd/layout.js';
import { ROI_SETS, hemisphereOf, polar } from './anatomy.js';
import type { ArtifactWriter } from '../../../engine/stage.js';
import type { PlantedVoxel } from '../voxels.js';
import type { Anatomy } from './anatomy.js';

export const SPACE = 'func1pt8mm';
export const VOXEL_MM = 1.8;
const MEAN_IN_BRAIN = 1000;
const MEAN_SD = 120;
const NOT_CORTEX = -1;

export async function writeVolumes(writer: ArtifactWriter, subject: number, voxels: readonly PlantedVoxel[], anatomy: Anatomy, seed: string): Promise<void> {
  const folder = functionalFolder(subject, SPACE);
  const size = anatomy.brain.length;
  const options = { shape: anatomy.grid, affine: nsdAffine(anatomy.grid, VOXEL_MM) } as const;
  const floats = async (name: string, data: Float32Array): Promise<void> => writeNifti(writer.path(name), { ...options, dtype: 'float32' }, data);

  await writeNifti(writer.path(`${folder}/brainmask.nii.gz`), { ...options, dtype: 'uint8' }, anatomy.brain);
  const random = new Random(`${seed}/mean`);
  await floats(`${folder}/mean.nii.gz`, Float32Array.from(anatomy.brain, (inside) => (inside === 1 ? random.normal(MEAN_IN_BRAIN, MEAN_SD) : 0)));

  const maps = { angle: new Float32Array(size).fill(NaN), eccentricity: new Float32Array(size).fill(NaN), size: new Float32Array(size).fill(NaN) };
  voxels.forEach((voxel, v) => {
    const found = polar(voxel);
    const p = anatomy.positions[v] as number;
    maps.angle[p] = found.angle;
    maps.eccentricity[p] = found.eccentricity;
    maps.size[p] = found.size;
  });
  for (const [name, data] of Object.entries(maps)) await floats(`${folder}/prf_${name}.nii.gz`, data);

  for (const set of ROI_SETS) {
    const labels = anatomy.labels.get(set.name) as Int16Array;
    const volume = (hemisphere?: 'lh' | 'rh'): Float32Array => Float32Array.from(labels, (label, p) => {
      const cortex = anatomy.cortex[p] === 1 && (hemisphere === undefined || hemisphereOf(p, anatomy.grid) === hemisphere);
      return cortex ? label : NOT_CORTEX;
    });
    await floats(roiVolume(subject, SPACE, set.name), volume());
    for (const hemisphere of ['lh', 'rh'] as const) await floats(roiVolume(subject, SPACE, `${hemisphere}.${set.name}`), volume(hemisphere));
    writer.write(colourTable(subject, set.name), ['Unknown', ...set.labels].map((name, label) => `${label} ${name}\n`).join(''));
  }
}
