/**
 * Rows of the fault table (docs/reliability.md) that are about more than one file of YAML: sizes, what is no file, paths of outputs, expressions, patterns,
 * shells, secrets, logs and foreign modules. The files themselves: corpus.test.ts.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable } from '../../src/cli/terminal.js';
import { shellQuote } from '../../src/cli/shell-quote.js';
import { StagingWriter } from '../../src/engine/artifact-writer.js';
import { FakeProject } from '../cli/fake-project.js';
import { load, pipeline } from '../rigs/plan-rig.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { StoreRig } from '../rigs/store-rig.js';

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

describe('files', () => {
  test('F33: a hundred aliases are read, one more is refused', () => {
    const aliases = (count: number): string => pipeline('  a: { type: fake.simulate }\n', `params:\n  x: &x 1\n  list: [${Array.from({ length: count }, () => '*x').join(', ')}]\n`);
    expect(load(aliases(100)).codes).toEqual([]);
    expect(load(aliases(101)).codes).toEqual(['E_YAML_FORBIDDEN']);
  });

  test('F34: brackets at every depth to two thousand end with an answer, twice in one process', () => {
    for (const depth of [1, 10, 63, 64, 65, 100, 900, 2000]) {
      for (const [open, close] of [['[', ']'], ['{a: ', '}'], ['- ', ''], ['? ', '']] as const) {
        const text = pipeline('  a: { type: fake.simulate }\n', `params:\n  a:\n    ${open.repeat(depth)}1${close.repeat(depth)}\n`);
        for (const { codes } of [load(text), load(text)]) if (depth > 64) expect(codes.some((code) => code.startsWith('E_'))).toBe(true);
      }
    }
    // In a process of its own: an abort there would be no failure of a test but the end of all of them.
    const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
    try {
      writeFileSync(join(folder, 'p.yaml'), `name: x\nparams: ${'['.repeat(900)}${']'.repeat(900)}\nstages: {}\n`);
      const { status, stderr } = spawnSync(process.execPath, [resolve('dist/cli/main.js'), 'validate', 'p.yaml'], { cwd: folder, encoding: 'utf8' });
      expect([status, stderr.includes('E_YAML_TOO_DEEP')]).toEqual([3, true]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('F41: a path to an outside file that the system cannot even look at is an error of the file', () => {
    for (const path of ['x'.repeat(5000), 'p.yaml/below', 'a\\u0000b', '/dev/null/x']) {
      expect([path.slice(0, 20), ...load(pipeline(`  a: { type: fake.source, params: { root: "${path}" } }\n`)).codes]).toEqual([path.slice(0, 20), expect.stringMatching(/^E_(?:EXTERNAL_MISSING|YAML_FORBIDDEN)$/)]);
    }
  });

  test('F40: a cycle is printed as a path; a matrix that is too wide is refused before it is unfolded', () => {
    const cycle = load(pipeline('  a: { type: fake.relay, inputs: { nsd: "${stages.b}" } }\n  b: { type: fake.relay, inputs: { nsd: "${stages.a}" } }\n'));
    expect(cycle.printed).toContain('a -> b -> a');
    const wide = load(pipeline(`  a:\n    type: fake.simulate\n    matrix: { x: [${Array.from({ length: 1000 }, (_, i) => i)}], y: [${Array.from({ length: 1000 }, (_, i) => i)}] }\n`));
    expect(wide.codes).toEqual(['E_MATRIX']);
  });
});

describe('paths', () => {
  const NAMES = ['../x', 'a/../../x', '/etc/x', '~/x/../..', 'a//b', './a', 'a/.', '', '.', '..', 'a\\b', 'C:\\x', 'CON', 'a/nul.txt', 'x.', 'x ', 'a\u0000b', 'a\nb', 'x'.repeat(300)];

  test('F42: a stage cannot write, adopt or publish outside its output', async () => {
    await using rig = new StoreRig();
    const refused: string[] = [];
    for (const name of NAMES) {
      const writer = new StagingWriter('output "out"', join(rig.folder, 'out'), new Map());
      try {
        writer.write(name, 'x');
      } catch (error) {
        expect(error).toMatchObject({ code: 'E_DATA' });
        refused.push(name);
      }
    }
    expect(refused).toEqual(NAMES);
    expect(readdirSync(rig.folder).filter((name) => name !== 'out' && name !== 'cache')).toEqual([]);
  });

  test('F42: a link that a stage leaves as its output is refused and nothing behind it is stored', async () => {
    await using rig = new StoreRig();
    const writer = new StagingWriter('output "out"', join(rig.folder, 'out'), new Map());
    writeFileSync(join(rig.folder, 'secret'), 'secret');
    symlinkSync(join(rig.folder, 'secret'), writer.path('link'));
    await expect(writer.finish(await rig.open())).rejects.toMatchObject({ code: 'E_OUTPUT_MISSING', facts: { found: 'a link or device' } });
  });
});

describe('expressions and patterns', () => {
  test('F55: an expression is evaluated once: what it gives is not looked at again', () => {
    const { plan } = load(pipeline('  a: { type: fake.simulate }\n', "params:\n  text: '$${params.other}'\n  copy: '${params.text}'\n  other: x\n"));
    expect(plan?.params).toMatchObject({ text: '${params.other}', copy: '${params.other}' });
    const twice = load(pipeline('  a: { type: fake.source, params: { root: "${env.EVIL}" } }\n', 'env: [EVIL]\n'), { env: { EVIL: '${params.secret}' } });
    expect(twice.codes).toEqual(['E_EXTERNAL_MISSING']); // taken as the name of a folder, as it stands
  });

  test('F55: no text in an expression reaches anything but parameters, the listed environment and numbers', () => {
    const attempts = ['process', 'globalThis', 'this', 'require("fs")', 'params.constructor', 'params["x"]', 'params.__proto__', 'params.toString', 'env.PATH', 'env.constructor', 'import("fs")', '(() => 1)()', 'function(){}', '`x`', 'new Date', 'params.x = 1', 'x => x', '1; 2', '/a/', 'min.constructor', 'round.call(1)', 'stages.a.params'];
    for (const attempt of attempts) {
      const { plan, codes } = load(pipeline(`  a: { type: fake.simulate, when: ${JSON.stringify(`\${${attempt}}`)} }\n`, 'params: { x: 1 }\n'), { env: { PATH: '/bin' } });
      expect([attempt, plan, codes.every((code) => code.startsWith('E_'))]).toEqual([attempt, undefined, true]);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('F56: no pattern of ours has a repetition within a repetition, and none is made from text of a user', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => /^(?:engine|cli|core)\/.*\.ts$/.test(name));
    expect(sources.length).toBeGreaterThan(100);
    for (const name of sources) {
      const text = readFileSync(join('src', name), 'utf8').replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
      for (const [, pattern = ''] of text.matchAll(/[=(,:&|!?]\s*\/((?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/[dgimsuvy]*/g)) {
        // a group that is repeated without end and ends with something that is
        expect(/\((?:\?:)?[^()[\]]*(?:[^()\\]|\\.)[+*]\)[+*]/.test(pattern), `${name}: ${pattern}`).toBe(false);
      }
    }
  });

  test('F56: long hostile text in names, sizes, times and selectors is answered', () => {
    const evil = ['a'.repeat(50_000), `${'a-'.repeat(25_000)}!`, `${'1'.repeat(50_000)} GB`, `${' '.repeat(50_000)}x`, `${'('.repeat(1_000)}`, '='.repeat(50_000), `${'[a='.repeat(10_000)}]`];
    for (const text of evil) {
      for (const place of [`name: ${JSON.stringify(text)}\nstages: {}\n`, pipeline(`  a: { type: ${JSON.stringify(text)} }\n`), pipeline(`  a: { type: fake.simulate, resources: { memory: ${JSON.stringify(text)}, time: ${JSON.stringify(text)} } }\n`)]) {
        expect(load(place).plan).toBeUndefined();
      }
      expect(load(pipeline('  a: { type: fake.simulate }\n'), { set: [`${text}=1`] }).plan).toBeUndefined();
      expect(load(pipeline('  a: { type: fake.simulate }\n'), { set: [text] }).plan).toBeUndefined();
    }
  });
});

describe('shells, secrets, logs and modules', () => {
  test('F57: what is printed to be pasted into a shell comes out of it as it went in', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom('; rm -rf /', '$(id)', '`id`', "'", '"', '\\', '-n', '--', '*', '~', '!!', 'a\nb', '', '${x}', '&', '#', '=x')), { minLength: 1, maxLength: 4 }), (words) => {
        const clean = words.map((word) => word.replaceAll(/[\u0000\ud800-\udfff]/g, ''));
        const out = execFileSync('sh', ['-c', `printf '%s\\001' ${clean.map(shellQuote).join(' ')}`], { encoding: 'utf8' });
        expect(out).toBe(clean.map((word) => `${word}\u0001`).join(''));
      }),
      { seed: 57, numRuns: 60 },
    );
  });

  test('F63: the value of a variable that the file does not list is nowhere in the cache, the results or the output', async () => {
    using project = new FakeProject();
    const secret = 'hunter2-secret-value';
    const { code, stdout, stderr } = await project.run(['run', 'demo.yaml', '--verbose'], { env: { NSD_TOKEN: secret, HOME: '/home/x' } });
    expect([code, (stdout + stderr).includes(secret)]).toEqual([0, false]);
    for (const entry of readdirSync(project.folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) expect(readFileSync(join(entry.parentPath, entry.name)).includes(secret), entry.name).toBe(false);
    }
  });

  test('F64: a stage can neither move the cursor nor forge a line, and its whole output is kept', async () => {
    using project = new FakeProject();
    const forged = '\u001b[2J\u001b[1A\r✓ twice   ran\u0007\u0000\u009b31m\u202eevil';
    project.during = (type, { log, warn, progress }) => {
      if (type !== 'fake.number') return;
      log(forged);
      warn(`${forged}\n✗ number failed`);
      progress(1, 2, forged);
      log('#'.repeat(1_000_000));
    };
    const { code, stdout, stderr } = await project.run(['run', 'demo.yaml', '--verbose']);
    expect(code).toBe(0);
    expect(stdout + stderr).not.toMatch(CONTROL);
    // Each line of a stage's log stands behind its name, so none looks like one of ours.
    expect(stderr.split('\n').filter((line) => line.startsWith('✗'))).toEqual([]);
    const log = readdirSync(project.folder, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('number.log')) as string;
    expect(readFileSync(join(project.folder, log), 'utf8')).toContain('#'.repeat(1_000_000));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(CONTROL);
    }), { seed: 64 });
  });

  test('F64: binary output without a line end reaches the log of a worker and not the terminal', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  w: { type: fake.work, params: { label: w } }\n');
    rig.want('print-w');
    const { events } = await rig.run();
    expect(events.some((event) => event.kind === 'stage.log' && event.text === 'printed by w')).toBe(true);
  });

  test('F65: modules and options that lie in the folder of a project are not loaded', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
    try {
      for (const name of ['yaml', 'commander', 'ajv', 'listr2', '@sinclair/typebox', '@dagrejs/graphlib']) {
        mkdirSync(join(folder, 'node_modules', name), { recursive: true });
        writeFileSync(join(folder, 'node_modules', name, 'package.json'), JSON.stringify({ name, main: 'index.js', type: 'commonjs' }));
        writeFileSync(join(folder, 'node_modules', name, 'index.js'), `require('fs').writeFileSync(${JSON.stringify(join(folder, 'loaded'))}, ${JSON.stringify(name)}); throw new Error('hijacked');`);
      }
      writeFileSync(join(folder, 'package.json'), '{"type":"module","imports":{"#x":"./evil.js"}}');
      writeFileSync(join(folder, 'p.yaml'), 'name: x\nstages:\n  pictures: { type: stimuli.draw, params: { count: 2, size: 32 } }\n');
      for (const command of [['validate', 'p.yaml'], ['plan', 'p.yaml'], ['run', 'p.yaml']]) {
        const { status, stderr } = spawnSync(process.execPath, [resolve('dist/cli/main.js'), ...command], { cwd: folder, encoding: 'utf8' });
        expect([command[0], status, stderr.includes('hijacked')]).toEqual([command[0], 0, false]);
      }
      expect(existsSync(join(folder, 'loaded'))).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('F65: NODE_OPTIONS of whoever starts a run does not reach its workers', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  w: { type: fake.work, params: { label: w } }\n');
    const { summary } = await rig.run({ env: { NODE_OPTIONS: '--require=/nowhere/evil.js' } });
    expect(rig.words(summary)).toEqual({ w: 'ran' });
    expect(rig.lines('NODE_OPTIONS')).toEqual([]);
  });
});
