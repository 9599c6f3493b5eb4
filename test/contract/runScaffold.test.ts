import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Ports } from '../../src/activities/ports.ts'
import type { RolloutContext } from '../../src/activities/rolloutContext.ts'
import { runScaffold } from '../../src/activities/runScaffold.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { AbandonmentRecord, AnswerRecord, Hold, Revocation } from '../../src/formats/exchange.ts'
import type { LifeRecord, RoundEndRecord } from '../../src/formats/record.ts'
import { startGateway } from '../../src/gateway/server.ts'
import type { LedgerEntry } from '../../src/record/ledger.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import type { SandboxProvider } from '../../src/sandbox/port.ts'
import { launchByNode, readLauncherEnding } from '../../src/scaffolds/launcher.ts'
import type { Scaffold } from '../../src/scaffolds/port.ts'
import { createFileStore } from '../../src/store/files.ts'

const ID = 'night/acme__tool.1-2/1'
const NAME = 'it'
const TREE = 'a'.repeat(40)

/** A scaffold that is one command, and says its end as launchers do. */
function scaffoldOf(script: string): Scaffold {
  return {
    ...{
      name: 'small',
      version: '1',
      goesOn: false,
      isStreamedWhole: false,
      normalisations: [],
      programs: { kind: 'npm', packages: [] },
    },
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
    async revocations() {
      const keys = await store.listRecords('revocations')
      return Promise.all(keys.map(async (key) => (await store.getRecord<Revocation>(key))!.reason))
    },
    /** A gateway that knows tokens, and has no provider. */
    async listen() {
      const running = await startGateway({
        ...{ store, normalisations: () => [], listen: { socketPath: join(dir, 'gateway.sock') } },
        ...{ redact: (text: string) => text, wait: async () => {} },
        exchange: () => Promise.reject(new Error('no provider is asked')),
        selfTest: () => Promise.reject(new Error('no self-test is made')) as never,
      })
      onTestFinished(() => running.close())
    },
    /** Puts so many answers of the launch on record. */
    async answer(count: number) {
      for (let n = 0; n < count; n++) {
        const digest = `sha256:${String(n).padEnd(64, '0')}`
        await store.putRecord<AnswerRecord>(recordKey.answer(ID, 0, 0, 1, n), {
          ...{ format: 'prchain.answer/1', exchange: `${ID}/stages/0/0/exchanges/${n}-0`, digest, n: 0, open: [] },
          at: new Date().toISOString(),
        })
      }
    },
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

/** Asks the gateway until it is refused. */
const ASKING = `
for (;;) {
  const { status } = await fetch(base + '/models', { headers: { authorization: 'Bearer ' + spec.token } })
  if (status !== 200) return { status: null, fault: 'API Error: ' + status, trajectory: null }
  await new Promise((resolve) => setTimeout(resolve, 20))
}`

describe('a scaffold that asks beside its steps', () => {
  const saying = (result: object) => scaffoldOf(`echo 'prchain-result ${JSON.stringify(result)}'`)
  const FAULT = saying({ status: null, fault: 'API Error: 401', trajectory: null })

  test('is given no more answers after four for each of its steps, and has ended its round by that', async () => {
    const bench = await openBench({ maxSteps: 3 })
    await bench.listen()
    await bench.answer(13)
    const asking: Scaffold = { ...scaffoldOf(''), start: (input) => launchByNode(ASKING, input) }
    expect(await bench.run(asking)).toMatchObject({ status: 'ended', ending: 'step-limit', steps: 13 })
    expect(await bench.end()).toMatchObject({ ending: 'step-limit', trajectory: null })
    expect(await bench.revocations()).toEqual(['it was given more than 12 answers'])
    expect(await bench.abandonment()).toBeNull()
  })

  test('has ended its round also where the worker that refused it is gone', async () => {
    const bench = await openBench({ maxSteps: 3 })
    await bench.answer(13)
    expect(await bench.run(FAULT)).toMatchObject({ ending: 'step-limit' })
  })

  test('has failed when it was given fewer', async () => {
    const bench = await openBench({ maxSteps: 3 })
    await bench.answer(12)
    await expect(bench.run(FAULT)).rejects.toThrow('no other sandbox')
    expect(await bench.abandonment()).toMatchObject({ kind: 'failed', reason: 'API Error: 401' })
  })

  test('is taken at its word when it ends as it should', async () => {
    const bench = await openBench({ maxSteps: 3 })
    await bench.answer(20)
    const done = saying({ status: 'done', fault: null, trajectory: null })
    expect(await bench.run(done)).toMatchObject({ ending: 'submitted' })
  })
})
