// Refuses dependencies that a laboratory could not install or ship: packages that need an install script, or whose licence is GPL or AGPL.
import { readFileSync } from 'node:fs';

/** run fine without their scripts (one downloads CUDA files, the other saves itself a spawn); see .npmrc and docs/decisions/0001 */
const SCRIPT_NOT_NEEDED = new Set(['onnxruntime-node', 'esbuild']);
const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const problems = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  const name = path.split('node_modules/').at(-1);
  if (path === '') continue;
  if (entry.hasInstallScript === true && !SCRIPT_NOT_NEEDED.has(name)) problems.push(`${name} has an install script`);
  if (/\bA?GPL/.test(entry.license ?? '') && !/LGPL/.test(entry.license ?? '')) problems.push(`${name} is under ${entry.license}`);
  if (entry.resolved !== undefined) problems.push(`${name} names the address it was resolved to (set omit-lockfile-registry-resolved)`);
}
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n`);
  process.exit(1);
}
process.stdout.write(`${Object.keys(lock.packages).length - 1} packages: no install script is needed, no GPL, no addresses\n`);
