/** Runs answered from memory where the code is the project's own: modules, their packages, and programs. Needs `npm run build`. */
import { chmodSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CliIo } from '../../src/cli/io.js';
import { main } from '../../src/cli/main.js';
import { compositionOf } from '../../src/cli/registry.js';
import type { StageRegistry } from '../../src/engine/stage.js';
import { COUNT, HELPER, OwnProject } from '../rigs/own-project.js';

const PACKAGE = 'node_modules/other/package.json';
const PIPELINE = `name: own
modules: [./stages/count.ts]
env: [TONE]
stages:
  count: { type: lab.count }
  say:
    type: command
    matrix: { word: [one, two] }
    inputs: { count: "\${stages.count}" }
    params:
      argv: [sh, say.sh, "{outputs.text}/text.txt", "\${matrix.word}", "{inputs.count}"]
      env: { TONE: "\${env.TONE ?? 'low'}" }
      secrets: [TOKEN]
      code: [lib/*.sh]
      interpreter: { command: node, version: "${process.versions.node.split('.')[0]}" }
      outputs: { text: Text }
`;
const FILES = {
  'p.yaml': PIPELINE,
  'stages/count.ts': `import { one } from 'other';\n${COUNT.replace('twice(params.n)', 'twice(params.n) * one')}`,
  'stages/helper.ts': HELPER,
  [PACKAGE]: '{"name":"other","version":"1.0.0","type":"module","main":"index.js"}',
  'node_modules/other/index.js': 'export const one = 1;\n',
  'say.sh': '. ./lib/tone.sh; echo "$2 $TONE" > "$1"\n',
  'lib/tone.sh': 'true\n',
};
const SETTLED_MS = 2100;

let project: OwnProject;
let env: NodeJS.ProcessEnv;

type Validators = ReturnType<NonNullable<StageRegistry['validators']>>;

/** Whether the memory was used, and what became of the stages. */
async function ask(...args: string[]): Promise<{ memory: boolean; counts: string }> {
  let planned = false;
  const { registry, ...composition } = compositionOf({ env } as CliIo);
  const validators = (): Validators => {
    planned = true;
    return registry.validators?.() as Validators;
  };
  let [stdout, stderr] = ['', ''];
  const code = await main(['run', 'p.yaml', ...args], { stdout: { write: (text) => (stdout += text) }, stderr: { write: (text) => (stderr += text) }, env, cwd: project.folder, composition: { ...composition, registry: { ...registry, validators } } });
  expect(code, stderr).toBe(0);
  return { memory: !planned, counts: (stdout.split('\n')[0] as string).replace(/, 0 skipped.*/, '') };
}

const ALL_RESTORED = '0 ran, 3 restored';
const OUTSIDE = true;
const CHANGES: readonly (readonly [what: string, change: () => void, counts: string, outside?: true])[] = [
  ['a module', () => project.write({ 'stages/count.ts': project.read('stages/count.ts').replace('* one', '* one + 1') }), '3 ran, 0 restored'],
  ['a comment in a module', () => project.write({ 'stages/count.ts': `// a comment\n${project.read('stages/count.ts')}` }), ALL_RESTORED],
  ['what a module imports', () => project.write({ 'stages/helper.ts': HELPER.replace('x * 2', 'x * 3') }), '3 ran, 0 restored'],
  ['a file that could stand for what a module imports', () => project.write({ 'stages/helper.ts.js': 'export {};\n' }), ALL_RESTORED],
  ['the version of a package', () => project.write({ [PACKAGE]: FILES[PACKAGE].replace('1.0.0', '1.0.1') }), '1 ran, 2 restored'],
  ['a program that argv names', () => project.write({ 'say.sh': FILES['say.sh'].replace('echo', 'echo so') }), '2 ran, 1 restored', OUTSIDE],
  ['a file of its code', () => project.write({ 'lib/tone.sh': 'TONE=$TONE\n' }), '2 ran, 1 restored', OUTSIDE],
  ['a file more that its globs match', () => project.write({ 'lib/more.sh': 'true\n' }), '2 ran, 1 restored', OUTSIDE],
  ['a file less', () => rmSync(project.path('lib/more.sh')), ALL_RESTORED],
  ['an executable bit', () => chmodSync(project.path('lib/tone.sh'), 0o755), '2 ran, 1 restored', OUTSIDE],
  ['a variable that a command is given', () => void (env = { ...env, TONE: 'high' }), '2 ran, 1 restored'],
];

beforeAll(async () => {
  project = new OwnProject(FILES);
  env = { ...process.env, TOKEN: 'first' };
  await sleep(SETTLED_MS);
  expect(await ask()).toEqual({ memory: false, counts: '3 ran, 0 restored' });
}, 60_000);
afterAll(() => project[Symbol.dispose]());

describe('a run of own code in which nothing changed', () => {
  test('is answered from memory', async () => {
    expect(await ask()).toEqual({ memory: true, counts: ALL_RESTORED });
  });

  test.each(CHANGES.map((change): [string, (typeof CHANGES)[number]] => [change[0], change]))('is not answered from memory if it differs by %s; a later one is again', async (_, [, change, counts, outside]) => {
    expect(await ask()).toEqual({ memory: true, counts: ALL_RESTORED });
    change();
    expect(await ask()).toEqual({ memory: false, counts });
    if (outside === true) {
      await sleep(SETTLED_MS); // it was not settled when it was read, so it is read once more
      expect(await ask()).toEqual({ memory: false, counts: ALL_RESTORED });
    }
    expect(await ask()).toEqual({ memory: true, counts: ALL_RESTORED });
  }, 60_000);

  test('is answered from memory whatever became of a secret, and gets its tag', async () => {
    env = { ...env, TOKEN: 'second' };
    expect(await ask('--tag', 'kept')).toEqual({ memory: true, counts: ALL_RESTORED });
    const { stdout } = await project.cli(['runs', '--json'], { env });
    const { runs } = JSON.parse(stdout) as { runs: readonly { tags: readonly string[] }[] };
    expect(runs.filter(({ tags }) => tags.includes('kept'))).toHaveLength(1);
  });
});
