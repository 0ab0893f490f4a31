/**
 * Where the planted voxels lie: an ellipsoid of a brain in a small volume, a shell of it as cortex, and one patch of neighbouring voxels for every
 * label and hemisphere. The left hemisphere is the lower half of x, y grows to the front, z to the top. Early voxels follow the visual field: the
 * left half of the field is in the right hemisphere, the upper half ventral. Not known here: files, signals.
 */
import { PipelineError } from '../../../core/errors.js';
import type { PlantedVoxel } from '../voxels.js';

export type Hemisphere = 'lh' | 'rh';

export interface RoiSet {
  readonly name: string;
  /** names by label, from 1 on; labels may stay without voxels, as they do for some NSD subjects */
  readonly labels: readonly string[];
}

const VISUAL = ['V1v', 'V1d', 'V2v', 'V2d', 'V3v', 'V3d', 'hV4'] as const;
export const ROI_SETS: readonly RoiSet[] = [
  { name: 'prf-visualrois', labels: VISUAL },
  { name: 'prf-eccrois', labels: ['ecc0pt5', 'ecc1', 'ecc2', 'ecc4', 'ecc4+'] },
  { name: 'floc-faces', labels: ['OFA', 'FFA-1', 'FFA-2', 'mTL-faces', 'aTL-faces'] },
  { name: 'floc-bodies', labels: ['EBA', 'FBA-1', 'FBA-2', 'mTL-bodies'] },
  { name: 'floc-places', labels: ['OPA', 'PPA', 'RSC'] },
  { name: 'floc-words', labels: ['OWFA', 'VWFA-1', 'VWFA-2', 'mfs-words', 'mTL-words'] },
  { name: 'nsdgeneral', labels: ['nsdgeneral'] },
  { name: 'streams', labels: ['early', 'midventral', 'midlateral', 'midparietal', 'ventral', 'lateral', 'parietal'] },
  {
    name: 'Kastner2015',
    labels: [...VISUAL, 'VO1', 'VO2', 'PHC1', 'PHC2', 'TO2', 'TO1', 'LO2', 'LO1', 'V3B', 'V3A', 'IPS0', 'IPS1', 'IPS2', 'IPS3', 'IPS4', 'IPS5', 'SPL1', 'FEF'],
  },
];

/** A patch: its labels, and where in the volume it grows, in fractions of a hemisphere (lateral, back to front, bottom to top). */
interface Patch {
  readonly labels: Readonly<Record<string, string>>;
  readonly anchor: readonly [number, number, number];
}
const early = (name: string, anchor: Patch['anchor']): Patch => ({
  labels: { 'prf-visualrois': name, Kastner2015: name, streams: name === 'hV4' ? 'midventral' : 'early' }, anchor,
});
const category = (set: string, name: string, stream: string, anchor: Patch['anchor']): Patch => ({ labels: { [set]: name, streams: stream }, anchor });
const VISUAL_PATCHES: Readonly<Record<string, Patch>> = {
  V1v: early('V1v', [0.15, 0.05, 0.35]), V1d: early('V1d', [0.15, 0.05, 0.55]), V2v: early('V2v', [0.25, 0.1, 0.28]), V2d: early('V2d', [0.25, 0.1, 0.65]),
  V3v: early('V3v', [0.35, 0.15, 0.22]), V3d: early('V3d', [0.35, 0.15, 0.72]), hV4: early('hV4', [0.45, 0.22, 0.15]),
};
const CATEGORY_PATCHES: Readonly<Record<string, readonly Patch[]>> = {
  face: [category('floc-faces', 'OFA', 'lateral', [0.8, 0.22, 0.3]), category('floc-faces', 'FFA-1', 'ventral', [0.55, 0.38, 0.1]), category('floc-faces', 'FFA-2', 'ventral', [0.55, 0.52, 0.1])],
  body: [category('floc-bodies', 'EBA', 'lateral', [0.95, 0.3, 0.5]), category('floc-bodies', 'FBA-1', 'ventral', [0.65, 0.4, 0.12]), category('floc-bodies', 'FBA-2', 'ventral', [0.65, 0.52, 0.12])],
  place: [category('floc-places', 'OPA', 'lateral', [0.6, 0.18, 0.75]), category('floc-places', 'PPA', 'ventral', [0.3, 0.45, 0.1]), category('floc-places', 'RSC', 'parietal', [0.1, 0.3, 0.7])],
  word: [category('floc-words', 'OWFA', 'lateral', [0.75, 0.2, 0.2]), category('floc-words', 'VWFA-1', 'ventral', [0.75, 0.38, 0.1]), category('floc-words', 'VWFA-2', 'ventral', [0.75, 0.5, 0.1])],
};

/** stimuli were shown 8.4° wide */
export const DEGREES = 8.4;
const ECCENTRICITY_LIMITS = [0.5, 1, 2, 4];
/** cortex is the shell outside this share of the ellipsoid's radius */
const CORTEX_FROM = 0.6;
const BRAIN_RADIUS = 0.48;

export interface Anatomy {
  /** volume extents x, y, z */
  readonly grid: readonly [number, number, number];
  /** uint8 [x + X·(y + Y·z)] */
  readonly brain: Uint8Array;
  readonly cortex: Uint8Array;
  /** position of each planted voxel: x + X·(y + Y·z) */
  readonly positions: Int32Array;
  readonly hemispheres: readonly Hemisphere[];
  /** per set, int16 by position: label, 0 = none */
  readonly labels: ReadonlyMap<string, Int16Array>;
}

/** Errors: E_OUT_OF_RANGE when the cortex of the grid has fewer voxels than are to be planted. */
export function placeVoxels(voxels: readonly PlantedVoxel[], grid: readonly [number, number, number]): Anatomy {
  const [nx, ny, nz] = grid;
  const size = nx * ny * nz;
  const brain = new Uint8Array(size);
  const cortex = new Uint8Array(size);
  for (let p = 0; p < size; p += 1) {
    const [x, y, z] = coordinates(p, grid);
    const radius = Math.hypot(x - 0.5, y - 0.5, z - 0.5) / BRAIN_RADIUS;
    if (radius <= 1) brain[p] = 1;
    if (radius <= 1 && radius >= CORTEX_FROM) cortex[p] = 1;
  }
  const hemispheres: Hemisphere[] = [];
  const patches = new Map<string, { readonly patch: Patch; readonly hemisphere: Hemisphere; readonly members: number[] }>();
  const counters = new Map<string, number>();
  const next = (name: string): number => {
    const value = counters.get(name) ?? 0;
    counters.set(name, value + 1);
    return value;
  };
  voxels.forEach((voxel, v) => {
    const index = next(voxel.area);
    let patch: Patch;
    let hemisphere: Hemisphere;
    if (voxel.area === 'early') {
      hemisphere = voxel.prf.x < 0.5 ? 'rh' : 'lh';
      const area = ['V1', 'V2', 'V3', 'hV4'][index % 4] as string;
      patch = VISUAL_PATCHES[area === 'hV4' ? area : `${area}${voxel.prf.y < 0.5 ? 'v' : 'd'}`] as Patch;
    } else {
      const choices = CATEGORY_PATCHES[voxel.area] as readonly Patch[];
      patch = choices[index % choices.length] as Patch;
      hemisphere = Math.floor(index / choices.length) % 2 === 0 ? 'lh' : 'rh';
    }
    hemispheres.push(hemisphere);
    const key = `${hemisphere} ${Object.entries(patch.labels).join(' ')}`;
    const found = patches.get(key);
    if (found === undefined) patches.set(key, { patch, hemisphere, members: [v] });
    else found.members.push(v);
  });
  const positions = grow(patches, cortex, grid, voxels.length);
  return { grid, brain, cortex, positions, hemispheres, labels: labelVolumes(voxels, patches, positions, size) };
}

/** Each patch in turn takes the free voxels of cortex that lie nearest to its anchor. */
function grow(
  patches: ReadonlyMap<string, { readonly patch: Patch; readonly hemisphere: Hemisphere; readonly members: readonly number[] }>,
  cortex: Uint8Array, grid: readonly [number, number, number], count: number,
): Int32Array {
  const free = cortex.slice();
  const positions = new Int32Array(count);
  for (const hemisphere of ['lh', 'rh'] as const) {
    const side = Array.from(cortex.keys()).filter((p) => cortex[p] === 1 && hemisphereOf(p, grid) === hemisphere);
    const wanted = [...patches.values()].filter((entry) => entry.hemisphere === hemisphere);
    const needed = wanted.reduce((sum, entry) => sum + entry.members.length, 0);
    if (needed > side.length) {
      throw new PipelineError('E_OUT_OF_RANGE', `the volume ${grid.join(' × ')} is too small for the voxels to be planted`, {
        facts: { expected: `at most ${side.length} voxels in the cortex of a hemisphere`, found: needed },
        hint: 'Enlarge grid, or plant fewer voxels.',
      });
    }
    for (const { patch, members } of wanted) {
      const [lateral, front, top] = patch.anchor;
      const x = hemisphere === 'lh' ? 0.5 - lateral / 2 : 0.5 + lateral / 2;
      const nearest = side.filter((p) => free[p] === 1).map((p) => {
        const [px, py, pz] = coordinates(p, grid);
        return { p, distance: (px - x) ** 2 + (py - front) ** 2 + (pz - top) ** 2 };
      });
      nearest.sort((a, b) => a.distance - b.distance || a.p - b.p);
      members.forEach((v, k) => {
        const { p } = nearest[k] as { p: number };
        positions[v] = p;
        free[p] = 0;
      });
    }
  }
  return positions;
}

function labelVolumes(
  voxels: readonly PlantedVoxel[], patches: ReadonlyMap<string, { readonly patch: Patch; readonly members: readonly number[] }>, positions: Int32Array, size: number,
): ReadonlyMap<string, Int16Array> {
  const volumes = new Map(ROI_SETS.map((set) => [set.name, new Int16Array(size)]));
  const put = (set: string, label: number, voxel: number): void => {
    (volumes.get(set) as Int16Array)[positions[voxel] as number] = label;
  };
  for (const { patch, members } of patches.values()) {
    for (const [set, name] of Object.entries(patch.labels)) {
      const label = (ROI_SETS.find((candidate) => candidate.name === set) as RoiSet).labels.indexOf(name) + 1;
      for (const v of members) put(set, label, v);
    }
  }
  voxels.forEach((voxel, v) => {
    put('nsdgeneral', 1, v);
    if (voxel.area !== 'early') return;
    const eccentricity = polar(voxel).eccentricity;
    put('prf-eccrois', 1 + ECCENTRICITY_LIMITS.filter((limit) => eccentricity >= limit).length, v);
  });
  return volumes;
}

/** Degrees: angle counter-clockwise from the right horizontal meridian, eccentricity from the centre, size = sigma. */
export function polar(voxel: PlantedVoxel): { readonly angle: number; readonly eccentricity: number; readonly size: number } {
  const x = (voxel.prf.x - 0.5) * DEGREES;
  const y = (0.5 - voxel.prf.y) * DEGREES;
  return { angle: ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360, eccentricity: Math.hypot(x, y), size: voxel.prf.sigma * DEGREES };
}

export function hemisphereOf(position: number, grid: readonly [number, number, number]): Hemisphere {
  return coordinates(position, grid)[0] < 0.5 ? 'lh' : 'rh';
}

/** Centres of voxels in [0, 1]³. */
function coordinates(position: number, [nx, ny, nz]: readonly [number, number, number]): [number, number, number] {
  const x = position % nx;
  const y = Math.floor(position / nx) % ny;
  const z = Math.floor(position / (nx * ny));
  return [(x + 0.5) / nx, (y + 0.5) / ny, (z + 0.5) / nz];
}
