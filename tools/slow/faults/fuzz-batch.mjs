/** One batch of fuzzing: `node fuzz-batch.mjs SEED SECONDS FOLDER`. One line of JSON for each violation, and one for each kind of input at the end. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PipelineError } from '../../../dist/core/errors.js';
import { Random } from '../../../dist/core/random.js';
import { formatDiagnostic } from '../../../dist/engine/format-diagnostic.js';
import { loadPlan } from '../../../dist/engine/load-plan.js';
import { selectStages } from '../../../dist/engine/stage-selector.js';
import { STAGE_MODULES } from '../../../dist/stages/index.js';

const [seed, seconds, folder] = process.argv.slice(2);
const random = new Random(`fuzz/${seed}`);
const root = fileURLToPath(new URL('../../../', import.meta.url));
const manifests = JSON.parse(readFileSync(join(root, 'dist/stages/manifest.json'), 'utf8'));
const registry = { manifests: new Map(manifests.map((manifest) => [manifest.type, manifest])), modules: STAGE_MODULES, serviceIdentity: (name) => name, validators: () => createRequire(import.meta.url)(join(root, 'dist/stages/validators.cjs')) };
const yamlIn = (path) => readdirSync(join(root, path)).filter((name) => name.endsWith('.yaml')).map((name) => readFileSync(join(root, path, name)));
const seeds = [...yamlIn('pipelines'), ...yamlIn('test/fixtures/hostile')];
const prototypes = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Map.prototype];
const before = shapeOfPrototypes();
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const SLOWEST_MS = 10_000;

const pick = (list) => list[random.integer(0, list.length)];
const TOKENS = ['{', '}', '[', ']', '${', '${params.', '${stages.', '}', '"', "'", '&a ', '*a', '!!str ', '!!x ', '|\n', '>\n', '%YAML 1.1\n', '---\n', '...\n', '#', '? ', ': ', '- ', '\n', '\t', '\r', ' ', '  ', '<<: ', 'null', '~', '.nan', '-.inf', '0x1f', '1e999', '9007199254740993', '__proto__', 'constructor', 'stages:', 'matrix:', 'exclude:', 'include:', 'when:', 'inputs:', 'params:', '\u0000', '\u202e', '\ud83d\ude00', '\ufeff', '\u2028'];

const kinds = {
  /** bytes of a valid or hostile file, changed in a few places */
  file() {
    let bytes = Buffer.from(pick(random.uniform() < 0.7 ? yamlFiles : seeds));
    const edits = random.integer(1, 4);
    for (let i = 0; i < edits; i += 1) bytes = mutate(bytes);
    return { bytes, set: [] };
  },
  /** an expression from the grammar, right or nearly so, in a file that is right otherwise */
  expression() {
    const make = random.uniform() < 0.5 ? number : expression;
    const [value, left, right] = [make(random.integer(0, 6)), make(random.integer(0, 4)), make(random.integer(0, 4))];
    const quoted = (text) => JSON.stringify(`\${${text}}`);
    return { bytes: Buffer.from(`name: fuzz\nenv: [HOME]\nparams: { a: 1, b: [1, 2], c: { d: x }, t: text, n: null, made: ${quoted(value)} }\nstages:\n  p:\n    type: stimuli.draw\n    when: ${quoted(`(${left}) == (${right})`)}\n    params: { count: 4 }\n`), set: [] };
  },
  /** a file that is right, with settings that may not be */
  set() {
    const count = random.integer(1, 4);
    return { bytes: Buffer.from(pick(yamlFiles)), set: Array.from({ length: count }, () => setting()) };
  },
  /** the stages of a plan, chosen by hostile words */
  selector() {
    return { bytes: Buffer.from(pick(yamlFiles)), set: [], selectors: Array.from({ length: 4 }, () => selector()) };
  },
};
const yamlFiles = yamlIn('pipelines');

function mutate(bytes) {
  const at = random.integer(0, bytes.length + 1);
  const length = random.integer(0, 40);
  switch (random.integer(0, 7)) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at % copy.length] ^= 1 << random.integer(0, 8);
      return copy;
    }
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]);
    case 3: {
      const other = pick(seeds);
      const from = random.integer(0, other.length + 1);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + length * 4), bytes.subarray(at)]);
    }
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(TOKENS).repeat(pick([1, 1, 1, 2, 70, 300]))), bytes.subarray(at)]);
    default: {
      const lines = bytes.toString('latin1').split('\n');
      const [i, j] = [random.integer(0, lines.length), random.integer(0, lines.length)];
      [lines[i], lines[j]] = [lines[j], lines[i]];
      return Buffer.from(lines.join('\n'), 'latin1');
    }
  }
}

function expression(depth) {
  if (depth === 0) return pick(['1', '0', '-1', '1.5e-3', '1e308', "'a'", '"b"', "'\\''", 'true', 'false', 'null', 'params.a', 'params.b', 'params.c.d', 'params.t', 'params.n', 'params.x', 'params.__proto__', 'env.HOME', 'env.PATH', 'matrix.x', 'stages.p', '', '(', "'", '9007199254740993']);
  const one = () => expression(depth - 1);
  return pick([
    () => `${one()} ${pick(['+', '-', '*', '/', '%', '<', '<=', '>', '>=', '==', '!=', '&&', '||', '??', '=', '&', '**', '=>'])} ${one()}`,
    () => `${pick(['!', '-', '!!', '+', '~'])}${one()}`,
    () => `(${one()})`,
    () => `${one()} ? ${one()} : ${one()}`,
    () => `${pick(['min', 'max', 'round', 'eval', 'constructor'])}(${one()}, ${one()})`,
    () => `${one()}.${pick(['d', 'length', 'constructor', '0', '__proto__'])}`,
    () => `[${one()}, ${one()}]`,
  ])();
}

/** An expression that is right and gives a number (or fails for its value alone: a division by zero, too large a number). */
function number(depth) {
  if (depth === 0) return pick(['1', '0', '2.5', '1e300', 'params.a', '(params.n ?? 3)', "('x' == params.c.d ? 1 : 2)"]);
  const one = () => number(depth - 1);
  return pick([
    () => `(${one()} ${pick(['+', '-', '*', '/', '%'])} ${one()})`,
    () => `-${one()}`,
    () => `(${one()} ${pick(['<', '<=', '>', '>=', '==', '!='])} ${one()} ${pick(['&&', '||'])} !(${one()} == 1) ? ${one()} : ${one()})`,
    () => `${pick(['min', 'max'])}(${one()}, ${one()})`,
    () => `round(${one()})`,
  ])();
}

function word() {
  return pick(['params', 'params', 'stages', 'seed', 'a', 'nsd', 'subject', 'simulate', 'source', 'dream', 'steps', 'matrix', 'exclude', 'include', 'when', 'resources', 'time', 'cpus', '__proto__', 'constructor', '', '*', '..', '\u0000', '0', 'x'.repeat(300)]);
}

function setting() {
  const path = random.uniform() < 0.3 ? pick(['seed', 'params.seed', 'params.subject', 'params.nsd']) : Array.from({ length: random.integer(0, 5) }, word).join('.');
  const value = pick(['1', '7', '3', '2', '', 'null', '[1, 2]', '{a: 1}', '[[[[', "'", '${params.a}', '${', '&a [*a]', '- 1', 'a: b: c', '.nan', '1,5,25', 'x'.repeat(5000), '['.repeat(900), '\u001b[2J', '!!js/function x']);
  return pick([`${path}=${value}`, path, `=${value}`, `${path}==${value}`]);
}

function selector() {
  return pick([word(), `${word()}[${word()}=${word()}]`, `${word()}[`, `${word()}]`, '[=]', 'a[b=1,c=2]', 'a[b=]', '@', 'type:', '+a', 'a+', '*', '**', '(((((', 'a'.repeat(10_000), `${'[a='.repeat(1000)}]`]);
}

const figures = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, { kind, inputs: 0, accepted: 0, refused: 0, slowest: 0, codes: new Set() }]));
const path = join(folder, 'input.yaml');
const end = Date.now() + Number(seconds) * 1000;
for (let input = 0; Date.now() < end; input += 1) {
  const kind = pick(['file', 'file', 'file', 'expression', 'expression', 'set', 'selector']);
  const { bytes, set, selectors = [] } = kinds[kind]();
  writeFileSync(path, bytes);
  const row = figures[kind];
  row.inputs += 1;
  const began = performance.now();
  try {
    const { plan, diagnostics } = loadPlan(path, { registry, set, env: { HOME: '/home/x' } });
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    if ((plan === undefined) !== errors.length > 0) violation(input, bytes, set, `a plan ${plan === undefined ? 'missing' : 'given'} with ${errors.length} errors`);
    row[plan === undefined ? 'refused' : 'accepted'] += 1;
    for (const { error } of diagnostics) {
      row.codes.add(error.code);
      const wrong = problemOf(error, bytes);
      if (wrong !== undefined) violation(input, bytes, set, wrong);
    }
    for (const chosen of plan === undefined ? [] : selectors) choose(plan, chosen, row, input, bytes);
  } catch (error) {
    if (error instanceof PipelineError) row.codes.add(error.code);
    else violation(input, bytes, set, `not a typed error: ${error?.stack ?? error}`);
    row.refused += 1;
  }
  const took = performance.now() - began;
  row.slowest = Math.max(row.slowest, Math.round(took));
  if (took > SLOWEST_MS) violation(input, bytes, set, `it took ${Math.round(took)} ms`);
  if (shapeOfPrototypes() !== before) violation(input, bytes, set, 'a prototype was changed');
}
for (const { codes, ...row } of Object.values(figures)) process.stdout.write(`${JSON.stringify({ ...row, codes: [...codes] })}\n`);

function choose(plan, chosen, row, input, bytes) {
  try {
    selectStages(plan.stages, chosen, plan.name);
  } catch (error) {
    if (error instanceof PipelineError) row.codes.add(error.code);
    else violation(input, bytes, [chosen], `selector: not a typed error: ${error?.stack ?? error}`);
  }
}

/** What is wrong with a diagnostic: its kind, its place, its words. */
function problemOf(error, bytes) {
  if (!(error instanceof PipelineError)) return `not a typed error: ${error?.stack ?? error}`;
  const text = bytes.toString('utf8');
  const lines = text.replace(/^\ufeff/, '').split('\n');
  if (error.span !== undefined && error.span.file === path) {
    const { line, column } = error.span;
    if (!(line >= 1 && line <= lines.length && column >= 1)) return `${error.code} at ${line}:${column} of a file of ${lines.length} lines`;
    if (column > lines[line - 1].length + 2) return `${error.code} at ${line}:${column}, beyond the end of a line of ${lines[line - 1].length}`;
  }
  const printed = formatDiagnostic(error, text);
  if (CONTROL.test(printed)) return `a control character is printed: ${JSON.stringify(printed.slice(0, 300))}`;
  return undefined;
}

function shapeOfPrototypes() {
  return prototypes.map((prototype) => Reflect.ownKeys(prototype).length + Object.keys(prototype).join()).join(';');
}

function violation(input, bytes, set, text) {
  process.stdout.write(`${JSON.stringify({ violation: `${text}${set.length === 0 ? '' : ` with --set ${JSON.stringify(set).slice(0, 300)}`}`, input, text: bytes.toString('utf8') })}\n`);
}
