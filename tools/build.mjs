// Builds the project: compiles, then writes what the planner needs to know of every stage type (so that planning loads no stage code), the published
// schema and the stage reference, and makes `npx pipeline` work in this folder. Usage: node tools/build.mjs
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const at = (...parts) => join(root, ...parts);
const load = (path) => import(pathToFileURL(at(path)).href);

execFileSync(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.json'), '--incremental', '--tsBuildInfoFile', at('dist/.tsbuildinfo')], { stdio: 'inherit', cwd: root });

const { STAGE_MODULES } = await load('dist/stages/index.js');
const { manifestOf } = await load('dist/engine/stage.js');
const manifests = [];
for (const [type, module] of Object.entries(STAGE_MODULES)) {
  const definition = await module.load();
  if (definition.type !== type) throw new Error(`the registry calls ${type} what calls itself ${definition.type}`);
  manifests.push(manifestOf(definition));
}
manifests.sort((a, b) => (a.type < b.type ? -1 : 1));
writeFileSync(at('dist/stages/manifest.json'), `${JSON.stringify(manifests, null, 1)}\n`);

// Compiled here, so that planning needs no schema compiler.
writeFileSync(at('dist/stages/validators.cjs'), (await load('dist/engine/validator-code.js')).validatorCode(manifests));

writeIfChanged('schema/pipeline.schema.json', `${JSON.stringify((await load('dist/engine/published-schema.js')).publishedSchema(manifests), null, 2)}\n`);
writeIfChanged('schema/config.schema.json', `${JSON.stringify((await load('dist/engine/config/config-schema.js')).configSchema(), null, 2)}\n`);
const { BUILT_IN_PAGE, referencePage } = await load('dist/engine/reference-page.js');
writeIfChanged('docs/stages.md', referencePage(manifests, BUILT_IN_PAGE));

const [{ COMMANDS, GLOBAL_OPTIONS }, { ENVIRONMENT }, { EXIT_CODE_TABLE }] = [await load('dist/cli/command-table.js'), await load('dist/cli/help-text.js'), await load('dist/cli/exit-codes.js')];
writeIfChanged('docs/cli.md', (await load('tools/cli-reference.mjs')).cliReference({ commands: COMMANDS, globalOptions: GLOBAL_OPTIONS, environment: ENVIRONMENT, exitCodes: EXIT_CODE_TABLE }));

// What an unchanged run is remembered under: another build may plan otherwise.
const built = createHash('sha256');
for (const name of readdirSync(at('dist'), { recursive: true }).sort()) if (/\.(?:js|cjs|json)$/.test(name)) built.update(`${name}\0`).update(readFileSync(at('dist', name)));
writeFileSync(at('dist/build-digest'), `${built.digest('hex')}\n`);

chmodSync(at('dist/cli/main.js'), 0o755);
const link = at('node_modules/.bin/pipeline');
mkdirSync(dirname(link), { recursive: true });
rmSync(link, { force: true });
symlinkSync('../../dist/cli/main.js', link);

/** Generated files are committed: an unchanged one keeps its time, so that nothing downstream looks new. */
function writeIfChanged(path, text) {
  if (existsSync(at(path)) && readFileSync(at(path), 'utf8') === text) return;
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}
