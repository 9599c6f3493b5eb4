import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Ports } from '../../src/activities/ports.ts'
import type { RolloutContext } from '../../src/activities/rolloutContext.ts'
import { runScaffold } from '../../src/activities/runScaffold.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { AbandonmentRecord, Hold } from '../../src/formats/exchange.ts'
import type { LifeRecord, RoundEndRecord } from '../../src/formats/record.ts'
import type { LedgerEntry } from '../../src/record/ledger.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import type { SandboxProvider } from '../../src/sandbox/port.ts'
import { readLauncherEnding } from '../../src/scaffolds/launcher.ts'
import type { Scaffold } from '../../src/scaffolds/port.ts'
import { createFileStore } from '../../src/store/files.ts'

const ID = 'night/acme__tool.1-2/1'
const NAME = 'it'
const TREE = 'a'.repeat(40)

/** A scaffold that is one command, and says its end as launchers do. */
function scaffoldOf(script: string): Scaffold {
  return {
    ...{ name: 'small', version: '1', goesOn: false, normalisations: [], programs: { kind: 'npm', packages: [] } },
    selfTest: { name: 'sh', arguments: {} },
    start: () => ({ script, stdin: '' }),
    readEnding: (outcome) => readLauncherEnding(outcome, (status) => (status === 'done' ? 'submitted' : undefined)),
    isWork: () => true,
  }
}

/** One round of a rollout whose sandbox lives, with a limit of its own for a scaffold's time; another sandbox is not to be had. */
async function openBench({ roundMs = 60_000, maxSteps = 3 } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-run-scaffold-'))
  const store = createFileStore({ dir: join(dir, 'store') })
  const processes = createProcessProvider({ dir: join(dir, 'sandboxes'), path: process.env['PATH']! })
  const { life } = await processes.create({ name: NAME, labels: {}, environment: null })
  onTestFinished(async () => {
    await processes.remove(NAME)
    rmSync(dir, { recursive: true, force: true })
  })
  const provider: SandboxProvider = {
    ...processes,
    create: () => Promise.reject(new Error('no other sandbox')),
    async find(name) {
      const sandbox = await processes.find(name)
      if (!sandbox) return null
      const exec: typeof sandbox.exec = (key, command, signal) =>
        sandbox.exec(key, key.startsWith('scaffold.') ? { ...command, timeoutMs: roundMs } : command, signal)
      return { ...sandbox, exec }
    },
  }
  await store.putRecord<LifeRecord>(recordKey.life(ID, 0, 'work', 1), {
    ...{ format: 'prchain.life/1', life, n: 1, createdAt: new Date().toISOString(), place: 'here' },
    ...{ setupTree: null, setupPatch: null, rerun: [], diverged: [], restored: null, differing: [] },
  })
  const ports = {
    ...{ store, gatewayDir: dir, redact: (text: string) => text, isDraining: () => false },
    toolchains: {
      dir,
      provide: async () => dir,
      provideNode: async () => process.execPath,
      isProven: async () => true,
    },
    limits: { sliceMs: 60_000, fileBytes: 1_000_000 },
  } as unknown as Ports
  const context = {
    ...{ id: ID, chain: { id: 'acme__tool.1-2' }, settings: { model: 'm', scaffold: 'native', maxSteps }, provider },
    environment: async () => ({ environment: null, reason: null }),
    commandTimeoutMs: async () => 1_000,
    state: async () => ({ opening: 'Begin.', initialTree: TREE }),
    sandboxName: () => NAME,
    repository: { has: async () => true, captureTree: async () => ({ tree: TREE }), patch: async () => '' },
  } as unknown as RolloutContext
  return {
    store,
    run: (scaffold: Scaffold) =>
      runScaffold(ports, context, scaffold, { rollout: ID, stage: 0, round: 0 } as Parameters<typeof runScaffold>[3], {
        ...{ signal: new AbortController().signal, report: () => {}, fence: { check: async () => {} } },
      }),
    end: () => store.getRecord<RoundEndRecord>(recordKey.round(ID, 0, 0, 'end')),
    abandonment: () => store.getRecord<AbandonmentRecord>(recordKey.abandonment(ID, 0, 0, 1)),
    /** Puts changes of the launch's hold on record: so many hours ago, held or not. */
    async hold(...changes: [hoursAgo: number, isHeld: boolean][]) {
      for (const [n, [hoursAgo, isHeld]] of changes.entries()) {
        await store.putRecord<LedgerEntry<Hold>>(recordKey.hold(ID, 0, 0, 1, n), {
          format: 'prchain.hold/1',
          at: new Date(Date.now() - hoursAgo * 3_600_000).toISOString(),
          state: { reason: isHeld ? 'a ceiling is reached' : null },
        })
      }
    },
  }
}

describe('a scaffold whose time is over', () => {
  test.each<[string, [number, boolean][]]>([
    ['was never held', []],
    [
      'was held for seconds',
      [
        [5, true],
        [4.999, false],
      ] as [number, boolean][],
    ],
    [
      'was held for less than a quarter of it in all',
      [
        [9, true],
        [8, false],
        [5, true],
        [3.5, false],
      ],
    ],
  ])('has ended by its limit when it %s', async (_, changes) => {
    const bench = await openBench({ roundMs: 300 })
    await bench.hold(...changes)
    expect(await bench.run(scaffoldOf('exec sleep 60'))).toMatchObject({ status: 'ended', ending: 'time-limit' })
    expect(await bench.abandonment()).toBeNull()
  })

  test.each<[string, [number, boolean][]]>([
    [
      'in all',
      [
        [9, true],
        [7, false],
        [5, true],
        [3.5, false],
      ],
    ],
    ['and is still', [[4, true]]],
  ])('is started again when it was held for a quarter of it %s', async (_, changes) => {
    const bench = await openBench({ roundMs: 300 })
    await bench.hold(...changes)
    await expect(bench.run(scaffoldOf('exec sleep 60'))).rejects.toThrow('no other sandbox')
    expect(await bench.abandonment()).toMatchObject({
      kind: 'halted',
      reason: expect.stringMatching(/^its time was over, and for (209|210|239|240) min of it it was held$/) as string,
    })
    expect(await bench.end()).toBeNull()
  })
})
