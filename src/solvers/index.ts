/** @module Solvers that run on tensor graphs: what stages may call without knowing how it is computed. */
export { bootstrapCorrelations, type TrialsOfImages } from './bootstrap-correlation.js';
export { permutedCorrelations, type Shuffles } from './permuted-correlation.js';
export { crossValidatedRidge, crossValidatedRidgeByColumns, type RidgeChoice, type RidgeFit, type RidgeOptions, type ScoreKind, type StoreWeights } from './ridge/cross-validated-ridge.js';
export { ridgeBytes, type RidgeSizes } from './ridge/memory.js';
export { scorePenalties } from './ridge/score-penalties.js';
export type { TargetColumns } from './ridge/targets.js';
export { predictTargets } from './predict.js';
