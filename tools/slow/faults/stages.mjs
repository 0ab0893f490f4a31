/**
 * Cheap stage types for fault runs: together they use every way in which a stage writes to the store (objects moved from staging, bytes inside a
 * record, memo values, adopted files, a checkpoint, outside files, inline and in a worker process). What they make depends on their inputs and
 * parameters alone. Each computation leaves one line in the file that FAULTS_LOG names, so that runs of several processes can be counted.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestOf } from '../../../dist/engine/stage.js';

const COMMON = { version: 1, summary: 'For fault runs.', needs: [], random: false, resources: { cpus: 1, memoryMb: 10 } };
const object = (properties) => ({ type: 'object', additionalProperties: false, properties });
const PARAMS = object({ label: { type: 'string', default: '' }, bytes: { type: 'integer', minimum: 0, default: 0 }, chunks: { type: 'integer', minimum: 0, default: 0 }, milliseconds: { type: 'integer', minimum: 0, default: 0 } });
const OPTIONAL = { a: { type: 'Bytes', description: 'a', optional: true }, b: { type: 'Bytes', description: 'b', optional: true } };
const OUTPUTS = { out: { type: 'Bytes', description: 'bytes', publish: ['data.bin', 'note.txt'] } };

/** Bytes that look like noise and are the same for the same text. */
function noise(text, bytes) {
  const parts = [];
  for (let i = 0, left = bytes; left > 0; i += 1, left -= 32) parts.push(createHash('sha256').update(`${text}/${i}`).digest());
  return Buffer.concat(parts).subarray(0, bytes);
}

function note(line) {
  const log = process.env['FAULTS_LOG'];
  if (log !== undefined && log !== '') appendFileSync(log, `${line} ${process.pid}\n`);
}

function inputsText(inputs) {
  return ['a', 'b'].map((port) => (inputs[port] === undefined ? '-' : inputs[port].text('note.txt'))).join(',');
}

async function wait(milliseconds, signal) {
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
  signal.throwIfAborted();
}

function bytes(type, runs) {
  return {
    ...COMMON, type, runs, params: PARAMS, inputs: OPTIONAL, outputs: OUTPUTS,
    async run({ params, inputs, outputs, metric, log, signal }) {
      note(`ran ${params.label}`);
      await wait(params.milliseconds, signal);
      const text = `${params.label}(${inputsText(inputs)})`;
      log(`making ${params.bytes} bytes`);
      outputs.out.write('data.bin', noise(text, params.bytes));
      outputs.out.write('note.txt', createHash('sha256').update(text).digest('hex'));
      metric('bytes', params.bytes);
    },
  };
}

const DEFINITIONS = [
  bytes('faults.inline', 'inline'),
  bytes('faults.worker', 'worker'),
  {
    ...COMMON, type: 'faults.source', runs: 'inline',
    params: object({ label: { type: 'string', default: '' }, file: { type: 'string', default: '', 'x-external': 'file' } }), inputs: {}, outputs: OUTPUTS,
    async run({ params, outputs, externals }) {
      note(`ran ${params.label}`);
      outputs.out.write('note.txt', createHash('sha256').update(readFileSync(externals.get('data.bin'))).digest('hex'));
      outputs.out.external('data.bin', 'data.bin');
    },
  },
  {
    ...COMMON, type: 'faults.chunks', runs: 'worker', params: PARAMS, inputs: OPTIONAL, outputs: OUTPUTS,
    async run({ params, inputs, outputs, memo, checkpoint, metric, signal }) {
      note(`ran ${params.label}`);
      const text = inputsText(inputs);
      const state = join(checkpoint, 'state');
      const resumed = existsSync(state);
      let restored = 0;
      for (let chunk = 0; chunk < params.chunks; chunk += 1) {
        await wait(params.milliseconds, signal);
        const entry = await memo({ text, chunk, bytes: params.bytes }, async (writer) => {
          note(`chunk ${params.label} ${chunk}`);
          writer.write('value', noise(`${text}/${chunk}`, params.bytes));
        });
        if (entry.restored) restored += 1;
        outputs.out.adopt(`chunks/${chunk}`, entry.file('value'));
        writeFileSync(state, String(chunk));
      }
      metric('restored', restored);
      metric('resumed', resumed ? 1 : 0);
      outputs.out.write('data.bin', noise(text, params.bytes));
      outputs.out.write('note.txt', createHash('sha256').update(`${params.label}(${text})`).digest('hex'));
    },
  },
];

export const MODULES = Object.fromEntries(
  DEFINITIONS.map((definition) => [
    definition.type,
    { load: async () => definition, ...(definition.type === 'faults.source' ? { externals: async () => async (params) => [{ name: 'data.bin', path: params.file }] } : {}) },
  ]),
);

export const REGISTRY = {
  manifests: new Map(DEFINITIONS.map((definition) => [definition.type, manifestOf(definition)])),
  modules: MODULES,
  serviceIdentity: (name) => name,
};

/** Every write path of the store in a fraction of a second: outside file, inline, worker, memos, checkpoint, small and large outputs. */
export const PIPELINE = `name: faults
stages:
  source: { type: faults.source, params: { label: source, file: data/input.bin } }
  small: { type: faults.inline, params: { label: small } }
  large: { type: faults.inline, params: { label: large, bytes: 70000 }, inputs: { a: "\${stages.source}", b: "\${stages.small}" } }
  chunks: { type: faults.chunks, params: { label: chunks, bytes: 9000, chunks: 3 }, inputs: { a: "\${stages.large}" } }
  joined: { type: faults.worker, params: { label: joined, bytes: 20000 }, inputs: { a: "\${stages.large}", b: "\${stages.chunks}" } }
`;

/** Eight stages that take a moment each, in two chains: room for processes to meet. */
export const RACE_PIPELINE = `name: race
stages:
  source: { type: faults.source, params: { label: source, file: data/input.bin } }
  a0: { type: faults.inline, params: { label: a0, bytes: 30000, milliseconds: 5 }, inputs: { a: "\${stages.source}" } }
  a1: { type: faults.inline, params: { label: a1, bytes: 30000, milliseconds: 5 }, inputs: { a: "\${stages.a0}" } }
  a2: { type: faults.inline, params: { label: a2, bytes: 30000, milliseconds: 5 }, inputs: { a: "\${stages.a1}" } }
  b0: { type: faults.inline, params: { label: b0, bytes: 30000, milliseconds: 5 } }
  b1: { type: faults.chunks, params: { label: b1, bytes: 9000, chunks: 2, milliseconds: 5 }, inputs: { a: "\${stages.b0}" } }
  b2: { type: faults.inline, params: { label: b2, milliseconds: 5 }, inputs: { a: "\${stages.b1}" } }
  end: { type: faults.inline, params: { label: end, bytes: 50000 }, inputs: { a: "\${stages.a2}", b: "\${stages.b2}" } }
`;

/** A hundred stages that could all be at work at once. */
export const WIDE_PIPELINE = `name: faults
stages:
  wide:
    type: faults.inline
    matrix: { label: [${Array.from({ length: 100 }, (_, i) => `w${i}`).join(', ')}] }
    params: { label: "\${matrix.label}", bytes: 9000 }
`;
