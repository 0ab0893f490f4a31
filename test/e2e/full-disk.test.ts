/** A real stage that writes real HDF5 through the real program, with the store on a disk that is too small for it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const namespaces = spawnSync('unshare', ['-Urm', 'true']).status === 0;

const PIPELINE = `
name: small
stages:
  simulate:
    type: nsd.simulate
    params: { sessions: 1, trials_per_session: 36, shared_images: 8, voxels_per_area: 4, early_voxels: 4, image_size: 64, exemplars: 8, calibration_images: 16 }
  program:
    type: command
    params: { argv: [dd, if=/dev/zero, "of={outputs.out}/zeros", bs=100k, count=20], outputs: { out: Bytes } }
`;

describe.runIf(namespaces)('a disk that is too small for the outputs of a stage', { timeout: 120_000 }, () => {
  test('costs the cache, not the run, whether HDF5 or a program of the user meets it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'full-disk-'));
    try {
      writeFileSync(join(folder, 'p.yaml'), PIPELINE);
      mkdirSync(join(folder, 'small'));
      const script = 'mount -t tmpfs -o size=1m t small; exec "$1" "$2" run p.yaml --jobs 1 --cache-dir small/cache --results results';
      const env = { ...process.env, CI: '1', NO_COLOR: '1' };
      const { status, stdout, stderr } = spawnSync('unshare', ['-Urm', 'sh', '-c', script, 'sh', process.execPath, resolve('dist/cli/main.js')], { encoding: 'utf8', cwd: folder, env });
      expect(`${stdout}${stderr}`).toContain('2 ran, 0 restored, 0 skipped, 0 failed');
      expect(status).toBe(0);
      for (const stage of ['simulate', 'program']) expect(stderr).toMatch(new RegExp(`not saved: the results of .*${stage}`));
      expect(stderr).toContain('pipeline cache gc');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
