/**
 * Typed edges: what `inputs:` of a stage connects. A reference names a stage, or one output of it; an edge joins an output and a port of the
 * same artifact type. Everything wrong is reported with what would fit. Conditions (`when:`) play no part here.
 */
import type { SourceSpan } from '../core/source-span.js';
import type { Diagnostics } from './diagnostics.js';
import type { StageEntry } from './pipeline-file.js';
import type { InputBinding } from './plan.js';
import { describeNode, spanWithin } from './source-node.js';
import type { MapEntry } from './source-node.js';
import type { InputPort, StageManifest } from './stage.js';
import { nearest, suggestion } from './suggest.js';

export interface Producer {
  readonly entry: StageEntry;
  /** undefined when its type is unknown, which is reported elsewhere */
  readonly manifest: StageManifest | undefined;
}
export interface StageReference {
  readonly stage: string;
  readonly output: string | undefined;
  readonly span: SourceSpan;
}

export const REFERENCE_PATTERN = '^\\$\\{\\s*stages\\.([A-Za-z][A-Za-z0-9_-]*)(?:\\.([A-Za-z_][A-Za-z0-9_]*))?\\s*\\}$';
const REFERENCE = new RegExp(REFERENCE_PATTERN);

/** The reference that an input holds; undefined (reported) when it holds something else. */
export function readReference(stage: string, input: MapEntry, stages: ReadonlyMap<string, Producer>, diagnostics: Diagnostics): StageReference | undefined {
  const node = input.value;
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
  const found = text === undefined ? null : REFERENCE.exec(text);
  if (node.kind !== 'scalar' || text === undefined || found === null) {
    const bare = text?.trim().split('.', 1)[0] ?? '';
    const likely = stages.has(bare) ? `\${stages.${text?.trim() as string}}` : '${stages.NAME}';
    diagnostics.error('E_WRONG_TYPE', `input "${input.key}" of stage "${stage}" is not a reference to a stage`, {
      facts: { expected: '${stages.NAME} or ${stages.NAME.OUTPUT}', found: describeNode(node) },
      hint: node.kind === 'list' ? 'this port takes one artifact: give one reference' : `write "${likely}"`,
      span: node.span,
    });
    return undefined;
  }
  const name = found[1] as string;
  const span = spanWithin(node, 0, text.length);
  if (stages.has(name)) return { stage: name, output: found[2], span };
  diagnostics.error('E_UNKNOWN_REFERENCE', `stage "${name}" is not in the pipeline`, {
    hint: suggestion(name, [...stages.keys()].filter((other) => other !== stage), 'check the name of the stage'),
    span: spanWithin(node, text.indexOf(name, text.indexOf('stages.') + 'stages.'.length), name.length),
  });
  return undefined;
}

/** Checks the ports of one stage and gives its edges. A port whose edge is wrong is absent and reported. */
export function bindInputs(
  consumer: { readonly entry: StageEntry; readonly manifest: StageManifest },
  references: ReadonlyMap<string, StageReference>,
  stages: ReadonlyMap<string, Producer>,
  diagnostics: Diagnostics,
): Readonly<Record<string, readonly InputBinding[]>> {
  const { entry, manifest } = consumer;
  const bindings: Record<string, readonly InputBinding[]> = {};
  const misspelt = new Set<string>();
  for (const input of entry.inputs.values()) {
    const port = Object.hasOwn(manifest.inputs, input.key) ? manifest.inputs[input.key] : undefined;
    const reference = references.get(input.key);
    if (port === undefined) {
      const guess = nearest(input.key, Object.keys(manifest.inputs));
      if (guess !== undefined) misspelt.add(guess);
      diagnostics.error('E_UNKNOWN_INPUT', `"${input.key}" is not an input of stage type "${manifest.type}"`, {
        facts: { stage: entry.name },
        hint: suggestion(input.key, Object.keys(manifest.inputs), 'remove it: this stage takes no input'),
        span: input.keySpan,
      });
    } else if (reference !== undefined) {
      const output = chooseOutput(entry.name, input.key, port, reference, stages, diagnostics);
      if (output !== undefined) bindings[input.key] = [{ stage: reference.stage, output, span: reference.span }];
    }
  }
  for (const [name, port] of Object.entries(manifest.inputs)) {
    // a misspelt port is one mistake, not two
    if (port.optional === true || entry.inputs.has(name) || misspelt.has(name)) continue;
    const fitting = fittingOutputs(port.type, entry.name, stages);
    diagnostics.error('E_MISSING_INPUT', `input "${name}" of stage "${entry.name}" is not connected`, {
      facts: { expected: `${port.type}: ${port.description}` },
      hint: fitting.length > 0 ? `add under inputs: ${name}: ${fitting[0] as string}` : `add a stage that makes ${port.type}, and connect it under inputs: as ${name}`,
      span: entry.span,
    });
  }
  return bindings;
}

function chooseOutput(stage: string, portName: string, port: InputPort, reference: StageReference, stages: ReadonlyMap<string, Producer>, diagnostics: Diagnostics): string | undefined {
  const producer = stages.get(reference.stage)?.manifest;
  if (producer === undefined) return undefined;
  const outputs = Object.entries(producer.outputs);
  if (reference.output !== undefined && !Object.hasOwn(producer.outputs, reference.output)) {
    diagnostics.error('E_UNKNOWN_REFERENCE', `stage "${reference.stage}" has no output "${reference.output}"`, {
      facts: { type: producer.type },
      hint: suggestion(reference.output, outputs.map(([name]) => name), 'this stage has no outputs'),
      span: reference.span,
    });
    return undefined;
  }
  const candidates = outputs.filter(([name, output]) => output.type === port.type && (reference.output === undefined || reference.output === name));
  if (candidates.length === 1) return (candidates[0] as (typeof candidates)[0])[0];
  if (candidates.length > 1) {
    const names = candidates.map(([name]) => name);
    diagnostics.error('E_UNKNOWN_REFERENCE', `"\${stages.${reference.stage}}" does not say which output`, {
      facts: { expected: `one of ${names.join(', ')}`, found: reference.stage },
      hint: `write "\${stages.${reference.stage}.${names[0] as string}}"`,
      span: reference.span,
    });
    return undefined;
  }
  const meant = outputs.filter(([name]) => reference.output === undefined || reference.output === name);
  const fitting = fittingOutputs(port.type, stage, stages);
  diagnostics.error('E_INPUT_TYPE', `input "${portName}" of stage "${stage}" cannot take what "${reference.stage}" makes`, {
    facts: { expected: port.type, found: meant.map(([name, output]) => `${output.type} (output "${name}" of ${producer.type})`).join(', ') || 'no output' },
    hint: fitting.length > 0 ? `connect one of: ${fitting.join(', ')}` : `add a stage that makes ${port.type}`,
    span: reference.span,
  });
  return undefined;
}

const MOST_LISTED = 5;

/** References to every output in the pipeline that has the type, in the order of the file. */
function fittingOutputs(type: string, except: string, stages: ReadonlyMap<string, Producer>): string[] {
  const found: string[] = [];
  for (const [stage, { manifest }] of stages) {
    if (stage === except || manifest === undefined) continue;
    const outputs = Object.entries(manifest.outputs);
    const fitting = outputs.filter(([, output]) => output.type === type);
    for (const [name] of fitting) found.push(fitting.length === 1 ? `\${stages.${stage}}` : `\${stages.${stage}.${name}}`);
    if (found.length >= MOST_LISTED) break;
  }
  return found.slice(0, MOST_LISTED);
}
