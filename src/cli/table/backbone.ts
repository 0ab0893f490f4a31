/** Commands for models: what there is, what a file holds, how it gets here. */
import type { CommandSpec, OptionSpec } from './spec.js';

const MAPPING: OptionSpec = { flags: '--mapping <path>', description: 'which of several sets of weights in a checkpoint: teacher, model.state_dict, …' };
const SIZE: OptionSpec = { flags: '--size <pixels>', description: 'side of the input (default: what the weights were published for)' };

export const BACKBONE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'backbone list',
    group: 'Backbone',
    summary: 'List the built-in architectures and the published weights that fit them.',
    args: [],
    options: [],
    examples: [['pipeline backbone list', 'what can be named in backbone.builtin?']],
    load: () => import('../commands/backbone-list.js'),
  },
  {
    name: 'backbone inspect',
    group: 'Backbone',
    summary: 'Say what a model file or an architecture holds: layers, shapes, gradients.',
    details: 'Of an ONNX file and of a built-in architecture: the layers by name with their shapes, which of them are good to extract, whether they can be differentiated by the image and trained, and every operator that is not supported, with its node. Of a checkpoint (.pth, .pt, .safetensors): its tensors, and the architectures that it fits. Nothing in a file is executed.',
    args: [{ name: 'MODEL', description: 'a file, or the name of a built-in architecture' }],
    options: [{ flags: '--layers <which>', description: 'layers listed: good (default), the ones worth extracting; all', choices: ['good', 'all'] }, SIZE, MAPPING],
    examples: [
      ['pipeline backbone inspect model.onnx', 'what can be extracted, and differentiated?'],
      ['pipeline backbone inspect resnet50', 'names of its layers'],
      ['pipeline backbone inspect weights.pth', 'which architecture are these of?'],
    ],
    load: () => import('../commands/backbone-inspect.js'),
  },
  {
    name: 'backbone import',
    group: 'Backbone',
    summary: 'Turn published weights into an ONNX file that runs at any batch.',
    details: 'The file can be given to backbone.onnx, and to any program that reads ONNX. Pipelines need no such file: backbone.builtin takes the weights themselves.',
    args: [{ name: 'WEIGHTS', description: 'a checkpoint: .pth, .pt, .safetensors' }],
    options: [
      { flags: '--architecture <name>', description: 'as `pipeline backbone list` calls it (default: the only one that fits)' },
      { flags: '--out <file>', description: 'where to write it (default: ARCHITECTURE.onnx here); an existing file is not touched' },
      SIZE,
      MAPPING,
    ],
    examples: [['pipeline backbone import resnet50-11ad3fa6.pth', 'writes resnet50.onnx']],
    load: () => import('../commands/backbone-import.js'),
  },
  {
    name: 'backbone fetch',
    group: 'Backbone',
    summary: 'Fetch a file by its address and sha256; a part that is there is continued.',
    details: 'The file is kept in the store under its sha256, where backbone.builtin finds it: on a machine without a network, fetch elsewhere and put it there. Nothing with another sha256 is ever kept.',
    args: [{ name: 'URL', description: 'https, http or file' }],
    options: [{ flags: '--sha256 <digest>', description: '64 hexadecimal digits; required' }],
    examples: [['pipeline backbone fetch https://…/RN50.pt --sha256 afeb0e10…', 'before going offline']],
    load: () => import('../commands/backbone-fetch.js'),
  },
];
