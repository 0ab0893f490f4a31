import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { COMMANDS, GLOBAL_OPTIONS } from '../../src/cli/command-table.js';
import { EXIT_CODE_TABLE } from '../../src/cli/exit-codes.js';
import { ENVIRONMENT } from '../../src/cli/help-text.js';

test('docs/cli.md is what the build makes of the command table', async () => {
  const { cliReference } = (await import(pathToFileURL(resolve('tools/cli-reference.mjs')).href)) as { cliReference: (table: object) => string };
  expect(readFileSync('docs/cli.md', 'utf8')).toBe(cliReference({ commands: COMMANDS, globalOptions: GLOBAL_OPTIONS, environment: ENVIRONMENT, exitCodes: EXIT_CODE_TABLE }));
});
