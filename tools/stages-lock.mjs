// Guards the promise that a stage type's `version` makes: the lock file holds, per type, the version and the digest of everything its code imports
// (our files by content, packages by version, the entry of a thread that it starts; type-only imports do not count). A changed digest under an unchanged version fails the test until somebody decides:
// raise the version in the stage (results change, everybody's cached results of that type are recomputed) or accept (results stay the same bytes).
// Usage: node tools/stages-lock.mjs            prints what changed, exit 1 if something did
//        node tools/stages-lock.mjs --accept   writes the lock file
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const LOCK = join(root, 'stages.lock.json');
/** what modules of users import: its version is STAGE_API */
const AUTHOR = 'pipeline-encoding/stage';
/** what else decides the bytes of every stage: how outputs are written, how its seed is made */
const SHARED = ['src/engine/artifact-writer.ts', 'src/engine/key.ts', 'src/engine/canonical.ts', 'src/core/random.ts'];
/** behind the service that a stage declares: the numbers come from there */
const SERVICES = { tensor: 'src/runtime/onnxruntime-service.ts' };
const IMPORT = /^\s*(?:import|export)\s+(?!type\b)(?:[^'";]*?\bfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|\bnew URL\(\s*['"]([^'"]+\.js)['"]\s*,\s*import\.meta\.url\)/gm;

/** type → {version, code} as the sources stand now */
export function currentLock() {
  const registry = readFileSync(join(root, 'src/stages/index.ts'), 'utf8');
  const types = [...registry.matchAll(/'?([a-z][a-z0-9.-]*)'?:\s*(?:\{\s*\.\.\.)?module\(\(\) => import\('(\.[^']+)'\)\)/g)];
  const versions = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const api = Number(/STAGE_API = (\d+)/.exec(readFileSync(join(root, 'src/cli/own-modules.ts'), 'utf8'))?.[1]);
  const author = [AUTHOR, { version: api, code: closureDigest([join(root, 'src/stages/author.ts')], versions) }];
  return Object.fromEntries(
    types
      .map(([, type, path]) => {
        const entry = join(root, 'src/stages', path.replace(/\.js$/, '.ts'));
        const text = readFileSync(entry, 'utf8');
        const version = Number(/^\s*version: (\d+),/m.exec(text)?.[1]);
        const services = Object.entries(SERVICES).flatMap(([name, file]) => (new RegExp(`needs: \\[[^\\]]*'${name}'`).test(text) ? [join(root, file)] : []));
        return [type, { version, code: closureDigest([entry, ...services], versions) }];
      })
      .concat([author])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function closureDigest(entries, versions) {
  const files = new Set(SHARED.map((file) => join(root, file)));
  const packages = new Set();
  const waiting = [...entries];
  while (waiting.length > 0) {
    const file = waiting.pop();
    if (files.has(file)) continue;
    files.add(file);
    for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const specifier = match[1] ?? match[2] ?? match[3];
      if (specifier.startsWith('.')) waiting.push(resolve(dirname(file), specifier.replace(/\.js$/, '.ts')));
      else if (!specifier.startsWith('node:')) packages.add(specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/'));
    }
  }
  const hash = createHash('sha256');
  for (const file of [...files].sort()) hash.update(`${relative(root, file).replaceAll('\\', '/')}\0${createHash('sha256').update(readFileSync(file)).digest('hex')}\n`);
  for (const name of [...packages].sort()) hash.update(`${name}@${versions[`node_modules/${name}`]?.version}\n`);
  return hash.digest('hex').slice(0, 32);
}

/** One sentence per type whose code or version is not what the lock says. */
export function lockProblems() {
  const locked = existsSync(LOCK) ? JSON.parse(readFileSync(LOCK, 'utf8')) : {};
  const current = currentLock();
  const problems = Object.entries(current).flatMap(([type, now]) => {
    const then = locked[type];
    if (then === undefined) return [`${type} is not in stages.lock.json`];
    if (then.version !== now.version) return [`${type}: version ${then.version} → ${now.version} is not in stages.lock.json yet`];
    return then.code === now.code ? [] : [`${type}: its code changed under version ${now.version}; raise the version if any result could differ, then accept`];
  });
  return [...problems, ...Object.keys(locked).filter((type) => !(type in current)).map((type) => `${type} is in stages.lock.json but not registered`)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--accept')) {
    writeFileSync(LOCK, `${JSON.stringify(currentLock(), null, 2)}\n`);
  } else {
    const problems = lockProblems();
    if (problems.length > 0) {
      process.stderr.write(`${problems.join('\n')}\nTo accept: node tools/stages-lock.mjs --accept\n`);
      process.exit(1);
    }
  }
}
