/** `--params-file FILE`: values for params of the pipeline, as YAML or JSON (which is YAML). Only params that are there can be given a value. */
import type { Diagnostics } from './diagnostics.js';
import { describeNode } from './source-node.js';
import type { MapEntry, SourceNode } from './source-node.js';
import type { SourceFiles } from './source-files.js';
import { suggestion } from './suggest.js';

/** Param → value. Errors: those of reading a pipeline file, E_WRONG_TYPE, E_UNKNOWN_REFERENCE. */
export function readParamsFile(file: string, root: SourceNode, sources: SourceFiles, diagnostics: Diagnostics): ReadonlyMap<string, { readonly node: SourceNode }> {
  const values = new Map<string, { readonly node: SourceNode }>();
  const tree = sources.parse(file, undefined);
  if (tree === undefined) return values;
  if (tree.kind !== 'map') {
    diagnostics.error('E_WRONG_TYPE', `"${file}" is not a file of params`, { facts: { expected: 'a map, name: value', found: describeNode(tree) }, hint: 'write one "name: value" a line, or a JSON object', span: tree.span });
    return values;
  }
  const params = root.kind === 'map' ? root.entries.get('params')?.value : undefined;
  const known = params?.kind === 'map' ? params.entries : new Map<string, MapEntry>();
  for (const { key, keySpan, value } of tree.entries.values()) {
    if (known.has(key)) values.set(key, { node: value });
    else diagnostics.error('E_UNKNOWN_REFERENCE', `"${key}" is not among the params of the pipeline`, { hint: suggestion(key, [...known.keys()], 'add it to params: of the pipeline first'), span: keySpan });
  }
  return values;
}
