/** Programs as stages: what makes them run again, what they are handed, what they have to leave, and what happens to those that misbehave. Needs a POSIX shell. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { OwnProject } from '../../rigs/own-project.js';

/** A pipeline of `command` stages: name → the lines of the stage below `type:`. */
function commands(stages: Readonly<Record<string, { readonly params: string; readonly inputs?: string; readonly more?: string }>>, head = ''): string {
  const text = Object.entries(stages).map(([name, { params, inputs, more }]) => `  ${name}:\n    type: command\n${inputs === undefined ? '' : `    inputs: ${inputs}\n`}${more === undefined ? '' : `    ${more}\n`}    params:\n${params.replace(/^/gm, '      ')}\n`);
  return `name: commands\n${head}stages:\n${text.join('')}`;
}

/** One stage `a` that runs a shell script; its output is `text`. */
const script = (text: string, rest = ''): string => commands({ a: { params: `argv: [sh, a.sh]\noutputs: { text: Text }\n${rest}` } }) + `# ${text.length}\n`;
const project = (text: string, rest = ''): OwnProject => new OwnProject({ 'p.yaml': script(text, rest), 'a.sh': text });
const WRITE = 'echo hello > "$PIPELINE_OUTPUT_text/a.txt"\n';

describe('the key of a command', () => {
  const answer = async (before: Record<string, string>, change: (project: OwnProject) => void | Promise<void>): Promise<Record<string, string>> => {
    using made = new OwnProject(before);
    const words = await made.words();
    expect(Object.values(words).every((word) => word === 'ran'), JSON.stringify(made.failures)).toBe(true);
    await change(made);
    return await made.plan();
  };
  const two = (argv: string, inputs = '{ x: "${stages.one}", y: "${stages.two}" }'): string => commands({
    one: { params: 'argv: [sh, -c, "echo 1 > $PIPELINE_OUTPUT_text/t"]\noutputs: { text: Text }' },
    two: { params: 'argv: [sh, -c, "echo 2 > $PIPELINE_OUTPUT_text/t"]\noutputs: { text: Text }' },
    both: { inputs, params: `argv: ${argv}\noutputs: { text: Text }` },
  });
  const JOIN = '[sh, -c, "cat $0 $1 > $PIPELINE_OUTPUT_text/t", "{inputs.x}/t", "{inputs.y}/t"]';

  test('the order of argv matters', async () => {
    expect(await answer({ 'p.yaml': two(JOIN) }, (made) => made.write({ 'p.yaml': two(JOIN.replace('x}', 'Y}').replace('y}', 'x}').replace('Y}', 'y}')) }))).toMatchObject({ one: 'hit', both: 'run' });
  });

  test('swapping two inputs matters', async () => {
    expect(await answer({ 'p.yaml': two(JOIN) }, (made) => made.write({ 'p.yaml': two(JOIN, '{ x: "${stages.two}", y: "${stages.one}" }') }))).toMatchObject({ two: 'hit', both: 'run' });
  });

  test('swapping the contents of two files of its code matters', async () => {
    const before = { 'p.yaml': script('', 'code: ["lib/*"]'), 'a.sh': WRITE, 'lib/x': '1', 'lib/y': '2' };
    expect(await answer(before, (made) => made.write({ 'lib/x': '2', 'lib/y': '1' }))).toEqual({ a: 'run' });
  });

  test('a file that argv names counts by its content, others do not', async () => {
    const before = { 'p.yaml': script(''), 'a.sh': WRITE, 'other.sh': '' };
    expect(await answer(before, (made) => made.write({ 'other.sh': 'changed' }))).toEqual({ a: 'hit' });
    expect(await answer(before, (made) => made.write({ 'a.sh': `${WRITE}# changed\n` }))).toEqual({ a: 'run' });
  });

  test('a file that an option names after = counts too', async () => {
    const pipeline = commands({ a: { params: 'argv: [sh, -c, "echo x > $PIPELINE_OUTPUT_text/t", sh, --config=conf.ini]\noutputs: { text: Text }' } });
    expect(await answer({ 'p.yaml': pipeline, 'conf.ini': '1' }, (made) => made.write({ 'conf.ini': '2' }))).toEqual({ a: 'run' });
  });

  test('so do files that code: matches, one that is added or renamed among them, and what it leaves out does not', async () => {
    const before = { 'p.yaml': script('', 'code: ["lib/**", "!lib/notes.md"]'), 'a.sh': WRITE, 'lib/x.py': '1', 'lib/notes.md': '' };
    expect(await answer(before, (made) => made.write({ 'lib/x.py': '2' }))).toEqual({ a: 'run' });
    expect(await answer(before, (made) => made.write({ 'lib/deep/y.py': '' }))).toEqual({ a: 'run' });
    expect(await answer(before, (made) => made.write({ 'lib/notes.md': 'changed', 'lib/__pycache__/x.pyc': 'bytecode' }))).toEqual({ a: 'hit' });
  });

  test('the executable bit of a file of its code matters', async () => {
    const before = { 'p.yaml': script('', 'code: [lib/tool]'), 'a.sh': WRITE, 'lib/tool': 'x' };
    expect(await answer(before, (made) => made.chmod('lib/tool', 0o755))).toEqual({ a: 'run' });
    expect(await answer(before, (made) => made.chmod('lib/tool', 0o600))).toEqual({ a: 'hit' });
  });

  test('an unset variable is not an empty one', async () => {
    const head = 'env: [OWN_TEST]\n';
    const pipeline = commands({ a: { params: 'argv: [sh, -c, "echo ${OWN_TEST-unset} > $PIPELINE_OUTPUT_text/t"]\noutputs: { text: Text }\nenv: { OWN_TEST: "${env.OWN_TEST}" }'.replace('${OWN_TEST-', () => '$${OWN_TEST-') } }, head);
    using made = new OwnProject({ 'p.yaml': pipeline });
    const said = async (value: string | undefined): Promise<string> => {
      const { OWN_TEST: _, ...env } = process.env;
      return (await made.cli(['run', 'p.yaml'], { env: value === undefined ? env : { ...env, OWN_TEST: value } })).stdout;
    };
    expect(await said(undefined)).toContain('1 ran, 0 restored');
    expect(await said('')).toContain('1 ran, 0 restored');
    expect(await said('x')).toContain('1 ran, 0 restored');
    expect(await said(undefined)).toContain('0 ran, 1 restored');
    expect(await said('')).toContain('0 ran, 1 restored');
  });

  test('PATH alone, another place of the project and another name of the stage change nothing', async () => {
    using made = project(WRITE);
    await made.words();
    const path = process.env['PATH'];
    try {
      process.env['PATH'] = `/nowhere:${path}`;
      expect(await made.plan()).toEqual({ a: 'hit' });
    } finally {
      process.env['PATH'] = path;
    }
    using moved = made.copied();
    expect(await moved.plan()).toEqual({ a: 'hit' });
    made.write({ 'p.yaml': script('').replace('  a:', '  renamed:') });
    expect(await made.plan()).toEqual({ renamed: 'hit' });
  });

  test('resources and timeouts change nothing', async () => {
    expect(await answer({ 'p.yaml': script(''), 'a.sh': WRITE }, (made) => made.write({ 'p.yaml': script('').replace('type: command', 'type: command\n    resources: { cpus: 2, time: 5 min }') }))).toEqual({ a: 'hit' });
  });

  test('a secret reaches the program and neither the key, the record nor the log', async () => {
    using made = project('echo "$OWN_SECRET" | wc -c > "$PIPELINE_OUTPUT_text/n"\necho "the secret is $OWN_SECRET"\nprintf "%s" "x${OWN_SECRET}y" >&2\n', 'secrets: [OWN_SECRET]');
    process.env['OWN_SECRET'] = 'hunter2-hunter2';
    try {
      await made.words();
      expect(made.output('a', 'text')['n']?.trim()).toBe('16');
      expect(made.log('a')).toContain('the secret is ***');
      expect(made.log('a')).toContain('x***y');
      for (const file of readdirSync(made.folder, { recursive: true, encoding: 'utf8' })) {
        if (statSync(made.path(file)).isFile()) expect(made.read(file), file).not.toContain('hunter2');
      }
      process.env['OWN_SECRET'] = 'another secret';
      expect(await made.plan()).toEqual({ a: 'hit' });
    } finally {
      delete process.env['OWN_SECRET'];
    }
  });
});

describe('what a command is handed', () => {
  test('arguments and values as they are: nothing is a shell\'s', async () => {
    const nasty = '; rm -rf * $(touch broken) `touch broken` \'quote" -x';
    const pipeline = commands({ a: { params: `argv: [sh, -c, 'printf "%s" "$1" > "$PIPELINE_OUTPUT_text/arg"; printf "%s" "$PIPELINE_VALUE_word" > "$PIPELINE_OUTPUT_text/value"', sh, ${JSON.stringify(nasty)}]\noutputs: { text: Text }\nvalues: { word: ${JSON.stringify(`${nasty}\nsecond line`)} }` } });
    using made = new OwnProject({ 'p.yaml': pipeline });
    await made.words();
    expect(made.output('a', 'text')).toEqual({ arg: nasty, value: `${nasty}\nsecond line` });
    expect(existsSync(made.path('broken'))).toBe(false);
  });

  test('one file that describes everything', async () => {
    const pipeline = commands({
      one: { params: 'argv: [sh, -c, "echo 1 > $PIPELINE_OUTPUT_text/t"]\noutputs: { text: Text }' },
      two: { inputs: '{ x: "${stages.one}" }', params: 'argv: [cp, "{job}", "{outputs.copy}/job.json"]\noutputs: { copy: Copy }\nvalues: { deep: { list: [1, 2.5, true, null] } }', more: 'resources: { cpus: 1 }' },
    });
    using made = new OwnProject({ 'p.yaml': pipeline });
    await made.words();
    expect(JSON.parse(made.output('two', 'copy')['job.json'] as string)).toMatchObject({
      inputs: { x: { type: 'Text', files: ['t'], folder: expect.stringContaining('inputs/x') } },
      outputs: { copy: { type: 'Copy' } }, values: { deep: { list: [1, 2.5, true, null] } }, cpus: 1,
    });
  });

  test('an environment that holds what is listed and nothing else', async () => {
    process.env['OWN_LEAK'] = 'leaked';
    try {
      using made = project('env > "$PIPELINE_OUTPUT_text/env"\n', 'env: { DECLARED: "yes", TZ: Europe/Paris, HOME: null, WHERE: "{tmp}" }');
      await made.words();
      const env = Object.fromEntries((made.output('a', 'text')['env'] as string).trim().split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
      expect(env).toMatchObject({ DECLARED: 'yes', TZ: 'Europe/Paris', LANG: 'C.UTF-8', OMP_NUM_THREADS: '1', WHERE: env['TMPDIR'] });
      expect(env).not.toHaveProperty('OWN_LEAK');
      expect(env).not.toHaveProperty('HOME');
      expect(env).not.toHaveProperty('NODE_OPTIONS');
    } finally {
      delete process.env['OWN_LEAK'];
    }
  });

  test('at an input that is a list, a folder for each artifact, with its labels in the file', async () => {
    const pipeline = commands({
      one: { more: 'matrix: { n: [3, 1, 2] }', params: 'argv: [sh, -c, "echo $0 > $PIPELINE_OUTPUT_text/t", "n${matrix.n}"]\noutputs: { text: Text }' },
      all: { inputs: '{ each: ["${stages.one.text}"] }', params: 'argv: [sh, -c, "cat $PIPELINE_INPUT_each/*/t > $PIPELINE_OUTPUT_text/t; cp $PIPELINE_JOB $PIPELINE_OUTPUT_text/job"]\noutputs: { text: Text }' },
    });
    using made = new OwnProject({ 'p.yaml': pipeline });
    await made.words();
    const { t, job } = made.output('all', 'text');
    expect(t).toBe('n1\nn2\nn3\n');
    const { inputs } = JSON.parse(job as string) as { inputs: { each: readonly { labels: unknown }[] } };
    expect(inputs.each.map(({ labels }) => labels)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test('links to the objects, not copies; and a link to one as an output is that object again', async () => {
    const pipeline = commands({
      big: { params: 'argv: [sh, -c, "head -c 100000 /dev/zero > $PIPELINE_OUTPUT_data/zeros"]\noutputs: { data: Data }' },
      link: { inputs: '{ data: "${stages.big}" }', params: 'argv: [sh, -c, "test -L {inputs.data}/zeros && ln -s $(readlink {inputs.data}/zeros) {outputs.same}/again"]\noutputs: { same: Data }' },
    });
    using made = new OwnProject({ 'p.yaml': pipeline });
    expect(await made.words()).toEqual({ big: 'ran', link: 'ran' });
    expect(made.record('link').outputs['same']?.files).toEqual([{ ...made.record('big').outputs['data']?.files[0], name: 'again' }]);
  });

  test('a version that is checked by whole parts', async () => {
    const pipeline = (version: string): string => script('', `interpreter: { command: sh, args: [-c, "echo tool version 3.11.4"], version: "${version}" }`);
    using made = new OwnProject({ 'p.yaml': pipeline('3.11'), 'a.sh': WRITE });
    expect(await made.words()).toEqual({ a: 'ran' });
    expect(made.log('a')).toContain('sh 3.11.4');
    made.write({ 'p.yaml': pipeline('3.1') });
    expect(await made.words()).toEqual({ a: 'failed' });
    expect(made.failures['a']).toMatchObject({ code: 'E_ENVIRONMENT', facts: { expected: '3.1', found: '3.11.4' } });
  });
});

describe('what a command leaves', () => {
  test('a result is not stored when its code changed while it ran: a new file, a content, an executable bit', async () => {
    for (const change of ['echo > lib/new.py', 'echo 2 > lib/x.py', 'chmod +x lib/x.py']) {
      using made = project(`${WRITE}${change}\n`, 'code: ["lib/*"]');
      made.write({ 'lib/x.py': '1' });
      expect(await made.words(), change).toEqual({ a: 'failed' });
      expect(made.failures['a']?.code).toBe('E_INPUT_CHANGED');
    }
  });

  test('numbers in the file of metrics join the table of runs', async () => {
    using made = project(`${WRITE}echo '{"loss": 0.5, "steps": 3}' > "$PIPELINE_METRICS"\n`);
    await made.words();
    expect(made.record('a').metrics).toEqual({ loss: 0.5, steps: 3 });
  });

  test.each<[string, string, string, RegExp]>([
    ['nothing', '', 'outputs: { text: Text }', /an empty folder/],
    ['an empty file', ': > $PIPELINE_OUTPUT_text/a', 'outputs: { text: Text }', /an empty file/],
    ['a link to nowhere', 'ln -s /nowhere $PIPELINE_OUTPUT_text/a', 'outputs: { text: Text }', /leads nowhere/],
    ['a link that leads out', 'ln -s /etc/hostname $PIPELINE_OUTPUT_text/a', 'outputs: { text: Text }', /leads elsewhere/],
    ['a linked folder', 'ln -s /etc $PIPELINE_OUTPUT_text/a', 'outputs: { text: Text }', /leads elsewhere/],
    ['no folder any more', 'rm -r $PIPELINE_OUTPUT_text', 'outputs: { text: Text }', /nothing in its place/],
    ['a file in place of the folder', 'rm -r $PIPELINE_OUTPUT_text; echo x > $PIPELINE_OUTPUT_text', 'outputs: { text: Text }', /something else/],
    ['a pipe', 'mkfifo $PIPELINE_OUTPUT_text/a', 'outputs: { text: Text }', /a pipe/],
    ['empty folders', 'mkdir -p $PIPELINE_OUTPUT_text/a/b', 'outputs: { text: Text }', /an empty folder/],
    ['another file than was declared', 'echo x > $PIPELINE_OUTPUT_text/b.csv', 'outputs: { text: { type: Text, files: [a.csv] } }', /b.csv/],
    ['only one of two outputs', 'echo x > $PIPELINE_OUTPUT_text/b', 'outputs: { text: Text, more: Text }', /an empty folder/],
  ])('%s is E_OUTPUT_MISSING though it ended with 0, and nothing is stored', async (_, text, outputs, found) => {
    using made = new OwnProject({ 'p.yaml': script('').replace('outputs: { text: Text }', outputs), 'a.sh': `${text}\n` });
    expect(await made.words()).toEqual({ a: 'failed' });
    expect(made.failures['a']?.code).toBe('E_OUTPUT_MISSING');
    expect(made.failures['a']?.facts['found']).toMatch(found);
    expect(await made.plan()).toEqual({ a: 'run' });
  });

  test('files beside those that were declared are left behind, with a warning', async () => {
    using made = new OwnProject({ 'p.yaml': script('').replace('outputs: { text: Text }', 'outputs: { text: { type: Text, files: ["*.txt"] } }'), 'a.sh': `${WRITE}echo > $PIPELINE_OUTPUT_text/core\n` });
    await made.words();
    expect(Object.keys(made.output('a', 'text'))).toEqual(['a.txt']);
    expect(made.log('a')).toContain('1 file is not declared and not kept: core');
  });

  test('what it wrote into an input is never believed: the object is set aside and made again', async () => {
    const pipeline = (by: string): string => commands({
      big: { params: 'argv: [sh, -c, "head -c 100000 /dev/zero > $PIPELINE_OUTPUT_data/zeros"]\noutputs: { data: Data }' },
      bad: { inputs: '{ data: "${stages.big}" }', params: `argv: [sh, -c, "${by}wc -c < {inputs.data}/zeros > {outputs.size}/n"]\noutputs: { size: Size }` },
    });
    using made = new OwnProject({ 'p.yaml': pipeline('f=$(readlink {inputs.data}/zeros); chmod u+w $f; printf x | dd of=$f conv=notrunc 2> /dev/null; ') });
    expect(await made.words()).toEqual({ big: 'ran', bad: 'failed' });
    expect(made.failures['bad']?.code).toBe('E_INPUT_CHANGED');
    expect(readdirSync(made.path('cache/quarantine')).length).toBeGreaterThan(0);
    made.write({ 'p.yaml': pipeline('') });
    expect(await made.words()).toEqual({ big: 'ran', bad: 'ran' });
    expect(readFileSync(made.object(made.record('big').outputs['data']?.files[0]?.digest as string)).every((byte) => byte === 0)).toBe(true);
  });
});

describe('a command that misbehaves', () => {
  test.each<[string, RegExp, RegExp]>([
    ['exit 3', /^exit code 3$/, /last output/],
    ['exit 137', /^exit code 137 \(128 \+ SIGKILL\)$/, /memory ran out/],
    ['exit 139', /^exit code 139 \(128 \+ SIGSEGV\)$/, /native code/],
    ['kill -9 $$', /^ended by SIGKILL$/, /memory ran out/],
    ['kill -11 $$', /^ended by SIGSEGV$/, /native code/],
    ['no-such-program', /^exit code 127$/, /PATH/],
  ])('%s fails with its code or signal, its last words and a hint', async (text, found, hint) => {
    using made = project(`${WRITE}echo last words >&2\n${text}\n`);
    expect(await made.words()).toEqual({ a: 'failed' });
    const failure = made.failures['a'];
    expect(failure?.code).toBe('E_COMMAND_FAILED');
    expect(failure?.facts['found']).toMatch(found);
    expect(failure?.facts['last output']).toContain('last words');
    expect(failure?.hint).toMatch(hint);
    expect(await made.plan()).toEqual({ a: 'run' });
  });

  test('one that is not there, or cannot be executed, is said so', async () => {
    const argv = (text: string): string => commands({ a: { params: `argv: ${text}\noutputs: { text: Text }` } });
    using made = new OwnProject({ 'p.yaml': argv('[no-such-program]'), 'tool': 'x' });
    await made.words();
    expect(made.failures['a']).toMatchObject({ code: 'E_ENVIRONMENT', message: '"no-such-program" cannot be started' });
    made.write({ 'p.yaml': argv('[./tool]') });
    await made.words();
    expect(made.failures['a']?.hint).toContain('chmod +x ./tool');
  });

  test('what it leaves running is ended with it', async () => {
    using made = project(`${WRITE}(sleep 0.7; echo late >> "$PIPELINE_OUTPUT_text/a.txt"; echo late > late.txt) &\n`);
    const began = performance.now();
    expect(await made.words()).toEqual({ a: 'ran' });
    expect(made.output('a', 'text')).toEqual({ 'a.txt': 'hello\n' });
    await sleep(Math.max(0, 1200 - (performance.now() - began)));
    expect(existsSync(made.path('late.txt'))).toBe(false);
  });

  test('a timeout reaches its children too, and is the error of the stage', async () => {
    using made = project('sh -c "sleep 2; echo late > late.txt" &\nwait\n');
    made.write({ 'p.yaml': script('').replace('type: command', 'type: command\n    resources: { time: 1 s }') });
    expect(await made.words()).toEqual({ a: 'failed' });
    expect(made.failures['a']).toMatchObject({ code: 'E_TIMEOUT', hint: 'Give it more time (`resources: { time: … }`) or less work.' });
    await sleep(1500);
    expect(existsSync(made.path('late.txt'))).toBe(false);
  });

  test('Ctrl-C ends one that does not listen', async () => {
    using made = project('trap "" TERM\necho started > started.txt\nsleep 60 & wait; sleep 60; echo late > late.txt\n');
    const controller = new AbortController();
    const running = made.cli(['run', 'p.yaml'], { signal: controller.signal });
    while (!existsSync(made.path('started.txt'))) await sleep(20);
    controller.abort();
    expect((await running).code).toBe(130);
    expect(existsSync(made.path('late.txt'))).toBe(false);
  });

  test('a flood of output is cut: long lines, binary, and more than the log keeps', async () => {
    using made = project(`${WRITE}head -c 30000000 /dev/zero | tr '\\0' 'x'\necho\nhead -c 300000 /dev/urandom\necho\nyes "a line of the flood" | head -n 1000000\nprintf '\\033[31mred\\033[0m\\n'\necho the end\nexit 4\n`);
    expect(await made.words()).toEqual({ a: 'failed' });
    const log = made.log('a');
    expect(log.length).toBeLessThan(6_000_000);
    expect(log.split('\n').reduce((longest, line) => Math.max(longest, line.length), 0)).toBeLessThan(5000);
    expect(log).toMatch(/… \d+ more bytes of output are not kept/);
    expect(made.failures['a']?.facts['last output']).toContain('the end');
  });
});

describe('a command that is written wrongly', () => {
  const said = async (params: string, files: Record<string, string> = {}, rest = ''): Promise<string> => {
    using made = new OwnProject({ 'p.yaml': commands({ a: { params } }, 'params: { out: Text }\n') + rest, ...files });
    return (await made.cli(['validate', 'p.yaml'])).stderr;
  };

  test.each<[string, string, RegExp]>([
    ['outputs that are an expression', 'argv: [x]\noutputs: { text: "${params.out}" }', /"outputs.text" of stage "a" is not written out/],
    ['no outputs', 'argv: [x]\noutputs: {}', /outputs/],
    ['an artifact type in lower case', 'argv: [x]\noutputs: { text: text }', /outputs/],
    ['a bad name of an output', 'argv: [x]\noutputs: { "../x": Text }', /E_BAD_NAME[^]*"..\/x" cannot be the name of an output/],
    ['one text instead of argv', 'argv: "rm -rf x"\noutputs: { text: Text }', /E_WRONG_TYPE[^]*argv/],
    ['an output that is not declared', 'argv: [x, "{outputs.txt}"]\noutputs: { text: Text }', /"\{outputs.txt\}" names no output/],
    ['an input that is not connected', 'argv: [x, "{inputs.typo}/a.txt"]\noutputs: { text: Text }', /"\{inputs.typo\}" names no input of this stage[^]*expected: +no inputs/],
    ['a misspelt placeholder', 'argv: [x, "{outptus.text}/a"]\noutputs: { text: Text }', /"\{outptus.text\}" is not a placeholder[^]*did you mean "\{outputs.text\}"/],
    ['a misspelt number of cores', 'argv: [x, "--threads={cpu}"]\noutputs: { text: Text }', /"\{cpu\}" is not a placeholder[^]*\{cpus\}/],
    ['all inputs at once', 'argv: [x, "{inputs}"]\noutputs: { text: Text }', /"\{inputs\}" is not a placeholder/],
    ['a value as a placeholder', 'argv: [x, "{values.top}"]\noutputs: { text: Text }\nvalues: { top: 3 }', /"\{values.top\}" is not a placeholder[^]*PIPELINE_VALUE_top/],
    ['a glob that matches nothing', 'argv: [x]\noutputs: { text: Text }\ncode: ["lib/*.py"]', /"lib\/\*.py" under code: matches no file/],
    ['an absolute glob', 'argv: [x]\noutputs: { text: Text }\ncode: ["/etc/*"]', /cannot be a glob under code/],
    ['a variable of ours', 'argv: [x]\noutputs: { text: Text }\nenv: { PIPELINE_JOB: x }', /"PIPELINE_JOB" cannot be an environment variable/],
    ['a secret that is also declared', 'argv: [x]\noutputs: { text: Text }\nenv: { A: x }\nsecrets: [A]', /stands under env: and under secrets:/],
  ])('%s', async (_, params, expected) => {
    expect(await said(params)).toMatch(expected);
  });

  test('braces of other languages are text', async () => {
    using made = new OwnProject({ 'p.yaml': commands({ a: { params: `argv: [sh, -c, 'printf "%s" "$1" > {outputs.text}/t', sh, '{print} {"a":1} {row.text} {inputs} {} {values.other}']\noutputs: { text: Text }\nvalues: { top: 3 }` } }) });
    expect(await made.words()).toEqual({ a: 'ran' });
    expect(made.output('a', 'text')).toEqual({ t: '{print} {"a":1} {row.text} {inputs} {} {values.other}' });
  });

  test('its outputs are typed edges like any other', async () => {
    expect(await said('argv: [x]\noutputs: { text: Text }', {}, '  stimuli: { type: nsd.stimuli, inputs: { nsd: "${stages.a}" } }\n')).toMatch(/E_INPUT_TYPE[^]*found: +Text \(output "text" of command\)/);
    expect(await said('argv: [x]\noutputs: { one: Text, two: Text }', {}, '  b: { type: command, inputs: { x: "${stages.a}" }, params: { argv: [x], outputs: { y: Text } } }\n')).toMatch(/does not say which output/);
  });
});
