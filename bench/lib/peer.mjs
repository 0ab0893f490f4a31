// A peer in Python as a child that waits for work: see peers/serve.py. Both sides are asked in turn, in one run.
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Starts peers/<script>; resolves to undefined, with a message on stderr, where the peer cannot run. */
export async function startPeer(python, script, args, modules, env = {}) {
  const check = spawnSync(python, ['-c', `import ${modules.join(', ')}`], { encoding: 'utf8', env: { ...process.env, ...env } });
  if (check.error !== undefined || check.status !== 0) {
    const why = check.error?.message ?? check.stderr.trim().split('\n').at(-1);
    process.stderr.write(`The peer cannot run: ${why}\n  expected: a Python with ${modules.join(', ')}\n  Install it as bench/README.md says and pass --python PATH.\n`);
    return undefined;
  }
  const child = spawn(python, [new URL(`../peers/${script}`, import.meta.url).pathname, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let words = '';
  child.stderr.on('data', (chunk) => { words = (words + chunk).slice(-4000); });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the peer ended: ${words}`);
    return JSON.parse(value);
  };
  const hello = await answer();
  return {
    versions: hello.versions,
    work: hello.work,
    async run(name, request = {}) {
      child.stdin.write(`${JSON.stringify({ run: name, ...request })}\n`);
      const result = await answer();
      if (result.error !== undefined) throw new Error(`${name}: ${result.error}`);
      return result;
    },
    close: () => child.stdin.end(),
  };
}
