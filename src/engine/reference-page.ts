/**
 * The reference page of stage types (docs/stages.md of this program, or that of a project's own types), made from their manifests and never written by hand.
 * Pure: the same manifests give the same text.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import { isObject, schemaOf } from './schema-words.js';
import type { InputPort, OutputPort, StageManifest } from './stage.js';

export interface PageWords {
  readonly title: string;
  /** where the page comes from, for who is about to edit it */
  readonly origin: string;
  /** of the page on pipeline files, as a link from this one */
  readonly pipelineFilePage: string;
}

export const BUILT_IN_PAGE: PageWords = {
  title: 'Stage types',
  origin: 'This page is generated from the stage definitions by the build. Do not edit it.',
  pipelineFilePage: 'pipeline-file.md',
};

export function referencePage(manifests: Iterable<StageManifest>, { title, origin, pipelineFilePage }: PageWords): string {
  const sorted = [...manifests].sort((a, b) => (a.type < b.type ? -1 : 1));
  const parts = [
    `# ${title}`,
    origin,
    `A stage is an entry under \`stages:\` of a pipeline file; its \`type\` is one of these. Inputs are references such as \`\${stages.voxels}\`; an edge joins an output and an input of the same artifact type. An input marked *many* (\`Scores…\`) takes any number of artifacts: one reference, a list, or a map of names to references ([pipeline-file.md](${pipelineFilePage}#many-at-once)).`,
    table(['type', 'what it does', 'inputs', 'outputs'], sorted.map((one) => [`[\`${one.type}\`](#${anchor(one.type)})`, one.summary, inputTypes(one), outputTypes(one)])),
    ...sorted.map(section),
  ];
  return `${parts.join('\n\n')}\n`;
}

function section(manifest: StageManifest): string {
  const { type, version, summary, description, params, inputs, outputs, needs, random, runs, resources, ownPorts } = manifest;
  const parts = [`## ${type}`, summary];
  if (description !== undefined) parts.push(description.trim());
  parts.push('### Inputs', ownPorts === true ? 'Any, of any artifact type; an input that is a list or a map takes many.' : inputTable(inputs));
  parts.push('### Outputs', ownPorts === true ? 'Those that its parameter `outputs` declares.' : outputTable(outputs));
  parts.push('### Parameters', parameters(params));
  const facts = [
    `version ${version}`,
    random ? 'draws random numbers: its key holds the seed' : 'draws no random numbers',
    needs.length > 0 ? `needs the service${needs.length > 1 ? 's' : ''} ${needs.map(code).join(', ')}` : 'needs no service',
    RUNS[runs],
    `asks for ${resources.cpus} ${resources.cpus === 1 ? 'core' : 'cores'} and ${resources.memoryMb} MB by default`,
  ];
  parts.push('### Running', `${facts.join('; ')}.`);
  return parts.join('\n\n');
}

const RUNS: Readonly<Record<StageManifest['runs'], string>> = { worker: 'runs in a worker process', inline: 'runs inside the engine', program: 'runs as a program of its own' };

function inputTable(inputs: Readonly<Record<string, InputPort>>): string {
  const entries = Object.entries(inputs);
  if (entries.length === 0) return 'It has no inputs.';
  return table(['input', 'artifact', '', 'meaning'], entries.map(([name, port]) => [code(name), code(port.type), `${port.optional === true ? 'optional' : 'required'}${port.many === true ? ', many' : ''}`, port.description]));
}

function outputTable(outputs: Readonly<Record<string, OutputPort>>): string {
  return table(['output', 'artifact', 'meaning', 'published files'], Object.entries(outputs).map(([name, port]) => [code(name), code(port.type), port.description, (port.publish ?? []).map(code).join(', ') || 'none']));
}

function parameters(schema: JsonObject): string {
  const rows: string[][] = [];
  collect(schema, '', rows);
  if (rows.length === 0) return 'It has no parameters.';
  return table(['parameter', 'type', 'range', 'default', 'meaning'], rows);
}

function collect(schema: JsonObject, prefix: string, rows: string[][]): void {
  const required = new Set((schema['required'] ?? []) as readonly string[]);
  for (const [name, child] of Object.entries(schemaOf(schema['properties']))) {
    const property = schemaOf(child);
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const fallback = property['default'] !== undefined ? code(JSON.stringify(property['default'])) : required.has(name) ? 'required' : 'none';
    rows.push([code(path), typeText(property), rangeText(property), fallback, textOf(property['description'])]);
    if (property['type'] === 'object' && property['properties'] !== undefined) collect(property, path, rows);
  }
}

function typeText(property: JsonObject): string {
  if (property['x-external'] !== undefined) return `path of a ${textOf(property['x-external'])}`;
  if (property['const'] !== undefined) return code(JSON.stringify(property['const']));
  if (Array.isArray(property['enum'])) return property['enum'].map((value: JsonValue) => code(JSON.stringify(value))).join(', ');
  const choices = property['anyOf'] ?? property['oneOf'];
  if (Array.isArray(choices)) return choices.map((choice: JsonValue) => typeText(schemaOf(choice))).join(' or ');
  if (property['type'] === 'array') return `list of ${isObject(property['items']) ? typeText(property['items']) : 'anything'}`;
  return String(property['type'] ?? 'any');
}

function rangeText(property: JsonObject): string {
  const parts: string[] = [];
  const add = (field: string, text: (value: string) => string): void => {
    if (property[field] !== undefined) parts.push(text(String(property[field])));
  };
  add('minimum', (value) => `≥ ${value}`);
  add('exclusiveMinimum', (value) => `> ${value}`);
  add('maximum', (value) => `≤ ${value}`);
  add('exclusiveMaximum', (value) => `< ${value}`);
  add('multipleOf', (value) => `multiple of ${value}`);
  add('minItems', (value) => `at least ${value} items`);
  add('maxItems', (value) => `at most ${value} items`);
  add('minLength', (value) => `at least ${value} characters`);
  add('pattern', (value) => `matches ${code(value)}`);
  return parts.join(', ');
}

function inputTypes({ inputs, ownPorts }: StageManifest): string {
  if (ownPorts === true) return 'any';
  return Object.values(inputs).map(({ type, optional, many }) => `${type}${many === true ? '…' : ''}${optional === true ? '?' : ''}`).join(', ') || 'none';
}

function outputTypes({ outputs, ownPorts }: StageManifest): string {
  return ownPorts === true ? 'as declared' : Object.values(outputs).map(({ type }) => type).join(', ') || 'none';
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function anchor(type: string): string {
  return type.toLowerCase().replace(/[^a-z0-9 _-]/g, '').replace(/ /g, '-');
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replace(/\|/g, '\\|').replace(/\n+/g, ' ')).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}
