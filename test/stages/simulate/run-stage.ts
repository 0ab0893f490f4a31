/** Runs one stage in a temporary folder with a context that keeps real files: what the engine hands a stage, without keys and without a store. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { ArtifactFile, ArtifactReader, ArtifactWriter, MemoEntry, StageContext, StageDefinition } from '../../../src/engine/stage.js';
import { digestOf } from '../../../src/core/digest.js';
import { Random } from '../../../src/core/random.js';
import type { Digest } from '../../../src/core/digest.js';
import type { JsonValue } from '../../../src/core/json.js';
import type { Services } from '../../../src/core/tensor-service.js';

export interface StageRun {
  readonly reader: (output: string) => ArtifactReader;
  readonly folder: (output: string) => string;
  /** structs whose values were produced, not restored, in this run */
  readonly produced: readonly JsonValue[];
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * @param memoFolder shared by runs that should see each other's memo entries
 * @param inputs artifacts by port
 * @param externals outside files by name
 */
export async function runStage(definition: StageDefinition, given: object, folder: string, memoFolder: string, services: Partial<Services>, signal = new AbortController().signal, inputs: Readonly<Record<string, ArtifactReader>> = {}, externals: ReadonlyMap<string, string> = new Map()): Promise<StageRun> {
  const defaults: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(definition.params.properties)) if ('default' in schema) defaults[name] = schema['default'];
  const adopted = new Map<string, string>();
  for (const input of Object.values(inputs)) for (const file of input.files) adopted.set(file.digest, input.path(file.name));
  const produced: JsonValue[] = [];
  const metrics: Record<string, number> = {};
  const writer = (root: string): ArtifactWriter => ({
    path: (name) => {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      return join(root, name);
    },
    write: (name, content) => {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), content);
    },
    json: (name, value) => {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), JSON.stringify(value));
    },
    adopt: (name, file) => {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      copyFileSync(adopted.get(file.digest) as string, join(root, name));
    },
    external: () => undefined,
    restrict: () => undefined,
    seal: () => digestOf(root),
  });
  const entry = (root: string, restored: boolean): MemoEntry => {
    const files = filesIn(root);
    for (const file of files) adopted.set(file.digest, join(root, file.name));
    const find = (name: string): ArtifactFile => files.find((file) => file.name === name) as ArtifactFile;
    return { files, restored, file: find, path: (name) => join(root, name) };
  };
  const context = {
    params: { ...defaults, ...given },
    inputs,
    outputs: Object.fromEntries(Object.keys(definition.outputs).map((name) => [name, writer(join(folder, name))])),
    externals,
    get random(): Random {
      return new Random('test');
    },
    services,
    resources: definition.resources,
    progress: () => undefined,
    log: () => undefined,
    warn: () => undefined,
    metric: (name: string, value: number) => { metrics[name] = value; },
    signal,
    checkpoint: join(folder, 'checkpoint'),
    memo: async (struct: JsonValue, produce: (into: ArtifactWriter) => Promise<void>): Promise<MemoEntry> => {
      const root = join(memoFolder, digestOf(JSON.stringify(struct)));
      if (existsSync(join(root, '.done'))) return entry(root, true);
      mkdirSync(root, { recursive: true });
      await produce(writer(root));
      writeFileSync(join(root, '.done'), '');
      produced.push(struct);
      return entry(root, false);
    },
  };
  await definition.run(context as unknown as StageContext as never);
  const where = (output: string): string => join(folder, output);
  return {
    produced, metrics, folder: where,
    reader: (output) => folderReader(where(output), definition.outputs[output]?.type),
  };
}

/** A folder as an artifact. */
export function folderReader(root: string, type = ''): ArtifactReader {
  const files = filesIn(root);
  return {
    type, digest: '' as Digest, restricted: false, files,
    has: (name) => files.some((file) => file.name === name),
    file: (name) => files.find((file) => file.name === name) as ArtifactFile,
    path: (name) => join(root, name),
    text: (name) => readFileSync(join(root, name), 'utf8'),
    json: (name) => JSON.parse(readFileSync(join(root, name), 'utf8')) as never,
  };
}

function filesIn(root: string): ArtifactFile[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile() && item.name !== '.done')
    .map((item) => join(item.parentPath, item.name))
    .map((path) => ({ name: relative(root, path), digest: digestOf(readFileSync(path)), size: statSync(path).size }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
