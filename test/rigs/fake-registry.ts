/**
 * Stage types for tests of planning: no code behind them, but every feature that a manifest can have — optional ports, several outputs of one
 * type, outside files and folders, enumerations, ranges, unions, nested maps, random seeds, services.
 */
import type { JsonObject } from '../../src/core/json.js';
import type { InputPort, OutputPort, StageManifest, StageRegistry } from '../../src/engine/stage.js';

interface Sketch {
  readonly summary: string;
  readonly params?: JsonObject;
  readonly required?: readonly string[];
  readonly inputs?: Readonly<Record<string, InputPort>>;
  readonly outputs: Readonly<Record<string, OutputPort>>;
  readonly random?: boolean;
  readonly needs?: readonly string[];
}

function manifest(type: string, sketch: Sketch): StageManifest {
  return {
    type, version: 1, summary: sketch.summary,
    params: { type: 'object', additionalProperties: false, properties: sketch.params ?? {}, ...(sketch.required === undefined ? {} : { required: sketch.required }) },
    inputs: sketch.inputs ?? {}, outputs: sketch.outputs,
    needs: sketch.needs ?? [], random: sketch.random ?? false, runs: 'worker', resources: { cpus: 1, memoryMb: 512 },
  };
}

const text = (description: string): { description: string } => ({ description });
const port = (type: string, optional = false): InputPort => ({ type, ...text(`${type} to use`), ...(optional ? { optional: true } : {}) });
const output = (type: string): OutputPort => ({ type, ...text(`${type} that it makes`) });

export const FAKE_MANIFESTS: readonly StageManifest[] = [
  manifest('fake.simulate', {
    summary: 'Makes a data set.',
    params: {
      subject: { type: 'integer', minimum: 1, maximum: 8, default: 1, description: 'number of the subject' },
      sessions: { type: 'integer', minimum: 1, maximum: 40, default: 2 },
    },
    outputs: { nsd: output('NsdTree'), truth: output('Truth') },
    random: true,
  }),
  manifest('fake.source', {
    summary: 'Finds a data set.',
    params: {
      root: { type: 'string', default: '', 'x-external': 'directory', description: 'folder of the data set; empty to use the simulated one' },
      table: { type: 'string', default: '', 'x-external': 'file' },
    },
    inputs: { simulated: port('NsdTree', true) },
    outputs: { nsd: output('NsdTree') },
  }),
  manifest('fake.voxels', {
    summary: 'Cuts out voxels.',
    params: { zscore: { anyOf: [{ const: 'session', type: 'string' }, { const: 'run', type: 'string' }, { const: 'none', type: 'string' }], default: 'session' } },
    inputs: { nsd: port('NsdTree') },
    outputs: { voxels: output('Voxels') },
  }),
  manifest('fake.features', {
    summary: 'Runs a backbone.',
    params: {
      layers: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, description: 'names of layers' },
      percent: { type: 'number', exclusiveMinimum: 0, maximum: 100, default: 50 },
    },
    required: ['layers'],
    inputs: { nsd: port('NsdTree') },
    outputs: { train: output('Features'), test: output('Features') },
    needs: ['tensor'],
  }),
  manifest('fake.ridge', {
    summary: 'Fits a readout.',
    params: {
      alphas: { type: 'array', items: { type: 'number', exclusiveMinimum: 0 }, minItems: 1, default: [1, 10, 100] },
      solver: { enum: ['auto', 'primal', 'dual'], default: 'auto' },
      stop: {
        anyOf: [
          { type: 'object', additionalProperties: false, required: ['kind', 'steps'], properties: { kind: { const: 'steps', type: 'string' }, steps: { type: 'integer', minimum: 1 } } },
          { type: 'object', additionalProperties: false, required: ['kind', 'gap'], properties: { kind: { const: 'gap', type: 'string' }, gap: { type: 'number', minimum: 0 } } },
        ],
      },
      limit: { anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }], default: null },
    },
    inputs: { features: port('Features'), voxels: port('Voxels') },
    outputs: { readout: output('Readout') },
  }),
  manifest('fake.dream', {
    summary: 'Dreams.',
    params: {
      steps: { type: 'integer', minimum: 1, maximum: 4096, default: 64 },
      optimizer: { type: 'object', additionalProperties: false, default: {}, properties: { rate: { type: 'number', exclusiveMinimum: 0, default: 0.05 }, beta: { type: 'number', default: 0.9 } } },
    },
    inputs: { readout: port('Readout'), truth: port('Truth', true) },
    outputs: { images: output('Images') },
    random: true,
    needs: ['tensor'],
  }),
  manifest('fake.compare', {
    summary: 'Compares readouts.',
    params: { over: { type: 'string', default: '' } },
    inputs: { readouts: { type: 'Readout', description: 'readouts to compare', many: true }, truths: { type: 'Truth', description: 'what is true', many: true, optional: true } },
    outputs: { images: output('Images') },
  }),
  manifest('fake.relay', {
    summary: 'Passes a data set on.',
    inputs: { nsd: port('NsdTree') },
    outputs: { nsd: output('NsdTree') },
  }),
];

/** Counts how often code would have been loaded: planning must not load any. */
export function fakeRegistry(manifests: readonly StageManifest[] = FAKE_MANIFESTS): StageRegistry & { readonly loads: { count: number } } {
  const loads = { count: 0 };
  const load = (): Promise<never> => {
    loads.count += 1;
    return Promise.reject(new Error('fake stages hold no code'));
  };
  return {
    loads,
    manifests: new Map(manifests.map((each) => [each.type, each])),
    modules: Object.fromEntries(manifests.map((each) => [each.type, { load }])),
    serviceIdentity: (name) => `fake-${name}`,
  };
}
