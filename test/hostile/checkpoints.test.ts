/**
 * Hostile checkpoints (rows F43, F44, F45 and F48 of the fault table): every one ends in a typed error that names the place, nothing is executed and nothing unpacked.
 * The files are made here. F43: names, links, devices of archives; F44: bombs and lying sizes; F45: pickles; F48: safetensors.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/formats/checkpoint/index.js';
import { failure, survivesDamage, temporary } from '../formats/support.js';
import { call, dict, global, int, latin, pickle, tensorOf, text, tuple, type TensorSays } from '../rigs/pickle-writer.js';
import { zipOf, type ZipOptions, type ZipPart } from '../rigs/zip-writer.js';

const FOUR = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
const GOOD: readonly ZipPart[] = [{ name: 'a/data.pkl', content: pickle(dict(['w', tensorOf()])) }, { name: 'a/data/0', content: FOUR }];
const archive = (parts: readonly ZipPart[], options?: ZipOptions): string => temporary('hostile.pth', zipOf(parts, options));
const withPickle = (bytes: Buffer): string => archive([{ name: 'a/data.pkl', content: bytes }, { name: 'a/data/0', content: FOUR }]);
const legacy = (bytes: Buffer): string => {
  const magic = Buffer.from([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]);
  const count = Buffer.alloc(8);
  count.writeBigInt64LE(4n);
  return temporary('legacy.pth', Buffer.concat([magic, pickle(int(1001)), pickle(dict()), bytes, pickle(Buffer.concat([latin(']('), text('0'), latin('e')])), count, FOUR]));
};

async function refused(path: string, code: string, words: RegExp, read = false): Promise<void> {
  const error = await failure(() => {
    const checkpoint = openCheckpoint(path);
    if (read) for (const name of checkpoint.entries.keys()) checkpoint.read(name);
  });
  expect([error.code, error.message, ...Object.values(error.facts)].join('\n')).toMatch(new RegExp(`^${code}[^]*${words.source}`));
}

test('what the refused files are made from is read', () => {
  for (const path of [archive(GOOD), archive(GOOD, { zip64: true }), archive(GOOD.map((part) => ({ ...part, deflate: true }))), archive(GOOD, { comment: latin('a comment') }), legacy(pickle(dict(['w', tensorOf()])))]) {
    expect([...openCheckpoint(path).read('w').data]).toEqual([1, 2, 3, 4]);
  }
});

test('a big-endian archive is read in its own order', () => {
  const path = archive([...GOOD.slice(0, 1), { name: 'a/data/0', content: Buffer.from(FOUR).swap32() }, { name: 'a/byteorder', content: 'big' }]);
  expect([...openCheckpoint(path).read('w').data]).toEqual([1, 2, 3, 4]);
});

describe('F43: names in archives', () => {
  const NAMES = ['../x', 'a/../../x', '/etc/x', 'a//b', './a', 'a/.', 'a\\b', 'C:x', 'a\u0000b', 'a\nb', '..', ''];
  test.each(NAMES)('%j is refused and nothing is written', async (name) => {
    const before = readdirSync(join(temporary('x'), '..'));
    await refused(archive([...GOOD, { name, content: 'x' }]), 'E_FORMAT', /unsafe name/);
    expect(readdirSync(join(temporary('x'), '..')).filter((file) => !before.includes(file) && !file.includes('hostile'))).toEqual([]);
  });

  test.each<[string, ZipPart, RegExp]>([
    ['a symbolic link', { name: 'a/link', content: '/etc/passwd', says: { mode: 0o120777 } }, /a link "a\/link"/],
    ['a name twice', { name: 'a/data/0', content: FOUR }, /two entries "a\/data\/0"/],
    ['another name in its own header', { name: 'a/x', content: 'x', says: { localName: 'a/y' } }, /two things of the name/],
    ['another size in its own header', { name: 'a/x', content: 'x', says: { localSize: 5 } }, /two things of the size/],
    ['an encrypted entry', { name: 'a/x', content: 'x', says: { flags: 1 } }, /encrypted/],
    ['a compression that is not read', { name: 'a/x', content: 'x', says: { method: 12 } }, /compression that is not read/],
    ['a name that is not UTF-8', { name: 'a/x', content: 'x', says: { localName: 'a/y' } }, /two things/],
  ])('%s', (_, part, words) => refused(archive([...GOOD, part]), 'E_FORMAT', words));

  test('two archives in one file: a comment that is another end, bytes before, a directory elsewhere', async () => {
    const inner = zipOf(GOOD);
    await refused(archive(GOOD, { comment: inner.subarray(inner.length - 22) }), 'E_FORMAT', /could be two zip archives/);
    await refused(archive(GOOD, { shift: -20 }), 'E_FORMAT', /does not lie at its end/);
    await refused(archive(GOOD, { count: 7 }), 'E_FORMAT', /another number of entries/);
    await refused(temporary('prefix', Buffer.concat([zipOf(GOOD), zipOf([{ name: 'b/data.pkl', content: pickle(call(global('os', 'system'), text('x'))) }])])), 'E_FORMAT', /does not lie at its end/);
    await refused(temporary('short', zipOf(GOOD).subarray(0, 100)), 'E_FORMAT', /no whole zip archive/);
  });
});

describe('F44: bombs and sizes that lie', () => {
  test('a bomb is refused before it is unpacked, and a small one that lies when it turns out longer', async () => {
    const zeros = Buffer.alloc(50_000_000);
    const began = process.memoryUsage().rss;
    await refused(archive([{ name: 'a/data.pkl', content: GOOD[0]?.content as Buffer }, { name: 'a/data/0', content: zeros, deflate: true }]), 'E_FORMAT', /unpacks to too much/, true);
    expect(process.memoryUsage().rss - began).toBeLessThan(200_000_000);
    await refused(archive([{ name: 'a/data.pkl', content: zeros, deflate: true, says: { size: 100 } }]), 'E_FORMAT', /cannot be unpacked/);
    await refused(archive([{ name: 'a/data.pkl', content: 'xyz', deflate: true, says: { size: 5000 } }]), 'E_FORMAT', /another length/);
  });

  test('entries that share their bytes, reach into the directory, or say what is not there', async () => {
    await refused(archive([...GOOD, { name: 'a/x', content: 'x', says: { offset: 0, localName: 'a/data.pkl' } }]), 'E_FORMAT', /two things of the name|lie over each other/);
    const twice = zipOf([...GOOD, { name: 'b/data.pkl', content: GOOD[0]?.content as Buffer, says: { offset: 0 } }]);
    await refused(temporary('overlap', twice), 'E_FORMAT', /two things of the name/);
    await refused(archive([{ name: 'a/data.pkl', content: 'x', says: { size: 4000, compressed: 4000 } }]), 'E_FORMAT', /reaches into the directory/);
    await refused(archive([{ name: 'a/data.pkl', content: 'x', says: { size: 0xffffffff } }]), 'E_FORMAT', /lacks the size/);
    await refused(archive([...GOOD.slice(0, 1), { name: 'a/data/0', content: FOUR, says: { crc: 7 } }]), 'E_FORMAT', /damaged entry "a\/data\/0"/, true);
    await refused(archive([...GOOD.slice(0, 1), { name: 'a/data/0', content: FOUR.subarray(4) }]), 'E_FORMAT', /shorter storage of "w"/);
    await refused(archive(GOOD.slice(0, 1)), 'E_FORMAT', /lacks the storage "0"/);
    await refused(archive([{ name: 'a/x', content: 'x' }]), 'E_FORMAT', /not one of PyTorch/);
  });

  test.each<[string, TensorSays]>([
    ['beyond the storage', { offset: 1 }],
    ['a negative offset', { offset: -1 }],
    ['a negative stride', { offset: 3, strides: [-1] }],
    ['a negative extent', { shape: [-4] }],
    ['fewer strides than axes', { shape: [2, 2] }],
    ['2^60 elements of one number', { shape: [1 << 30, 1 << 30], strides: [0, 0] }],
    ['2^31 elements of one number', { shape: [1 << 16, 1 << 15], strides: [0, 0] }],
    ['a product that overflows', { shape: [2147483647, 2147483647, 2147483647], strides: [0, 0, 0] }],
  ])('a tensor of %s', (_, says) => refused(withPickle(pickle(dict(['w', tensorOf(says)]))), 'E_FORMAT', /tensor "w"/));
});

describe('F45: pickles', () => {
  const marker = join(temporary('marker'), '..', 'executed');
  const os = (module = 'os', name = 'system'): Buffer => call(global(module, name), text(`touch ${marker}`));
  const NESTED = pickle(os());
  const bytesOf = (bytes: Buffer): Buffer => Buffer.concat([latin('C'), Buffer.from([bytes.length]), bytes]);
  const short = (value: string): Buffer => Buffer.concat([Buffer.from([0x8c, value.length]), latin(value)]);
  const memo = (index: number): Buffer => Buffer.concat([latin('h'), Buffer.from([index])]);

  const HOSTILE: readonly (readonly [string, Buffer, RegExp])[] = [
    ['os.system', pickle(os()), /os\.system/],
    ['posix.system, as Linux writes it', pickle(os('posix')), /posix\.system/],
    ['beside good tensors', pickle(dict(['w', tensorOf()], ['x', os()])), /os\.system/],
    ['as a key of a dict', pickle(Buffer.concat([latin('}('), os(), latin('Nu')])), /os\.system/],
    ['behind a POP', pickle(Buffer.concat([os(), latin('0'), dict(['w', tensorOf()])])), /os\.system/],
    ['as an argument of a rebuilt tensor', pickle(dict(['w', tensorOf({ more: [os()] })])), /os\.system/],
    ['in the hooks that _rebuild_parameter ignores', pickle(dict(['w', call(global('torch._utils', '_rebuild_parameter'), tensorOf(), Buffer.from([0x89]), os())])), /os\.system/],
    ['builtins.eval', pickle(os('builtins', 'eval')), /builtins\.eval/],
    ['__builtin__.exec of Python 2', pickle(os('__builtin__', 'exec')), /__builtin__\.exec/],
    ['builtins.getattr', pickle(os('builtins', 'getattr')), /builtins\.getattr/],
    ['torch.storage._load_from_bytes, a pickle in a pickle', pickle(call(global('torch.storage', '_load_from_bytes'), bytesOf(NESTED))), /torch\.storage\._load_from_bytes/],
    ['torch.load within', pickle(call(global('torch.serialization', 'load'), text('x'))), /torch\.serialization\.load/],
    ['a name of torch that compiles', pickle(os('torch.utils.cpp_extension', 'load_inline')), /load_inline/],
    ['torch.hub.load', pickle(os('torch.hub', 'load')), /torch\.hub\.load/],
    ['functools.partial', pickle(os('functools', 'partial')), /functools\.partial/],
    ['a name reached through an allowed class', pickle(os('collections', 'OrderedDict.__init__.__globals__')), /OrderedDict\.__init__\.__globals__/],
    ['an allowed name under another module', pickle(os('torch._utils.os', 'OrderedDict')), /torch\._utils\.os\.OrderedDict/],
    ['INST of protocol 0', pickle(Buffer.concat([latin('('), text('x'), latin('ios\nsystem\n')])), /os\.system/],
    ['OBJ of protocol 1', pickle(Buffer.concat([latin('('), global('os', 'system'), text('x'), latin('o')])), /os\.system/],
    ['NEWOBJ', pickle(Buffer.concat([global('subprocess', 'Popen'), tuple(text('x')), Buffer.from([0x81])])), /subprocess\.Popen/],
    ['NEWOBJ_EX', pickle(Buffer.concat([global('subprocess', 'Popen'), tuple(), dict(['args', text('x')]), Buffer.from([0x92])]), 4), /subprocess\.Popen/],
    ['STACK_GLOBAL', pickle(Buffer.concat([short('posix'), short('system'), Buffer.from([0x93]), tuple(text('x')), latin('R')]), 4), /posix\.system/],
    ['STACK_GLOBAL with names from the memo', pickle(Buffer.concat([short('posix'), Buffer.from([0x94]), latin('0'), short('system'), Buffer.from([0x94]), latin('0'), memo(0), memo(1), Buffer.from([0x93])]), 4), /posix\.system/],
    ['an extension code', pickle(Buffer.from([0x82, 7])), /copyreg extension 7/],
    ['a call of what a call gave', pickle(call(call(global('collections', 'defaultdict')), text('x'))), /a call of what another call gave/],
    ['a callable from a persistent id', pickle(call(Buffer.concat([text('x'), latin('Q')]), text('x'))), /a call of what another call gave/],
    ['names in a file that is broken after them', pickle(Buffer.concat([os(), latin('\xff')])), /os\.system/],
    ['names in a file that ends after them', os(), /os\.system/],
    ['several names, all of them told', pickle(tuple(os(), os('nt'), os('builtins', 'compile'))), /os\.system, nt\.system, builtins\.compile/],
    ['a state that would be set on an allowed class', pickle(Buffer.concat([call(global('argparse', 'Namespace')), dict(['__class__', global('os', 'system')]), latin('b')])), /os\.system/],
  ];

  test.each(HOSTILE)('%s', async (_, bytes, words) => {
    await refused(withPickle(bytes), 'E_UNSAFE_PICKLE', words);
    if (bytes[0] === 0x80) await refused(legacy(bytes), 'E_UNSAFE_PICKLE', words);
    expect(existsSync(marker)).toBe(false);
  });

  test('a bare pickle, and one hidden in another file of the archive that nothing reads', async () => {
    await refused(temporary('bare.pth', NESTED), 'E_UNSAFE_PICKLE', /os\.system/);
    // Whatever else lies in an archive is not looked at: it is neither read nor executed.
    const path = archive([...GOOD, { name: 'a/evil.pkl', content: NESTED }, { name: 'a/data/evil', content: NESTED }]);
    expect([...openCheckpoint(path).entries.keys()]).toEqual(['w']);
    const scripted = archive([{ name: 'a/data.pkl', content: NESTED }, { name: 'a/constants.pkl', content: pickle(tuple()) }]);
    await refused(scripted, 'E_UNSAFE_PICKLE', /os\.system/);
    expect(existsSync(marker)).toBe(false);
  });

  test.each<[string, Buffer, RegExp]>([
    ['a length of 2^63', Buffer.from([0x80, 4, 0x8d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), /at most 9007199254740991 bytes/],
    ['bytes of 4 GB', Buffer.from([0x80, 2, 0x42, 0xff, 0xff, 0xff, 0xff]), /ends too early/],
    ['an integer of megabytes', Buffer.from([0x80, 2, 0x8b, 0, 0, 0x40, 0]), /at most 4300 bytes/],
    ['an unknown opcode', Buffer.from([0x80, 2, 0xff]), /byte 0xff/],
    ['protocol 9', Buffer.from([0x80, 9, 0x4e, 0x2e]), /protocol 9/],
    ['buffers outside it', Buffer.from([0x80, 5, 0x97, 0x2e]), /byte 0x97/],
    ['nothing', Buffer.alloc(0), /ends too early/],
    ['an empty stack', latin('.'), /a value on the stack/],
    ['a mark that is missing', latin('t.'), /a mark/],
    ['a memo that is empty', Buffer.from([0x68, 3, 0x2e]), /nothing under 3/],
    ['two values', latin('NN.'), /one value/],
    ['an odd number of items', latin('}(Nu.'), /keys with their values/],
    ['an append to a tuple', latin(')Na.'), /a list to append to/],
    ['a list that grows through the memo', Buffer.concat([latin(']q\x00('), Buffer.alloc(5_000_000, latin('h\x00')), latin('e.')]), /at most 2000000 operations/],
    ['a long list copied again and again', Buffer.concat([latin(']q\x00('), ...Array.from({ length: 2000 }, () => tuple(latin('NN'))), latin('e0'), ...Array.from({ length: 2000 }, () => Buffer.concat([global('collections', 'OrderedDict'), latin('h\x00\x85R0')])), latin('N.')]), /at most 2000000 operations/],
    ['a text that is no UTF-8', Buffer.from([0x58, 1, 0, 0, 0, 0xff, 0x2e]), /not UTF-8/],
    ['no tensors', pickle(dict(['a', int(1)])), /no mapping of tensors/],
    ['a dict that contains itself', latin('}q\x00X\x01\x00\x00\x00ah\x00s.'), /no mapping of tensors/],
    ['a million tuples in each other', pickle(Buffer.concat([latin(')'), Buffer.alloc(1_000_000, 0x85)])), /no mapping of tensors/],
    ['a storage that is none', pickle(dict(['w', call(global('torch._utils', '_rebuild_tensor_v2'), Buffer.concat([text('module'), latin('Q')]), int(0), tuple(), tuple())])), /no storage/],
  ])('malformed: %s', (_, bytes, words) => refused(withPickle(bytes), 'E_FORMAT', words));

  test('a negated view is not read as what its storage holds', () => refused(withPickle(pickle(dict(['w', tensorOf({ more: [dict(['neg', Buffer.from([0x88])])] })]))), 'E_DATA', /negated/));
});

describe('F48: safetensors', () => {
  const file = (header: string | Buffer, data = 16, length?: bigint): string => {
    const bytes = Buffer.from(header as string);
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(length ?? BigInt(bytes.length));
    return temporary('hostile.safetensors', Buffer.concat([prefix, bytes, Buffer.alloc(data)]));
  };
  const entry = (from: number, to: number, more = '"dtype":"F32","shape":[2]'): string => `{${more},"data_offsets":[${from},${to}]}`;

  test.each<[string, string, RegExp]>([
    ['a header of 2^47 bytes', file('{}', 0, 1n << 47n), /impossible/],
    ['a header beyond the file', file('{}', 0, 1000n), /impossible/],
    ['a gap', file(`{"a":${entry(0, 8)},"b":${entry(12, 20)}}`, 20), /gap or an overlap/],
    ['an overlap', file(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12), /gap or an overlap/],
    ['a name twice', file(`{"a":${entry(0, 8)},"a":${entry(8, 16)}}`), /names "a" twice/],
    ['a name twice, once escaped', file(`{"a":${entry(0, 8)},"\\u0061":${entry(8, 16)}}`), /names "a" twice/],
    ['another length than its shape', file(`{"a":${entry(0, 16)}}`), /another length of "a"/],
    ['a shape whose product overflows', file(`{"a":${entry(0, 16, '"dtype":"F32","shape":[4294967296,4294967296,4294967296]')}}`), /another length of "a"/],
    ['a negative place', file(`{"a":${entry(-8, 0)}}`, 0), /describes "a" wrongly/],
    ['bytes after its tensors', file(`{"a":${entry(0, 8)}}`), /another length than its tensors/],
    ['metadata that is no text', file(`{"__metadata__":{"a":NaN},"a":${entry(0, 16)}}`), /malformed safetensors header/],
    ['metadata that is a number', file(`{"__metadata__":{"a":1},"a":${entry(0, 16)}}`), /malformed metadata/],
    ['a header that is no UTF-8', file(Buffer.concat([latin('{"\xff":'), latin(`${entry(0, 16)}}`)])), /malformed safetensors header/],
    ['a type of another kind', file(`{"a":${entry(0, 16, '"dtype":"F8_E5M2","shape":[16]')}}`), /type that is not read/],
  ])('%s', (_, path, words) => refused(path, 'E_FORMAT', words));

  test.each<[string, string]>([
    ['a path upwards', '../x.safetensors'],
    ['an absolute path', '/etc/passwd'],
    ['a folder', 'a/b.safetensors'],
    ['itself', 'hostile.index.json'],
  ])('an index that names %s', (_, name) => refused(temporary('hostile.index.json', JSON.stringify({ weight_map: { w: name } })), 'E_FORMAT', /no file beside it|another index/));

  test('an index that does not say what its files hold', async () => {
    const good = file(`{"a":${entry(0, 8)},"b":${entry(8, 16)}}`);
    const index = (map: object): string => {
      const path = join(good, '..', 'x.index.json');
      writeFileSync(path, JSON.stringify({ weight_map: map }));
      return path;
    };
    const name = good.slice(good.lastIndexOf('/') + 1);
    expect([...openCheckpoint(index({ a: name, b: name })).entries.keys()]).toEqual(['a', 'b']);
    await refused(index({ a: name, c: name }), 'E_FORMAT', /places "c"/);
    await refused(index({ a: name }), 'E_FORMAT', /does not name "b"/);
    await refused(index({ a: 'gone.safetensors' }), 'E_EXTERNAL_MISSING', /gone/);
  });
});

test('files of other kinds are named as what they are not', async () => {
  for (const bytes of ['', '<html>Not found</html>', Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(600)]) await refused(temporary('other.pth', bytes), 'E_FORMAT', /no checkpoint that is known/);
  await refused(temporary('tar.pth', Buffer.concat([Buffer.alloc(257), latin('ustar'), Buffer.alloc(250)])), 'E_FORMAT', /before 0\.2/);
  await refused(join(temporary('x'), 'nowhere'), 'E_EXTERNAL_MISSING', /nowhere/);
});

test('damage to good archives and pickles ends in a result or a typed error', async () => {
  const read = (path: string): void => {
    const checkpoint = openCheckpoint(path);
    try {
      for (const name of checkpoint.entries.keys()) checkpoint.read(name);
    } finally {
      checkpoint.close();
    }
  };
  const codes = new Set(['E_FORMAT', 'E_UNSAFE_PICKLE', 'E_DATA', 'E_WEIGHTS']);
  for (const path of [archive(GOOD), legacy(pickle(dict(['w', tensorOf()])))]) expect(await survivesDamage(path, 400, read, 'checkpoints', codes)).toBeGreaterThan(200);
});
