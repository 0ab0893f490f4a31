// An error of the system at every system call that touches the store: each call of each thread once, and for calls that only concern files also that one
// and all later ones. A run may end well or with a documented code; the store stays right, and the next run without faults ends with the same bytes.
// Usage: node tools/slow/io-errors.mjs [--errors EIO,ENOSPC,EDQUOT,EROFS,EMFILE,ESTALE] [--every 1] [--offset 0] [--out FILE]      needs strace
import { ERROR_CODES } from '../../dist/core/errors.js';
import { Figures, options, skip } from './faults/figures.mjs';
import { everybodyGone, outputViolations, Project, referenceOf, violations } from './faults/checks.mjs';
import { callsIn, cannotTrace, shelfOf, tracedRun } from './faults/tracer.mjs';
import { PIPELINE } from './faults/stages.mjs';

const READING = ['read', 'pread64', 'openat', 'statx', 'newfstatat', 'fstat', 'getdents64'];
const MAKING = ['openat', 'mkdir', 'link', 'rename', 'symlink'];
const WRITING = ['write', 'pwrite64', 'fsync', 'ftruncate', 'copy_file_range', 'close'];
const CHANGING = [...MAKING, 'unlink', 'rmdir', 'fchmod', 'chmod', 'utimensat'];
/** Where the system gives each error. */
const CALLS_OF = {
  EIO: [...READING, ...WRITING, 'link', 'rename', 'mkdir', 'unlink'],
  ENOSPC: [...WRITING, ...MAKING],
  EDQUOT: [...WRITING, ...MAKING],
  EROFS: CHANGING,
  EMFILE: ['openat'],
  ESTALE: [...new Set([...READING, ...WRITING, ...CHANGING])],
};
/** Calls that no pipe, socket or event of the program goes through, so that failing all of them concerns files alone. */
const ONLY_FILES = new Set(['openat', 'mkdir', 'link', 'rename', 'fsync', 'ftruncate', 'unlink', 'rmdir', 'fchmod', 'utimensat', 'copy_file_range', 'getdents64']);
/**
 * What a run may end with (docs/cache-key.md, "when the store cannot be written"). One refused call costs at most something that is saved. Only what cannot be
 * read, and a system that refuses for good, where the scratch folder and the results get their share of it as well, may end a run.
 */
function exitCodes(error, mode) {
  return mode === 'once' && error !== 'EIO' && error !== 'ESTALE' ? [0] : [0, 1, 6];
}

const settings = options({ errors: Object.keys(CALLS_OF).join(','), every: 1, offset: 0 });
const obstacle = cannotTrace();
if (obstacle !== undefined) skip('an error at every system call', obstacle, settings.out);
const figures = new Figures('an error at every system call', settings);
const reference = await referenceOf(PIPELINE);
const rows = new Map();
let turn = 0;

for (const who of ['engine', 'worker']) {
  for (const thread of ['main', 'pool']) {
    const listing = new Project();
    const { trace } = await tracedRun(listing, who, [thread]);
    const points = callsIn(trace, listing.cache).filter(({ inStore }) => inStore).map((point) => ({ ...point, shelf: shelfOf(point.text, listing.cache) }));
    listing.remove();
    for (const error of settings.errors.split(',')) {
      for (const { call, nth, shelf } of points) {
        if (!CALLS_OF[error].includes(call)) continue;
        for (const mode of ONLY_FILES.has(call) ? ['once', 'forever'] : ['once']) {
          turn += 1;
          if (turn % settings.every === settings.offset % settings.every) await point({ who, thread, error, call, nth, shelf, mode });
        }
      }
    }
  }
}
const total = [...rows.values()].reduce((sum, { fired }) => sum + fired, 0);
for (const { codes, ...row } of rows.values()) figures.row({ ...row, codes: [...codes].sort().map(([code, count]) => `${code} ${count}`).join(', ') });
figures.finish({ 'errors that were injected into a call on the store': total });

async function point({ who, thread, error, call, nth, shelf, mode }) {
  const what = `${error} ${mode} at ${call} ${nth} (${shelf}) of ${who}, ${thread} thread`;
  const project = new Project();
  const result = await tracedRun(project, who, [thread], `${call}:error=${error}:when=${nth}${mode === 'forever' ? '+' : ''}`);
  const injected = callsIn(result.trace, project.cache).filter(({ text }) => text.includes('(INJECTED)'));
  const fired = injected[0]?.inStore === true;
  if (fired) {
    const row = rows.get(`${error} ${mode}`) ?? { error, mode, fired: 0, succeeded: 0, failed: 0, codes: new Map() };
    rows.set(`${error} ${mode}`, row);
    row.fired += 1;
    row[result.status === 0 ? 'succeeded' : 'failed'] += 1;
    const code = result.status === 0 ? undefined : (/\b(E_[A-Z_]+)\b/.exec(result.stderr)?.[1] ?? 'none');
    if (code !== undefined) row.codes.set(code, (row.codes.get(code) ?? 0) + 1);
    const found = outputViolations(result, { allowed: exitCodes(error, mode) });
    if (code !== undefined && code in ERROR_CODES && !/pipeline |--[a-z]|ulimit|[Rr]un |[Cc]heck |[Ff]ree |[Gg]ive |[Rr]emove /.test(result.stderr)) found.push(`I7: no next step: ${result.stderr.slice(-300)}`);
    // Node's recursive mkdir gives ENOENT when the system says that a folder cannot be made.
    if (code !== undefined && (error === 'ENOSPC' || error === 'EDQUOT') && call !== 'mkdir' && code !== 'E_NO_SPACE') found.push(`I7: a full disk is called ${code}: ${result.stderr.slice(-900)}`);
    figures.violated(what, found);
  }
  if (!(await everybodyGone(project, result.pid))) figures.violated(what, ['somebody of the run is still there']);
  // A disk that cannot read an object or record makes it a miss: what was published need not be reused then.
  const { found } = await violations(project, reference, { reuse: error !== 'EIO' && error !== 'ESTALE' });
  figures.violated(what, found);
  project.remove();
}
