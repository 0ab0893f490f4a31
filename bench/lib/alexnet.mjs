// AlexNet as a Backbone: the file that peers/alexnet.py wrote, with the preprocessing both sides use.
import { readFileSync } from 'node:fs';

export const ALEXNET_LAYERS = ['features.2', 'features.5', 'features.7', 'features.9', 'features.12'];
export const PREPROCESSING = { crop: 'none', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export const alexnetBackbone = (path, size) => ({ name: 'AlexNet', input: 'input', preprocessing: { size, ...PREPROCESSING }, layers: [], digest: 'alexnet', model: readFileSync(path) });
