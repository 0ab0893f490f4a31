/**
 * Ports that stand in the stage itself, for types whose manifest says `ownPorts`: `inputs:` may have any names and take artifacts of any type, and
 * `params.outputs` says what the stage makes. They have to be written out: edges are checked before any value is resolved. Knows no stage type;
 * whether the rest of `params.outputs` is right is the matter of the type's schema.
 */
import type { Diagnostics } from './diagnostics.js';
import { PARAM_NAME_PATTERN } from './pipeline-file.js';
import type { StageEntry } from './pipeline-file.js';
import { describeNode, FORBIDDEN_NAMES } from './source-node.js';
import type { SourceNode } from './source-node.js';
import type { InputPort, OutputPort, StageManifest } from './stage.js';

/** Type of a port that takes artifacts of every type. */
export const ANY_ARTIFACT = '*';
const OUTPUTS = 'outputs';

/** The manifest with the ports of this stage; every other manifest as it is. */
export function withOwnPorts(entry: StageEntry, manifest: StageManifest | undefined, diagnostics: Diagnostics): StageManifest | undefined {
  if (manifest?.ownPorts !== true) return manifest;
  return { ...manifest, inputs: inputsOf(entry, diagnostics), outputs: outputsOf(entry, diagnostics) };
}

function inputsOf(entry: StageEntry, diagnostics: Diagnostics): Record<string, InputPort> {
  const inputs: Record<string, InputPort> = {};
  for (const { key, keySpan, value } of entry.inputs.values()) {
    if (!isPortName(key)) {
      diagnostics.error('E_BAD_NAME', `"${key}" cannot be the name of an input`, { facts: { stage: entry.name, expected: 'a letter or _, then letters, digits and _' }, hint: 'choose another name', span: keySpan });
      continue;
    }
    inputs[key] = { type: ANY_ARTIFACT, description: 'an artifact of any type', ...(value.kind === 'scalar' ? {} : { many: true }) };
  }
  return inputs;
}

function outputsOf(entry: StageEntry, diagnostics: Diagnostics): Record<string, OutputPort> {
  const outputs: Record<string, OutputPort> = {};
  const node = entry.params.get(OUTPUTS)?.value;
  if (node?.kind !== 'map') {
    if (node !== undefined && isExpression(node)) notWrittenOut(entry, OUTPUTS, node, diagnostics);
    return outputs; // missing or another value: the schema of the type says so
  }
  for (const { key, keySpan, value } of node.entries.values()) {
    if (!isPortName(key)) {
      diagnostics.error('E_BAD_NAME', `"${key}" cannot be the name of an output`, { facts: { stage: entry.name, expected: 'a letter or _, then letters, digits and _' }, hint: 'choose another name', span: keySpan });
      continue;
    }
    const type = value.kind === 'map' ? value.entries.get('type')?.value : value;
    if (type === undefined || type.kind !== 'scalar' || typeof type.value !== 'string') continue;
    if (isExpression(type)) notWrittenOut(entry, `${OUTPUTS}.${key}`, type, diagnostics);
    else outputs[key] = { type: type.value, description: textOf(value, 'description') ?? '', ...publishOf(entry, key, value, diagnostics) };
  }
  return outputs;
}

function isPortName(name: string): boolean {
  return new RegExp(PARAM_NAME_PATTERN).test(name) && !FORBIDDEN_NAMES.has(name);
}

function textOf(node: SourceNode, field: string): string | undefined {
  const value = node.kind === 'map' ? node.entries.get(field)?.value : undefined;
  return value?.kind === 'scalar' && typeof value.value === 'string' ? value.value : undefined;
}

function publishOf(entry: StageEntry, output: string, node: SourceNode, diagnostics: Diagnostics): Pick<OutputPort, 'publish'> {
  const list = node.kind === 'map' ? node.entries.get('publish')?.value : undefined;
  if (list === undefined) return {};
  const items = list.kind === 'list' ? list.items : [];
  for (const item of [list, ...items]) if (isExpression(item)) notWrittenOut(entry, `${OUTPUTS}.${output}.publish`, item, diagnostics);
  return { publish: items.flatMap((item) => (item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : [])) };
}

function isExpression(node: SourceNode): boolean {
  return node.kind === 'scalar' && typeof node.value === 'string' && node.value.includes('${');
}

function notWrittenOut(entry: StageEntry, what: string, node: SourceNode, diagnostics: Diagnostics): void {
  diagnostics.error('E_WRONG_TYPE', `"${what}" of stage "${entry.name}" is not written out`, {
    facts: { expected: 'the ports as they are: edges are checked before values are known', found: describeNode(node) },
    hint: 'write the outputs into the stage; use ${…} in argv, env and values',
    span: node.span,
  });
}
