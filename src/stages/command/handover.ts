/**
 * What a command finds when it starts: a folder of links for every input, an empty folder for every output, one JSON file that describes all of it, and an
 * environment that holds nothing but what is listed here. Nothing large is copied; small files that live in records are written out.
 */
import { mkdirSync, symlinkSync, writeFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { JsonValue } from '../../core/json.js';
import type { ArtifactFile, ArtifactReader, LabelledArtifact } from '../../engine/stage.js';
import { declaredOutput, PLACEHOLDER, type CommandParameters } from './parameters.js';

export type CommandInputs = Readonly<Record<string, ArtifactReader | readonly LabelledArtifact[] | undefined>>;

export interface Handover {
  readonly argv: readonly string[];
  readonly env: Record<string, string>;
  /** output → folder */
  readonly outputs: ReadonlyMap<string, string>;
  /** where the command may leave numbers for the table of runs */
  readonly metrics: string;
  /** real path of the bytes of an input → its file: an output may be a link to one */
  readonly handed: ReadonlyMap<string, ArtifactFile>;
}

/** Passed on as they are: where programs and libraries are, and who the user is. None of them is in a key. */
const PASSED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'VIRTUAL_ENV', 'CONDA_PREFIX', 'CUDA_VISIBLE_DEVICES', 'SSL_CERT_FILE', 'SSL_CERT_DIR'] as const;
/** The same for everybody, so that a result does not depend on the settings of one account, and a run leaves nothing among the code. */
const FIXED: Readonly<Record<string, string>> = { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TZ: 'UTC', PYTHONHASHSEED: '0', PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' };
const THREADS = ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'NUMEXPR_NUM_THREADS', 'VECLIB_MAXIMUM_THREADS'] as const;
/** Longer values stand in the JSON file only: systems limit the environment. */
const LONGEST_VARIABLE = 4096;

export function handOver(params: CommandParameters, inputs: CommandInputs, folder: string, cpus: number, outer: NodeJS.ProcessEnv): Handover {
  const at = (...parts: string[]): string => join(folder, ...parts);
  const handed = new Map<string, ArtifactFile>();
  const described: Record<string, JsonValue> = {};
  const inputFolders = new Map<string, string>();
  for (const [port, input] of Object.entries(inputs)) {
    if (input === undefined) continue;
    const place = at('inputs', port);
    mkdirSync(place, { recursive: true });
    inputFolders.set(port, place);
    if (!isMany(input)) {
      described[port] = describeArtifact(input, link(input, place, handed));
      continue;
    }
    described[port] = input.map(({ labels, artifact }, i) => ({ labels, ...describeArtifact(artifact, link(artifact, join(place, String(i)), handed)) }));
  }
  const outputs = new Map(Object.keys(params.outputs).map((port) => [port, at('outputs', port)]));
  for (const path of [...outputs.values(), at('tmp')]) mkdirSync(path, { recursive: true });
  const metrics = at('metrics.json');
  const outputTypes = Object.fromEntries([...outputs].map(([port, path]) => [port, { folder: path, type: declaredOutput(params.outputs[port] as string).type }]));
  writeFileSync(at('job.json'), `${JSON.stringify({ inputs: described, outputs: outputTypes, values: params.values, cpus, metrics, tmp: at('tmp') }, null, 1)}\n`);

  const fill = (text: string): string => text.replaceAll(PLACEHOLDER, (whole, kind: string | undefined, name: string, word: string | undefined) => {
    if (word !== undefined) return word === 'cpus' ? String(cpus) : at(word === 'job' ? 'job.json' : word);
    const path = (kind === 'inputs' ? inputFolders : outputs).get(name);
    if (path !== undefined) return path;
    throw new PipelineError('E_UNKNOWN_REFERENCE', `"${whole}" names no input of this stage`, { facts: { expected: [...inputFolders.keys()].join(', ') || 'no inputs', found: name }, hint: 'correct the name in argv or env, or connect the input' });
  });
  const env: Record<string, string> = {};
  for (const name of PASSED) if (outer[name] !== undefined) env[name] = outer[name];
  Object.assign(env, FIXED, Object.fromEntries(THREADS.map((name) => [name, String(cpus)])), { TMPDIR: at('tmp'), PIPELINE_JOB: at('job.json'), PIPELINE_METRICS: metrics });
  for (const [port, path] of inputFolders) env[`PIPELINE_INPUT_${port}`] = path;
  for (const [port, path] of outputs) env[`PIPELINE_OUTPUT_${port}`] = path;
  for (const [name, value] of Object.entries(params.values)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (text.length <= LONGEST_VARIABLE && !text.includes('\0')) env[`PIPELINE_VALUE_${name}`] = text;
  }
  for (const name of params.secrets) if (outer[name] !== undefined) env[name] = outer[name];
  for (const [name, value] of Object.entries(params.env)) {
    if (value === null) delete env[name]; // unset, which is not the same as empty
    else env[name] = fill(String(value));
  }
  return { argv: params.argv.map(fill), env, outputs, metrics, handed };
}

function isMany(input: ArtifactReader | readonly LabelledArtifact[]): input is readonly LabelledArtifact[] {
  return Array.isArray(input);
}

/** A link for each file under its logical name; returns the folder. */
function link(artifact: ArtifactReader, folder: string, handed: Map<string, ArtifactFile>): string {
  for (const file of artifact.files) {
    const place = join(folder, file.name);
    mkdirSync(dirname(place), { recursive: true });
    if (file.inline !== undefined) {
      writeFileSync(place, Buffer.from(file.inline, 'base64'), { mode: 0o444 });
      handed.set(realpathSync(place), file);
      continue;
    }
    const path = artifact.path(file.name);
    symlinkSync(path, place);
    handed.set(realpathSync(path), file);
  }
  return folder;
}

function describeArtifact({ type, digest, files }: ArtifactReader, folder: string): { [name: string]: JsonValue } {
  return { folder, type, digest, files: files.map(({ name }) => name) };
}
