/**
 * Typed edges between stages of the file: what `inputs:` of a stage connects. An edge joins an output and a port of the same artifact type.
 * Everything wrong is reported with what would fit. Conditions (`when:`) and coordinates play no part here.
 */
import type { Diagnostics } from './diagnostics.js';
import type { StageEntry } from './pipeline-file.js';
import type { Producer, StageReference } from './stage-reference.js';
import { ANY_ARTIFACT } from './own-ports.js';
import type { InputPort, StageManifest } from './stage.js';
import { nearest, suggestion } from './suggest.js';

/** One stage at the other end of an input. */
export interface Source {
  readonly reference: StageReference;
  readonly output: string;
}

/** A port and what it is connected to: one source, or at a port that takes many any number of them. */
export interface Connection {
  readonly port: string;
  readonly many: boolean;
  readonly sources: readonly Source[];
}

/** Checks the ports of one stage and gives its connections. A source that is wrong is absent and reported. */
export function connectPorts(
  entry: StageEntry,
  manifest: StageManifest,
  references: ReadonlyMap<string, readonly StageReference[]>,
  stages: ReadonlyMap<string, Producer>,
  diagnostics: Diagnostics,
): readonly Connection[] {
  const connections: Connection[] = [];
  const misspelt = new Set<string>();
  for (const input of entry.inputs.values()) {
    const port = portOf(manifest, input.key);
    if (port === undefined) {
      const guess = nearest(input.key, Object.keys(manifest.inputs));
      if (guess !== undefined) misspelt.add(guess);
      diagnostics.error('E_UNKNOWN_INPUT', `"${input.key}" is not an input of stage type "${manifest.type}"`, {
        facts: { stage: entry.name },
        hint: suggestion(input.key, Object.keys(manifest.inputs), 'remove it: this stage takes no input'),
        span: input.keySpan,
      });
      continue;
    }
    const sources = (references.get(input.key) ?? []).flatMap((reference) => {
      const output = chooseOutput(entry.name, input.key, port, reference, stages, diagnostics);
      return output === undefined ? [] : [{ reference, output }];
    });
    if (sources.length > 0) connections.push({ port: input.key, many: port.many === true, sources });
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
  return connections;
}

export function portOf(manifest: StageManifest, name: string): InputPort | undefined {
  return Object.hasOwn(manifest.inputs, name) ? manifest.inputs[name] : undefined;
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
  const candidates = outputs.filter(([name, output]) => (output.type === port.type || port.type === ANY_ARTIFACT) && (reference.output === undefined || reference.output === name));
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
