/**
 * Which part of a checkpoint is the weights. A state dict is saved as it is, or beside an epoch, an optimiser and settings (`state_dict`, `model`, `teacher` …). Looked for are dicts
 * with textual keys that hold a tensor of more than one element, from the top through dicts with textual keys only: an optimiser's state is kept under numbers.
 */
import { PipelineError } from '../../core/errors.js';
import { formatError } from '../bytes.js';
import { isKind, textKeys, type PickleDict, type PickleObject, type PickleValue } from './pickle-values.js';
import { isTensor, isWeight } from './rebuild-tensor.js';

const DEEPEST = 6;
/** The mapping that is the whole file. */
const TOP = '.';

/** Tensors by name, in the order of the file. Errors: E_WEIGHTS if there are several mappings and none (or no such one) was named, or none at all. */
export function chooseMapping(path: string, root: PickleValue, wanted: string | undefined): Map<string, PickleObject> {
  let found = mappingsOf(root, isWeight);
  if (found.size === 0) found = mappingsOf(root, () => true);
  const names = [...found.keys()];
  const chosen = wanted === undefined ? (names.length === 1 ? (names[0] as string) : undefined) : wanted;
  const mapping = chosen === undefined ? undefined : found.get(chosen);
  if (mapping !== undefined) return tensorsOf(mapping);
  if (found.size === 0) throw formatError(path, 'holds no mapping of tensors', { expected: 'a state dict, alone or under a name', found: isKind(root, 'dict') ? [...textKeys(root).keys()].slice(0, 10).join(', ') : 'something else' });
  throw new PipelineError('E_WEIGHTS', wanted === undefined ? `"${path}" holds ${found.size} sets of weights` : `"${path}" has no weights under "${wanted}"`, {
    facts: { expected: 'one of them, by name', found: names.join(', ') },
    hint: `Choose one with the parameter \`mapping\`: ${names.join(', ')}.`,
  });
}

function mappingsOf(root: PickleValue, counts: (tensor: PickleObject) => boolean): Map<string, PickleDict> {
  const found = new Map<string, PickleDict>();
  const seen = new Set<PickleValue>();
  const visit = (value: PickleValue, at: string, depth: number): void => {
    if (!isKind(value, 'dict') || seen.has(value) || depth > DEEPEST) return;
    seen.add(value);
    const dict = value as PickleDict;
    if (dict.pairs.some(([key]) => typeof key !== 'string')) return;
    if (dict.pairs.some(([, item]) => isTensor(item) && counts(item))) found.set(at === '' ? TOP : at, dict);
    for (const [key, item] of textKeys(dict)) visit(item, at === '' ? key : `${at}.${key}`, depth + 1);
  };
  visit(root, '', 0);
  return found;
}

function tensorsOf(mapping: PickleDict): Map<string, PickleObject> {
  return new Map([...textKeys(mapping)].filter((entry): entry is [string, PickleObject] => isTensor(entry[1])));
}
