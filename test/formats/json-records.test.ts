import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readJsonRecords } from '../../src/formats/json-records.js';

const folder = mkdtempSync(join(tmpdir(), 'json-records-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const write = (text: string): string => {
  files += 1;
  const path = join(folder, `${files}.json`);
  writeFileSync(path, text);
  return path;
};
async function read(text: string, ...names: string[]): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {};
  await readJsonRecords(write(text), Object.fromEntries(names.map((name) => [name, (record: unknown) => (found[name] ??= []).push(record)])));
  return found;
}

describe('readJsonRecords', () => {
  it('hands over every record of the arrays asked for and skips the rest', async () => {
    const value = { info: { annotations: [1], note: 'not [this]' }, images: [{ id: 1 }, { id: 2, nested: [[1, [2]], {}] }], other: [{ id: 9 }], annotations: [[1, 2], { text: 'a "quoted" \\ {[ text' }], last: 'x' };
    expect(await read(JSON.stringify(value, null, 1), 'images', 'annotations')).toEqual({ images: value.images, annotations: value.annotations });
    expect(await read('{"a": []}', 'a')).toEqual({});
  });

  it('finds the same records wherever blocks of the file end', async () => {
    // records of about 1 KiB with quotes, escapes, brackets in text and letters of several bytes: more than one block of 1 MiB
    const records = Array.from({ length: 2500 }, (_, i) => ({ id: i, text: `${'é"\\[{'.repeat(80 + (i % 61))}`, points: [i, [i + 1]] }));
    const found = await read(JSON.stringify({ info: {}, records }), 'records');
    expect(found['records']).toEqual(records);
  });

  it('names what is wrong with a file that is not such an object', async () => {
    await expect(read('[{"id": 1}]', 'a')).rejects.toMatchObject({ code: 'E_FORMAT', message: /is not one JSON object/ });
    await expect(read('{"b": [{"id": 1}]}', 'a')).rejects.toMatchObject({ code: 'E_FORMAT', message: /has no array "a"/ });
    await expect(read('{"a": [{"id": 1}, {"id"', 'a')).rejects.toMatchObject({ code: 'E_FORMAT', message: /ends early/ });
    await expect(read('{"a": [{id: 1}]}', 'a')).rejects.toMatchObject({ code: 'E_FORMAT', message: /is not JSON/ });
    await expect(read('', 'a')).rejects.toMatchObject({ code: 'E_FORMAT', message: /ends early/ });
    await expect(read('{"a": []} {"a": [{"id": 1}]}', 'a')).rejects.toMatchObject({ code: 'E_FORMAT', message: /is not one JSON object/ });
  });
});
