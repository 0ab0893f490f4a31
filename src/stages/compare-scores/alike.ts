/**
 * Scores put side by side must be of the same thing. Those at one point (same x, same summarised labels) share test images and voxels; all of a comparison
 * share what the noise ceiling is. What may differ is said in the parameters, so that nothing differs unseen.
 */
import { PipelineError } from '../../core/errors.js';
import type { Labels } from '../../engine/stage.js';
import type { ScoresFile } from '../artifacts/scores.js';

export const FACTS = ['ncsnr', 'min_noise_ceiling', 'zscore', 'test_images', 'voxels'] as const;
export type Fact = (typeof FACTS)[number];

interface FactOf {
  readonly name: string;
  /** alike in the whole comparison; otherwise at every point */
  readonly everywhere: boolean;
  readonly of: (file: ScoresFile) => string;
  readonly hint: string;
}

const SHORT = 8;
const FACT: Readonly<Record<Fact, FactOf>> = {
  ncsnr: { name: 'source of ncsnr', everywhere: true, of: (file) => file.ncsnr, hint: 'Give all scores the same parameter ncsnr' },
  min_noise_ceiling: { name: 'least noise ceiling', everywhere: true, of: (file) => String(file.minNoiseCeiling), hint: 'Give all scores the same parameter min_noise_ceiling' },
  zscore: { name: 'z-scoring', everywhere: true, of: (file) => file.zscore, hint: 'Extract all voxels with the same parameter zscore' },
  test_images: { name: 'test images', everywhere: false, of: (file) => `${file.images} images (${String(file.testImages).slice(0, SHORT)})`, hint: 'Score all of them on the same voxels and split' },
  voxels: { name: 'voxels', everywhere: false, of: (file) => `${file.voxels} voxels (${String(file.voxelIdentity).slice(0, SHORT)})`, hint: 'Score all of them on voxels of the same subject and regions' },
};

export interface Measured {
  readonly labels: Labels;
  readonly file: ScoresFile;
  /** which point it belongs to: its x and its summarised labels */
  readonly point: string;
}

/** Errors: E_DATA naming two scores that differ in a fact that is not in `mayDiffer`. */
export function requireAlike(all: readonly Measured[], mayDiffer: readonly Fact[], describe: (labels: Labels) => string): void {
  for (const fact of FACTS.filter((one) => !mayDiffer.includes(one))) {
    const { name, everywhere, of, hint } = FACT[fact];
    const first = new Map<string, Measured>();
    for (const scores of all) {
      const group = everywhere ? '' : scores.point;
      const other = first.get(group);
      if (other === undefined) first.set(group, scores);
      else if (of(other.file) !== of(scores.file)) {
        throw new PipelineError('E_DATA', `the scores ${describe(other.labels)} and ${describe(scores.labels)} differ in their ${name}`, {
          facts: { expected: of(other.file), found: of(scores.file) }, hint: `${hint}, or name ${fact} in may_differ if that is what is compared.`,
        });
      }
    }
  }
}
