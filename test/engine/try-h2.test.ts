import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { loadPlan } from '../../src/engine/load-plan.js';
import { formatDiagnostic } from '../../src/engine/format-diagnostic.js';
import { fakeRegistry } from '../rigs/fake-registry.js';
test('try', () => {
  for (const f of ['test/fixtures/pipelines/all-features.yaml','test/fixtures/pipelines/many-mistakes.yaml']) {
    const r = loadPlan(f, { registry: fakeRegistry(), set: f.includes('many') ? ['stages.dreem.seed=1', 'steps=3', 'params.steps=abc'] : [], env: {} });
    for (const d of r.diagnostics) process.stdout.write(formatDiagnostic(d.error, readFileSync(f,'utf8')) + '\n\n');
    process.stdout.write(JSON.stringify(r.plan && {...r.plan, stages: r.plan.stages.map(s=>({...s, manifest: s.manifest.type, paramSpans: [...s.paramSpans.keys()]}))}, null, 1) + '\n');
  }
});
