import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: heavy numerical files share them with the worker processes that some tests start.
    maxWorkers: 2,
  },
});
