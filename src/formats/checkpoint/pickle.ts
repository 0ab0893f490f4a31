/**
 * Reads a pickle (protocols 0 to 5) without executing any of it: the opcodes build plain data (pickle-values.ts). A name that is not allowed makes the whole file
 * E_UNSAFE_PICKLE, with every such name in it; there is no second way to read it. Iterative, so depth costs no stack; counts are limited, and no length
 * in the file is believed before the bytes are there. Opcodes: CPython, Lib/pickletools.py.
 */
import { PipelineError } from '../../core/errors.js';
import { formatError } from '../bytes.js';
import type { ByteCursor } from './byte-cursor.js';
import { bytesText, decodeLong, quotedText, rawUnicode, utf8 } from './pickle-text.js';
import type { PickleDict, PickleGlobal, PickleObject, PickleSequence, PickleValue } from './pickle-values.js';

export interface PickleOptions {
  /** the file, for messages */
  readonly path: string;
  allowed(module: string, name: string): boolean;
  /** every persistent id, in the order of the file */
  stored?(id: PickleValue): void;
}

const MOST_OPERATIONS = 2_000_000;
const LONGEST_LINE = 1 << 20;
const LONGEST_NUMBER = 4300; // as CPython limits decimal integers
const LONGEST_NAME = 1000;
const PROTOCOL = 5;
const LISTED = 50;
/** in the first line of the message */
const NAMED = 2;

const code = (character: string): number => character.charCodeAt(0);

/** Errors: E_UNSAFE_PICKLE naming what is not allowed; E_FORMAT for what is no pickle. */
export function readPickle(cursor: ByteCursor, options: PickleOptions): PickleValue {
  const reader = new Reader(cursor, options);
  try {
    const value = reader.read();
    if (reader.refused.size > 0) throw unsafe(options.path, reader.refused);
    return value;
  } catch (error) {
    // Whatever else is wrong with the file: that it names something to run matters more.
    if (reader.refused.size > 0) throw unsafe(options.path, reader.refused);
    throw error;
  }
}

function unsafe(path: string, refused: ReadonlySet<string>): PipelineError {
  const names = [...refused];
  const shown = names.slice(0, LISTED).join(', ') + (names.length > LISTED ? ` and ${names.length - LISTED} more` : '');
  return new PipelineError('E_UNSAFE_PICKLE', `"${path}" refers to what a file of weights has no need of: ${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ''}`, {
    facts: { expected: 'tensors and plain settings', found: shown, path },
    hint: 'Nothing of it was executed. Save the weights alone where the file comes from: torch.save(model.state_dict(), …), or as .safetensors.',
  });
}

class Reader {
  readonly refused = new Set<string>();
  readonly #cursor: ByteCursor;
  readonly #options: PickleOptions;
  readonly #stack: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #operations = 0;

  constructor(cursor: ByteCursor, options: PickleOptions) {
    this.#cursor = cursor;
    this.#options = options;
  }

  read(): PickleValue {
    for (;;) {
      this.#spend(1);
      const at = this.#cursor.position;
      const opcode = this.#cursor.byte();
      if (opcode === code('.')) {
        const value = this.#pop();
        if (this.#stack.length > 0 || this.#marks.length > 0) throw this.#malformed('one value at its end', `${this.#stack.length + 1} values`);
        return value;
      }
      this.#step(opcode, at);
    }
  }

  /** Copying counts like reading: a short file could otherwise ask for the same long list a million times. */
  #spend(count: number): void {
    this.#operations += count;
    if (this.#operations > MOST_OPERATIONS) throw this.#malformed(`at most ${MOST_OPERATIONS} operations`, 'more');
  }

  #step(opcode: number, at: number): void {
    const cursor = this.#cursor;
    const push = (value: PickleValue): number => this.#stack.push(value);
    switch (opcode) {
      // numbers and constants
      case code('N'): return void push(null);
      case 0x88: return void push(true);
      case 0x89: return void push(false);
      case code('J'): return void push(view(cursor.take(4)).getInt32(0, true));
      case code('K'): return void push(cursor.byte());
      case code('M'): return void push(view(cursor.take(2)).getUint16(0, true));
      case code('I'): return void push(this.#decimal(true));
      case code('L'): return void push(this.#decimal(false));
      case 0x8a: return void push(decodeLong(cursor.take(cursor.byte())));
      case 0x8b: return void push(decodeLong(cursor.take(this.#length(4, LONGEST_NUMBER))));
      case code('G'): return void push(view(cursor.take(8)).getFloat64(0, false));
      case code('F'): return void push(this.#float());
      // texts and bytes
      case code('X'): return void push(utf8(this.#options.path, cursor.take(this.#length(4))));
      case 0x8c: return void push(utf8(this.#options.path, cursor.take(cursor.byte())));
      case 0x8d: return void push(utf8(this.#options.path, cursor.take(this.#length(8))));
      case code('V'): return void push(rawUnicode(this.#options.path, cursor.line(LONGEST_LINE)));
      case code('S'): return void push(quotedText(this.#options.path, cursor.line(LONGEST_LINE)));
      case code('T'): return void push(bytesText(cursor.take(this.#length(4))));
      case code('U'): return void push(bytesText(cursor.take(cursor.byte())));
      case code('B'): return void push(cursor.take(this.#length(4)));
      case code('C'): return void push(cursor.take(cursor.byte()));
      case 0x8e:
      case 0x96: return void push(cursor.take(this.#length(8)));
      // containers
      case code('('): return void this.#marks.push(this.#stack.length);
      case code('}'): return void push({ kind: 'dict', pairs: [] });
      case code(']'): return void push({ kind: 'list', items: [] });
      case code(')'): return void push({ kind: 'tuple', items: [] });
      case 0x8f: return void push({ kind: 'set', items: [] });
      case code('d'): return void push({ kind: 'dict', pairs: this.#pairs(this.#fromMark()) });
      case code('l'): return void push({ kind: 'list', items: this.#fromMark() });
      case code('t'): return void push({ kind: 'tuple', items: this.#fromMark() });
      case 0x91: return void push({ kind: 'set', items: this.#fromMark() });
      case 0x85:
      case 0x86:
      case 0x87: return void push({ kind: 'tuple', items: this.#last(opcode - 0x84) });
      case code('a'): return this.#append(this.#last(1));
      case code('e'):
      case 0x90: return this.#append(this.#fromMark());
      case code('s'): return this.#set(this.#pairs(this.#last(2)));
      case code('u'): return this.#set(this.#pairs(this.#fromMark()));
      // the stack and the memo
      case code('0'): return this.#discard();
      case code('1'): return void this.#fromMark();
      case code('2'): return void push(this.#top());
      case code('p'): return void this.#memo.set(this.#index(), this.#top());
      case code('q'): return void this.#memo.set(cursor.byte(), this.#top());
      case code('r'): return void this.#memo.set(view(cursor.take(4)).getUint32(0, true), this.#top());
      case 0x94: return void this.#memo.set(this.#memo.size, this.#top());
      case code('g'): return void push(this.#remembered(this.#index()));
      case code('h'): return void push(this.#remembered(cursor.byte()));
      case code('j'): return void push(this.#remembered(view(cursor.take(4)).getUint32(0, true)));
      // names, and what a pickle wants done with them
      case code('c'): return void push(this.#global(this.#name(), this.#name()));
      case 0x93: return this.#stackGlobal();
      case code('R'): return this.#call(this.#pop(), 'R');
      case 0x81: return this.#call(this.#pop(), 'new');
      case 0x92: return this.#callWithWords();
      case code('i'): return void push(this.#made(this.#global(this.#name(), this.#name()), this.#fromMark()));
      case code('o'): return this.#callFromMark();
      case code('b'): return this.#build();
      case code('P'): return void push(this.#stored(utf8(this.#options.path, cursor.line(LONGEST_NAME))));
      case code('Q'): return void push(this.#stored(this.#pop()));
      case 0x82: return this.#extension(cursor.byte());
      case 0x83: return this.#extension(view(cursor.take(2)).getUint16(0, true));
      case 0x84: return this.#extension(view(cursor.take(4)).getInt32(0, true));
      // framing
      case 0x80: return this.#protocol(cursor.byte());
      case 0x95: return void this.#length(8);
      default: throw formatError(this.#options.path, 'holds no pickle that can be read', { expected: `an opcode of protocol 0 to ${PROTOCOL}`, found: `byte 0x${opcode.toString(16).padStart(2, '0')} at ${at}` });
    }
  }

  #global(module: string, name: string): PickleGlobal {
    if (!this.#options.allowed(module, name)) this.refused.add(`${module}.${name}`.slice(0, LONGEST_NAME));
    return { kind: 'global', module, name };
  }

  #stackGlobal(): void {
    const [module, name] = this.#last(2);
    if (typeof module !== 'string' || typeof name !== 'string') throw this.#malformed('two texts before STACK_GLOBAL', `${typeof module}, ${typeof name}`);
    this.#stack.push(this.#global(module, name));
  }

  #extension(number: number): void {
    this.refused.add(`copyreg extension ${number}`);
    this.#stack.push({ kind: 'global', module: 'copyreg', name: `extension ${number}` });
  }

  #call(args: PickleValue, how: 'R' | 'new'): void {
    const maker = this.#pop();
    if (!isSequence(args)) throw this.#malformed('a tuple of arguments', how === 'R' ? 'REDUCE without one' : 'NEWOBJ without one');
    this.#stack.push(this.#made(maker, args.items));
  }

  #callWithWords(): void {
    const [maker, args, words] = this.#last(3);
    if (!isSequence(args) || !isDict(words)) throw this.#malformed('arguments for NEWOBJ_EX', 'something else');
    const object = this.#made(maker as PickleValue, args.items);
    this.#spend(words.pairs.length);
    for (const pair of words.pairs) object.pairs.push(pair);
    this.#stack.push(object);
  }

  #callFromMark(): void {
    const [maker, ...args] = this.#fromMark();
    if (maker === undefined) throw this.#malformed('a class before OBJ', 'nothing');
    this.#stack.push(this.#made(maker, args));
  }

  /** An OrderedDict is a dict; everything else that would be called is kept as it stands. */
  #made(maker: PickleValue, args: readonly PickleValue[]): PickleDict | PickleObject {
    if (typeof maker !== 'object' || maker === null || maker instanceof Uint8Array || maker.kind !== 'global') {
      this.refused.add('(a call of what another call gave)');
      return { kind: 'dict', pairs: [] };
    }
    if (maker.module === 'collections' && maker.name === 'OrderedDict') {
      const [given] = args;
      if (isSequence(given)) this.#spend(given.items.length);
      const pairs = isSequence(given) ? given.items.map((pair) => (isSequence(pair) ? pair.items : [])) : [];
      if (pairs.some((pair) => pair.length !== 2)) throw this.#malformed('pairs of an OrderedDict', 'something else');
      return { kind: 'dict', pairs: pairs as [PickleValue, PickleValue][] };
    }
    return { kind: 'object', maker, args, items: [], pairs: [] };
  }

  #build(): void {
    const state = this.#pop();
    const target = this.#top();
    // The attributes of a dict (`_metadata` of a state dict) say nothing about its values.
    if (isDict(target)) return;
    if (!isObject(target)) throw this.#malformed('an object before BUILD', 'something else');
    target.state = state;
  }

  #append(items: readonly PickleValue[]): void {
    const target = this.#top();
    if (!(isSequence(target) && target.kind !== 'tuple') && !isObject(target)) throw this.#malformed('a list to append to', 'something else');
    for (const item of items) target.items.push(item);
  }

  #set(pairs: readonly [PickleValue, PickleValue][]): void {
    const target = this.#top();
    if (!isDict(target) && !isObject(target)) throw this.#malformed('a dict to set items of', 'something else');
    for (const pair of pairs) target.pairs.push(pair);
  }

  #stored(id: PickleValue): PickleValue {
    this.#options.stored?.(id);
    return { kind: 'stored', id };
  }

  #protocol(number: number): void {
    if (number > PROTOCOL) throw this.#malformed(`protocol 0 to ${PROTOCOL}`, `protocol ${number}`);
  }

  #discard(): void {
    // POP also removes a mark that nothing was put on.
    if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
    else this.#pop();
  }

  #pop(): PickleValue {
    if (this.#stack.length === 0 || this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.#malformed('a value on the stack', 'none');
    return this.#stack.pop() as PickleValue;
  }

  #top(): PickleValue {
    if (this.#stack.length === 0 || this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.#malformed('a value on the stack', 'none');
    return this.#stack.at(-1) as PickleValue;
  }

  #last(count: number): PickleValue[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) throw this.#malformed(`${count} values on the stack`, `${this.#stack.length}`);
    return this.#stack.splice(this.#stack.length - count, count);
  }

  #fromMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#malformed('a mark on the stack', 'none');
    return this.#stack.splice(mark);
  }

  #pairs(items: readonly PickleValue[]): [PickleValue, PickleValue][] {
    if (items.length % 2 !== 0) throw this.#malformed('keys with their values', `${items.length} values`);
    return Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i] as PickleValue, items[2 * i + 1] as PickleValue]);
  }

  #remembered(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#malformed('a value in the memo', `nothing under ${index}`);
    return value;
  }

  #name(): string {
    return utf8(this.#options.path, this.#cursor.line(LONGEST_NAME));
  }

  #index(): number {
    const value = this.#decimal(false);
    if (typeof value !== 'number' || value < 0) throw this.#malformed('an index of the memo', String(value));
    return value;
  }

  /** INT knows two spellings that are booleans; LONG ends with an L. */
  #decimal(booleans: boolean): PickleValue {
    const text = bytesText(this.#cursor.line(LONGEST_NUMBER));
    if (booleans && (text === '00' || text === '01')) return text === '01';
    const match = typeof text === 'string' ? /^([+-]?\d+)L?$/.exec(text) : null;
    if (match === null) throw this.#malformed('a decimal integer', String(text).slice(0, 40));
    const value = BigInt((match[1] as string).replace(/^\+/, ''));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #float(): number {
    const text = String(bytesText(this.#cursor.line(LONGEST_NUMBER)));
    const special: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, '-inf': -Infinity };
    if (Object.hasOwn(special, text)) return special[text] as number;
    if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) throw this.#malformed('a decimal number', text.slice(0, 40));
    return Number(text);
  }

  #length(width: 4 | 8, most = Number.MAX_SAFE_INTEGER): number {
    const bytes = view(this.#cursor.take(width));
    const length = width === 4 ? bytes.getUint32(0, true) : Number(bytes.getBigUint64(0, true));
    if (length > most) throw this.#malformed(`at most ${most} bytes`, length);
    return length;
  }

  #malformed(expected: string, found: string | number): PipelineError {
    return formatError(this.#options.path, 'holds a malformed pickle', { expected, found: `${found}, before byte ${this.#cursor.position}` });
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const isRecord = (value: PickleValue | undefined): value is Exclude<PickleValue, null | boolean | number | bigint | string | Uint8Array> => typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
const isSequence = (value: PickleValue | undefined): value is PickleSequence => isRecord(value) && (value.kind === 'tuple' || value.kind === 'list' || value.kind === 'set');
const isDict = (value: PickleValue | undefined): value is PickleDict => isRecord(value) && value.kind === 'dict';
const isObject = (value: PickleValue | undefined): value is PickleObject => isRecord(value) && value.kind === 'object';
