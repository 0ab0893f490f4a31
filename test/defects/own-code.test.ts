/**
 * The rows of peer-defects.test.ts that are about code and programs that people bring, run from end to end: an executable bit, arguments and their order, an
 * environment variable, code by content with what it imports, and values that a shell would take apart. Needs `npm run build` and a POSIX shell.
 */
import { existsSync, renameSync, utimesSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COUNT, HELPER, OwnProject } from '../rigs/own-project.js';

/** One command `a`; `params` are its lines. */
const command = (params: string, head = ''): string => `name: commands\n${head}stages:\n  a:\n    type: command\n    params:\n${params.replace(/^/gm, '      ')}\n`;
const PRINT = (args: string): string => command(`argv: [sh, -c, 'printf "%s\\n" "$@" > "$PIPELINE_OUTPUT_text/t"', sh, ${args}]\noutputs: { text: Text }`);

describe('programs', () => {
  test('row 1: arguments in another order run again and give what that order gives', async () => {
    using project = new OwnProject({ 'p.yaml': PRINT('one, two') });
    expect(await project.words()).toEqual({ a: 'ran' });
    project.write({ 'p.yaml': PRINT('two, one') });
    expect(await project.words()).toEqual({ a: 'ran' });
    expect(project.output('a', 'text')).toEqual({ t: 'two\none\n' });
    project.write({ 'p.yaml': PRINT('one, two') });
    expect(await project.words()).toEqual({ a: 'restored' });
  });

  test('row 10: where one argument ends and the next begins counts', async () => {
    using project = new OwnProject({ 'p.yaml': PRINT('ab, c') });
    const seen: (string | undefined)[] = [];
    for (const args of ['ab, c', 'a, bc', 'abc', "abc, ''"]) {
      project.write({ 'p.yaml': PRINT(args) });
      expect(await project.words()).toEqual({ a: 'ran' });
      seen.push(project.output('a', 'text')['t']);
    }
    expect(seen).toEqual(['ab\nc\n', 'a\nbc\n', 'abc\n', 'abc\n\n']);
  });

  test('row 7: chmod +x of a file of its code runs again, and back again is known', async () => {
    const text = 'if [ -x tool ]; then echo yes; else echo no; fi > "$PIPELINE_OUTPUT_text/t"\n';
    using project = new OwnProject({ 'p.yaml': command('argv: [sh, a.sh]\ncode: [tool]\noutputs: { text: Text }'), 'a.sh': text, tool: '#!/bin/sh\n' });
    for (const [mode, word, output] of [[0o644, 'ran', 'no'], [0o755, 'ran', 'yes'], [0o644, 'restored', 'no']] as const) {
      project.chmod('tool', mode);
      expect(await project.words()).toEqual({ a: word });
      expect(project.output('a', 'text')).toEqual({ t: `${output}\n` });
    }
  });

  test('row 18: a variable that is unset is not an empty one, for the key and for the program', async () => {
    using project = new OwnProject({ 'p.yaml': command(`argv: [sh, a.sh]\noutputs: { text: Text }\nenv: { OWN_MODE: "\${env.OWN_MODE}" }`, 'env: [OWN_MODE]\n'), 'a.sh': 'echo "${OWN_MODE-unset}" > "$PIPELINE_OUTPUT_text/t"\n' });
    const before = process.env['OWN_MODE'];
    try {
      for (const [value, word, output] of [[undefined, 'ran', 'unset'], ['', 'ran', ''], ['x', 'ran', 'x'], [undefined, 'restored', 'unset'], ['', 'restored', '']] as const) {
        if (value === undefined) delete process.env['OWN_MODE'];
        else process.env['OWN_MODE'] = value;
        expect(await project.words()).toEqual({ a: word });
        expect(project.output('a', 'text')).toEqual({ t: `${output}\n` });
      }
    } finally {
      if (before === undefined) delete process.env['OWN_MODE'];
      else process.env['OWN_MODE'] = before;
    }
  });

  test.each(['; touch broken', '$(touch broken)', '`touch broken`', '"; touch broken; "', "'; touch broken; '", '-rf', '--', '*', '~', '| touch broken', '&& touch broken', 'a\nb', '$HOME', '\\', '#', '%s%n'])(
    'F57: the value %j reaches a program as it is, as an argument and as a value, and nothing of it is executed',
    async (value) => {
      const text = 'printf "%s" "$1" > "$PIPELINE_OUTPUT_text/argument"; printf "%s" "$PIPELINE_VALUE_word" > "$PIPELINE_OUTPUT_text/value"\n';
      const params = `argv: [sh, a.sh, "\${params.word}"]\nvalues: { word: "\${params.word}" }\noutputs: { text: Text }`;
      using project = new OwnProject({ 'p.yaml': command(params, `params: { word: ${JSON.stringify(value)} }\n`), 'a.sh': text });
      expect(await project.words(), JSON.stringify(project.failures)).toEqual({ a: 'ran' });
      expect(project.output('a', 'text')).toEqual({ argument: value, value });
      expect(existsSync(project.path('broken'))).toBe(false);
    },
  );
});

describe('modules', () => {
  test('row 9: an edit of what a module imports runs it again with the new code; its times, another file and another place do not', async () => {
    using project = OwnProject.withCount();
    project.write({ 'stages/unrelated.ts': 'export const a = 1;\n' });
    expect(await project.words()).toEqual({ count: 'ran' });
    const first = project.output('count', 'count')['count.json'];
    project.write({ 'stages/unrelated.ts': 'export const a = 2;\n', 'stages/helper.ts': `// a comment\n${HELPER}` });
    utimesSync(project.path('stages/count.ts'), 1_000_000, 1_000_000);
    expect(await project.words()).toEqual({ count: 'restored' });
    project.write({ 'stages/helper.ts': HELPER.replace('x * 2', 'x * 3') });
    expect(await project.words()).toEqual({ count: 'ran' });
    expect(project.output('count', 'count')['count.json']).not.toBe(first);
    project.write({ 'stages/helper.ts': HELPER });
    expect(await project.words()).toEqual({ count: 'restored' });
    expect(project.output('count', 'count')['count.json']).toBe(first);
    renameSync(project.path('stages/helper.ts'), project.path('stages/other.ts'));
    project.write({ 'stages/count.ts': COUNT.replace('./helper.ts', './other.ts') });
    expect(await project.words()).toEqual({ count: 'restored' });
  });
});
