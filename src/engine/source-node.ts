/**
 * A pipeline file as located values: plain data in which every key and value knows its place. Made from YAML (or from a `--set` argument),
 * read by everything after it; nothing here knows YAML. Anchored parts that the file uses twice are two nodes with one place.
 */
import type { SourceSpan } from '../core/source-span.js';

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly value: null | boolean | number | string;
  readonly span: SourceSpan;
  /** column of the first character of the text itself, when the source holds it verbatim on one line (no escapes, no folding) */
  readonly textColumn?: number;
}
export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly SourceNode[];
  readonly span: SourceSpan;
}
export interface MapEntry {
  readonly key: string;
  readonly keySpan: SourceSpan;
  readonly value: SourceNode;
}
export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly span: SourceSpan;
}
export type SourceNode = ScalarNode | ListNode | MapNode;

/** Names that mean something to JavaScript objects: refused wherever a name can stand. */
export const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** What a value is, in the words of messages. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'number':
      return 'number';
    default:
      return 'map';
  }
}

const LONGEST_SHOWN = 80;

/** A value as a message shows it: JSON, cut when long. */
export function shownValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}…`;
}

export function describeNode(node: SourceNode): string {
  if (node.kind === 'scalar') return node.value === null ? 'nothing (null)' : `${kindOf(node.value)} ${shownValue(node.value)}`;
  return node.kind === 'list' ? `a list of ${node.items.length}` : `a map with ${node.entries.size === 1 ? '1 key' : `${node.entries.size} keys`}`;
}

/** Place of `length` characters of a scalar's text from `offset`; the whole scalar where the source does not hold the text verbatim. */
export function spanWithin(node: ScalarNode, offset: number, length: number): SourceSpan {
  return node.textColumn === undefined ? node.span : { ...node.span, column: node.textColumn + offset, length: Math.max(1, length) };
}
