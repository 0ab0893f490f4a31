/**
 * Hostile and mistaken pipeline files (rows F33–F41 and F55 of the fault table in docs/reliability.md): each is refused with a typed error at its exact place,
 * every time, prints no control character, changes no prototype, and the process lives on.
 *
 *   F33 aliases: alias-*      F34 depth: depth-*      F35 size: below      F36 prototypes: proto-*, name-reserved, expression-proto, -constructor, -env-proto
 *   F37 duplicate keys, tabs, documents, tags, marks: duplicate-key, tabs, two-documents, tag-*, list-key, number-key, only-comment, empty
 *   F38 surprises of YAML 1.1 and of numbers: yaml-1.1, huge-integer, not-a-number      F39 bytes and characters: not-utf8, utf16, nul, lone-surrogate, escape-*, bidi-*
 *   F40 cycles and matrices: self-dependency, cycle-long, matrix-*      F41 what is no file: below      F55 expressions: expression-*
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { formatDiagnostic } from '../../src/engine/format-diagnostic.js';
import { loadPlan } from '../../src/engine/load-plan.js';
import { fakeRegistry } from '../rigs/fake-registry.js';
import { load, pipeline } from '../rigs/plan-rig.js';

const FOLDER = new URL('../fixtures/hostile/', import.meta.url).pathname;

const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'alias-bomb.yaml': ['5:10 E_YAML_FORBIDDEN'],
  'alias-self.yaml': ['3:10 E_YAML_FORBIDDEN'],
  'alias-unknown.yaml': ['3:6 E_YAML_SYNTAX'],
  'bidi-name.yaml': ['1:7 E_BAD_NAME'],
  'bidi-stage.yaml': ['3:3 E_BAD_NAME'],
  'cycle-long.yaml': ['4:42 E_CYCLE'],
  'depth-braces.yaml': ['3:250 E_YAML_TOO_DEEP'],
  'depth-brackets.yaml': ['3:67 E_YAML_TOO_DEEP'],
  'depth-colons.yaml': ['1:129 E_YAML_TOO_DEEP'],
  'depth-dashes.yaml': ['4:129 E_YAML_TOO_DEEP'],
  'depth-indentation.yaml': ['66:65 E_YAML_TOO_DEEP'],
  'depth-questions.yaml': ['1:129 E_YAML_TOO_DEEP'],
  'duplicate-key.yaml': ['5:3 E_DUPLICATE_KEY'],
  'empty.yaml': ['1:1 E_WRONG_TYPE'],
  'escape-codes.yaml': ['2:15 E_YAML_FORBIDDEN'],
  'escape-in-name.yaml': ['1:7 E_BAD_NAME'],
  'expression-assignment.yaml': ['5:18 E_EXPRESSION'],
  'expression-choices.yaml': ['5:329 E_EXPRESSION'],
  'expression-comparison.yaml': ['5:18 E_EXPRESSION'],
  'expression-constructor.yaml': ['5:9 E_UNKNOWN_REFERENCE'],
  'expression-division.yaml': ['5:11 E_EXPRESSION'],
  'expression-doubling-lists.yaml': ['19:8 E_OUT_OF_RANGE'],
  'expression-doubling-text.yaml': ['16:24 E_EXPRESSION'],
  'expression-env-proto.yaml': ['5:13 E_EXPRESSION'],
  'expression-index.yaml': ['5:15 E_EXPRESSION'],
  'expression-long.yaml': ['5:9 E_EXPRESSION'],
  'expression-method.yaml': ['5:26 E_EXPRESSION'],
  'expression-nested.yaml': ['5:9 E_EXPRESSION'],
  'expression-not-bombs.yaml': ['5:73 E_EXPRESSION'],
  'expression-parentheses.yaml': ['5:41 E_EXPRESSION'],
  'expression-proto.yaml': ['5:16 E_EXPRESSION'],
  'expression-regex.yaml': ['6:14 E_EXPRESSION'],
  'expression-secret.yaml': ['5:9 E_UNKNOWN_REFERENCE'],
  'expression-unclosed.yaml': ['5:7 E_EXPRESSION'],
  'expression-unicode.yaml': ['5:6 E_EXPRESSION'],
  'huge-integer.yaml': ['3:6 E_OUT_OF_RANGE'],
  'indentation-lost.yaml': ['5:1 E_YAML_SYNTAX'],
  'list-key.yaml': ['3:5 E_YAML_FORBIDDEN'],
  'list-root.yaml': ['1:1 E_WRONG_TYPE'],
  'lone-surrogate.yaml': ['2:14 E_YAML_FORBIDDEN'],
  'matrix-bomb.yaml': ['3:3 E_MATRIX'],
  'matrix-own-axis.yaml': ['6:13 E_UNKNOWN_REFERENCE'],
  'name-empty.yaml': ['1:7 E_BAD_NAME'],
  'name-path.yaml': ['1:7 E_BAD_NAME'],
  'name-reserved.yaml': ['1:7 E_BAD_NAME'],
  'not-a-number.yaml': ['3:6 E_OUT_OF_RANGE', '4:6 E_OUT_OF_RANGE', '5:6 E_OUT_OF_RANGE'],
  'not-utf8.yaml': ['2:6 E_YAML_SYNTAX'],
  'nul.yaml': ['2:16 E_YAML_FORBIDDEN'],
  'number-key.yaml': ['2:11 E_YAML_FORBIDDEN'],
  'only-comment.yaml': ['1:1 E_WRONG_TYPE'],
  'plain-reference-in-flow.yaml': ['6:20 E_YAML_SYNTAX'],
  'proto-merge.yaml': ['5:5 E_YAML_FORBIDDEN', '5:11 E_BAD_NAME'],
  'proto-nested.yaml': ['3:3 E_MISSING_INPUT', '5:28 E_BAD_NAME'],
  'proto-param.yaml': ['2:11 E_BAD_NAME', '2:26 E_BAD_NAME'],
  'proto-stage.yaml': ['3:3 E_BAD_NAME', '3:3 E_MISSING_FIELD'],
  'quote-unclosed.yaml': ['4:1 E_YAML_SYNTAX'],
  'seed-fraction.yaml': ['2:7 E_WRONG_TYPE'],
  'self-dependency.yaml': ['5:21 E_CYCLE'],
  'stage-name-long.yaml': ['3:3 E_BAD_NAME'],
  'stage-name-path.yaml': ['3:3 E_BAD_NAME'],
  'stage-null.yaml': ['3:3 E_WRONG_TYPE'],
  'stages-list.yaml': ['3:3 E_WRONG_TYPE'],
  'tabs.yaml': ['3:1 E_YAML_SYNTAX', '4:1 E_YAML_SYNTAX'],
  'tag-binary.yaml': ['3:6 E_YAML_FORBIDDEN'],
  'tag-directive.yaml': ['1:1 E_YAML_FORBIDDEN'],
  'tag-function.yaml': ['3:6 E_YAML_FORBIDDEN'],
  'tag-set.yaml': ['2:9 E_YAML_FORBIDDEN'],
  'two-documents.yaml': ['4:1 E_YAML_FORBIDDEN'],
  'unclosed-bracket.yaml': ['3:1 E_YAML_SYNTAX'],
  'utf16.yaml': ['1:1 E_YAML_SYNTAX'],
  'when-text.yaml': ['3:35 E_WRONG_TYPE'],
  'yaml-1.1.yaml': ['1:1 E_YAML_FORBIDDEN'],
};

const files = readdirSync(FOLDER).sort();

test('every file of the corpus has its expectation, and there are more than seventy', () => {
  expect(files.length).toBeGreaterThan(70);
  expect(files).toEqual(Object.keys(EXPECTED).sort());
});

test.each(files)('%s is refused at its place, twice in one process', (name) => {
  for (const round of [1, 2]) {
    const { plan, diagnostics } = loadPlan(join(FOLDER, name), { registry: fakeRegistry(), set: [], env: { HOME: '/home/x' } });
    expect(plan, `round ${round}`).toBeUndefined();
    expect(diagnostics.map(({ error }) => `${error.span?.line}:${error.span?.column} ${error.code}`)).toEqual(EXPECTED[name]);
    const source = readFileSync(join(FOLDER, name), 'latin1');
    for (const { error } of diagnostics) {
      expect(error).toBeInstanceOf(PipelineError);
       
      expect(formatDiagnostic(error, source)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test('a file of more than 1 MiB is refused before it is parsed, one of 1 MiB is read', () => {
  const filler = (bytes: number): string => `${pipeline('  a: { type: fake.simulate }\n')}#${'x'.repeat(bytes)}`;
  const overhead = filler(0).length;
  expect(load(filler(1024 * 1024 - overhead)).codes).toEqual([]);
  expect(load(filler(1024 * 1024 - overhead + 1)).codes).toEqual(['E_YAML_TOO_LARGE']);
});

test('a megabyte of list items, brackets or one long line ends with an answer', () => {
  const megabyte = 1024 * 1024 - 100;
  expect(load(pipeline('  a: { type: fake.simulate }\n', `params:\n  a:\n${'  - 1\n'.repeat(megabyte / 6 - 20)}`)).codes).toEqual(['E_OUT_OF_RANGE']);
  expect(load('['.repeat(megabyte)).codes).toEqual(['E_YAML_TOO_DEEP']);
  expect(load(`a: ${'- '.repeat(megabyte / 2 - 10)}`).codes[0]).toMatch(/^E_YAML_/);
  expect(load(pipeline('  a: { type: fake.simulate }\n', `params:\n  a: "${'$'.repeat(500_000)}{1}"\n`)).codes).toEqual([]);
  expect(load(`name: ${'x'.repeat(megabyte)}`).codes).toContain('E_BAD_NAME');
});

test('a folder, a missing file, a pipe and an endless device are no pipeline files, and opening them does not hang', () => {
  const options = { registry: fakeRegistry(), set: [], env: {} };
  const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
  try {
    execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
    for (const file of [folder, join(folder, 'missing.yaml'), join(folder, 'pipe.yaml'), '/dev/zero']) {
      expect(loadPlan(file, options).diagnostics.map(({ error }) => error.code)).toEqual(['E_FILE_NOT_FOUND']);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('mutations of a valid file give a plan or typed errors, never a crash', () => {
  const source = readFileSync(new URL('../fixtures/pipelines/all-features.yaml', import.meta.url), 'utf8');
  const folder = mkdtempSync(join(tmpdir(), 'mutation-'));
  const file = join(folder, 'p.yaml');
  try {
    const edit = fc.record({ at: fc.nat({ max: source.length }), drop: fc.nat({ max: 12 }), insert: fc.oneof(fc.constantFrom('', ' ', '\n', '\t', '- ', ': ', '{', '}', '[', ']', '${', '"', "'", '&a ', '*a', '!!x ', '|\n', '%', '---\n', '#', '?', 'null', '0'), fc.string({ unit: 'binary', maxLength: 4 })) });
    fc.assert(fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      const text = edits.reduce((at, { at: place, drop, insert }) => at.slice(0, place) + insert + at.slice(place + drop), source);
      writeFileSync(file, text);
      const { plan, diagnostics } = loadPlan(file, { registry: fakeRegistry(), set: [], env: {} });
      expect(plan === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
      for (const { error } of diagnostics) {
        expect(error).toBeInstanceOf(PipelineError);
        formatDiagnostic(error, text);
        const lines = text.replace(/^\uFEFF/, '').split('\n').length;
        if (error.span !== undefined) expect(error.span.line).toBeLessThanOrEqual(lines);
      }
    }), { seed: 7, numRuns: 200 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
