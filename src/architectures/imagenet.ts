/** What the networks trained on ImageNet by torchvision have in common. */
import type { ImagePreprocessing } from './architecture.js';

/** @source torchvision.transforms._presets.ImageClassification */
export const IMAGENET_PREPROCESSING: ImagePreprocessing = { size: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], interpolation: 'bilinear' };
