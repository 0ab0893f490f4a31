// Prints how long our source files are and fails when one has more than 500 lines without standing in the list below with a reason, or when
// the median of a top folder is above 150. Usage: node tools/file-sizes.mjs [--quiet]
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const LONGEST = 500;
const LARGEST_MEDIAN = 150;
/** path → why it may be longer */
const ALLOWED = {};

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sizes = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path: `src/${path.split(sep).join('/')}`, lines: readFileSync(join(root, 'src', path), 'utf8').split('\n').length - 1 }))
  .sort((a, b) => a.lines - b.lines);
const median = sizes[Math.floor(sizes.length / 2)]?.lines ?? 0;

if (!process.argv.includes('--quiet')) {
  const edges = [0, 50, 100, 150, 200, 300, 400, 500, Infinity];
  for (let i = 0; i + 1 < edges.length; i += 1) {
    const count = sizes.filter(({ lines }) => lines > edges[i] && lines <= edges[i + 1]).length;
    const name = edges[i + 1] === Infinity ? `> ${edges[i]}` : `${edges[i] + 1}–${edges[i + 1]}`;
    if (count > 0) process.stdout.write(`${name.padStart(9)} lines  ${String(count).padStart(4)}  ${'▇'.repeat(Math.ceil((count * 50) / sizes.length))}\n`);
  }
  process.stdout.write(`${sizes.length} files, median ${median} lines\n`);
}

const problems = sizes.filter(({ path, lines }) => lines > LONGEST && ALLOWED[path] === undefined).map(({ path, lines }) => `${path} has ${lines} lines (limit ${LONGEST}): split it, or list it with a reason`);
for (const path of Object.keys(ALLOWED)) {
  const found = sizes.find((size) => size.path === path);
  if (found === undefined || found.lines <= LONGEST) problems.push(`${path} is listed as too long but is not: remove it from the list`);
}
if (median > LARGEST_MEDIAN) problems.push(`the median is ${median} lines (limit ${LARGEST_MEDIAN})`);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
