/**
 * Replaces calls of functions that the model itself defines by the nodes of their bodies. Values inside get the name of the call before their own;
 * results keep the names that the caller gave them. A function that reaches itself is refused, and so is a model that unfolds without end.
 */
import { PipelineError } from '../../core/errors.js';
import type { AttributeValue } from '../ir.js';
import { functionKey } from './read-model.js';
import type { RawFunction, RawNode } from './read-model.js';

/** Real exports have some ten thousand; small files can be written that unfold to any number. */
export const MOST_NODES = 500_000;
const DEEPEST_CALL = 64;

export function expandCalls(nodes: readonly RawNode[], functions: ReadonlyMap<string, RawFunction>): readonly RawNode[] {
  if (functions.size === 0) return nodes;
  const expanded: RawNode[] = [];
  const add = (node: RawNode, callers: readonly string[]): void => {
    const key = functionKey(node);
    const definition = functions.get(key);
    if (definition === undefined) {
      expanded.push(node);
      if (expanded.length > MOST_NODES) throw endless(node, `more than ${MOST_NODES} nodes`);
      return;
    }
    if (callers.includes(key) || callers.length >= DEEPEST_CALL) throw endless(node, callers.includes(key) ? 'a function that calls itself' : `calls ${DEEPEST_CALL} deep`);
    for (const inner of bodyOf(node, definition)) add(inner, [...callers, key]);
  };
  for (const node of nodes) add(node, []);
  return expanded;
}

function bodyOf(call: RawNode, definition: RawFunction): RawNode[] {
  const prefix = `${call.name === '' ? (call.outputs[0] ?? call.op) : call.name}/`;
  const names = new Map<string, string>([['', '']]);
  definition.inputs.forEach((name, i) => names.set(name, call.inputs[i] ?? ''));
  // a result that is an argument at the same time has a node of its own below
  const passed = definition.outputs.flatMap((name, i) => (names.has(name) ? [{ from: names.get(name) as string, to: call.outputs[i] ?? '' }] : []));
  definition.outputs.forEach((name, i) => {
    if (!names.has(name)) names.set(name, call.outputs[i] === undefined || call.outputs[i] === '' ? prefix + name : call.outputs[i]);
  });
  const renamed = (name: string): string => names.get(name) ?? prefix + name;
  const nodes = definition.nodes.map((node): RawNode => {
    if (Object.keys(node.subgraphs).length > 0) {
      throw new PipelineError('E_OPERATOR', `'${call.name === '' ? call.op : call.name}' is a function with control flow`, { facts: { expected: 'a function of plain operators', found: node.op }, hint: 'Export the model without control flow (If, Loop, Scan).' });
    }
    return {
      ...node,
      name: prefix + (node.name === '' ? (node.outputs[0] ?? node.op) : node.name),
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
      attributes: { ...node.attributes, ...givenBy(call, definition, node.references) },
      references: {},
      metadata: Object.keys(node.metadata).length > 0 ? node.metadata : call.metadata,
    };
  });
  return [...nodes, ...passed.filter(({ to }) => to !== '').map(({ from, to }) => ({ ...call, op: 'Identity', domain: '', overload: '', name: `${prefix}${to}`, inputs: [from], outputs: [to], attributes: {} }))];
}

/** Attributes that the body takes from the call, or from the function's defaults; one that neither gives is absent. */
function givenBy(call: RawNode, definition: RawFunction, references: Readonly<Record<string, string>>): Record<string, AttributeValue> {
  return Object.fromEntries(
    Object.entries(references).flatMap(([name, source]): [string, AttributeValue][] => {
      const value = call.attributes[source] ?? definition.defaults[source];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function endless(node: RawNode, found: string): PipelineError {
  return new PipelineError('E_GRAPH', `the functions of the model cannot be unfolded at '${node.name === '' ? node.op : node.name}'`, { facts: { expected: 'functions that end', found }, hint: 'Export the model without functions of its own.' });
}
