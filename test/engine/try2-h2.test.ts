import { test } from 'vitest';
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { validatorCode } from '../../src/engine/validator-code.js';
import { publishedSchema } from '../../src/engine/published-schema.js';
import { FAKE_MANIFESTS } from '../rigs/fake-registry.js';
test('try', () => {
  writeFileSync('/work/main/.v-h2.cjs', validatorCode(FAKE_MANIFESTS));
  const v = createRequire(import.meta.url)('/work/main/.v-h2.cjs');
  process.stdout.write(Object.keys(v)+'\n');
  const p={}; v['fake.dream'](p); process.stdout.write(JSON.stringify(p)+'\n');
  process.stdout.write(JSON.stringify(publishedSchema(FAKE_MANIFESTS)).length+'\n');
});
