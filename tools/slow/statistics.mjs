// Runs the simulations of test/science with many times the data sets of the suite and prints every rate with its bounds: what docs/decisions/0007 quotes.
// Usage: node tools/slow/statistics.mjs [--scale 10]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { scale: { type: 'string', default: '10' } } });
const files = ['intervals', 'inference', 'noise-ceiling'].map((name) => `test/science/${name}.test.ts`);
const done = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--disable-console-intercept', '--testTimeout', '1800000', ...files], {
  stdio: 'inherit', env: { ...process.env, STATISTICS_SCALE: values.scale },
});
process.exit(done.status ?? 1);
