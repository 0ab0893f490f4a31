/** Stage types that a pipeline file brings with it: what makes them run again and what does not, and what is said of a module that is wrong. Needs `npm run build`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COUNT, COUNT_PIPELINE, HELPER, OwnProject } from '../../rigs/own-project.js';

const memories = (project: OwnProject): string[] => readdirSync(project.path('cache/modules')).filter((name) => name.endsWith('.json'));

describe('a stage type from a module of the project', () => {
  test('runs, and is restored afterwards', async () => {
    using project = OwnProject.withCount();
    expect(await project.words()).toEqual({ count: 'ran' });
    expect(project.output('count', 'count')).toEqual({ 'count.json': '{\n "value": 4\n}\n' });
    expect(project.log('count')).toContain('counting');
    expect(await project.words()).toEqual({ count: 'restored' });
  });

  test('its parameters are checked against its schema, at their place in the file', async () => {
    using project = OwnProject.withCount();
    project.write({ 'p.yaml': COUNT_PIPELINE.replace('lab.count }', 'lab.count, params: { n: -1, m: 3 } }') });
    const { code, stderr } = await project.cli(['validate', 'p.yaml']);
    expect(code).toBe(3);
    expect(stderr).toContain('E_UNKNOWN_PARAMETER');
    expect(stderr).toContain('E_OUT_OF_RANGE');
    expect(stderr).toContain('p.yaml:4');
  });

  test('edges to and from it are typed', async () => {
    using project = OwnProject.withCount();
    project.write({ 'p.yaml': `${COUNT_PIPELINE}  stimuli: { type: stimuli.select, inputs: { nsd: "\${stages.count}", stimuli: "\${stages.count}" }, params: { labels: [face] } }\n` });
    const { stderr } = await project.cli(['validate', 'p.yaml']);
    expect(stderr).toMatch(/E_INPUT_TYPE[^]*found: +Count/);
  });

  test('one that runs inline runs in the process of the engine', async () => {
    using project = OwnProject.withCount();
    project.write({ 'stages/count.ts': COUNT.replace("summary: 'W", "runs: 'inline', summary: 'W").replace('twice(params.n)', 'process.pid') });
    expect(await project.words()).toEqual({ count: 'ran' });
    expect(project.output('count', 'count')['count.json']).toContain(String(process.pid));
  });

  test('NODE_OPTIONS does not reach it', async () => {
    using project = OwnProject.withCount();
    project.write({ 'stages/count.ts': COUNT.replace('twice(params.n)', 'process.env.NODE_OPTIONS ?? null') });
    const { code } = await project.cli(['run', 'p.yaml'], { env: { ...process.env, NODE_OPTIONS: '--require=/nowhere.cjs' } });
    expect(code).toBe(0);
    await project.words();
    expect(project.output('count', 'count')['count.json']).toContain('null');
  });

  test('what its code throws names the place in its source', async () => {
    using project = OwnProject.withCount();
    project.write({ 'stages/count.ts': COUNT.replace("log('counting');", "throw new TypeError('no such thing');") });
    expect(await project.words()).toEqual({ count: 'failed' });
    expect(project.failures['count']).toMatchObject({ code: 'E_STAGE_THREW', facts: { found: 'TypeError: no such thing' } });
    expect(project.failures['count']?.facts['at']).toContain(`${project.path('stages/count.ts')}:8`);
  });

  test('a PipelineError of its own is the error of the stage', async () => {
    using project = OwnProject.withCount();
    project.write({ 'stages/count.ts': COUNT.replace('{ defineStage, Type }', '{ defineStage, PipelineError, Type }').replace("log('counting');", "throw new PipelineError('E_DATA', '\"n\" is odd', { hint: 'make it even' });") });
    await project.words();
    expect(project.failures['count']).toMatchObject({ code: 'E_DATA', message: '"n" is odd', hint: 'make it even' });
  });
});

describe('what makes it run again', () => {
  const answerAfter = async (change: (project: OwnProject) => void): Promise<string | undefined> => {
    using project = OwnProject.withCount();
    project.write({ 'stages/unrelated.ts': 'export const a = 1;\n' });
    await project.words();
    change(project);
    return (await project.plan())['count'];
  };

  test('an edit of its module', async () => {
    expect(await answerAfter((project) => project.write({ 'stages/count.ts': COUNT.replace('twice(params.n)', 'twice(params.n) + 1') }))).toBe('run');
  });

  test('an edit of a local file that it imports', async () => {
    expect(await answerAfter((project) => project.write({ 'stages/helper.ts': HELPER.replace('x * 2', 'x + x + 0') }))).toBe('run');
  });

  test('not an edit of another file of the project', async () => {
    expect(await answerAfter((project) => project.write({ 'stages/unrelated.ts': 'export const a = 2;\n', 'stages/new.ts': '' }))).toBe('hit');
  });

  test('not comments, layout or types', async () => {
    expect(await answerAfter((project) => project.write({ 'stages/helper.ts': '// doubles\nexport const twice = (\n  x: number | never,\n): number =>\n  /* so: */ x * 2;\ninterface Unused { readonly a: 1 }\n' }))).toBe('hit');
  });

  test('not another name of the module or of the stage', async () => {
    expect(await answerAfter((project) => {
      renameSync(project.path('stages'), project.path('types'));
      project.write({ 'p.yaml': COUNT_PIPELINE.replace('./stages/', './types/') });
    })).toBe('hit');
    using project = OwnProject.withCount();
    await project.words();
    project.write({ 'p.yaml': COUNT_PIPELINE.replace('  count:', '  renamed:') });
    expect(await project.plan()).toEqual({ renamed: 'hit' });
  });

  test('not a move of the project', async () => {
    using project = OwnProject.withCount();
    await project.words();
    using moved = project.copied();
    expect(await moved.plan()).toEqual({ count: 'hit' });
    expect(await moved.plan('--set', 'stages.count.params.n=5')).toEqual({ count: 'run' });
    expect(await moved.words('--set', 'stages.count.params.n=5')).toEqual({ count: 'ran' });
  });

  test('the version of a package that it imports, but not what else is installed', async () => {
    using project = OwnProject.withCount();
    const install = (name: string, version: string, text: string): void => project.write({ [`node_modules/${name}/package.json`]: JSON.stringify({ name, version, type: 'module', exports: './index.js' }), [`node_modules/${name}/index.js`]: text });
    install('doubler', '1.0.0', 'export const twice = (x) => 2 * x;\n');
    install('@other/thing', '1.0.0', '');
    project.write({ 'stages/count.ts': COUNT.replace('./helper.ts', 'doubler') });
    expect(await project.words()).toEqual({ count: 'ran' });
    expect(project.output('count', 'count')['count.json']).toContain('4');
    install('@other/thing', '2.0.0', '');
    expect(await project.plan()).toEqual({ count: 'hit' });
    install('doubler', '1.0.1', 'export const twice = (x) => 3 * x;\n');
    expect(await project.words()).toEqual({ count: 'ran' });
    expect(project.output('count', 'count')['count.json']).toContain('6');
  });

  test('the content of a package that is linked from the project itself, whose version says nothing', async () => {
    using project = OwnProject.withCount();
    project.write({ 'packages/doubler/package.json': '{"name":"doubler","version":"1.0.0","type":"module","exports":"./index.ts"}', 'packages/doubler/index.ts': HELPER, 'stages/count.ts': COUNT.replace('./helper.ts', 'doubler') });
    mkdirSync(project.path('node_modules'));
    symlinkSync(project.path('packages/doubler'), project.path('node_modules/doubler'));
    expect(await project.words()).toEqual({ count: 'ran' });
    project.write({ 'packages/doubler/index.ts': HELPER.replace('x * 2', 'x * 3') });
    expect(await project.plan()).toEqual({ count: 'run' });
  });

  test('an edit while a run is under way counts for the next run: what was planned is what runs', async () => {
    using project = OwnProject.withCount();
    const changed = COUNT.replace('twice(params.n)', '1000');
    project.write({
      'stages/count.ts': COUNT.replace('inputs: {}', "inputs: { after: { type: 'Text', description: 'what has to come first' } }"),
      'next.ts': changed.replace('inputs: {}', "inputs: { after: { type: 'Text', description: 'what has to come first' } }"),
      'p.yaml': `${COUNT_PIPELINE.replace('lab.count }', 'lab.count, inputs: { after: "${stages.edit}" } }')}  edit:\n    type: command\n    params: { argv: [sh, -c, "cp next.ts stages/count.ts; echo x > $PIPELINE_OUTPUT_text/x"], outputs: { text: Text } }\n`,
    });
    expect(await project.words()).toEqual({ edit: 'ran', count: 'ran' });
    expect(project.output('count', 'count')['count.json']).toContain('4');
    expect(await project.words()).toEqual({ edit: 'restored', count: 'ran' });
    expect(project.output('count', 'count')['count.json']).toContain('1000');
  });
});

describe('the memory of modules', () => {
  test('any damage to it costs bundling again, never a result', async () => {
    using project = OwnProject.withCount();
    await project.words();
    const [memory] = memories(project) as [string];
    const bundle = readdirSync(project.path('cache/modules')).find((name) => !name.endsWith('.json')) as string;
    project.write({ [`cache/modules/${memory}`]: '{"entry":{}}' });
    expect(await project.plan()).toEqual({ count: 'hit' });
    project.chmod(`cache/modules/${bundle}/bundle.mjs`, 0o644);
    writeFileSync(project.path(`cache/modules/${bundle}/bundle.mjs`), 'export default 1;');
    expect(await project.words('--force')).toEqual({ count: 'ran' });
    expect(project.output('count', 'count')['count.json']).toContain('4');
  });

  test('a file that an import means from now on is seen, though no file changed', async () => {
    using project = OwnProject.withCount();
    project.write({ 'stages/count.ts': COUNT.replace('./helper.ts', './helper') });
    await project.words();
    project.write({ 'stages/helper.tsx': HELPER.replace('x * 2', 'x * 7') });
    expect(await project.plan()).toEqual({ count: 'run' });
  });

  test('--cache-mode off leaves the folder of the store alone', async () => {
    using project = OwnProject.withCount();
    const { code } = await project.run('--cache-mode', 'off');
    expect(code).toBe(0);
    expect(existsSync(project.path('cache/modules'))).toBe(false);
  });

  test('a store of a newer program is left alone', async () => {
    using project = OwnProject.withCount();
    project.write({ 'cache/VERSION': '{"format":99}\n' });
    expect((await project.cli(['validate', 'p.yaml'])).code).toBe(0);
    expect(existsSync(project.path('cache/modules'))).toBe(false);
  });
});

describe('a module that is wrong', () => {
  const said = async (files: Readonly<Record<string, string>>): Promise<string> => {
    using project = OwnProject.withCount();
    project.write(files);
    const { code, stderr } = await project.cli(['validate', 'p.yaml']);
    expect(stderr).not.toContain('bug');
    return `${code} ${stderr.replaceAll(project.folder, '<project>')}`;
  };
  const withField = (text: string, by: string): Record<string, string> => ({ 'stages/count.ts': COUNT.replace(text, by) });

  test.each<[string, Record<string, string>, RegExp]>([
    ['is missing', { 'p.yaml': COUNT_PIPELINE.replace('count.ts', 'cuont.ts') }, /^3 p.yaml:2:11 {2}E_MODULE {2}"<project>\/stages\/cuont.ts" does not exist/],
    ['is a folder', { 'p.yaml': COUNT_PIPELINE.replace('./stages/count.ts', './stages') }, /E_MODULE {2}"<project>\/stages" is not a file/],
    ['is no module', { 'p.yaml': COUNT_PIPELINE.replace('./stages/count.ts', './package.json') }, /is not a module[^]*found: .json/],
    ['is listed twice', { 'p.yaml': COUNT_PIPELINE.replace('count.ts]', 'count.ts, stages/../stages/count.ts]') }, /listed twice/],
    ['does not parse', withField('async run(', 'async run(('), /^3 stages\/count.ts:7:13 {2}E_MODULE[^]*cannot be read as a module/],
    ['imports what is not there', withField('./helper.ts', './hepler.ts'), /^3 stages\/count.ts:2:23 {2}E_MODULE[^]*Could not resolve ".\/hepler.ts"/],
    ['imports a package that is not installed', withField('./helper.ts', 'no-such-package'), /Could not resolve "no-such-package"[^]*install the package/],
    ['exports no stage type', { 'stages/count.ts': 'export const a = 1;\n' }, /exports no stage type/],
    ['throws when it is loaded', { 'stages/count.ts': `throw new Error('not today');\n${COUNT}` }, /^3 p.yaml:2:11 {2}E_MODULE[^]*not today[^]*stages\/count.ts:1/],
    ['ends the process when it is loaded', { 'stages/count.ts': `process.exit(7);\n${COUNT}` }, /ended with code 7/],
    ['has a type without a dot', withField('lab.count', 'count'), /type of stage type "count" is not right[^]*dot/],
    ['has a type of the built-in ones', withField('lab.count', 'readout.ridge'), /stage type "readout.ridge" is defined twice[^]*built-in/],
    ['has no version', withField('version: 1, ', ''), /version of stage type "lab.count" is not right[^]*found: nothing[^]*module: <project>\/stages\/count.ts/],
    ['has a field that is none', withField('summary:', 'sumary: 1, summary:'), /"sumary" is not a field[^]*did you mean "summary"/],
    ['has a schema that is none', withField('Type.Object({ n: Type.Integer({ minimum: 0, default: 2, description: \'how many\' }) })', "{ type: 'object', properties: { n: { type: 'integr' } } } as never"), /params of stage type "lab.count" are no JSON Schema/],
    ['has a keyword that no schema knows', withField('minimum: 0,', 'minimun: 0,'), /no JSON Schema[^]*minimun/],
    ['has a port without a type', withField("type: 'Count', description", 'description'), /output "count" of stage type "lab.count" has no artifact type/],
    ['misspells a field of a port', withField("description: 'the count'", "descripton: 'the count'"), /"descripton" is not a field of output "count"[^]*did you mean "description"/],
    ['needs a service that does not exist', withField('inputs: {}', "needs: ['tensr'], inputs: {}"), /needs the service "tensr", which does not exist/],
    ['has no outputs', withField("{ count: { type: 'Count', description: 'the count' } }", '{}'), /has no outputs/],
  ])('one that %s', async (_, files, expected) => {
    expect(await said(files)).toMatch(expected);
  });

  test('the same type in two modules is an error at the second', async () => {
    const stderr = await said({ 'stages/other.ts': COUNT, 'p.yaml': COUNT_PIPELINE.replace('count.ts]', 'count.ts, ./stages/other.ts]') });
    expect(stderr).toMatch(/"lab.count" is defined twice[^]*other.ts and <project>\/stages\/count.ts/);
  });

  test('an artifact type that is nearly a built-in one is pointed at, and nothing else is refused', async () => {
    const stderr = await said(withField('inputs: {}', "inputs: { voxels: { type: 'Voxel', description: 'x', optional: true } }"));
    expect(stderr).toMatch(/^0 warning[^]*"Voxel", which no built-in stage knows[^]*did you mean "Voxels"/);
  });

  test('one outside the project is refused, by a link too', async () => {
    using outside = OwnProject.withCount();
    using project = new OwnProject({ 'p.yaml': COUNT_PIPELINE });
    mkdirSync(project.path('stages'));
    symlinkSync(join(outside.folder, 'stages/count.ts'), project.path('stages/count.ts'));
    expect((await project.cli(['validate', 'p.yaml'])).stderr).toMatch(/lies outside the project/);
  });

  test('a type of a module that is not listed is not known, wherever it lies', async () => {
    using project = OwnProject.withCount();
    project.write({ 'p.yaml': COUNT_PIPELINE.replace('modules: [./stages/count.ts]\n', ''), 'pipeline.config.ts': COUNT, 'node_modules/pipeline-lab/index.js': COUNT });
    expect((await project.cli(['validate', 'p.yaml'])).stderr).toContain('E_UNKNOWN_STAGE_TYPE');
  });
});

describe('the page on own code', () => {
  const page = readFileSync('docs/own-code.md', 'utf8');
  const blocks = (language: string): string[] => [...page.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, text]) => text as string);

  test('its module defines the type that it says, and its command is a valid stage where its files are there', async () => {
    const [module] = blocks('ts') as [string];
    const [head, commands] = blocks('yaml') as [string, string];
    using project = new OwnProject({
      'stages/threshold.ts': module,
      'mine.yaml': `${head}stages:\n  r: { type: command, params: { argv: [x], outputs: { r: Reliability } } }\n  mask: { type: lab.threshold, inputs: { reliability: "\${stages.r}" }, params: { limit: 0.2 } }\n`,
      'commands.yaml': commands, 'analysis/table.py': '',
    });
    const { code, stderr } = await project.cli(['validate', 'mine.yaml', 'commands.yaml']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });
});

describe('the reference of own types', () => {
  test('comes from the same generator as that of the built-in ones', async () => {
    using project = OwnProject.withCount();
    const page = await project.cli(['schema', '--from', 'p.yaml', '--docs']);
    expect(page.stdout).toContain('# Stage types of p.yaml');
    expect(page.stdout).toContain('| `n` | integer | ≥ 0 | `2` | how many |');
    const { stdout } = await project.cli(['schema', 'lab.count', '--from', 'p.yaml']);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'lab.count', version: 1, outputs: { count: { type: 'Count' } } });
  });

  test('and the JSON Schema for editors knows them beside the built-in ones', async () => {
    using project = OwnProject.withCount();
    const { stdout } = await project.cli(['schema', '--from', 'p.yaml']);
    const { definitions } = JSON.parse(stdout) as { definitions: Record<string, unknown> };
    expect(Object.keys(definitions)).toEqual(expect.arrayContaining(['lab.count.params', 'readout.ridge.params']));
  });
});
