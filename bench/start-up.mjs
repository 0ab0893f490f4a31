// How long whole commands take, against a bare `node -e 0` in the same run: fastest and median of several, alternating, so that both see the same machine.
// Usage: node bench/start-up.mjs [--rounds 9]      (after npm run build; runs pipelines/tiny.yaml once into a temporary store)
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } });
const cli = new URL('../dist/cli/main.js', import.meta.url).pathname;
const tiny = new URL('../pipelines/tiny.yaml', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'start-up-'));
const store = ['--cache-dir', join(folder, 'cache')];
const results = ['--results', join(folder, 'results')];
const commands = {
  'node -e 0': ['-e', '0'],
  'pipeline --help': [cli, '--help'],
  'pipeline validate': [cli, 'validate', tiny],
  'pipeline plan (12 hits)': [cli, 'plan', tiny, ...store],
  'pipeline run (12 restored)': [cli, 'run', tiny, ...store, ...results],
};
const once = (args) => {
  const began = performance.now();
  execFileSync(process.execPath, args, { stdio: 'ignore' });
  return performance.now() - began;
};
once(commands['pipeline run (12 restored)']);
const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
for (let round = 0; round < Number(values.rounds); round += 1) for (const [name, args] of Object.entries(commands)) times[name].push(once(args));
rmSync(folder, { recursive: true, force: true });
const bare = Math.min(...times['node -e 0']);
for (const [name, list] of Object.entries(times)) {
  const sorted = list.sort((a, b) => a - b);
  const fastest = sorted[0];
  process.stdout.write(`${name.padEnd(28)} fastest ${fastest.toFixed(0).padStart(4)} ms   median ${sorted[sorted.length >> 1].toFixed(0).padStart(4)} ms   ${(fastest / bare).toFixed(1)} × bare node\n`);
}
