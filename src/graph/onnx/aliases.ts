/**
 * Names of layers after the modules of the original program, for the values of an imported graph:
 *
 * - a module's path is its output: the last value computed in it, submodules included (`layer4.2`, `layer4.2.relu`);
 * - further calls of the same innermost module are `layer4.2.relu_1`, `layer4.2.relu_2` … in the order of computation, as torch.fx names them;
 * - what a module with submodules, or the model itself, computes directly is its path and the action: `layer4.2.add`, `flatten`, `add_1`.
 *
 * The same names with `_` for `.` (`layer4_2_relu`, torch.fx) are understood where a name is looked up.
 */
import type { Origin } from './import-nodes.js';
import { moduleCall } from './module-paths.js';
import type { ModuleCall } from './module-paths.js';

interface Located extends ModuleCall {
  readonly value: string;
  readonly op: string;
}

/** Alias → value. The first alias of a value in this order is the one that says most about it. */
export function moduleAliases(origins: readonly Origin[], isLayer: (value: string) => boolean): Map<string, string> {
  const located = origins.flatMap(({ value, node }): Located[] => {
    const call = isLayer(value) ? moduleCall(node) : undefined;
    return call === undefined ? [] : [{ ...call, value, op: node.op }];
  });
  const inner = new Set(located.flatMap(({ module }) => ancestors(module)));
  const isLeaf = (module: string): boolean => module !== '' && !inner.has(module);

  const aliases = new Map<string, string>();
  for (const [name, value] of leafCalls(located.filter(({ module }) => isLeaf(module)))) aliases.set(name, value);
  const actions = new Map<string, number>();
  const direct = located.filter(({ module }) => !isLeaf(module));
  direct.forEach(({ module, action, value }) => {
    const name = module === '' ? action : `${module}.${action}`;
    const count = actions.get(name) ?? 0;
    actions.set(name, count + 1);
    const numbered = count === 0 ? name : `${name}_${count}`;
    if (!aliases.has(numbered)) aliases.set(numbered, value);
  });
  const ends = new Map<string, string>();
  for (const { module, value } of located) for (const outer of [module, ...ancestors(module)]) if (outer !== '' && !isLeaf(outer)) ends.set(outer, value);
  for (const [module, value] of ends) if (!aliases.has(module)) aliases.set(module, value);
  return aliases;
}

/** Paths of the modules around one, outermost first. */
function ancestors(module: string): string[] {
  const segments = module.split('.');
  return segments.slice(1).map((_, i) => segments.slice(0, i + 1).join('.'));
}

/** Innermost modules: the last value of each call. A new call begins where a module is entered again after another one, if it ends as the first did. */
function leafCalls(located: readonly Located[]): [string, string][] {
  const calls = new Map<string, Located[]>();
  let before: string | undefined;
  for (const entry of located) {
    const known = calls.get(entry.module) ?? [];
    if (before === entry.module && known.length > 0) known[known.length - 1] = entry;
    else known.push(entry);
    calls.set(entry.module, known);
    before = entry.module;
  }
  return [...calls].flatMap(([module, ends]): [string, string][] => {
    const repeated = ends.every(({ op, numbered }) => op === ends[0]?.op && !numbered);
    if (!repeated) return [[module, (ends.at(-1) as Located).value]];
    return ends.map(({ value }, i) => [i === 0 ? module : `${module}_${i}`, value]);
  });
}
