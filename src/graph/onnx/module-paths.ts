/**
 * Which module of the original program a node belongs to: the path by which PyTorch's users call a layer (`layer4.2.relu`, `features.12`). Three sources:
 *
 * - node names of the TorchScript exporter: `/layer4/layer4.2/relu_2/Relu` (every segment but the last is a module; a segment that begins with the one
 *   before it and a dot continues it: `layer4`, `layer4.2`; a call after the first has `_1`, `_2` … behind its name);
 * - metadata of the dynamo exporter: pkg.torch.onnx.name_scopes = ['', 'layer4', 'layer4.2', 'layer4.2.relu', 'relu_48'] (the last is the call);
 * - otherwise the name of a weight: the node that takes `layer4.2.conv1.weight` is the module `layer4.2.conv1` (exporters before PyTorch 1.13).
 */
import type { RawNode } from './read-model.js';

export interface ModuleCall {
  /** dotted path of the module; '' for the model itself */
  readonly module: string;
  /** what is computed there, in lower case, without number: `relu`, `add`, `conv2d` */
  readonly action: string;
  /** the path tells calls of the same module apart already */
  readonly numbered: boolean;
}

const SCOPES = 'pkg.torch.onnx.name_scopes';

export function moduleCall(node: RawNode): ModuleCall | undefined {
  const scopes = node.metadata[SCOPES];
  if (scopes !== undefined) return fromScopes(scopes);
  if (node.name.startsWith('/')) return fromName(node.name);
  const weight = node.inputs.find((name) => /^[A-Za-z_][\w.]*\.weight$/.test(name));
  return weight === undefined ? undefined : { module: weight.slice(0, -'.weight'.length), action: node.op.toLowerCase(), numbered: true };
}

/** A list of quoted texts, as Python prints it. */
function fromScopes(text: string): ModuleCall | undefined {
  const scopes = [...text.matchAll(/'([^']*)'|"([^"]*)"/g)].map((match) => match[1] ?? match[2] ?? '');
  const call = scopes.pop();
  if (call === undefined) return undefined;
  return { module: scopes.pop() ?? '', action: withoutNumber(call), numbered: false };
}

function fromName(name: string): ModuleCall | undefined {
  const segments = name.split('/').slice(1);
  const operator = segments.pop() ?? '';
  const path: string[] = [];
  for (const segment of segments) {
    const last = path.at(-1);
    if (last !== undefined && segment.startsWith(`${last}.`)) path.pop();
    path.push(segment);
  }
  return { module: path.join('.'), action: withoutNumber(operator).toLowerCase(), numbered: true };
}

function withoutNumber(name: string): string {
  return name.replace(/_\d+$/, '');
}
