// Runs the generated tests of every operator (forward on ONNX Runtime, gradient against central differences in float64) with many times the cases of the
// suite, and with another seed if one is given.
// Usage: node tools/slow/operators.mjs [--runs 300] [--seed N] [--only NAME]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '300' }, seed: { type: 'string', default: '20240611' }, only: { type: 'string', default: '' } } });
const done = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout', '1800000', ...(values.only === '' ? [] : ['-t', values.only]), 'test/graph/operators.test.ts', 'test/graph/compound.test.ts'], {
  stdio: 'inherit', env: { ...process.env, OPERATOR_RUNS: values.runs, OPERATOR_SEED: values.seed },
});
process.exit(done.status ?? 1);
