// Damage of files in the store: bits flipped in objects, records and memos, files swapped, cut, emptied, extended, deleted. Each piece of damage is done to a
// store that a run filled; the next run (forced to read what was damaged) must report it, set it aside, compute it again and end with the same bytes.
// Usage: node tools/slow/damage.mjs [--flips 400] [--seed 1] [--every 1] [--out FILE]
import { appendFileSync, chmodSync, cpSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Random } from '../../dist/core/random.js';
import { Figures, options } from './faults/figures.mjs';
import { filesBelow, Project, referenceOf, violations } from './faults/checks.mjs';
import { PIPELINE } from './faults/stages.mjs';

const settings = options({ flips: 400, seed: 1, every: 1 });
const figures = new Figures('damage', settings);
const random = new Random(`damage/${settings.seed}`);
const reference = await referenceOf(PIPELINE);

const pristine = new Project();
await pristine.run();
const SHELVES = ['objects', 'records', 'memos'];
const paths = Object.fromEntries(SHELVES.map((shelf) => [shelf, filesBelow(join(pristine.cache, shelf)).map((path) => relative(pristine.cache, path))]));
const rows = new Map();

/** Every file in turn; bits and places so that `flips` of them cover eight bits at so many places over all files. */
function flips() {
  const files = SHELVES.flatMap((shelf) => paths[shelf].map((path) => [shelf, path]));
  return Array.from({ length: settings.flips }, (_, i) => {
    const [shelf, path] = files[i % files.length];
    const size = statSync(join(pristine.cache, path)).size;
    const bit = Math.floor(i / files.length) % 8;
    const at = random.integer(0, size);
    return { kind: 'bit flipped', shelf, name: `bit ${bit} of byte ${at} of ${path}`, damage: (root) => change(join(root, path), (bytes) => void (bytes[at] ^= 1 << bit)) };
  });
}

function otherwise() {
  const cases = [];
  for (const shelf of SHELVES) {
    for (const [i, path] of paths[shelf].entries()) {
      const other = paths[shelf][(i + 1) % paths[shelf].length];
      cases.push({ kind: 'cut to half', shelf, name: path, damage: (root) => writable(join(root, path), (file) => truncateSync(file, statSync(file).size >> 1)) });
      cases.push({ kind: 'emptied', shelf, name: path, damage: (root) => writable(join(root, path), (file) => truncateSync(file, 0)) });
      cases.push({ kind: 'extended', shelf, name: path, damage: (root) => writable(join(root, path), (file) => appendFileSync(file, '!')) });
      cases.push({ kind: 'deleted', shelf, name: path, damage: (root) => rmSync(join(root, path)) });
      cases.push({ kind: 'swapped', shelf, name: `${path} and ${other}`, damage: (root) => swap(join(root, path), join(root, other)) });
    }
  }
  return cases;
}

for (const { kind, shelf, name, damage } of [...flips(), ...otherwise()].filter((_, i) => i % settings.every === 0)) {
  const project = new Project();
  cpSync(pristine.cache, project.cache, { recursive: true, preserveTimestamps: true });
  damage(project.cache);
  const row = rows.get(`${kind} ${shelf}`) ?? { damage: kind, shelf, cases: 0, listed: 0, reported: 0, 'set aside': 0, recomputed: 0 };
  rows.set(`${kind} ${shelf}`, row);
  row.cases += 1;

  const verify = await project.run(['--json', '--read-data'], 'cache verify');
  const listed = verify.status === 4;
  if (listed) row.listed += 1;
  // A deleted record is simply not there, and a memo that nobody asks for is no damage to a run.
  if (!listed && !(kind === 'deleted' && shelf !== 'objects')) figures.violated(`${kind}: ${name}`, ['I10: verify does not list it']);

  // Every object is wanted: `large` reads nothing stored, so the others are asked for by new consumers of their outputs.
  const asked = await project.run(['--json', '--set', 'stages.joined.params.bytes=21000']);
  const again = await project.run(['--json', '--force=chunks']);
  const events = `${asked.stdout}\n${again.stdout}`.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const reported = events.some(({ kind: event }) => event === 'store.damaged');
  const aside = filesBelow(join(project.cache, 'quarantine')).length > 0;
  const recomputed = events.filter(({ kind: event, reason }) => event === 'stage.started' && reason !== 'forced').length > 1; // `joined` with another length always runs
  if (reported) row.reported += 1;
  if (aside) row['set aside'] += 1;
  if (recomputed) row.recomputed += 1;
  if (kind !== 'deleted' && !(reported && aside)) figures.violated(`${kind}: ${name}`, ['no run reported it and set it aside']);
  if (shelf !== 'memos' && !recomputed) figures.violated(`${kind}: ${name}`, ['nothing was computed again']);
  if (aside && !reported) figures.violated(`${kind}: ${name}`, ['it was set aside and nobody said so']);
  if (asked.status !== 0 || again.status !== 0) figures.violated(`${kind}: ${name}`, [`a run ended with ${asked.status} and ${again.status}: ${asked.stderr}${again.stderr}`]);
  const { found } = await violations(project, reference, { damaged: true });
  figures.violated(`${kind}: ${name}`, found);
  const clean = await project.run(['--json', '--read-data'], 'cache verify');
  if (clean.status !== 0) figures.violated(`${kind}: ${name}`, ['the store is not whole after the next run']);
  project.remove();
}
pristine.remove();
for (const row of rows.values()) figures.row(row);
figures.finish({ files: Object.fromEntries(SHELVES.map((shelf) => [shelf, paths[shelf].length])) });

function writable(path, work) {
  chmodSync(path, 0o644);
  work(path);
}

function change(path, edit) {
  const bytes = readFileSync(path);
  edit(bytes);
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
}

function swap(one, other) {
  renameSync(one, `${one}.x`);
  renameSync(other, one);
  renameSync(`${one}.x`, other);
}
