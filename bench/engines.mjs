// Our engine beside ninja, make, Snakemake, wireit, Nx, moon and Turborepo on the same tasks, in one run: everything once (cold), again with
// nothing changed, again after one source changed. What is not installed is named and left out; a run that takes longer than the limit is
// stopped and said so. Usage: node bench/engines.mjs [--tasks 1000] [--bin FOLDER/node_modules/.bin] [--only ninja,make] [--rounds 5]
//   [--limit 240] [--json FILE]            (after npm run build; SNAKEMAKE names its program)
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { machine, median } from './lib/compare.mjs';
import { changedText, changeLeaf, Dag, outputOf } from './lib/engines/dag.mjs';
import { ours } from './lib/engines/ours.mjs';
import { peers } from './lib/engines/peers.mjs';

const { values } = parseArgs({ options: { tasks: { type: 'string', default: '1000' }, bin: { type: 'string' }, only: { type: 'string' }, rounds: { type: 'string', default: '5' }, limit: { type: 'string', default: '240' }, json: { type: 'string' } } });
const SETTLED_MS = 2500;
const dag = new Dag(Number(values.tasks));
const rounds = Number(values.rounds);
const limitMs = 1000 * Number(values.limit);
const sides = { ...ours(), ...peers(values.bin === undefined ? undefined : resolve(values.bin)) };
const chosen = values.only?.split(',') ?? Object.keys(sides);
const root = mkdtempSync(join(tmpdir(), 'bench-engines-'));
const rows = {};

/** Runs a program to its end; wall time, and the largest resident memory of the program itself where /usr/bin/time tells. */
function run([program, ...args], { cwd, env = {} }) {
  const began = performance.now();
  const timer = existsSync('/usr/bin/time');
  const child = timer ? spawn('/usr/bin/time', ['-f', 'peak %M', program, ...args], { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], detached: true }) : spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let words = '';
  child.stderr.on('data', (chunk) => (words = `${words}${chunk}`.slice(-4000)));
  return new Promise((done, fail) => {
    let over = false;
    const stop = setTimeout(() => {
      over = true;
      process.kill(-child.pid, 'SIGKILL');
    }, limitMs);
    child.on('error', fail);
    child.on('close', (code) => {
      clearTimeout(stop);
      if (over) return done({ ms: Infinity });
      if (code !== 0) return fail(new Error(`${program} ended with ${code}: ${words.trim().split('\n').slice(-3).join(' | ')}`));
      const peak = /peak (\d+)\s*$/.exec(words)?.[1];
      done({ ms: performance.now() - began, ...(peak === undefined ? {} : { peakMb: Math.round(Number(peak) / 1024) }) });
    });
  });
}

const measured = [];
for (const name of chosen) {
  const side = sides[name];
  if (side === undefined) throw new Error(`no engine is called ${name}: ${Object.keys(sides).join(', ')}`);
  if (side.most !== undefined && dag.size > side.most) {
    rows[name] = { note: `not tried beyond ${side.most} tasks` };
    continue;
  }
  const folder = join(root, name);
  try {
    const version = side.version === undefined ? '' : await firstLine(side.version);
    dag.writeSources(folder);
    side.write(folder, dag);
    const env = typeof side.env === 'function' ? side.env(folder) : side.env;
    rows[name] = { version, cold: await run(side.run, { cwd: folder, env }) };
    if (rows[name].cold.ms < Infinity) measured.push({ name, side, folder, env, idle: [], leaf: [] });
  } catch (error) {
    rows[name] = { note: error.code === 'ENOENT' ? 'not installed' : error.message };
  }
  process.stderr.write(`${name}: ${JSON.stringify(rows[name])}\n`);
}
// In turn, so that all see the same machine; the first round warms up.
for (let round = 0; round <= rounds; round += 1) {
  for (const each of measured) {
    const { side, folder, env } = each;
    // A source that was changed a moment ago is looked at more closely by some: nobody who asks "anything new?" has just edited.
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    await run(side.run, { cwd: folder, env });
    const idle = await run(side.run, { cwd: folder, env });
    (side.change ?? changeLeaf)(folder, round + 1);
    const leaf = await run(side.run, { cwd: folder, env });
    checkLeaf(each, round + 1);
    if (round === 0) continue;
    each.idle.push(idle);
    each.leaf.push(leaf);
  }
}
for (const { name, idle, leaf } of measured) {
  const middle = (list) => ({ ms: median(list.map(({ ms }) => ms)), ...(list[0]?.peakMb === undefined ? {} : { peakMb: Math.max(...list.map(({ peakMb }) => peakMb)) }) });
  Object.assign(rows[name], { idle: middle(idle), leaf: middle(leaf) });
}
rmSync(root, { recursive: true, force: true });

const reference = rows['pipeline'];
const seconds = (value) => (value === undefined ? '–' : value.ms === Infinity ? `> ${limitMs / 1000} s` : `${(value.ms / 1000).toFixed(2)} s`);
const times = (value, own) => (value === undefined || own === undefined || value.ms === Infinity ? '' : ` (${(value.ms / own.ms).toFixed(2)} ×)`);
process.stdout.write(`${dag.size} tasks, ${rounds} rounds, ${JSON.stringify(machine(2, {}))}\n`);
process.stdout.write('in brackets: time over that of pipeline\n\n| engine | everything once | nothing changed | one source changed | peak memory, nothing changed |\n| --- | --- | --- | --- | --- |\n');
for (const [name, row] of Object.entries(rows)) {
  if (row.note !== undefined) process.stdout.write(`| ${name} | ${row.note} | | | |\n`);
  else process.stdout.write(`| ${name} ${row.version} | ${seconds(row.cold)}${times(row.cold, reference?.cold)} | ${seconds(row.idle)}${times(row.idle, reference?.idle)} | ${seconds(row.leaf)}${times(row.leaf, reference?.leaf)} | ${row.idle?.peakMb === undefined ? '–' : `${row.idle.peakMb} MB`} |\n`);
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ tasks: dag.size, rows }, null, 1));

/** An engine that runs nothing is fast: what the last task of the changed chain wrote has to be the new text. */
function checkLeaf({ name, side, folder }, round) {
  const text = side.changed?.(folder, dag) ?? readFileSync(join(folder, (side.output ?? outputOf)(dag.layers - 1, 7)), 'utf8');
  if (!text.startsWith(changedText(round))) throw new Error(`${name} did not run the changed chain again: the last output holds ${JSON.stringify(text.slice(0, 80))}`);
}

async function firstLine([program, ...args]) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await new Promise((done, fail) => child.on('error', fail).on('close', done));
  return /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0] ?? '';
}
