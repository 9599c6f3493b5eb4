import { defineConfig } from 'vitest/config'
import { SlowestFirst } from './test/slowestFirst.ts'

export default defineConfig({
  test: {
    include:
      process.env['PRCHAIN_TEST_SUITE'] === undefined
        ? ['test/**/*.test.ts']
        : [`test/${process.env['PRCHAIN_TEST_SUITE']}/**/*.test.ts`],
    exclude: process.env['PRCHAIN_TEST_SUITE'] === undefined ? ['test/real/**', 'test/faults/**', 'test/peers/**'] : [],
    // Temporal's runtime can be made once in a process, so each file has one of its own.
    pool: 'forks',
    globalSetup: ['test/tempFolder.ts'],
    sequence: { sequencer: SlowestFirst },
    // Most of a slow test is waiting: for heartbeats, back-offs, processes that start. Three files keep two cores busy.
    maxWorkers: 3,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expandSnapshotDiff: true,
  },
})
