// The engine alone: generated pipelines of trivial in-process stages from `matrix:`, each command a process of its own as a user starts it.
// Cold run, a run in which nothing changed, one leaf changed, a plan of 100,000 stages, `--help`, hashing of outside files, memory at the peak.
// Usage: node bench/engine-speed.mjs [--rounds 5] [--stages 1000,10000] [--cold 2000] [--folder DIR] [--json FILE]      (after npm run build; leave the machine alone)
// The store lies in --folder (default: the system's temporary folder); what its disk does on fsync is part of what is measured, so it is measured too.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HashThreads } from '../dist/engine/hash-threads.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, stages: { type: 'string', default: '1000,10000' }, cold: { type: 'string', default: '2000' }, planned: { type: 'string', default: '100000' }, folder: { type: 'string', default: tmpdir() }, json: { type: 'string' } } });
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(values.folder, 'engine-speed-'));
const trivial = new URL('./lib/trivial.mjs', import.meta.url).pathname;
const cli = new URL('../dist/cli/main.js', import.meta.url).pathname;
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const figures = {};
const rows = [];
const row = (what, times, more = '') => {
  figures[what] = { fastest: Math.min(...times), median: median(times) };
  rows.push([what, `${Math.min(...times).toFixed(0)} ms`, `${median(times).toFixed(0)} ms`, more]);
};

// First a look at the disk: what a small file costs with and without fsync.
function disk() {
  const each = (sync) => {
    const began = performance.now();
    for (let i = 0; i < 200; i += 1) {
      const file = openSync(join(folder, `probe-${sync}-${i}`), 'w');
      writeSync(file, 'x'.repeat(600));
      if (sync) fsyncSync(file);
      closeSync(file);
    }
    return ((performance.now() - began) / 200) * 1000;
  };
  return `a small file ${each(false).toFixed(0)} µs, with fsync ${each(true).toFixed(0)} µs (file system type 0x${statfsSync(folder).type.toString(16)})`;
}

function once(script, ...args) {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: folder, encoding: 'utf8', env: { ...process.env, BENCH_RSS: '1' }, maxBuffer: 1 << 28 });
  const ms = performance.now() - began;
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr.slice(-2000)}`);
  return { ms, rss: Number(/rss (\d+) MB/.exec(stderr)?.[1] ?? 0) };
}

/** Three layers of side × side relays, a gather a row, one of everything, and a leaf that depends on it. */
function layers(name, wanted) {
  const side = Math.max(1, Math.round(Math.sqrt(wanted / 3)));
  const list = Array.from({ length: side }, (_, i) => i).join(', ');
  const file = join(folder, `${name}.yaml`);
  const relay = (stage, by, from) => `  ${stage}: { type: relay, matrix: { x: "\${params.x}", y: "\${params.y}" }, params: { by: "\${${by}}" }${from === undefined ? '' : `, inputs: { a: "\${stages.${from}}" }`} }\n`;
  writeFileSync(file, `name: ${name}\nparams: { x: [${list}], y: [${list}], leaf: 0 }\nstages:\n${relay('first', '1000 * matrix.x + matrix.y')}${relay('second', 'matrix.y', 'first')}${relay('third', '1000 * matrix.x + matrix.y', 'second')}` +
    `  rows: { type: gather, matrix: { x: "\${params.x}" }, inputs: { a: "\${stages.third}" } }\n  all: { type: gather, inputs: { a: { third: "\${stages.third}", rows: "\${stages.rows}" } } }\n  leaf: { type: relay, params: { by: "\${params.leaf}" }, inputs: { a: "\${stages.all}" } }\n`);
  return { file, count: 3 * side * side + side + 2 };
}

const bare = [];
const help = [];
writeFileSync(join(folder, 'empty.mjs'), '');
writeFileSync(join(folder, 'package.json'), '{}');
const facts = `${availableParallelism()} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GB, node ${process.versions.node}; ${disk()}`;
for (let round = 0; round < 2 * rounds; round += 1) {
  bare.push(once(join(folder, 'empty.mjs')).ms);
  help.push(once(cli, '--help').ms);
}
row('node, an empty module', bare);
row('pipeline --help', help);

for (const wanted of values.stages.split(',').map(Number)) {
  const { file, count } = layers(`stages-${wanted}`, wanted);
  const store = ['--cache-dir', join(folder, `cache-${wanted}`)];
  const cold = once(trivial, 'run', file, ...store);
  row(`${count} stages: cold`, [cold.ms], `${(cold.ms / count).toFixed(2)} ms a stage, ${cold.rss} MB`);
  const [unchanged, ordinary, leaf] = [[], [], []];
  const peak = { unchanged: 0, ordinary: 0, leaf: 0 };
  const take = (list, name, result) => {
    list.push(result.ms);
    peak[name] = Math.max(peak[name], result.rss);
  };
  for (let round = 0; round < rounds; round += 1) {
    take(unchanged, 'unchanged', once(trivial, 'run', file, ...store));
    rmSync(join(folder, `cache-${wanted}`, 'unchanged'), { recursive: true });
    take(ordinary, 'ordinary', once(trivial, 'run', file, ...store));
    take(leaf, 'leaf', once(trivial, 'run', file, ...store, '--set', `params.leaf=${round + 1}`));
    once(trivial, 'run', file, ...store); // the newest results are those of the file as it is again
  }
  row(`${count} stages: nothing changed`, unchanged, `${peak.unchanged} MB`);
  row(`${count} stages: nothing changed, without the memory`, ordinary, `${peak.ordinary} MB`);
  row(`${count} stages: one leaf changed`, leaf, `${peak.leaf} MB`);
}

{
  const { file, count } = layers('cold', Number(values.cold));
  const times = [];
  for (let round = 0; round < Math.min(3, rounds); round += 1) {
    const { ms } = once(trivial, 'run', file, '--cache-dir', join(folder, `cold-${round}`));
    times.push(ms);
    rmSync(join(folder, `cold-${round}`), { recursive: true });
  }
  row(`${count} stages: cold`, times, `${((median(times) - median(bare)) / count).toFixed(2)} ms a stage`);
}
{
  const { file, count } = layers('plan', Number(values.planned) * 0.99);
  const times = [];
  let rss = 0;
  for (let round = 0; round < Math.min(3, rounds); round += 1) {
    const result = once(trivial, 'validate', file);
    times.push(result.ms);
    rss = Math.max(rss, result.rss);
  }
  row(`${count} stages: planned`, times, `${rss} MB`);
}
{
  const bytes = Buffer.alloc(256 << 20, 7);
  const files = Array.from({ length: 2 * availableParallelism() }, (_, i) => join(folder, `large-${i}`));
  mkdirSync(folder, { recursive: true });
  for (const [i, path] of files.entries()) {
    bytes[0] = i;
    writeFileSync(path, bytes);
  }
  for (const width of new Set([1, availableParallelism()])) {
    const threads = new HashThreads(width);
    const times = [];
    for (let round = 0; round < rounds; round += 1) {
      const began = performance.now();
      await Promise.all(files.map((path) => threads.hash(path)));
      times.push(performance.now() - began);
    }
    row(`hashing ${files.length} files of 256 MiB, ${width} ${width === 1 ? 'thread' : 'threads'}`, times, `${((files.length * bytes.length) / 1e6 / median(times)).toFixed(2)} GB/s`);
  }
  const began = performance.now();
  createHash('sha256').update(bytes).digest();
  rows.push(['sha256 of a buffer, one core', '', '', `${(bytes.length / 1e6 / (performance.now() - began)).toFixed(2)} GB/s`]);
}
rmSync(folder, { recursive: true, force: true });

process.stdout.write(`${facts}\n`);
const widths = [0, 1, 2].map((column) => Math.max(...rows.map((each) => each[column].length)));
process.stdout.write(`${'what'.padEnd(widths[0])}  ${'fastest'.padStart(widths[1])}  ${'median'.padStart(widths[2])}\n`);
for (const [what, fastest, middle, more] of rows) process.stdout.write(`${what.padEnd(widths[0])}  ${fastest.padStart(widths[1])}  ${middle.padStart(widths[2])}  ${more}\n`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ facts, figures, rows }, null, 1)}\n`);
