/**
 * What stands under `inputs:`: one reference to a stage, or, for ports that take many, a list or a map of them. A reference names a stage, an
 * output of it if there is a choice, and some of its coordinates: `${stages.voxels[sessions=40].voxels}`. Which artifact types fit and which
 * instances are meant is asked elsewhere.
 */
import { PipelineError } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import type { Diagnostics } from './diagnostics.js';
import type { StageEntry } from './pipeline-file.js';
import { parseSelection } from './selection.js';
import type { SelectedAxis } from './selection.js';
import { describeNode, spanWithin } from './source-node.js';
import type { MapEntry, ScalarNode, SourceNode } from './source-node.js';
import type { StageManifest } from './stage.js';
import { suggestion } from './suggest.js';

export interface Producer {
  readonly entry: StageEntry;
  /** undefined when its type is unknown, which is reported elsewhere */
  readonly manifest: StageManifest | undefined;
}

export interface StageReference {
  readonly stage: string;
  readonly output: string | undefined;
  readonly selection: readonly SelectedAxis[];
  /** its key, where references stand in a map */
  readonly label: string | undefined;
  readonly span: SourceSpan;
  /** place of a part of its text */
  place(at: number, length: number): SourceSpan;
}

/** For editors: what is in the brackets is checked by the engine. */
export const REFERENCE_PATTERN = '^\\$\\{\\s*stages\\.([A-Za-z][A-Za-z0-9_-]*)(?:\\[.*\\])?(?:\\.([A-Za-z_][A-Za-z0-9_]*))?\\s*\\}$';
const HEAD = /^\$\{\s*stages\.([A-Za-z][A-Za-z0-9_-]*)/;
/** `.output[axis=value]}`: brackets at the wrong end */
const TURNED = /\.([A-Za-z_][A-Za-z0-9_]*)\s*(\[.*\])\s*\}$/y;
const TAIL = /(?:\.([A-Za-z_][A-Za-z0-9_]*))?\s*\}$/y;

/** The references of one input; those that are wrong are reported and left out. `many`: undefined where the port is not known. */
export function readReferences(stage: string, input: MapEntry, many: boolean | undefined, stages: ReadonlyMap<string, Producer>, diagnostics: Diagnostics): StageReference[] {
  const node = input.value;
  const what = `input "${input.key}" of stage "${stage}"`;
  const read = (each: SourceNode, label?: string): StageReference[] => readReference(each, label, stage, what, stages, diagnostics) ?? [];
  if (node.kind === 'scalar') return read(node);
  if (many === false) {
    diagnostics.error('E_WRONG_TYPE', `${what} is not a reference to a stage`, {
      facts: { expected: '${stages.NAME} or ${stages.NAME.OUTPUT}', found: describeNode(node) },
      hint: 'this port takes one artifact: give one reference',
      span: node.span,
    });
    return [];
  }
  const references = node.kind === 'list' ? node.items.flatMap((item) => read(item)) : [...node.entries.values()].flatMap(({ key, value }) => read(value, key));
  if (many === true && (node.kind === 'list' ? node.items.length : node.entries.size) === 0) {
    diagnostics.error('E_MISSING_INPUT', `${what} names no stage`, { facts: { expected: 'at least one reference', found: describeNode(node) }, hint: 'add a reference, or remove the input', span: input.keySpan });
  }
  return references;
}

function readReference(node: SourceNode, label: string | undefined, stage: string, what: string, stages: ReadonlyMap<string, Producer>, diagnostics: Diagnostics): StageReference[] | undefined {
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
  const head = text === undefined ? null : HEAD.exec(text);
  if (text === undefined || head === null) return notAReference(node, what, stages, diagnostics);
  const scalar = node as ScalarNode;
  const place = (at: number, length: number): SourceSpan => spanWithin(scalar, at, length);
  const bracket = head[0].length;
  const selected = text[bracket] === '['
    ? diagnostics.attempt(node.span, () => parseSelection(text, bracket, (message, at, length, hint) => new PipelineError('E_EXPRESSION', message, { hint, span: place(at, length) })))
    : { axes: [], end: bracket };
  if (selected === undefined) return undefined;
  TAIL.lastIndex = selected.end;
  const tail = TAIL.exec(text);
  const name = head[1] as string;
  if (tail === null) {
    TURNED.lastIndex = bracket;
    const [, output, brackets] = TURNED.exec(text) ?? [];
    return notAReference(node, what, stages, diagnostics, output === undefined || brackets === undefined ? undefined : `brackets stand before the output: write "\${stages.${name}${brackets}.${output}}"`);
  }
  if (stages.has(name)) return [{ stage: name, output: tail[1], selection: selected.axes, label, span: place(0, text.length), place }];
  diagnostics.error('E_UNKNOWN_REFERENCE', `stage "${name}" is not in the pipeline`, {
    hint: suggestion(name, [...stages.keys()].filter((other) => other !== stage), 'check the name of the stage'),
    span: place(text.indexOf(name, text.indexOf('stages.') + 'stages.'.length), name.length),
  });
  return undefined;
}

function notAReference(node: SourceNode, what: string, stages: ReadonlyMap<string, Producer>, diagnostics: Diagnostics, hint?: string): undefined {
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value.trim() : '';
  const likely = stages.has(text.split(/[.[]/, 1)[0] as string) ? `\${stages.${text}}` : '${stages.NAME}';
  diagnostics.error('E_WRONG_TYPE', `${what} is not a reference to a stage`, {
    facts: { expected: '${stages.NAME} or ${stages.NAME.OUTPUT}', found: describeNode(node) },
    hint: hint ?? `write "${likely}"`,
    span: node.span,
  });
}
