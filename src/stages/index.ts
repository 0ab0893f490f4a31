/**
 * @module Registry of stage types: where each one's code is, without loading it. Everything the planner needs to know beforehand stands in the
 * manifest that the build writes from these definitions.
 */
import type { StageDefinition, StageModule } from '../engine/stage.js';

/** Definitions differ in their parameter types; the registry sees what they have in common. */
const module = (load: () => Promise<{ readonly default: unknown }>): StageModule => ({
  load: async () => (await load()).default as StageDefinition,
});

export const STAGE_MODULES: Readonly<Record<string, StageModule>> = {
  'nsd.simulate': module(() => import('./nsd-simulate/stage.js')),
  'nsd.source': {
    ...module(() => import('./nsd-source/stage.js')),
    externals: async () => (await import('./nsd-source/externals.js')).nsdExternals,
  },
  'nsd.stimuli': module(() => import('./nsd-stimuli/stage.js')),
  'nsd.voxels': module(() => import('./nsd-voxels/stage.js')),
  'stimuli.select': module(() => import('./stimuli-select/stage.js')),
  'stimuli.draw': module(() => import('./stimuli-draw/stage.js')),
  'backbone.train': module(() => import('./backbone-train/stage.js')),
  'backbone.builtin': {
    ...module(() => import('./backbone-builtin/stage.js')),
    externals: async () => (await import('./published-weights/externals.js')).checkpointExternals,
  },
  'backbone.onnx': {
    ...module(() => import('./backbone-onnx/stage.js')),
    externals: async () => (await import('./backbone-onnx/externals.js')).onnxExternals,
  },
  'backbone.finetune': module(() => import('./backbone-finetune/stage.js')),
  'features.extract': module(() => import('./features-extract/stage.js')),
  'text.backbone': {
    ...module(() => import('./text-backbone/stage.js')),
    externals: async () => (await import('./text-backbone/externals.js')).textExternals,
  },
  'text.features': module(() => import('./text-features/stage.js')),
  'features.gabor': module(() => import('./features-gabor/stage.js')),
  'readout.ridge': module(() => import('./readout-ridge/stage.js')),
  evaluate: module(() => import('./evaluate/stage.js')),
  'compare.scores': module(() => import('./compare-scores/stage.js')),
  dream: module(() => import('./dream/stage.js')),
  'prior.train': module(() => import('./prior-train/stage.js')),
  'dream.guided': module(() => import('./dream-guided/stage.js')),
  attribute: module(() => import('./attribute/stage.js')),
  'truth.features': module(() => import('./truth-features/stage.js')),
  'truth.attribute': module(() => import('./truth-attribute/stage.js')),
  'truth.oracle': module(() => import('./truth-oracle/stage.js')),
  'truth.ncsnr': module(() => import('./truth-ncsnr/stage.js')),
  'truth.check': module(() => import('./truth-check/stage.js')),
  'compare.truth': module(() => import('./compare-truth/stage.js')),
  command: {
    ...module(() => import('./command/stage.js')),
    externals: async () => (await import('./command/externals.js')).commandExternals,
  },
};
