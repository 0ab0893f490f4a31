/**
 * The arrows of docs/architecture.md, checked on every import of src (types included): who may import whom, which folder may touch which
 * native package, that there are no cycles, and that the engine stays free of the words of tensor graphs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

/** A folder may import itself and only these. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  math: ['core'],
  formats: ['core'],
  graph: ['core', 'math'],
  solvers: ['core', 'math', 'graph'],
  architectures: ['core', 'graph'],
  downloads: ['core'],
  runtime: ['core'],
  report: ['core', 'math'],
  engine: ['core'],
  stages: ['core', 'math', 'formats', 'graph', 'architectures', 'solvers', 'report', 'engine'],
  cli: ['core', 'math', 'formats', 'graph', 'architectures', 'solvers', 'downloads', 'runtime', 'report', 'engine', 'stages'],
};
/** The one file of the engine that stages may import. */
const STAGE_CONTRACT = 'engine/stage.ts';
/** Packages behind one folder each. */
const HOME: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['runtime'],
  '@tensorflow/tfjs-node-gpu': ['runtime'],
  '@tensorflow/tfjs-node': ['runtime'],
  '@tensorflow/tfjs': ['runtime'],
  '@tensorflow/tfjs-core': ['runtime'],
  '@tensorflow/tfjs-backend-cpu': ['runtime'],
  '@tensorflow/tfjs-backend-wasm': ['runtime'],
  '@huggingface/tokenizers': ['formats'],
  h5wasm: ['formats'],
  sharp: ['formats'],
  listr2: ['cli'],
  commander: ['cli'],
  yaml: ['engine'],
  ajv: ['engine'],
  '@dagrejs/graphlib': ['engine'],
  '@dagrejs/dagre': ['report'],
  'd3-array': ['report'],
  'd3-scale': ['report'],
  'd3-shape': ['report'],
  '@sinclair/typebox': ['stages', 'engine'],
};

interface Import {
  readonly from: string;
  /** path below src, or the bare specifier of a package */
  readonly to: string;
  readonly internal: boolean;
  readonly dynamic: boolean;
}

const SRC = resolve('src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).map((file) => file.split(sep).join('/')).filter((file) => file.endsWith('.ts')).sort();
const texts = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
const imports: readonly Import[] = files.flatMap((file) => importsOf(file, texts.get(file) as string));

function importsOf(file: string, text: string): Import[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, false);
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, dynamic: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    const internal = specifier.text.startsWith('.');
    const to = internal ? relative(SRC, resolve(SRC, file, '..', specifier.text)).split(sep).join('/').replace(/\.js$/, '.ts') : specifier.text;
    found.push({ from: file, to, internal, dynamic });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier, false);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, false);
    // new URL('./x.js', import.meta.url): the entry of a thread
    else if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'URL' && node.arguments?.length === 2) add(node.arguments[0], true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], true);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function folderOf(file: string): string {
  return file.split('/')[0] as string;
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string);
}

describe('the arrows between folders', () => {
  test('every folder under src is in the table', () => {
    expect([...new Set(files.map(folderOf))].filter((folder) => MAY_IMPORT[folder] === undefined)).toEqual([]);
  });

  test('a folder imports itself and what the table allows, and nothing else', () => {
    const violations = imports.filter(({ from, to, internal }) => internal && folderOf(from) !== folderOf(to) && MAY_IMPORT[folderOf(from)]?.includes(folderOf(to)) !== true);
    expect(violations.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  test('stages know of the engine only the stage contract', () => {
    const violations = imports.filter(({ from, to }) => folderOf(from) === 'stages' && folderOf(to) === 'engine' && to !== STAGE_CONTRACT);
    expect(violations.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  test('every relative import names a file that exists', () => {
    expect(imports.filter(({ to, internal }) => internal && !texts.has(to)).map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });
});

describe('packages', () => {
  test('native and heavy packages are imported by their one folder only', () => {
    const violations = imports.filter(({ from, to, internal }) => !internal && HOME[packageOf(to)]?.includes(folderOf(from)) === false);
    expect(violations.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  test('every imported package is declared, and every declared one is imported', () => {
    const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string>; peerDependencies: Record<string, string> };
    const used = new Set(imports.filter(({ to, internal }) => !internal && !to.startsWith('node:')).map(({ to }) => packageOf(to)));
    // an optional peer is imported by a name that is computed; the types of TensorFlow.js come from the part that all its packages share
    expect([...used].filter((name) => dependencies[name] === undefined && name !== '@tensorflow/tfjs-core')).toEqual([]);
    expect(Object.keys(dependencies).filter((name) => !used.has(name))).toEqual([]);
    expect(Object.keys(peerDependencies).filter((name) => !texts.get('runtime/tensorflow/package.ts')?.includes(`'${name}'`))).toEqual([]);
    expect(imports.filter(({ to, from }) => to === '@tensorflow/tfjs-core' && from !== 'runtime/tensorflow/tf.ts')).toEqual([]);
  });

  test('the HDF5 library is the build without access to the file system', () => {
    expect(imports.filter(({ to }) => to.startsWith('h5wasm/node')).map(({ from }) => from)).toEqual([]);
  });
});

describe('cycles', () => {
  test('no file imports itself through others, types included', () => {
    const edges = new Map<string, string[]>(files.map((file) => [file, []]));
    for (const { from, to, internal, dynamic } of imports) if (internal && !dynamic) edges.get(from)?.push(to);
    expect(cyclesOf(edges)).toEqual([]);
  });

  test('a cycle would be found, and is named', () => {
    expect(cyclesOf(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']], ['d', []]]))).toEqual([['b', 'c']]);
  });
});

/** Strongly connected components of more than one file (Kosaraju), each sorted. */
function cyclesOf(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (node: string, next: (node: string) => readonly string[], leave: (node: string) => void): void => {
    if (seen.has(node)) return;
    seen.add(node);
    for (const other of next(node)) if (edges.has(other)) visit(other, next, leave);
    leave(node);
  };
  for (const node of edges.keys()) visit(node, (one) => edges.get(one) ?? [], (one) => order.push(one));
  const reversed = new Map<string, string[]>([...edges.keys()].map((node) => [node, []]));
  for (const [node, others] of edges) for (const other of others) reversed.get(other)?.push(node);
  seen.clear();
  const cycles: string[][] = [];
  for (const node of order.reverse()) {
    const members: string[] = [];
    visit(node, (one) => reversed.get(one) ?? [], (one) => members.push(one));
    if (members.length > 1) cycles.push(members.sort());
  }
  return cycles;
}

describe('words', () => {
  test('the engine does not call the DAG a graph; only the file that holds the container of that name may', () => {
    const holders = new Set(imports.filter(({ to }) => to === '@dagrejs/graphlib').map(({ from }) => from));
    expect(holders.size).toBeLessThanOrEqual(1);
    const violations = files.filter((file) => folderOf(file) === 'engine' && !holders.has(file)).flatMap((file) =>
      [...(texts.get(file) as string).matchAll(/.*graph.*/gi)].map(([line]) => line.trim()).filter((line) => /graph/i.test(line.replace(/tensor graphs?|directed acyclic graph|paragraph|E_GRAPH/gi, ''))).map((line) => `${file}: ${line}`),
    );
    expect(violations).toEqual([]);
  });

  test('nothing but the command line prints to the console', () => {
    expect(files.filter((file) => folderOf(file) !== 'cli' && /\bconsole\./.test(texts.get(file) as string))).toEqual([]);
  });
});

test('docs/architecture.md shows the same arrows', () => {
  const text = readFileSync('docs/architecture.md', 'utf8');
  const shown = Object.fromEntries([...text.matchAll(/^\| `(\w+)` \| ([^|]*) \|/gm)].map(([, folder, list]) => [folder, [...(list as string).matchAll(/`(\w+)`/g)].map(([, name]) => name)]));
  expect(shown).toEqual(MAY_IMPORT);
});
