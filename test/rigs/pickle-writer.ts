/** Pickles by their opcodes, as a test wants them. */

export const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
export const global = (module: string, name: string): Buffer => Buffer.from(`c${module}\n${name}\n`);
export const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([latin('X'), length, bytes]);
};
export const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return Buffer.concat([latin('J'), bytes]);
};
export const tuple = (...items: readonly Buffer[]): Buffer => Buffer.concat([latin('('), ...items, latin('t')]);
export const call = (callable: Buffer, ...args: readonly Buffer[]): Buffer => Buffer.concat([callable, tuple(...args), latin('R')]);
export const dict = (...pairs: readonly (readonly [string, Buffer])[]): Buffer => Buffer.concat([latin('}('), ...pairs.flatMap(([key, value]) => [text(key), value]), latin('u')]);
export const pickle = (value: Buffer, protocol = 2): Buffer => Buffer.concat([Buffer.from([0x80, protocol]), value, latin('.')]);

export interface TensorSays {
  readonly storage?: string;
  readonly key?: string;
  readonly count?: number;
  readonly offset?: number;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
  readonly maker?: string;
  readonly more?: readonly Buffer[];
}

/** `_rebuild_tensor_v2` of a storage of four numbers, unless said otherwise */
export function tensorOf({ storage = 'FloatStorage', key = '0', count = 4, offset = 0, shape = [4], strides = [1], maker = '_rebuild_tensor_v2', more = [] }: TensorSays = {}): Buffer {
  const stored = Buffer.concat([tuple(text('storage'), global('torch', storage), text(key), text('cpu'), int(count)), latin('Q')]);
  return call(global('torch._utils', maker), stored, int(offset), tuple(...shape.map(int)), tuple(...strides.map(int)), Buffer.from([0x89]), call(global('collections', 'OrderedDict')), ...more);
}
