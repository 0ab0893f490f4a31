/** What a new project consists of: path → text. Pure but for reading the template; writes nothing. */
import { readFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { PACKAGE_ROOT } from '../package-root.js';

export const TEMPLATES = {
  minimal: 'two stages: drawn pictures and a small network',
  sim: 'an encoding model of a simulated subject',
  nsd: 'the same on the Natural Scenes Dataset, or on a simulated subject where it is not at hand',
} as const;
export type Template = keyof typeof TEMPLATES;

export const PIPELINE_FILE = 'pipeline.yaml';
const SCHEMA_IN_TEMPLATE = '$schema=../schema/pipeline.schema.json';

/** For editors and `npx tsc`: nothing of a run reads it. Modules of a project import each other with their extension. */
const TSCONFIG = {
  compilerOptions: { target: 'es2022', module: 'nodenext', strict: true, noEmit: true, allowImportingTsExtensions: true, verbatimModuleSyntax: true, skipLibCheck: true, types: ['node'] },
  include: ['**/*.ts'],
  exclude: ['node_modules', 'cache', 'results'],
};

interface OwnPackage {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
}

export function projectFiles(folder: string, template: Template): ReadonlyMap<string, string> {
  const own = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as OwnPackage;
  const name = packageName(folder);
  const pipeline = readFileSync(join(PACKAGE_ROOT, 'templates', `${template}.yaml`), 'utf8').replace(SCHEMA_IN_TEMPLATE, `$schema=./node_modules/${own.name}/schema/pipeline.schema.json`);
  const manifest = { name, private: true, type: 'module', scripts: { start: `pipeline run ${PIPELINE_FILE}` }, dependencies: { [own.name]: dependencyOn(own, folder) } };
  return new Map([
    [PIPELINE_FILE, pipeline],
    ['package.json', `${JSON.stringify(manifest, null, 2)}\n`],
    ['tsconfig.json', `${JSON.stringify(TSCONFIG, null, 2)}\n`],
    ['.gitignore', 'cache/\nresults/\nnode_modules/\n'],
    ['README.md', readme(name, template)],
  ]);
}

/** A package that is not published is linked from where it lies: the name alone would fetch something else, or nothing. */
function dependencyOn({ version, private: isPrivate }: OwnPackage, folder: string): string {
  if (isPrivate !== true) return `^${version}`;
  return `file:${relative(folder, PACKAGE_ROOT).split(sep).join('/')}`;
}

const LONGEST_NAME = 100;

/** As npm wants names: lower case, and nothing that a URL would have to encode. */
function packageName(folder: string): string {
  const name = basename(folder).toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, LONGEST_NAME);
  return name === '' ? 'experiment' : name;
}

function readme(name: string, template: Template): string {
  return `# ${name}

${template === 'nsd' ? 'An encoding model on the Natural Scenes Dataset. Without the data a small simulated subject takes its place.' : template === 'sim' ? 'An encoding model of a simulated subject whose brain is known.' : 'Two stages to begin with.'}

    npm install                          # once: links pipeline into this folder
    npx pipeline run ${PIPELINE_FILE}       # everything, but only what changed
    npx pipeline plan ${PIPELINE_FILE}      # what would run, and why?
    npx pipeline graph ${PIPELINE_FILE}     # the stages, as Mermaid text
    npx pipeline watch ${PIPELINE_FILE}     # runs again at every change
${template === 'nsd' ? `    npx pipeline run ${PIPELINE_FILE} --set params.nsd=/data/nsd   # on the real data\n` : ''}
Results lie in \`results/\`, everything that was ever computed in \`cache/\`; both may be deleted at any time.
Stage types of your own are TypeScript modules under \`modules:\` of ${PIPELINE_FILE}. A run does not check their types;
\`npm install --save-dev typescript @types/node\` and \`npx tsc\` do.
\`npx pipeline --help\` lists all commands, \`npx pipeline schema --list\` the stage types.
`;
}
