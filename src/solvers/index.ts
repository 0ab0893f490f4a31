/** @module Solvers that run on tensor graphs: what stages may call without knowing how it is computed. */
export { bootstrapCorrelations, type TrialsOfImages } from './bootstrap-correlation.js';
export { permutedCorrelations, type Shuffles } from './permuted-correlation.js';
export { crossValidatedRidge, type RidgeFit, type RidgeOptions, type ScoreKind } from './ridge/cross-validated-ridge.js';
export { ridgeBytes, type RidgeSizes } from './ridge/memory.js';
export { scorePenalties } from './ridge/score-penalties.js';
export { predictTargets } from './predict.js';
