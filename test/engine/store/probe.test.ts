import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { kindOf } from '../../../src/engine/store/file-system-kind.js';
import { nodeFs } from '../../../src/engine/store/fs-port.js';
import { probeStore } from '../../../src/engine/store/probe.js';
import { FaultFs } from '../../rigs/fault-fs.js';

const root = mkdtempSync(join(tmpdir(), 'pipeline-probe-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('trying a file system', () => {
  test('a folder on a usual disk can do everything, and nothing is left in it, nor is the store made', async () => {
    const probe = await probeStore(join(root, 'not', 'yet'), nodeFs);
    for (const step of ['write', 'syncFile', 'link', 'rename', 'syncFolder'] as const) expect(probe[step]).toEqual({ works: true });
    expect(probe.folder).toBe(root);
    expect(probe.freeBytes).toBeGreaterThan(0);
    expect(readdirSync(root)).toEqual([]);
  });

  test.each([
    ['link', 'link', 1, 'EPERM'],
    ['rename', 'rename', 1, 'EXDEV'],
    ['syncFile', 'fsync', 1, 'EINVAL'],
    ['write', 'write', 1, 'ENOSPC'],
    ['write', 'mkdir', 1, 'EROFS'],
  ] as const)('%s that fails (%s number %d: %s) is an answer with the code, not an error', async (step, operation, nth, code) => {
    const probe = await probeStore(join(root, 'store'), new FaultFs({ operation, nth, mode: 'once', code }));
    expect(probe[step]).toEqual({ works: false, found: code });
    expect(readdirSync(root)).toEqual([]);
  });

  test('a clock that runs a day behind the file system is seen', async () => {
    const { clockAheadMs } = await probeStore(join(root, 'store'), { ...nodeFs, now: () => Date.now() - 86_400_000 });
    expect(Math.abs((clockAheadMs ?? 0) - 86_400_000)).toBeLessThan(5000);
  });

  test('a file where the store should be cannot be written to', async () => {
    writeFileSync(join(root, 'file'), '');
    for (const directory of [join(root, 'file'), join(root, 'file', 'store')]) expect((await probeStore(directory, nodeFs)).write.works).toBe(false);
    rmSync(join(root, 'file'));
    expect(existsSync(join(root, 'file'))).toBe(false);
  });
});

test('file systems are known by their number, signed or not; shared, layered and fleeting ones come with a caution', () => {
  expect(kindOf(0xef53)).toEqual({ name: 'ext2/3/4' });
  expect(kindOf(0xff534d42 | 0).name).toBe('cifs');
  expect(kindOf(-1).name).toBe('unknown (0xffffffff)');
  for (const type of [0x6969, 0xff534d42, 0x65735546, 0x794c7630, 0x01021994]) expect(kindOf(type).caution).toBeDefined();
});
