import { readdirSync } from 'node:fs';
import { test } from 'vitest';
import { loadPlan } from '../../src/engine/load-plan.js';
import { fakeRegistry } from '../rigs/fake-registry.js';
test('try', () => {
  for (const f of readdirSync('test/fixtures/hostile')) {
    const t=performance.now();
    const r = loadPlan('test/fixtures/hostile/'+f, { registry: fakeRegistry(), set: [], env: {HOME:'/root'} });
    process.stdout.write(`  ['${f}', [${r.diagnostics.map(({error:e})=>`'${e.span?e.span.line+':'+e.span.column:'-'} ${e.code}'`).join(', ')}]],  // ${(performance.now()-t).toFixed(0)} ${r.diagnostics.map(d=>d.error.message.slice(0,100)).join(' | ').slice(0,300)}\n`);
  }
});
