import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: 'test/temporary.ts',
    // The native engine is an add-on with threads of its own: one process a test file keeps crashes apart.
    pool: 'forks',
    // All processors: by default one is left idle, which of two is half.
    maxWorkers: '100%',
    testTimeout: 60_000,
  },
});
