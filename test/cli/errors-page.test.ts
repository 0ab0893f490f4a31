import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/core/errors.js';

const page = readFileSync('docs/errors.md', 'utf8');
const sections = page.split(/^## /m).slice(1);

test('docs/errors.md has one section for each error code, in the same order, and no other', () => {
  expect(sections.map((section) => section.slice(0, section.indexOf('\n')))).toEqual(Object.keys(ERROR_CODES));
});

test('every section says what it means and what to do', () => {
  for (const section of sections) {
    expect(section.split('\n\n').length).toBeGreaterThanOrEqual(3);
    expect(section).toMatch(/^What to do: /m);
  }
});

test('every error code is used outside of the table', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.endsWith(join('core', 'errors.ts')));
  const text = files.map((name) => readFileSync(join('src', name), 'utf8')).join('\n');
  expect(Object.keys(ERROR_CODES).filter((code) => !text.includes(`'${code}'`))).toEqual([]);
});
