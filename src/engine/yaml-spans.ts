/**
 * Text → located values. Parses YAML 1.2 (core schema) and keeps the place of every key and value. Refuses what would make two readers
 * disagree or blow up: duplicate keys, merge keys, keys that are no text, names of JavaScript's object machinery, integers beyond 2^53,
 * NaN and infinities, more than 100 alias expansions. Knows nothing of pipelines.
 */
import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node, Pair, ParsedNode, Scalar, YAMLMap } from 'yaml';
import type { Diagnostics } from './diagnostics.js';
import { placeOf } from './diagnostics.js';
import { FORBIDDEN_NAMES, shownValue } from './source-node.js';
import type { MapEntry, ScalarNode, SourceNode } from './source-node.js';
import type { Places} from './yaml-guard.js';
import { scanYaml } from './yaml-guard.js';

const MAX_ALIAS_EXPANSIONS = 100;
/** values after expansion: 1 MiB of text holds some 500,000 at most */
const MAX_VALUES = 500_000;
const MAX_SYNTAX_ERRORS = 10;

/** Parses one text; undefined when there is no tree to go on with. Everything that is wrong is added to the diagnostics. */
export function parseYaml(places: Places, diagnostics: Diagnostics): SourceNode | undefined {
  if (!scanYaml(places, diagnostics)) return undefined;
  const document = parseDocument(places.text, {
    version: '1.2', schema: 'core', strict: true, uniqueKeys: false, merge: false, resolveKnownTags: false,
    intAsBigInt: true, prettyErrors: false, logLevel: 'error',
  });
  if (document.errors.length + document.warnings.length > 0) {
    reportSyntax(places, document, diagnostics);
    return undefined;
  }
  const converter = new Converter(places, document, diagnostics);
  return converter.convert(document.contents);
}

function reportSyntax(places: Places, document: Document.Parsed, diagnostics: Diagnostics): void {
  const lines = places.text.split('\n');
  const seen = new Set<number>();
  for (const problem of [...document.errors, ...document.warnings]) {
    const span = places.span(problem.pos[0], problem.pos[1]);
    // several errors of one line are one mistake
    if (seen.has(span.line) || seen.size === MAX_SYNTAX_ERRORS) continue;
    seen.add(span.line);
    if (problem.code === 'MULTIPLE_DOCS') {
      diagnostics.error('E_YAML_FORBIDDEN', 'a pipeline file holds one document', { hint: 'remove this "---" and what follows, or put it into a file of its own', span });
      continue;
    }
    const message = (problem.message.charAt(0).toLowerCase() + problem.message.slice(1)).replace('"quote', 'double quote').replace("'quote", 'single quote');
    diagnostics.error('E_YAML_SYNTAX', message, { hint: syntaxHint(problem.code, lines[span.line - 1] ?? ''), span });
  }
}

function syntaxHint(code: string, line: string): string {
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (line.includes('${')) return 'put the whole text with "${…}" in quotes: YAML reads ": ", " #", "{" and "," in it';
  if (code === 'BLOCK_AS_IMPLICIT_KEY') return 'put text that contains ": " in quotes';
  if (code === 'MISSING_CHAR') return 'close the quote or bracket';
  if (code === 'BAD_INDENT') return 'indent the lines of one block alike, and close every bracket';
  return 'check the indentation and the quotes around this place';
}

class Converter {
  #expansions = 0;
  #values = 0;

  constructor(readonly places: Places, readonly document: Document.Parsed, readonly diagnostics: Diagnostics) {}

  /** undefined where the value was refused. */
  convert(node: Node | ParsedNode | null | undefined): SourceNode | undefined {
    this.#values += 1;
    if (this.#values > MAX_VALUES) {
      if (this.#values === MAX_VALUES + 1) this.diagnostics.error('E_YAML_TOO_LARGE', 'the file holds too many values', { facts: { expected: `at most ${MAX_VALUES}, aliases expanded` }, hint: 'move the data into a file of its own that a stage reads', span: this.#span(node) });
      return undefined;
    }
    if (isAlias(node)) return this.#expand(node);
    if (isMap(node)) return this.#map(node);
    if (isSeq(node)) {
      const items = node.items.map((item) => this.convert(item as Node));
      return { kind: 'list', items: items.filter((item) => item !== undefined), span: this.#span(node) };
    }
    if (isScalar(node)) return this.#scalar(node);
    return { kind: 'scalar', value: null, span: this.#span(node) };
  }

  #expand(alias: Node & { source: string }): SourceNode | undefined {
    this.#expansions += 1;
    if (this.#expansions > MAX_ALIAS_EXPANSIONS) {
      if (this.#expansions === MAX_ALIAS_EXPANSIONS + 1) this.diagnostics.error('E_YAML_FORBIDDEN', 'the file expands too many aliases', { facts: { expected: `at most ${MAX_ALIAS_EXPANSIONS}` }, hint: 'write the values out, or use pipeline params', span: this.#span(alias) });
      return undefined;
    }
    const target = (alias as unknown as { resolve(document: Document.Parsed): Node | undefined }).resolve(this.document);
    if (target === undefined) {
      this.diagnostics.error('E_YAML_SYNTAX', `alias "*${alias.source}" has no anchor before it`, { hint: `mark the value with "&${alias.source}", or put "*${alias.source}" in quotes`, span: this.#span(alias) });
      return undefined;
    }
    return this.convert(target);
  }

  #map(node: YAMLMap): SourceNode {
    const entries = new Map<string, MapEntry>();
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = this.#key(pair.key);
      const value = this.convert(pair.value);
      if (key === undefined) continue;
      const first = entries.get(key);
      const keySpan = this.#span(pair.key);
      if (first !== undefined) {
        this.diagnostics.error('E_DUPLICATE_KEY', `key "${key}" stands twice in one map`, { facts: { first: placeOf(first.keySpan) }, hint: 'remove or rename one of them', span: keySpan });
        continue;
      }
      if (value !== undefined) entries.set(key, { key, keySpan, value: value.kind === 'scalar' && value.value === null && pair.value?.range?.[0] === pair.value?.range?.[1] ? { ...value, span: keySpan } : value });
    }
    return { kind: 'map', entries, span: this.#span(node) };
  }

  #key(node: Node): string | undefined {
    const span = this.#span(node);
    if (!isScalar(node) || typeof node.value !== 'string') {
      const shown = isScalar(node) && node.source !== undefined && node.source !== '' ? `key "${node.source}"` : 'a key';
      this.diagnostics.error('E_YAML_FORBIDDEN', `${shown} is not text`, { facts: { expected: 'text', found: isScalar(node) ? (node.value === null ? 'null' : typeof node.value === 'boolean' ? 'true or false' : 'number') : 'a list, map or alias' }, hint: 'put the key in quotes', span });
      return undefined;
    }
    if (node.value === '<<' && node.type === 'PLAIN') {
      this.diagnostics.error('E_YAML_FORBIDDEN', 'merge key "<<" is not part of YAML 1.2', { hint: 'write the keys out, or use pipeline params', span });
      return undefined;
    }
    if (FORBIDDEN_NAMES.has(node.value)) {
      this.diagnostics.error('E_BAD_NAME', `"${node.value}" cannot be a name`, { hint: 'choose another name', span });
      return undefined;
    }
    return this.#wellFormed(node.value, node) ? node.value : undefined;
  }

  #scalar(node: Scalar): ScalarNode | undefined {
    const span = this.#span(node);
    const { value } = node;
    if (typeof value === 'string') {
      if (!this.#wellFormed(value, node)) return undefined;
      const textColumn = this.#textColumn(node, value, span.column);
      return { kind: 'scalar', value, span, ...(textColumn === undefined ? {} : { textColumn }) };
    }
    if (value === null || typeof value === 'boolean') return { kind: 'scalar', value, span };
    const number = Number(value);
    const exact = typeof value === 'bigint' ? Number.isSafeInteger(number) : Number.isFinite(number);
    if (!exact) {
      this.diagnostics.error('E_OUT_OF_RANGE', `number ${shownValue(node.source ?? String(value))} cannot be held exactly`, { facts: { expected: typeof value === 'bigint' ? 'an integer within ±(2^53 - 1)' : 'a finite number', found: node.source ?? String(value) }, hint: 'put it in quotes if it is a name', span });
      return undefined;
    }
    return { kind: 'scalar', value: number === 0 ? 0 : number, span };
  }

  #textColumn(node: Scalar, value: string, column: number): number | undefined {
    const start = node.range?.[0];
    if (start === undefined || value.includes('\n')) return undefined;
    const quote = node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE' ? 1 : 0;
    return this.places.text.startsWith(value, start + quote) ? column + quote : undefined;
  }

  #wellFormed(text: string, node: Node): boolean {
    if (!/\p{Surrogate}/u.test(text)) return true;
    this.diagnostics.error('E_YAML_FORBIDDEN', 'text holds half a character (a lone surrogate)', { hint: 'write the character itself', span: this.#span(node) });
    return false;
  }

  #span(node: Node | ParsedNode | null | undefined): ScalarNode['span'] {
    const range = node?.range;
    return range === undefined || range === null ? this.places.span(0, 0) : this.places.span(range[0], range[1]);
  }
}
