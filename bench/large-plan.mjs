// Planning a chain of 10,000 stages, against parsing the same text with the yaml package alone, in one run; the ratio is what our checks cost.
// Usage: node bench/large-plan.mjs [--stages 10000]      (after npm run build)
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDocument } from 'yaml';
import { loadPlan } from '../dist/engine/load-plan.js';

const { values } = parseArgs({ options: { stages: { type: 'string', default: '10000' } } });
const stages = Number(values.stages);
const manifest = {
  type: 'relay', version: 1, summary: 'passes on', params: { type: 'object', properties: {}, additionalProperties: false },
  inputs: { a: { type: 'Thing', description: 'a thing', optional: true } }, outputs: { a: { type: 'Thing', description: 'the thing' } },
  needs: [], random: false, runs: 'inline', resources: { cpus: 1, memoryMb: 1 },
};
const registry = { manifests: new Map([['relay', manifest]]), modules: {}, serviceIdentity: () => '' };
const text = `name: chain\nstages:\n${Array.from({ length: stages }, (_, i) => `  s${i}: { type: relay${i === 0 ? '' : `, inputs: { a: '\${stages.s${i - 1}}' }`} }\n`).join('')}`;
const folder = mkdtempSync(join(tmpdir(), 'large-plan-'));
const file = join(folder, 'chain.yaml');
writeFileSync(file, text);
const measure = (work) => {
  const began = performance.now();
  work();
  return performance.now() - began;
};
const parse = [];
const plan = [];
for (let round = 0; round < 5; round += 1) {
  parse.push(measure(() => parseDocument(readFileSync(file, 'utf8'), { uniqueKeys: false })));
  plan.push(measure(() => {
    const loaded = loadPlan(file, { registry, set: [], env: {} });
    if (loaded.plan?.stages.length !== stages) throw new Error('the chain was not planned');
  }));
}
rmSync(folder, { recursive: true, force: true });
const [fastestParse, fastestPlan] = [Math.min(...parse), Math.min(...plan)];
process.stdout.write(`${stages} stages, ${(text.length / 1024).toFixed(0)} KB: yaml alone ${fastestParse.toFixed(0)} ms, plan ${fastestPlan.toFixed(0)} ms, ${(fastestPlan / fastestParse).toFixed(2)} × yaml alone\n`);
