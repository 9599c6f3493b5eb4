import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include:
      process.env['PRCHAIN_TEST_SUITE'] === undefined
        ? ['test/**/*.test.ts']
        : [`test/${process.env['PRCHAIN_TEST_SUITE']}/**/*.test.ts`],
    exclude: process.env['PRCHAIN_TEST_SUITE'] === undefined ? ['test/real/**', 'test/faults/**', 'test/peers/**'] : [],
    // Temporal's runtime can be made once in a process, so each file has one of its own.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expandSnapshotDiff: true,
  },
})
