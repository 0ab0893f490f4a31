/** @module Solvers that run on tensor graphs: what stages may call without knowing how it is computed. */
export { bootstrapCorrelations } from './bootstrap-correlation.js';
export { crossValidatedRidge, crossValidatedRidgeByColumns, type RidgeChoice, type RidgeFit, type RidgeOptions, type ScoreKind, type StoreWeights } from './ridge/cross-validated-ridge.js';
export { ridgeBytes, type RidgeSizes } from './ridge/memory.js';
export type { TargetColumns } from './ridge/targets.js';
export { predictTargets } from './predict.js';
