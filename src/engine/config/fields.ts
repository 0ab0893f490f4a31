/**
 * Every field of `pipeline.config.yaml` as data: what it may hold, which flag and which environment variable stand above it, and its default. The
 * reader, the published schema and `pipeline config` all come from this table. Credentials are never fields: a field names the file or the
 * environment variable that holds one.
 */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { ENV_NAME_PATTERN } from '../pipeline-file.js';
import { isPublicKey, PUBLIC_KEY_PATTERN } from '../remote/signing.js';
import { isPlainObject } from '../store/plain.js';
import { bytesOf, millisecondsOf, SIZE_PATTERN, TIME_PATTERN } from './quantities.js';

export interface ConfigField {
  /** `remote.sign.keyFile` */
  readonly name: string;
  readonly description: string;
  readonly schema: JsonObject;
  /** in the words of messages */
  readonly expected: string;
  readonly accepts: (value: JsonValue) => boolean;
  readonly default?: JsonValue;
  readonly flag?: string;
  readonly env?: string;
}

/** Groups of fields: their description for the schema. */
export const CONFIG_GROUPS: Readonly<Record<string, string>> = {
  cache: 'The local cache.',
  compute: 'Where tensors are computed: docs/runtimes.md. It is part of the key of the stages that compute with them.',
  remote: 'A second level of the cache that several machines share: docs/sharing.md.',
  'remote.sign': 'The private key that signs what is sent. The key itself stands in a file outside of the project, or in an environment variable.',
};

export const REMOTE_MODES = ['off', 'read', 'read-write'] as const;
export const DEVICE_CHOICES = ['auto', 'cpu', 'webgpu', 'cuda'] as const;
export const RUNTIME_CHOICES = ['onnxruntime', 'tensorflow'] as const;
const HEADER_PATTERN = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$";

const TEXT = { schema: { type: 'string', minLength: 1 }, accepts: isText };
const PATH = { ...TEXT, expected: 'a path' };
const VARIABLE = { schema: { type: 'string', pattern: ENV_NAME_PATTERN }, expected: 'the name of an environment variable', accepts: (value: JsonValue) => isText(value) && new RegExp(ENV_NAME_PATTERN).test(value) };
const TIME = { schema: { type: 'string', pattern: TIME_PATTERN }, expected: 'a time with its unit, e.g. 30 s', accepts: (value: JsonValue) => isText(value) && millisecondsOf(value) !== undefined };

export const CONFIG_FIELDS: readonly ConfigField[] = [
  { name: 'cache.directory', ...PATH, description: 'Where the local cache lies, relative to the project.', default: 'cache', flag: '--cache-dir', env: 'PIPELINE_CACHE_DIR' },
  {
    name: 'compute.device', description: 'auto: CUDA where it is installed, otherwise the CPU; a device that is named and does not work is an error.', default: 'auto', flag: '--device', env: 'PIPELINE_DEVICE',
    schema: { enum: DEVICE_CHOICES }, expected: 'auto, cpu, webgpu or cuda', accepts: (value) => (DEVICE_CHOICES as readonly JsonValue[]).includes(value),
  },
  {
    name: 'compute.runtime', description: 'tensorflow needs @tensorflow/tfjs-node-gpu or @tensorflow/tfjs-node, which is installed separately.', default: 'onnxruntime', flag: '--runtime', env: 'PIPELINE_RUNTIME',
    schema: { enum: RUNTIME_CHOICES }, expected: 'onnxruntime or tensorflow', accepts: (value) => (RUNTIME_CHOICES as readonly JsonValue[]).includes(value),
  },
  {
    name: 'remote.url', description: 'A server that speaks the HTTP protocol of Bazel\'s remote caches; results lie below it under ac/ and cas/.', env: 'PIPELINE_REMOTE_URL',
    schema: { type: 'string', pattern: '^https?://[^@?#]+$' }, expected: 'an http or https address without a password, query or fragment', accepts: isAddress,
  },
  { name: 'remote.directory', ...PATH, description: 'A folder that several machines see, relative to the project. It has to exist.', env: 'PIPELINE_REMOTE_DIRECTORY' },
  {
    name: 'remote.mode', description: 'off: do not use it; read: take results from it; read-write: also send new results to it.', default: 'read', flag: '--remote', env: 'PIPELINE_REMOTE',
    schema: { enum: REMOTE_MODES }, expected: 'off, read or read-write', accepts: (value) => (REMOTE_MODES as readonly JsonValue[]).includes(value),
  },
  {
    name: 'remote.trust', description: 'Public keys of those whose results are used, as `pipeline cache keygen` prints them; or any: use whatever lies there, signed or not.',
    schema: { anyOf: [{ const: 'any' }, { type: 'array', minItems: 1, items: { type: 'string', pattern: PUBLIC_KEY_PATTERN } }] },
    expected: 'a list of public keys (ed25519:…), or any', accepts: (value) => value === 'any' || (Array.isArray(value) && value.length > 0 && value.every((each: JsonValue) => typeof each === 'string' && isPublicKey(each))),
  },
  { name: 'remote.sign.keyFile', ...PATH, description: 'File with the private key, relative to the project; ~ is the home folder.', env: 'PIPELINE_REMOTE_KEY_FILE' },
  { name: 'remote.sign.keyEnv', ...VARIABLE, description: 'Environment variable that holds the private key (PEM).' },
  {
    name: 'remote.headers', description: 'Headers of each request: name of the header → environment variable that holds its value.',
    schema: { type: 'object', propertyNames: { pattern: HEADER_PATTERN }, additionalProperties: { type: 'string', pattern: ENV_NAME_PATTERN } },
    expected: 'a map of names of headers to names of environment variables',
    accepts: (value) => isPlainObject(value) && Object.entries(value).every(([name, variable]) => new RegExp(HEADER_PATTERN).test(name) && VARIABLE.accepts(variable as JsonValue)),
  },
  { name: 'remote.timeout', ...TIME, description: 'How long one request may be silent.', default: '30 s' },
  { name: 'remote.drain', ...TIME, description: 'How long the end of a run waits for what is still being sent.', default: '5 min' },
  {
    name: 'remote.maxObjectSize', description: 'Larger objects are neither fetched nor sent.', default: '8 GB',
    schema: { type: 'string', pattern: SIZE_PATTERN }, expected: 'a size with its unit, e.g. 8 GB', accepts: (value) => isText(value) && bytesOf(value) !== undefined,
  },
  {
    name: 'remote.sendRestricted', description: 'Also share results that hold or show data that may not be redistributed. Only where everybody who can read the shared cache may have the data.', default: false,
    schema: { type: 'boolean' }, expected: 'true or false', accepts: (value) => typeof value === 'boolean',
  },
];

/** The names that may stand in a group: `''` is the file itself. */
export function namesIn(group: string): readonly string[] {
  const prefix = group === '' ? '' : `${group}.`;
  const names = [...Object.keys(CONFIG_GROUPS), ...CONFIG_FIELDS.map(({ name }) => name)].filter((name) => name.startsWith(prefix) && name !== group);
  return [...new Set(names.map((name) => name.slice(prefix.length).split('.')[0] as string))];
}

function isText(value: JsonValue): value is string {
  // eslint-disable-next-line no-control-regex -- these are what is refused
  return typeof value === 'string' && value.trim() !== '' && !/[\u0000-\u001f\u007f]/.test(value);
}

function isAddress(value: JsonValue): boolean {
  if (!isText(value) || !URL.canParse(value)) return false;
  const { protocol, username, password, search, hash, hostname } = new URL(value);
  return (protocol === 'http:' || protocol === 'https:') && hostname !== '' && username === '' && password === '' && search === '' && hash === '';
}
