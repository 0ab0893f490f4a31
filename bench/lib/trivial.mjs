// The command `pipeline` with trivial inline stage types, as a process entry: what is timed is the engine and the command line, not a stage.
// `relay` writes a number and what it was given (a few bytes, kept in the record); `heavy` writes an object; `gather` counts; `digest` reads outside files.
// Usage: node bench/lib/trivial.mjs run FILE …       (after npm run build)
import { main } from '../../dist/cli/main.js';

const BYTES_OF_OBJECT = 8192;
const port = (many) => ({ a: { type: 'Thing', description: 'a thing', optional: true, ...(many ? { many } : {}) } });
const common = { version: 1, summary: 'passes on', outputs: { a: { type: 'Thing', description: 'the thing' } }, needs: [], random: false, runs: 'inline', resources: { cpus: 1, memoryMb: 1 } };
const schema = (properties) => ({ type: 'object', properties, additionalProperties: false });
const text = (reader) => (reader === undefined ? '' : reader.text('text.txt'));
const number = { by: { type: 'integer', minimum: 0, default: 0 } };
const definitions = [
  { ...common, type: 'relay', params: schema(number), inputs: port(false), run: ({ params, inputs, outputs }) => void outputs.a.write('text.txt', `${params.by}${text(inputs.a).length}`) },
  { ...common, type: 'heavy', params: schema(number), inputs: port(false), run: ({ params, inputs, outputs }) => void outputs.a.write('text.txt', `${params.by}${text(inputs.a).length}`.padEnd(BYTES_OF_OBJECT, '.')) },
  { ...common, type: 'gather', params: schema({}), inputs: port(true), run: ({ inputs, outputs }) => void outputs.a.write('text.txt', `${inputs.a.length}`) },
  { ...common, type: 'digest', params: schema({ file: { type: 'string', 'x-external': 'file' } }), inputs: {}, run: ({ outputs }) => void outputs.a.write('text.txt', 'read') },
];
const registry = {
  manifests: new Map(definitions.map(({ run: _, ...manifest }) => [manifest.type, manifest])),
  modules: Object.fromEntries(definitions.map((definition) => [definition.type, { load: () => Promise.resolve(definition) }])),
  serviceIdentity: () => '',
};
const code = await main(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd(), composition: { registry, workerEntry: '', build: 'bench' } });
if (process.env.BENCH_RSS !== undefined) process.stderr.write(`rss ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB\n`);
process.exitCode = code;
