/**
 * A run as a Workflow Run RO-Crate: the metadata document (JSON-LD) of RO-Crate 1.1 with the profiles Process Run, Workflow Run and Provenance
 * Run Crate 0.5. Pure: what is described as lying in the crate is listed for whoever copies it. Restricted artifacts are described by type, digest
 * and size and are not among the files.
 * Source: https://w3id.org/ro/crate/1.1, https://w3id.org/ro/wfrun/provenance/0.5
 */
import { basename } from 'node:path';
import type { JsonObject, JsonValue } from '../../core/json.js';
import type { StageOutcome } from '../../engine/run-record.js';
import type { ExportedFile, ExportedRun, ExportedStage } from './exported-run.js';

export interface CrateOptions {
  /** URL or SPDX name of the licence under which the crate is given away; only its author can say it */
  readonly license: string | undefined;
  /** who made the run: a name, and if known an address that stands for the person, such as an ORCID */
  readonly author?: { readonly name: string; readonly id?: string };
  readonly version: string;
  /** also the files that may not be redistributed */
  readonly withRestricted: boolean;
}

export interface Crate {
  readonly metadata: JsonObject;
  readonly files: readonly ExportedFile[];
}

const PROFILES = [
  ['https://w3id.org/ro/wfrun/process/0.5', 'Process Run Crate', '0.5'],
  ['https://w3id.org/ro/wfrun/workflow/0.5', 'Workflow Run Crate', '0.5'],
  ['https://w3id.org/ro/wfrun/provenance/0.5', 'Provenance Run Crate', '0.5'],
  ['https://w3id.org/workflowhub/workflow-ro-crate/1.0', 'Workflow RO-Crate', '1.0'],
] as const;
/** where the package is described */
const ENGINE_URL = 'https://www.npmjs.com/package/pipeline-encoding';
const CONTEXT = ['https://w3id.org/ro/crate/1.1/context', 'https://w3id.org/ro/terms/workflow-run/context'];
const MEDIA_TYPES: Readonly<Record<string, string>> = { png: 'image/png', jpg: 'image/jpeg', svg: 'image/svg+xml', csv: 'text/csv', json: 'application/json', html: 'text/html', h5: 'application/x-hdf5', npy: 'application/octet-stream', txt: 'text/plain', yaml: 'application/yaml' };

type Entity = JsonObject & { readonly '@id': string };
const ref = (id: string): JsonObject => ({ '@id': id });
/** One reference stands alone, several in a list, as the specification asks. */
const oneOrMany = (values: readonly JsonValue[]): JsonValue => (values.length === 1 ? (values[0] as JsonValue) : values);
const refs = (entities: readonly Pick<Entity, '@id'>[]): JsonValue => oneOrMany(entities.map((entity) => ref(entity['@id'])));

export function roCrate(run: ExportedRun, options: CrateOptions): Crate {
  return new Writer(run, options).crate();
}

class Writer {
  readonly #entities = new Map<string, Entity>();
  readonly #run: ExportedRun;
  readonly #options: CrateOptions;
  readonly #workflow: string;

  constructor(run: ExportedRun, options: CrateOptions) {
    this.#run = run;
    this.#options = options;
    this.#workflow = basename(run.record.file);
  }

  crate(): Crate {
    const { record, stages } = this.#run;
    const files = stages.flatMap((stage) => stage.files).filter(({ restricted }) => !restricted || this.#options.withRestricted);
    const profiles = PROFILES.map(([id, name, version]) => this.#add({ '@id': id, '@type': 'CreativeWork', name, version }));
    const copied = new Map(files.map((file) => [`${file.stage} ${file.output} ${file.file.name}`, this.#file(file)]));
    const parameters = Object.entries(record.params).map(([name, value]) => this.#parameter(name, value));
    const workflow = this.#workflowEntity(parameters, [...copied.values()]);
    const done = stages.filter(({ outcome }) => outcome.word === 'ran' || outcome.word === 'restored' || outcome.word === 'failed');
    const actions = done.map((stage) => this.#stageAction(stage, copied));
    const whole = this.#runAction(workflow, parameters, [...copied.values()]);
    this.#add({
      '@id': '#orchestration', '@type': 'OrganizeAction', name: `execution of ${record.pipeline} by pipeline`,
      instrument: ref(this.#engine()['@id']), object: refs(done.map(({ outcome }) => this.#control(outcome))), result: ref(whole['@id']),
      ...this.#times(), ...this.#agent(),
    });
    const report = refs([workflow, ...copied.values()]);
    const root: Entity = {
      '@id': './', '@type': 'Dataset', name: `Run ${record.id} of ${record.pipeline}`,
      description: record.description ?? `What one execution of the pipeline ${record.pipeline} was given and what it made.`,
      datePublished: this.#endedAt(), license: this.#license(), conformsTo: refs(profiles), mainEntity: ref(workflow['@id']), hasPart: report,
      mentions: refs([...actions, whole, { '@id': '#orchestration' }]),
      ...this.#author(),
    };
    const descriptor: Entity = { '@id': 'ro-crate-metadata.json', '@type': 'CreativeWork', about: ref('./'), conformsTo: [ref('https://w3id.org/ro/crate/1.1'), ref('https://w3id.org/workflowhub/workflow-ro-crate/1.0')] };
    return { metadata: { '@context': CONTEXT, '@graph': [descriptor, root, ...this.#entities.values()] }, files };
  }

  #add(entity: Entity): Entity {
    if (!this.#entities.has(entity['@id'])) this.#entities.set(entity['@id'], entity);
    return entity;
  }

  #license(): JsonValue {
    const { license } = this.#options;
    if (license === undefined) return ref(this.#add({ '@id': '#no-licence', '@type': 'CreativeWork', name: 'no licence stated', description: 'Whoever made this crate has stated no licence.' })['@id']);
    const id = /^https?:/.test(license) ? license : `https://spdx.org/licenses/${license}`;
    this.#add({ '@id': id, '@type': 'CreativeWork', name: license, description: `The licence of this crate: ${license}` });
    return ref(id);
  }

  #author(): JsonObject {
    const { author } = this.#options;
    return author === undefined ? {} : { author: ref(this.#person(author)['@id']) };
  }

  #agent(): JsonObject {
    const { author } = this.#options;
    return author === undefined ? {} : { agent: ref(this.#person(author)['@id']) };
  }

  #person({ name, id }: NonNullable<CrateOptions['author']>): Entity {
    return this.#add({ '@id': id ?? '#author', '@type': 'Person', name });
  }

  #engine(): Entity {
    return this.#add({ '@id': '#pipeline', '@type': 'SoftwareApplication', name: 'pipeline', url: ENGINE_URL, softwareVersion: this.#run.record.software['pipeline'] ?? this.#options.version, softwareRequirements: Object.entries(this.#run.record.software).map(([name, version]) => `${name} ${version}`).join(', ') });
  }

  #workflowEntity(parameters: readonly Parameter[], files: readonly Entity[]): Entity {
    const { record, stages, text } = this.#run;
    const language = this.#add({ '@id': '#language', '@type': 'ComputerLanguage', name: 'pipeline YAML', alternateName: 'pipeline', url: 'https://yaml.org/spec/1.2.2/' });
    const tools = [...new Map(stages.map(({ outcome }) => [outcome.type, this.#tool(outcome)])).values()];
    return this.#add({
      '@id': this.#workflow, '@type': ['File', 'SoftwareSourceCode', 'ComputationalWorkflow', 'HowTo'], name: record.pipeline,
      ...(record.description === undefined ? {} : { description: record.description }),
      encodingFormat: 'application/yaml', url: ENGINE_URL, conformsTo: ref('https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE'), version: record.source.slice(0, 12), sha256: record.source, ...(text === undefined ? {} : { contentSize: String(Buffer.byteLength(text)) }),
      programmingLanguage: ref(language['@id']), license: this.#license(),
      input: refs(parameters.map(({ formal }) => formal)), output: refs(files.map((file) => this.#formalOutput(file))),
      hasPart: refs(tools), step: refs(stages.map(({ outcome }, position) => this.#step(outcome, position))),
    });
  }

  #formalOutput(file: Entity): Entity {
    return this.#add({ '@id': `#output/${file['@id']}`, '@type': 'FormalParameter', additionalType: 'File', name: file['@id'], conformsTo: ref('https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE') });
  }

  #parameter(name: string, value: JsonValue): Parameter {
    const additionalType = typeof value === 'number' ? (Number.isInteger(value) ? 'Integer' : 'Float') : typeof value === 'boolean' ? 'Boolean' : 'Text';
    const formal = this.#add({ '@id': `#param/${name}`, '@type': 'FormalParameter', additionalType, name, conformsTo: ref('https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE') });
    const actual = this.#add({ '@id': `#value/${name}`, '@type': 'PropertyValue', name, value: textOf(value), exampleOfWork: ref(formal['@id']) });
    return { formal, actual };
  }

  #tool({ type, version }: StageOutcome): Entity {
    return this.#add({ '@id': `#type/${type}`, '@type': 'SoftwareApplication', name: type, url: ENGINE_URL, softwareVersion: String(version), isPartOf: ref(this.#engine()['@id']) });
  }

  #step({ name, type }: StageOutcome, position: number): Entity {
    return this.#add({ '@id': `#step/${encodeURIComponent(name)}`, '@type': 'HowToStep', name, position: String(position), workExample: ref(`#type/${type}`) });
  }

  #control({ name }: StageOutcome): Entity {
    const id = encodeURIComponent(name);
    return this.#add({ '@id': `#control/${id}`, '@type': 'ControlAction', name: `orchestrate ${name}`, instrument: ref(`#step/${id}`), object: ref(`#action/${id}`) });
  }

  #runAction(workflow: Entity, parameters: readonly Parameter[], files: readonly Entity[]): Entity {
    const { record } = this.#run;
    const failed = record.outcome !== 'succeeded';
    const errors = record.stages.flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error.message}`]));
    return this.#add({
      '@id': '#run', '@type': 'CreateAction', name: `run ${record.id} of ${record.pipeline}`, description: `${record.outcome}, ${record.stages.length} stages`, instrument: ref(workflow['@id']), ...this.#times(),
      actionStatus: failed ? 'http://schema.org/FailedActionStatus' : 'http://schema.org/CompletedActionStatus',
      ...(failed ? { error: errors.length > 0 ? errors.join('; ') : `the run was ${record.outcome}` } : {}),
      object: refs(parameters.map(({ actual }) => actual)), result: refs(files), ...this.#agent(),
    });
  }

  #stageAction({ outcome, record: made }: ExportedStage, copied: ReadonlyMap<string, Entity>): Entity {
    const id = encodeURIComponent(outcome.name);
    const ended = made?.made.at;
    const began = ended === undefined ? undefined : timeText(Date.parse(ended) - (made?.made.durationMs ?? 0));
    const params = Object.entries(outcome.params).map(([name, value]) => this.#add({ '@id': `#value/${id}/${name}`, '@type': 'PropertyValue', name, value: textOf(value) }));
    const inputs = Object.values(outcome.inputs).flat().flatMap((from) => this.#artifactFrom(from));
    const outputs = Object.entries(outcome.outputs).map(([output, { type, digest, files, bytes, restricted }]) => {
      const parts = [...copied].filter(([name]) => name.startsWith(`${outcome.name} ${output} `)).map(([, entity]) => entity);
      return this.#add({
        '@id': `#artifact/${digest}`, '@type': 'CreativeWork', name: `${outcome.name}.${output}`, additionalType: type, identifier: `sha256:${digest}`,
        description: `${type}, ${files} files, ${bytes} bytes${restricted ? '; may not be redistributed and is not part of this crate' : ''}`,
        ...(parts.length === 0 ? {} : { hasPart: refs(parts) }),
      });
    });
    return this.#add({
      '@id': `#action/${id}`, '@type': 'CreateAction', name: outcome.name, instrument: ref(`#type/${outcome.type}`), description: `${outcome.word ?? ''}${outcome.key === undefined ? '' : `, key ${outcome.key}`}`,
      ...(began === undefined ? {} : { startTime: began }), ...(ended === undefined ? { endTime: this.#endedAt() } : { endTime: timeText(Date.parse(ended)) }),
      actionStatus: outcome.word === 'failed' ? 'http://schema.org/FailedActionStatus' : 'http://schema.org/CompletedActionStatus',
      ...(outcome.error === undefined ? {} : { error: `${outcome.error.code}: ${outcome.error.message}` }),
      object: refs([...params, ...inputs]), result: refs(outputs), ...this.#agent(),
    });
  }

  /** `stage.output` → the artifact, if that stage made it in this run */
  #artifactFrom(from: string): Entity[] {
    const dot = from.lastIndexOf('.');
    const summary = this.#run.record.stages.find(({ name }) => name === from.slice(0, dot))?.outputs[from.slice(dot + 1)];
    if (summary === undefined) return [];
    return [{ '@id': `#artifact/${summary.digest}` }];
  }

  #file({ path, file }: ExportedFile): Entity {
    const extension = file.name.split('.').at(-1)?.toLowerCase() ?? '';
    const id = path.split('/').map(encodeURIComponent).join('/');
    return this.#add({ '@id': id, '@type': 'File', name: file.name, exampleOfWork: ref(`#output/${id}`), contentSize: String(file.size), sha256: file.digest, encodingFormat: MEDIA_TYPES[extension] ?? 'application/octet-stream' });
  }

  #times(): JsonObject {
    return { startTime: timeText(Date.parse(this.#run.record.startedAt)), endTime: this.#endedAt() };
  }

  #endedAt(): string {
    const { startedAt, durationMs } = this.#run.record;
    return timeText(Date.parse(startedAt) + durationMs);
  }
}

interface Parameter {
  readonly formal: Entity;
  readonly actual: Entity;
}

/** ISO 8601 to the second, with its zone: what validators of crates accept. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, '+00:00');
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
