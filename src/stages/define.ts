/** `defineStage` for this project: the engine's contract with our services filled in. */
import type { Services } from '../core/tensor-service.js';
import { stageDefiner } from '../engine/stage.js';

export const defineStage = stageDefiner<Services>();
