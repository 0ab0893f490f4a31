/**
 * System calls of one thread of a running process, through strace: lists those that touch a folder, and lets the Nth of a kind fail or be the last.
 * Counters of strace are per thread and system call, and the tracer attaches to the one thread after the program was loaded, with one pool thread per
 * process, so the Nth call of one run is the Nth of the next. What a run was really hit by is read back from its trace.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const CALLS = 'open,openat,creat,read,pread64,readv,write,pwrite64,writev,close,fsync,fdatasync,ftruncate,fchmod,chmod,fchmodat,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,symlink,symlinkat,utimensat,statx,stat,lstat,fstat,newfstatat,access,readlink,getdents64,statfs,copy_file_range,sendfile';

/** Why tracing is not possible here; undefined if it is. */
export function cannotTrace() {
  if (spawnSync('strace', ['-V']).status !== 0) return 'strace is not installed';
  const probe = spawnSync('strace', ['-o', '/dev/null', '-e', 'inject=getppid:error=EIO', 'true'], { encoding: 'utf8' });
  if (probe.status !== 0) return `strace cannot inject here: ${probe.stderr.trim()}`;
  try {
    if (readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'utf8').trim() !== '0' && process.getuid() !== 0) return 'this system lets only root attach a tracer (kernel.yama.ptrace_scope)';
  } catch {
    // no such restriction on this kernel
  }
  return undefined;
}

/** The thread of a process: its main one, or the one of its pool, which has read more than any other but the main one (modules are loaded through it). */
function threadOf(pid, thread) {
  if (thread === 'main') return pid;
  const others = readdirSync(`/proc/${pid}/task`).map(Number).filter((each) => each !== pid);
  const reads = (id) => Number(/^syscr: (\d+)/m.exec(readFileSync(`/proc/${pid}/task/${id}/io`, 'utf8'))?.[1] ?? 0);
  return others.map((id) => [reads(id), id]).sort(([a], [b]) => b - a)[0][1];
}

/**
 * Runs the project with the tracer on `threads` of its first `who` (engine or worker). `inject`: e.g. `write:error=EIO:when=3`.
 * Resolves to how the run ended, what the tracer wrote, and whether everybody of it has left.
 */
export async function tracedRun(project, who, threads, inject, args = ['--jobs', '1']) {
  const gate = join(project.folder, 'gate');
  const trace = join(project.folder, 'trace');
  rmSync(gate, { recursive: true, force: true });
  mkdirSync(gate);
  if (spawnSync('mkfifo', [join(gate, 'pipe')]).status !== 0) throw new Error('mkfifo failed');
  const { child, ended } = project.start(args, { FAULTS_GATE: gate, FAULTS_TARGET: who, UV_THREADPOOL_SIZE: '1' });
  let over = false;
  void ended.then(() => (over = true));
  for (let waited = 0; !existsSync(join(gate, 'pid')); waited += 1) {
    if (over) return { ...(await ended), trace: '', pid: child.pid };
    await sleep(2);
  }
  const pid = Number(readFileSync(join(gate, 'pid'), 'utf8'));
  const targets = threads.flatMap((thread) => ['-p', String(threadOf(pid, thread))]);
  const tracer = spawn('strace', ['-ttt', '-y', '-s', '8', '-o', trace, '-e', `trace=${CALLS}`, ...(inject === undefined ? [] : ['-e', `inject=${inject}`]), ...targets], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  tracer.stderr.on('data', (chunk) => (said += chunk));
  const detached = new Promise((resolve) => tracer.once('close', resolve));
  while ((said.match(/attached/g)?.length ?? 0) < threads.length) {
    if (tracer.exitCode !== null) throw new Error(`strace: ${said}`);
    await sleep(2);
  }
  writeFileSync(join(gate, 'pipe'), 'go');
  const result = await ended;
  await detached;
  return { ...result, trace: existsSync(trace) ? readFileSync(trace, 'utf8') : '', pid: child.pid };
}

/** The calls in a trace in order: { thread, time, call, nth, text, inStore }; nth counts calls of that name by that thread. */
export function callsIn(trace, store) {
  const counts = new Map();
  const calls = [];
  for (const line of trace.split('\n')) {
    const match = /^(?:(\d+)\s+)?(\d+\.\d+) (\w+)\((.*)$/.exec(line);
    if (match === null) continue;
    const [, thread = '', time, call, rest] = match;
    const id = `${thread} ${call}`;
    counts.set(id, (counts.get(id) ?? 0) + 1);
    calls.push({ thread: Number(thread), time: Number(time), call, nth: counts.get(id), text: `${call}(${rest}`, inStore: rest.includes(store) });
  }
  return calls;
}

/** Which shelf of the store a call is about. */
export function shelfOf(text, store) {
  const at = text.lastIndexOf(`${store}/`);
  return at < 0 ? '(folder)' : (/^[\w.-]+/.exec(text.slice(at + store.length + 1))?.[0] ?? '(folder)');
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
