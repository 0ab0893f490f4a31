import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/core/errors.js';
import { COMMANDS } from '../../src/cli/command-table.js';
import { EXIT_CODE_TABLE } from '../../src/cli/exit-codes.js';
import { isInteractive, isUnicode, printable, styleFor, wantsColor } from '../../src/cli/terminal.js';
import { FakeProject } from './fake-project.js';

describe('help', () => {
  test('no arguments print the short help on stdout', async () => {
    using project = new FakeProject();
    const { code, stdout, stderr } = await project.run([]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('EXAMPLES\n  pipeline run pipelines/face-rois.yaml   # run it, only what changed\n');
  });

  test('--help works anywhere and ignores the rest; help COMMAND is the same page', async () => {
    using project = new FakeProject();
    const page = (await project.run(['run', '--help'])).stdout;
    expect((await project.run(['run', '--nonsense', 'x.yaml', '-h'])).stdout).toBe(page);
    expect((await project.run(['help', 'run'])).stdout).toBe(page);
    expect(page.indexOf('EXAMPLES')).toBeLessThan(page.indexOf('OPTIONS'));
    expect(page).toMatch(/^ {2}--force\[=stages\] +run again even if stored/m);
  });

  test.each(COMMANDS.map(({ name }) => name))('the page of "%s" has an example and no line longer than 80 columns', async (name) => {
    using project = new FakeProject();
    const { code, stdout } = await project.run([...name.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/EXAMPLES\n {2}(?:# |pipeline )/);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  test('every exit code that an error can end with is in the table of the help', () => {
    const documented = new Set(EXIT_CODE_TABLE.map(([code]) => code));
    const missing = [...new Set(Object.values(ERROR_CODES))].filter((code) => code < 128 && !documented.has(String(code)));
    expect(missing).toEqual([]);
  });

  test('help E_CODE prints the section of the error, in any case', async () => {
    using project = new FakeProject();
    const { stdout } = await project.run(['help', 'e_input_type']);
    expect(stdout).toMatch(/^E_INPUT_TYPE\n\nAn output is wired to an input/);
    expect((await project.run(['help', 'E_INPUT_TIPE'])).stderr).toContain('did you mean "E_INPUT_TYPE"?');
  });

  test('--version prints name and version only', async () => {
    using project = new FakeProject();
    expect((await project.run(['--version'])).stdout).toMatch(/^pipeline \d+\.\d+\.\d+\n$/);
  });
});

describe('wrong usage', () => {
  test.each([
    [['runn', 'x'], 'E_USAGE  "runn" is not a command\n  did you mean "run"?\n'],
    [['run'], 'E_USAGE  "run" needs FILE\n  expected: pipeline run FILE [STAGE...] [options]\n  found: pipeline run\n  run: pipeline run --help\n'],
    [['run', 'x', '--job', '2'], 'E_USAGE  "--job" is not an option of "run"\n  did you mean "--jobs"?\n'],
    [['run', 'x', '--jobs', 'two'], 'E_USAGE  "--jobs" needs a whole number\n  expected: a whole number, 1 or more\n  found: two\n  write --jobs 2\n'],
    [['cache'], 'E_USAGE  "cache" needs to be told what to do\n  expected: cache info, cache verify, cache repair, cache gc, cache push, cache keygen\n  found: nothing\n  run: pipeline cache info\n'],
    [['cache', 'verfy'], 'E_USAGE  "cache verfy" is not a command\n  did you mean "cache verify"?\n'],
    [['graph', 'a', 'b'], 'E_USAGE  "graph": too many arguments. Expected 1 argument but got 2.\n  run: pipeline graph --help\n'],
    [['cache', 'gc', '--max-size', 'much'], 'E_USAGE  "--max-size" needs a size\n  expected: a number with B, KB, MB, GB or TB\n  found: much\n  write --max-size 50GB\n'],
    [['run', 'x', '--cache-mode', 'on'], `E_USAGE  "run": option '--cache-mode <mode>' argument 'on' is invalid. Allowed choices are off, read, read-write.\n  run: pipeline run --help\n`],
  ])('%j ends with 2 and says what is right', async (args, text) => {
    using project = new FakeProject();
    expect(await project.run(args)).toEqual({ code: 2, stdout: '', stderr: `${text}more: pipeline help E_USAGE\n` });
  });

  test('flags may stand before the command', async () => {
    using project = new FakeProject();
    expect((await project.run(['--cache-dir', 'elsewhere', '--json', 'runs'])).stdout).toBe('{"schema":"pipeline.runs.v1","runs":[]}\n');
  });

  test('a bug is reported as one, with exit code 70', async () => {
    using project = new FakeProject();
    const { code, stderr } = await project.run(['run', 'demo.yaml', '--results', '\u0000']);
    expect(code).toBe(70);
    expect(stderr).toMatch(/\nThis is a bug in pipeline, not in your pipeline file\.\n[^]*Please report it with the text above and the output of: pipeline doctor --json\n$/);
  });
});

describe('colour and symbols', () => {
  const tty = { write: () => true, isTTY: true };
  const pipe = { write: () => true };

  test.each([
    ['a terminal', tty, {}, undefined, true],
    ['a pipe', pipe, {}, undefined, false],
    ['NO_COLOR', tty, { NO_COLOR: '1' }, undefined, false],
    ['an empty NO_COLOR', tty, { NO_COLOR: '' }, undefined, true],
    ['FORCE_COLOR on a pipe', pipe, { FORCE_COLOR: '1' }, undefined, true],
    ['NO_COLOR over FORCE_COLOR', tty, { NO_COLOR: '1', FORCE_COLOR: '1' }, undefined, false],
    ['TERM=dumb', tty, { TERM: 'dumb' }, undefined, false],
    ['--color=always over NO_COLOR', pipe, { NO_COLOR: '1' }, 'always' as const, true],
    ['--color=never', tty, {}, 'never' as const, false],
  ])('%s', (_name, stream, env, choice, expected) => {
    expect(wantsColor(stream, env, choice)).toBe(expected);
  });

  test('live rows need a terminal without CI', () => {
    expect([isInteractive(tty, {}), isInteractive(tty, { CI: 'true' }), isInteractive(tty, { TERM: 'dumb' }), isInteractive(pipe, {})]).toEqual([true, false, false, false]);
  });

  test('a locale that is not UTF-8 gets ASCII symbols', () => {
    expect(styleFor(false, isUnicode({ LC_ALL: 'C' })).symbol('ran')).toBe('+');
    expect(styleFor(false, isUnicode({ LANG: 'de_DE.UTF-8' })).symbol('ran')).toBe('✓');
    expect(styleFor(false, isUnicode({})).symbol('failed')).toBe('✗');
  });

  test('control characters never reach the terminal', () => {
    expect(printable('a\u001b[2Jb\u0007c\u202ed\tе')).toBe('abcd\tе');
  });
});
