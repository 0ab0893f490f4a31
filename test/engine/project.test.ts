import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProjectRoot } from '../../src/engine/project.js';

test.each(['package.json', 'pipeline.config.yaml'])('the project root is the nearest folder upward with %s', (marker) => {
  const root = mkdtempSync(join(tmpdir(), 'project-'));
  try {
    mkdirSync(join(root, 'a/b/c'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{}');
    writeFileSync(join(root, 'a/b', marker), '');
    expect(findProjectRoot(join(root, 'a/b/c'))).toBe(join(root, 'a/b'));
    expect(findProjectRoot(join(root, 'a/b'))).toBe(join(root, 'a/b'));
    expect(findProjectRoot(join(root, 'a'))).toBe(root);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('without a marker the starting folder is the root', () => {
  expect(findProjectRoot('/proc/self')).toBe('/proc/self');
});
