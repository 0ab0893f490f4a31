import { pathToFileURL } from 'node:url';
import { defineConfig } from 'vitest/config';

/** A thread starts from JavaScript on disk: sources under test start theirs from the build, as they start worker processes. */
const threadsOfTheBuild = {
  name: 'threads-of-the-build',
  enforce: 'pre' as const,
  transform(code: string, id: string): string | undefined {
    const folder = /^(.*)\/src\/(.*)\/[^/]+\.ts$/.exec(id);
    const entry = /new URL\('\.\/([\w-]+\.js)', import\.meta\.url\)/;
    if (folder === null || !entry.test(code)) return undefined;
    const [, root, below] = folder;
    return code.replace(entry, (_, file: string) => `new URL(${JSON.stringify(pathToFileURL(`${root}/dist/${below}/${file}`).href)})`);
  },
};

export default defineConfig({
  plugins: [threadsOfTheBuild],
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: heavy numerical files share them with the worker processes that some tests start.
    maxWorkers: 2,
  },
});
