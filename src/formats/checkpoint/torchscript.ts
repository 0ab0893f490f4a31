/**
 * The weights of a TorchScript archive under the names of `torch.jit.load(…).state_dict()`. data.pkl is the tree of modules with all their attributes; which of these
 * are parameters and buffers stands in the lists `__parameters__` and `__buffers__` at the head of each class in the archive's code. Of that
 * code only those lists are read, as text. Order: own parameters, own buffers, then the modules within, as `state_dict()` has it.
 */
import { formatError } from '../bytes.js';
import { utf8 } from './pickle-text.js';
import { isKind, textKeys, type PickleDict, type PickleObject, type PickleValue } from './pickle-values.js';
import { isTensor } from './rebuild-tensor.js';
import type { ZipArchive } from './zip.js';

const DEEPEST = 64;
const MOST_MODULES = 100_000;
const LARGEST_CODE = 1 << 24;
const SCRIPT = '__torch__';

interface Declared {
  readonly parameters: readonly string[];
  /** undefined in archives before PyTorch 1.6: every other tensor is a buffer */
  readonly buffers: readonly string[] | undefined;
}

/** Errors: E_FORMAT for an archive that is no module, or whose code does not declare a class that it holds. */
export function scriptTensors(zip: ZipArchive, folder: string, root: PickleValue): Map<string, PickleObject> {
  const out = new Map<string, PickleObject>();
  const declaredIn = new Map<string, ReadonlyMap<string, Declared>>();
  let modules = 0;

  const declaredBy = ({ module, name }: PickleObject['maker']): Declared => {
    let classes = declaredIn.get(module);
    if (classes === undefined) declaredIn.set(module, (classes = classesOf(zip, `${folder}/code/${module.replaceAll('.', '/')}.py`)));
    const declared = classes.get(name);
    if (declared === undefined) throw formatError(zip.path, `does not declare the class "${module}.${name}"`, { expected: `class ${name} in its code`, found: [...classes.keys()].slice(0, 5).join(', ') });
    return declared;
  };
  const visit = (object: PickleObject, prefix: string, depth: number): void => {
    modules += 1;
    if (depth > DEEPEST || modules > MOST_MODULES) throw formatError(zip.path, 'holds modules in too deep or too many modules', { expected: `at most ${DEEPEST} levels and ${MOST_MODULES} modules`, found: prefix.slice(0, 80) });
    const attributes = textKeys(object.state as PickleDict);
    const { parameters, buffers } = declaredBy(object.maker);
    const others = [...attributes].filter(([name, value]) => isTensor(value) && !parameters.includes(name)).map(([name]) => name);
    for (const name of [...parameters, ...(buffers ?? others)]) {
      const value = attributes.get(name);
      if (value !== undefined && isTensor(value)) out.set(prefix + name, value);
    }
    for (const [name, value] of attributes) if (isModule(value)) visit(value, `${prefix}${name}.`, depth + 1);
  };
  if (!isModule(root)) throw formatError(zip.path, 'is a TorchScript archive without a module', { expected: `an object of ${SCRIPT}`, found: 'something else' });
  visit(root, '', 0);
  return out;
}

function isModule(value: PickleValue): value is PickleObject {
  return isKind(value, 'object') && (value.maker.module === SCRIPT || value.maker.module.startsWith(`${SCRIPT}.`)) && isKind(value.state, 'dict');
}

function classesOf(zip: ZipArchive, name: string): Map<string, Declared> {
  const classes = new Map<string, Declared>();
  let current: { parameters: string[]; buffers: string[] | undefined } | undefined;
  for (const line of utf8(zip.path, zip.readWhole(name, LARGEST_CODE)).split('\n')) {
    const head = /^class ([^\s(:]+)/.exec(line);
    if (head !== null) classes.set(head[1] as string, (current = { parameters: [], buffers: undefined }));
    const list = /^ {2}__(parameters|buffers)__ = \[(.*)\]$/.exec(line);
    if (list === null || current === undefined) continue;
    current[list[1] as 'parameters' | 'buffers'] = [...(list[2] as string).matchAll(/"([^"\\]*)"/g)].map((match) => match[1] as string);
  }
  return classes;
}
