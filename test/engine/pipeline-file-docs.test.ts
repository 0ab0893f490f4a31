import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Diagnostics } from '../../src/engine/diagnostics.js';
import { formatDiagnostic } from '../../src/engine/format-diagnostic.js';
import { PIPELINE_FIELDS, readPipelineFile, STAGE_FIELDS } from '../../src/engine/pipeline-file.js';
import { RESOURCE_FIELDS } from '../../src/engine/stage-resources.js';
import { Places } from '../../src/engine/yaml-guard.js';
import { parseYaml } from '../../src/engine/yaml-spans.js';

const page = readFileSync(new URL('../../docs/pipeline-file.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text as string);

test('the page has examples', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(2);
});

test.each(blocks.map((text, index) => [index + 1, text] as const))('example %i of the page is a well-formed pipeline file', (_, text) => {
  const diagnostics = new Diagnostics();
  const root = parseYaml(new Places(text, 'docs/pipeline-file.md'), diagnostics);
  // what a file inherits is not on the page
  if (root !== undefined && !text.startsWith('extends:')) readPipelineFile(root, diagnostics);
  expect(diagnostics.sorted().map(({ error }) => formatDiagnostic(error, text))).toEqual([]);
});

test('every field has its row', () => {
  for (const field of [...PIPELINE_FIELDS, ...STAGE_FIELDS]) expect(page).toContain(`| \`${field}\` |`);
  for (const field of RESOURCE_FIELDS) expect(page).toContain(`\`${field}\` (`);
});
