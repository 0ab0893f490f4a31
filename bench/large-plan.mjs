// Two measurements of planning, each in one run with what it is compared to.
// A chain of stages that all stand in the file, against parsing the same text with the yaml package alone: the ratio is what our checks cost.
// The same number of stages from one matrix of three stages with gathers at the end, against the chain: the ratio is what a big file costs.
// Usage: node bench/large-plan.mjs [--stages 10000]      (after npm run build)
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDocument } from 'yaml';
import { loadPlan } from '../dist/engine/load-plan.js';

const { values } = parseArgs({ options: { stages: { type: 'string', default: '10000' }, only: { type: 'string', default: 'chain,matrix' } } });
const stages = Number(values.stages);
const only = values.only.split(',');
const manifest = (type, params, many) => ({
  type, version: 1, summary: 'passes on', params: { type: 'object', properties: params, additionalProperties: false },
  inputs: { a: { type: 'Thing', description: 'a thing', optional: true, many } }, outputs: { a: { type: 'Thing', description: 'the thing' } },
  needs: [], random: false, runs: 'inline', resources: { cpus: 1, memoryMb: 1 },
});
const manifests = [manifest('relay', {}, false), manifest('scale', { by: { type: 'integer', minimum: 0 } }, false), manifest('gather', {}, true)];
const registry = { manifests: new Map(manifests.map((each) => [each.type, each])), modules: {}, serviceIdentity: () => '' };
const folder = mkdtempSync(join(tmpdir(), 'large-plan-'));
const measure = (work) => {
  const began = performance.now();
  work();
  return performance.now() - began;
};
function planned(name, text, wanted) {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, text);
  return () => {
    const { plan, diagnostics } = loadPlan(file, { registry, set: [], env: {} });
    if (plan?.stages.length !== wanted) throw new Error(`${name} was not planned: ${diagnostics[0]?.error.message ?? plan.stages.length}`);
  };
}

const chain = `name: chain\nstages:\n${Array.from({ length: stages }, (_, i) => `  s${i}: { type: relay${i === 0 ? '' : `, inputs: { a: '\${stages.s${i - 1}}' }`} }\n`).join('')}`;
// x × y points a stage; three stages of them, one gather a row of x and one of everything
const side = Math.max(1, Math.round(Math.sqrt(stages / 3)));
const matrix = `name: matrix
params: { x: [${Array.from({ length: side }, (_, i) => i).join(', ')}], y: [${Array.from({ length: side }, (_, i) => i).join(', ')}] }
stages:
  first: { type: scale, matrix: { x: '\${params.x}', y: '\${params.y}' }, params: { by: '\${1000 * matrix.x + matrix.y}' } }
  second: { type: scale, matrix: { y: '\${params.y}', x: '\${params.x}' }, params: { by: '\${matrix.y}' }, inputs: { a: '\${stages.first}' } }
  third: { type: relay, matrix: { x: '\${params.x}', y: '\${params.y}' }, inputs: { a: '\${stages.second.a}' } }
  rows: { type: gather, matrix: { x: '\${params.x}' }, inputs: { a: '\${stages.third}' } }
  all: { type: gather, inputs: { a: { third: '\${stages.third}', rows: '\${stages.rows}' } } }
`;
const ofMatrix = 3 * side * side + side + 1;
const works = {
  ...(only.includes('chain') ? { yaml: () => parseDocument(chain, { uniqueKeys: false }), chain: planned('chain', chain, stages) } : {}),
  ...(only.includes('matrix') ? { matrix: planned('matrix', matrix, ofMatrix) } : {}),
};
const times = Object.fromEntries(Object.keys(works).map((name) => [name, []]));
for (let round = 0; round < 5; round += 1) for (const [name, work] of Object.entries(works)) times[name].push(measure(work));
rmSync(folder, { recursive: true, force: true });
const fastest = Object.fromEntries(Object.entries(times).map(([name, each]) => [name, Math.min(...each)]));
const ms = (name) => `${fastest[name].toFixed(0)} ms`;
const ratio = (a, b) => `${(fastest[a] / fastest[b]).toFixed(2)} ×`;
if (only.includes('chain')) process.stdout.write(`chain: ${stages} stages, ${(chain.length / 1024).toFixed(0)} KB: yaml alone ${ms('yaml')}, plan ${ms('chain')}, ${ratio('chain', 'yaml')} yaml alone\n`);
if (only.includes('matrix')) process.stdout.write(`matrix: ${ofMatrix} stages, ${(matrix.length / 1024).toFixed(1)} KB: plan ${ms('matrix')}${only.includes('chain') ? `, ${ratio('matrix', 'chain')} the chain` : ''}; ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB resident at most\n`);
