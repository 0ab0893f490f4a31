// How each peer is told the same work: `write` puts its files into a folder, `command` runs it there with two jobs at a time.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { changedText, nameOf, shellCommand } from './dag.mjs';

const JOBS = '2';
const last = (dag) => Array.from({ length: 100 }, (_, i) => nameOf(dag.layers - 1, i));
const git = (folder) => {
  for (const args of [['init', '-q'], ['add', '-A'], ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '-qm', 'all']]) execFileSync('git', args, { cwd: folder });
};

/** name → { version, write(folder, dag), run: [program, …args], env, most: tasks beyond which it is not tried } */
export function peers(bin) {
  const at = (name) => (bin === undefined ? name : join(bin, name));
  return {
    ninja: {
      version: ['ninja', '--version'],
      write(folder, dag) {
        const lines = ['rule join', '  command = head -qn 1 $in > $out'];
        for (const { output, inputs } of dag.tasks()) lines.push(`build ${output}: join ${inputs.join(' ')}`);
        writeFileSync(join(folder, 'build.ninja'), `${lines.join('\n')}\n`);
      },
      run: ['ninja', '-j', JOBS, '--quiet'],
    },
    make: {
      version: ['make', '--version'],
      write(folder, dag) {
        const outputs = [...dag.tasks()].map(({ output }) => output);
        const rules = [...dag.tasks()].map((task) => `${task.output}: ${task.inputs.join(' ')}\n\t@${shellCommand(task)}`);
        writeFileSync(join(folder, 'Makefile'), `all: ${outputs.slice(-100).join(' ')}\n${rules.join('\n')}\n`);
      },
      run: ['make', '-j', JOBS, '--no-print-directory', '--silent'],
    },
    snakemake: {
      version: [process.env['SNAKEMAKE'] ?? 'snakemake', '--version'],
      write(folder, dag) {
        writeFileSync(join(folder, 'Snakefile'), `LAST = ${dag.layers - 1}
def before(w):
    layer, i = int(w.layer), w.i
    return [f"src/{i}.txt"] if layer == 0 else [f"out/{l}/{i}.txt" for l in (layer - 1, layer - 2) if l >= 0]
rule all:
    input: [f"out/{LAST}/{i}.txt" for i in range(100)]
rule join:
    input: before
    output: "out/{layer}/{i}.txt"
    shell: "head -qn 1 {input} > {output}"
`);
      },
      run: [process.env['SNAKEMAKE'] ?? 'snakemake', '--cores', JOBS, '--quiet', 'all'],
      most: 2000,
    },
    wireit: {
      version: ['node', '-p', `require(${JSON.stringify(bin === undefined ? 'wireit/package.json' : join(bin, '..', 'wireit', 'package.json'))}).version`],
      write(folder, dag) {
        const scripts = { all: 'wireit' };
        const wireit = { all: { dependencies: last(dag) } };
        for (const task of dag.tasks()) {
          scripts[task.name] = 'wireit';
          wireit[task.name] = { command: shellCommand(task), files: task.layer === 0 ? task.inputs : [], output: [task.output], dependencies: task.needs };
        }
        writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'bench', private: true, scripts, wireit }));
      },
      run: ['npm', 'run', '--silent', 'all'],
      env: { WIREIT_PARALLEL: JOBS, WIREIT_LOGGER: 'quiet', ...(bin === undefined ? {} : { PATH: `${bin}:${process.env['PATH']}` }) },
    },
    nx: {
      version: [at('nx'), '--version'],
      write(folder, dag) {
        writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'bench', private: true }));
        writeFileSync(join(folder, 'nx.json'), JSON.stringify({ neverConnectToCloud: true, analytics: false }));
        for (const task of dag.tasks()) {
          mkdirSync(join(folder, 'p', task.name), { recursive: true });
          const inputs = task.layer === 0 ? task.inputs.map((path) => `{workspaceRoot}/${path}`) : [{ dependentTasksOutputFiles: '**/*.txt' }];
          writeFileSync(join(folder, 'p', task.name, 'project.json'), JSON.stringify({ name: task.name, targets: { build: { executor: 'nx:run-commands', cache: true, options: { command: shellCommand(task) }, inputs: [...inputs, '{projectRoot}/**/*'], outputs: [`{workspaceRoot}/${task.output}`], dependsOn: task.needs.map((name) => ({ projects: [name], target: 'build' })) } } }));
        }
        writeFileSync(join(folder, '.gitignore'), 'node_modules\n.nx\nout\n');
        linkModules(folder, bin);
        git(folder);
      },
      run: [at('nx'), 'run-many', '-t', 'build', '--parallel', JOBS, '--outputStyle', 'static'],
      env: { NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false', CI: 'true' },
      most: 2000,
    },
    moon: {
      version: [at('moon'), '--version'],
      write(folder, dag) {
        mkdirSync(join(folder, '.moon'), { recursive: true });
        writeFileSync(join(folder, '.moon', 'workspace.yml'), "projects:\n  bench: '.'\ntelemetry: false\n");
        const tasks = { all: { command: 'true', deps: last(dag).map((name) => `~:${name}`), options: { cache: false } } };
        for (const task of dag.tasks()) tasks[task.name.replace('_', '-')] = { script: shellCommand(task), deps: task.needs.map((name) => `~:${name.replace('_', '-')}`), inputs: task.layer === 0 ? task.inputs.map((path) => `/${path}`) : [], outputs: [`/${task.output}`] };
        tasks.all.deps = tasks.all.deps.map((name) => name.replace('_', '-'));
        writeFileSync(join(folder, 'moon.yml'), JSON.stringify({ language: 'unknown', tasks }));
        writeFileSync(join(folder, '.gitignore'), '.moon/cache\nout\n');
        git(folder);
      },
      run: [at('moon'), 'run', 'bench:all', '--concurrency', JOBS],
      env: { MOON_TELEMETRY: 'false', CI: 'true' },
      most: 1000,
    },
    turbo: {
      version: [at('turbo'), '--version'],
      write(folder, dag) {
        // npm itself takes most of a second a script: a stand-in runs the script alone, so that Turborepo is timed and not npm
        mkdirSync(join(folder, 'bin'));
        writeFileSync(join(folder, 'bin', 'npm'), '#!/bin/sh\nif [ "$1" = "--version" ]; then echo 10.0.0; exit 0; fi\nexec sh ./task.sh\n');
        chmodSync(join(folder, 'bin', 'npm'), 0o755);
        writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'bench', private: true, packageManager: 'npm@10.0.0', workspaces: ['p/*'] }));
        writeFileSync(join(folder, 'turbo.json'), JSON.stringify({ tasks: { build: { dependsOn: ['^build'], outputs: ['out.txt'] } } }));
        const packages = { '': { name: 'bench', workspaces: ['p/*'] } };
        for (const task of dag.tasks()) {
          const path = `p/${task.name}`;
          mkdirSync(join(folder, path), { recursive: true });
          const dependencies = Object.fromEntries(task.needs.map((name) => [name, '1.0.0']));
          writeFileSync(join(folder, path, 'package.json'), JSON.stringify({ name: task.name, version: '1.0.0', scripts: { build: 'sh ./task.sh' }, dependencies }));
          const reads = task.layer === 0 ? ['input.txt'] : task.needs.map((name) => `../${name}/out.txt`);
          if (task.layer === 0) writeFileSync(join(folder, path, 'input.txt'), `source ${task.i}\n`);
          writeFileSync(join(folder, path, 'task.sh'), `head -qn 1 ${reads.join(' ')} > out.txt\n`);
          packages[path] = { name: task.name, version: '1.0.0', dependencies };
          packages[`node_modules/${task.name}`] = { resolved: path, link: true };
        }
        writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ name: 'bench', lockfileVersion: 3, requires: true, packages }));
        writeFileSync(join(folder, '.gitignore'), 'node_modules\n.turbo\nout.txt\n');
        git(folder);
      },
      run: [at('turbo'), 'run', 'build', '--concurrency', JOBS, '--output-logs', 'none', '--no-color'],
      env: (folder) => ({ TURBO_TELEMETRY_DISABLED: '1', PATH: `${join(folder, 'bin')}:${process.env['PATH']}` }),
      change: (folder, round) => writeFileSync(join(folder, 'p', 't0_7', 'input.txt'), changedText(round)),
      output: (layer, i) => `p/${nameOf(layer, i)}/out.txt`,
      most: 1000,
    },
  };
}

function linkModules(folder, bin) {
  if (bin !== undefined) execFileSync('ln', ['-s', join(bin, '..'), join(folder, 'node_modules')]);
}
