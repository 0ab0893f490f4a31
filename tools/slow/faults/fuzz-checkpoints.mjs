/**
 * One batch of fuzzing of checkpoints: `node fuzz-checkpoints.mjs SEED SECONDS FOLDER`. Files that PyTorch and safetensors wrote, changed in a few places: as they are, and with the change
 * inside data.pkl or a storage and the archive around it made right again, so that it gets past the checksums. Whatever comes in, tensors or a typed error come out.
 * One line of JSON for each violation, and one for each kind of input at the end.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { PipelineError } from '../../../dist/core/errors.js';
import { Random } from '../../../dist/core/random.js';
import { openCheckpoint } from '../../../dist/formats/checkpoint/index.js';
import { ZipArchive } from '../../../dist/formats/checkpoint/zip.js';

const [seed, seconds, folder] = process.argv.slice(2);
const random = new Random(`fuzz-checkpoints/${seed}`);
const root = fileURLToPath(new URL('../../../test/fixtures/checkpoints/', import.meta.url));
const files = readdirSync(root).flatMap((version) => readdirSync(join(root, version)).filter((name) => name !== 'expected.json').map((name) => join(root, version, name)));
const pick = (list) => list[random.integer(0, list.length)];
const CODES = new Set(['E_FORMAT', 'E_UNSAFE_PICKLE', 'E_DATA', 'E_WEIGHTS', 'E_EXTERNAL_MISSING']);
const SLOWEST_MS = 10_000;
const OPCODES = Buffer.from('()]}0.12NJKMILGFXVSTUBCdtlaesubcRiopqrghjPQ\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96', 'latin1');

const kinds = {
  bytes: () => mutate(readFileSync(pick(files))),
  inside() {
    const zip = new ZipArchive(pick(files.filter((path) => readFileSync(path).subarray(0, 2).toString() === 'PK')));
    try {
      const names = [...zip.entries.keys()];
      const changed = random.uniform() < 0.8 ? names.find((name) => name.endsWith('/data.pkl')) : pick(names);
      return zipOf(names.map((name) => [name, name === changed ? mutate(Buffer.from(zip.readWhole(name, 1e9))) : Buffer.from(zip.readWhole(name, 1e9))]));
    } finally {
      zip.close();
    }
  },
};
const figures = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, { kind: `checkpoint, ${kind}`, inputs: 0, accepted: 0, refused: 0, slowest: 0, codes: new Set() }]));
const path = join(folder, `checkpoint-${process.pid}`);
const end = Date.now() + Number(seconds) * 1000;

for (let input = 0; Date.now() < end; input += 1) {
  const kind = pick(Object.keys(kinds));
  const bytes = kinds[kind]();
  writeFileSync(path, bytes);
  const row = figures[kind];
  row.inputs += 1;
  const began = performance.now();
  try {
    const checkpoint = openCheckpoint(path);
    try {
      for (const name of checkpoint.entries.keys()) checkpoint.read(name);
    } finally {
      checkpoint.close();
    }
    row.accepted += 1;
  } catch (error) {
    row.refused += 1;
    if (error instanceof PipelineError && CODES.has(error.code)) row.codes.add(error.code);
    else violation(input, bytes, `not a typed error: ${error?.stack ?? error}`);
  }
  const took = performance.now() - began;
  row.slowest = Math.max(row.slowest, Math.round(took));
  if (took > SLOWEST_MS) violation(input, bytes, `it took ${Math.round(took)} ms`);
}
for (const { codes, ...row } of Object.values(figures)) process.stdout.write(`${JSON.stringify({ ...row, codes: [...codes] })}\n`);

function mutate(original) {
  let bytes = Buffer.from(original);
  for (let edits = random.integer(1, 5); edits > 0; edits -= 1) {
    const at = random.integer(0, bytes.length + 1);
    const length = random.integer(0, 40);
    switch (random.integer(0, 7)) {
      case 0:
        if (bytes.length > 0) bytes[at % bytes.length] ^= 1 << random.integer(0, 8);
        break;
      case 1:
        if (bytes.length > 0) bytes[at % bytes.length] = pick(OPCODES);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([pick(OPCODES)]), bytes.subarray(at)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 5:
        for (let k = at; k < Math.min(bytes.length, at + random.integer(1, 9)); k += 1) bytes[k] = pick([0, 0xff, 0x7f, 0x80]);
        break;
      default: {
        const from = random.integer(0, bytes.length + 1);
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + length), bytes.subarray(at)]);
      }
    }
  }
  return bytes;
}

/** A plain stored archive. */
function zipOf(entries) {
  const chunks = [];
  const directory = [];
  let at = 0;
  for (const [name, content] of entries) {
    const label = Buffer.from(name);
    const shared = Buffer.alloc(26);
    shared.writeUInt32LE(crc32(content), 10);
    shared.writeUInt32LE(content.length, 14);
    shared.writeUInt32LE(content.length, 18);
    shared.writeUInt16LE(label.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\x00\x00', 'latin1'), shared, tail, label);
    chunks.push(Buffer.from('PK\x03\x04', 'latin1'), shared, label, content);
    at += 30 + label.length + content.length;
  }
  const listed = Buffer.concat(directory);
  const last = Buffer.alloc(22);
  last.writeUInt32LE(0x06054b50, 0);
  last.writeUInt16LE(entries.length, 8);
  last.writeUInt16LE(entries.length, 10);
  last.writeUInt32LE(listed.length, 12);
  last.writeUInt32LE(at, 16);
  return Buffer.concat([...chunks, listed, last]);
}

function violation(input, bytes, text) {
  process.stdout.write(`${JSON.stringify({ violation: text, input, text: bytes.toString('base64').slice(0, 100_000) })}\n`);
}
