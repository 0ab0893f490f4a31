// A disk that is really full (a file system in memory of a few kilobytes), a cache that is really read-only (a bind mount), few open files (ulimit). Runs itself
// again in a user and mount namespace of its own, so that nothing outside changes. Usage: node tools/slow/disk.mjs [--every 1] [--out FILE]      needs unshare
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { Figures, options, skip } from './faults/figures.mjs';
import { CLI, outputViolations, Project, referenceOf, violations } from './faults/checks.mjs';
import { PIPELINE, WIDE_PIPELINE } from './faults/stages.mjs';

const settings = options({ every: 1, inside: false });
const NAME = 'full disk, read-only cache, few open files';
if (!settings.inside) {
  const probe = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { encoding: 'utf8' });
  if (probe.status !== 0) skip(NAME, `no namespace of its own: ${probe.error?.message ?? probe.stderr.trim()}`, settings.out);
  const { status } = spawnSync('unshare', ['-Urm', process.execPath, process.argv[1], ...process.argv.slice(2), '--inside'], { stdio: 'inherit' });
  process.exit(status ?? 1);
}
const figures = new Figures(NAME, settings);
const reference = await referenceOf(PIPELINE);
const mount = (...args) => {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`);
};
/** With so few files that nothing works: an error of the machine. */
const documented = [0, 1, 6];
const codeIn = ({ stderr }) => /\b(E_[A-Z_]+)\b/.exec(stderr)?.[1] ?? '';

// F10: every size from nothing to enough
const sizes = Array.from({ length: 40 }, (_, i) => 8 * (i + 1));
for (const kilobytes of [...sizes, 512, 4096].filter((_, i) => i % settings.every === 0)) {
  const project = new Project();
  mkdirSync(project.cache);
  mount('-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'none', project.cache);
  const result = await project.start().ended;
  const what = `a cache of ${kilobytes} KiB`;
  figures.violated(what, outputViolations(result, { allowed: [0] })); // what the cache does not take is in the scratch folder
  if (kilobytes < 100 && !result.stderr.includes('not saved')) figures.violated(what, [`I7: it does not say what is not saved: ${result.stderr.slice(-400)}`]);
  const verify = await project.run(['--read-data'], 'cache verify');
  if (verify.status !== 0) figures.violated(what, [`I10: the full store is not whole: ${verify.stdout.slice(0, 400)}`]);
  mount('-o', 'remount,size=64m', project.cache);
  const { found, served } = await violations(project, reference);
  figures.violated(what, found);
  figures.row({ case: what, exit: result.status, code: codeIn(result), 'stages kept': served });
  spawnSync('umount', [project.cache]);
  project.remove();
}

// F13: a filled cache that nobody can write to
for (const [what, args, allowed] of [
  ['read-only cache, --cache-mode read, nothing new', ['--cache-mode', 'read'], [0]],
  ['read-only cache, --cache-mode read, two stages new', ['--cache-mode', 'read', '--set', 'stages.chunks.params.bytes=10000'], [0]],
  ['read-only cache, as usual, nothing new', [], [0]],
  ['read-only cache, as usual, two stages new', ['--set', 'stages.chunks.params.bytes=10000'], [0]],
  ['read-only cache, --cache-mode read-write', ['--cache-mode', 'read-write'], [6]],
]) {
  const project = new Project();
  await project.run();
  const before = project.published();
  mount('--bind', project.cache, project.cache);
  mount('-o', 'remount,bind,ro', project.cache);
  const result = await project.start(args).ended;
  figures.violated(what, outputViolations(result, { allowed }));
  const verify = await project.run(['--read-data'], 'cache verify');
  if (verify.status !== 0) figures.violated(what, [`verify ended with ${verify.status} on a read-only cache: ${verify.stderr.slice(0, 300)}`]);
  spawnSync('umount', [project.cache]);
  if (!args.includes('--set') && project.published() !== before) figures.violated(what, ['the results differ']);
  const { found, served } = await violations(project, reference);
  figures.violated(what, found);
  figures.row({ case: what, exit: result.status, code: codeIn(result), 'stages kept': served });
  project.remove();
}

// F14: open files
const wide = await referenceOf(WIDE_PIPELINE);
for (const [pipeline, expected] of [[PIPELINE, reference], [WIDE_PIPELINE, wide]]) {
  for (const limit of [128, 80, 64, 48, 40, 32].filter((_, i) => i % settings.every === 0)) {
    const project = new Project(pipeline);
    const what = `at most ${limit} open files, ${expected.stages.size} stages`;
    const result = await project.start([], {}, ['sh', '-c', `ulimit -n ${limit} && exec "$@"`, 'sh', process.execPath, CLI]).ended;
    // With very few files Node cannot even load the program: that is its own message, before anything of ours.
    const loaded = !result.stderr.includes('internal/modules');
    if (loaded || limit >= 64) figures.violated(what, outputViolations(result, { allowed: limit >= 64 ? [0] : documented }));
    const { found, served } = await violations(project, expected);
    figures.violated(what, found);
    figures.row({ case: what, exit: loaded ? result.status : 'Node cannot load it', code: loaded ? codeIn(result) : '', 'stages kept': served });
    project.remove();
  }
}
figures.finish();
