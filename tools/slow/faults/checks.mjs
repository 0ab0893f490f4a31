/**
 * A project for fault runs and what must hold of it after every fault (numbers as in docs/reliability.md). `violations` returns sentences, none if
 * everything holds, so that a loop can go on and count.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { main } from '../../../dist/cli/main.js';
import { ERROR_CODES } from '../../../dist/core/errors.js';
import { nodeFs } from '../../../dist/engine/store/fs-port.js';
import { openStore } from '../../../dist/engine/store/file-store.js';
import { collectGarbage } from '../../../dist/engine/store/gc.js';
import { verifyStore } from '../../../dist/engine/store/verify.js';
import { PIPELINE, REGISTRY } from './stages.mjs';

export const CLI = fileURLToPath(new URL('cli.mjs', import.meta.url));
const COMPOSITION = { registry: REGISTRY, workerEntry: fileURLToPath(new URL('worker.mjs', import.meta.url)) };
const DAY_MS = 24 * 3_600_000;

export class Project {
  /** `below`: where its folder is made, e.g. on a file system of its own */
  constructor(pipeline = PIPELINE, below = tmpdir(), cache = undefined) {
    this.folder = mkdtempSync(join(below, 'pipeline-faults-'));
    this.cache = cache ?? join(this.folder, 'cache');
    this.log = join(this.folder, 'computations.log');
    mkdirSync(join(this.folder, 'data'));
    mkdirSync(join(this.folder, 'canary', 'deeper'), { recursive: true });
    writeFileSync(join(this.folder, 'package.json'), '{}');
    writeFileSync(join(this.folder, 'p.yaml'), pipeline);
    writeFileSync(join(this.folder, 'data', 'input.bin'), Buffer.alloc(5000, 'input'));
    writeFileSync(join(this.folder, 'canary', 'a'), 'must not change');
    writeFileSync(join(this.folder, 'canary', 'deeper', 'b'), 'nor this');
    this.outside = this.snapshot();
  }

  args(command = 'run', ...more) {
    return [...command.split(' '), ...(command === 'run' ? ['p.yaml', '--results', join(this.folder, 'results')] : []), '--cache-dir', this.cache, ...more];
  }

  env(more = {}) {
    const { NODE_OPTIONS: _, PIPELINE_CACHE_DIR: __, ...env } = process.env;
    return { ...env, FAULTS_LOG: this.log, ...more };
  }

  /** A run in a process group of its own; `ended` resolves to { status, signal, stdout, stderr }. */
  start(more = [], env = {}, command = [process.execPath, CLI]) {
    const [program, ...first] = command;
    const child = spawn(program, [...first, ...this.args('run', ...more)], { cwd: this.folder, env: this.env(env), detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const texts = ['', ''];
    [child.stdout, child.stderr].forEach((stream, i) => stream.on('data', (chunk) => (texts[i] += chunk)));
    const ended = new Promise((resolve) => child.once('close', (status, signal) => resolve({ status, signal, stdout: texts[0], stderr: texts[1] })));
    return { child, ended };
  }

  /** The same in this process. */
  async run(more = [], command = 'run') {
    const before = process.env.FAULTS_LOG;
    process.env.FAULTS_LOG = this.log;
    const texts = ['', ''];
    const sink = (i) => ({ write: (text) => (texts[i] += text) });
    const status = await main(this.args(command, ...more), { stdout: sink(0), stderr: sink(1), env: this.env(), cwd: this.folder, composition: COMPOSITION });
    if (before === undefined) delete process.env.FAULTS_LOG;
    else process.env.FAULTS_LOG = before;
    return { status, signal: null, stdout: texts[0], stderr: texts[1] };
  }

  /** Stage → word and outputs, of the newest run; plus the bytes that people look at. */
  state() {
    const runs = join(this.cache, 'runs');
    const newest = readdirSync(runs).sort().at(-1);
    return this.stateOf(JSON.parse(readFileSync(join(runs, newest, 'run.json'), 'utf8')));
  }

  stateOf(record) {
    const stages = new Map(record.stages.map((stage) => [stage.name, stage]));
    const outputs = record.stages.flatMap((stage) => Object.entries(stage.outputs).map(([port, { digest }]) => `${stage.name}.${port} ${digest}`));
    return { stages, outputs: outputs.sort().join('\n'), published: this.published() };
  }

  published() {
    const latest = join(this.folder, 'results', 'faults', 'latest');
    const folder = existsSync(latest) ? latest : join(this.folder, 'results', 'race', 'latest');
    return filesBelow(folder).filter((path) => !path.endsWith('report.html')).map((path) => `${relative(folder, path)} ${sha256(path)}`).join('\n');
  }

  /** I5: names, bytes and times of everything that is none of the cache's or the results' business. */
  snapshot() {
    return filesBelow(this.folder)
      .filter((path) => !path.startsWith(this.cache) && !/^(?:results|gate|computations\.log|trace)/.test(relative(this.folder, path)))
      .map((path) => `${path} ${sha256(path)} ${statSync(path, { bigint: true }).mtimeNs}`)
      .join('\n');
  }

  /** Label → how often it was computed. */
  computations() {
    const counts = new Map();
    if (!existsSync(this.log)) return counts;
    for (const line of readFileSync(this.log, 'utf8').split('\n').filter((text) => text !== '')) {
      const what = line.replace(/ \d+$/, '');
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    return counts;
  }

  /** Stages of the reference whose record the store serves now. */
  async served(reference) {
    if (!existsSync(this.cache)) return new Set();
    const store = await openStore(this.cache, { mode: 'read' });
    try {
      const names = [];
      for (const [name, { key }] of reference.stages) if ((await store.lookup(key)) !== undefined) names.push(name);
      return new Set(names);
    } finally {
      await store.close();
    }
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An undisturbed run: what every other one has to end with. */
export async function referenceOf(pipeline) {
  const project = new Project(pipeline);
  const { status, stderr } = await project.run();
  if (status !== 0) throw new Error(`the undisturbed run ended with ${status}\n${stderr}`);
  const state = project.state();
  project.remove();
  return state;
}

/**
 * Checks I1–I10 and reruns without any fault. `damaged`: harm was done to the bytes, so problems may be listed. `reuse: false`: do not demand that what is
 * published is reused. Returns the violations and how many stages were reused.
 */
export async function violations(project, reference, { damaged = false, reuse = true } = {}) {
  const found = [];
  const problems = [];
  if (existsSync(project.cache)) {
    const summary = await verifyStore(project.cache, { readData: true, onProblem: (problem) => problems.push(problem) });
    if (!damaged && problems.length > 0) found.push(`I10: verify lists ${problems.map(({ kind, path }) => `${kind} ${path}`).join(', ')}`);
    if (summary.clean !== (problems.length === 0)) found.push('I10: verify counts other problems than it names');
  }
  const listed = new Set(problems.map(({ path }) => path));
  for (const path of filesBelow(join(project.cache, 'objects'))) {
    if (!isTemporary(path) && sha256(path) !== path.slice(-65).replace('/', '') && !listed.has(path)) found.push(`I1: ${path} is damaged and not listed`);
  }
  const known = new Map([...reference.stages].map(([name, { key }]) => [key, name]));
  for (const path of filesBelow(join(project.cache, 'records'))) {
    const key = path.slice(-70, -5).replace('/', '');
    if (!isTemporary(path) && !damaged && !known.has(key)) found.push(`I3: a record of no stage that finished: ${path}`);
  }
  const served = await project.served(reference);

  const again = await project.run(['--json']);
  if (again.status !== 0) found.push(`I4: the next run ended with ${again.status}: ${again.stderr.slice(0, 500)}`);
  else {
    const now = project.state();
    if (now.outputs !== reference.outputs) found.push('I4: the outputs of the next run differ');
    if (now.published !== reference.published) found.push('I4: the published bytes of the next run differ');
    if (reuse && !damaged) {
      for (const name of served) if (now.stages.get(name)?.word !== 'restored') found.push(`F1: "${name}" was published and ${now.stages.get(name)?.word} all the same`);
    }
    for (const [name, { word }] of now.stages) if (word === 'restored' && !served.has(name)) found.push(`I2: "${name}" was restored without a record that is served`);
  }
  if (project.snapshot() !== project.outside) found.push('I5: something outside the cache changed');
  found.push(...brokenLogs(project));
  const runs = await project.run(['--json'], 'runs');
  if (runs.status !== 0) found.push(`I8: \`pipeline runs\` ended with ${runs.status}: ${runs.stderr.slice(0, 300)}`);

  await collectGarbage(project.cache, { dryRun: false, fs: { ...nodeFs, now: () => Date.now() + 2 * DAY_MS } });
  const left = filesBelow(project.cache).filter((path) => isTemporary(path) || /\/(?:staging|leases|claims)\//.test(path));
  if (left.length > 0) found.push(`I6: gc left ${left.join(', ')}`);
  if (!damaged) {
    const { clean } = await verifyStore(project.cache, { readData: true });
    if (!clean) found.push('I10: the store is not whole after the next run and gc');
  }
  return { found, served: served.size };
}

function brokenLogs(project) {
  const found = [];
  for (const path of filesBelow(join(project.cache, 'runs')).filter((name) => name.endsWith('events.ndjson'))) {
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1); // the last line has no end, or is empty
    for (const line of lines) {
      try {
        JSON.parse(line);
      } catch {
        found.push(`I8: a broken line within ${path}`);
      }
    }
  }
  return found;
}

/** I7 and I9, of a command that ended by itself: a documented exit code, an error with its code and a next step, no stack and no bug. */
export function outputViolations({ status, signal, stdout, stderr }, { allowed }) {
  const found = [];
  if (signal !== null) return [`I7: ended by ${signal}`];
  if (!allowed.includes(status)) found.push(`I7: exit code ${status} is none of ${allowed.join(', ')}: ${(stderr || stdout).slice(-700)}`);
  const text = stdout + stderr;
  if (/^\s+at .+:\d+:\d+\)?$/m.test(text) || text.includes('This is a bug') || /UnhandledPromise|unhandled/i.test(text)) found.push(`I9: a stack or a bug: ${text.slice(-900)}`);
  if (status !== 0 && status !== null) {
    const code = /\b(E_[A-Z_]+)\b/.exec(stderr)?.[1];
    if (code === undefined) found.push(`I7: no error code: ${stderr.slice(-500)}`);
    else if (!(code in ERROR_CODES)) found.push(`I7: ${code} is not a documented code`);
  }
  return found;
}

/** Waits until nobody of a run is left: its process group, and its workers, which lead groups of their own and wrote their ids into the log. */
export async function everybodyGone(project, pid, milliseconds = 10_000) {
  const workers = existsSync(project.log) ? readFileSync(project.log, 'utf8').split('\n').map((line) => Number(/ (\d+)$/.exec(line)?.[1])) : [];
  const ids = new Set([-pid, ...workers.filter((id) => id > 0 && id !== process.pid)]);
  for (const end = Date.now() + milliseconds; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 5))) {
    for (const id of ids) if (!isThere(id)) ids.delete(id);
    if (ids.size === 0) return true;
  }
  return false;
}

function isThere(id) {
  try {
    process.kill(id, 0);
    return id < 0 || !/^State:\s+Z/m.test(readFileSync(`/proc/${id}/status`, 'utf8'));
  } catch {
    return false;
  }
}

export function isTemporary(path) {
  return /\/\.tmp-[^/]*$/.test(path);
}

export function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
}

export function sha256(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
