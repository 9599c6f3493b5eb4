import Docker from 'dockerode'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resume } from '../../src/cli/resume.ts'
import type { Config } from '../../src/config.ts'
import { recordKey, splitRollout } from '../../src/domain/identifiers.ts'
import type { AnswerRecord, ExchangeRecord } from '../../src/formats/exchange.ts'
import type { CallRecord, RoundEndRecord } from '../../src/formats/record.ts'
import { dockerForTests } from '../docker/engine.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { countCalls, planKills, watchRollout, type Kill, type Moment, type Target } from './killMoments.ts'
import { openDockerLab, until, type Lab } from './lab.ts'

interface Killed {
  scaffold: 'native' | 'mini-swe-agent' | 'qwen-code' | 'sii-cli'
  settings?: Partial<Config>
  targets: readonly Target[]
  /** The command line of the scaffold's own process. */
  process?: RegExp
  /** A command before the end of each round, long enough to be killed in. */
  testCommand: string
}

/** Lines that stand twice in the markers of one life of a sandbox go into a file of the work tree. */
const COUNTING = 'sort /home/agent/markers | uniq -d > twice.txt; sleep 1'
/** Its output differs each time, so that what follows it does. */
const DIFFERING = 'sleep 1; cat /proc/sys/kernel/random/uuid'

/** Every scaffold, and what of it can be killed. */
export const KILLED: readonly Killed[] = [
  { scaffold: 'native', targets: ['worker', 'gateway', 'container'], testCommand: COUNTING },
  {
    scaffold: 'mini-swe-agent',
    targets: ['worker', 'gateway', 'scaffold', 'container'],
    // Not the one that asks for the image's version.
    process: /^\S*python3 -I -c (?!import sys; print)/,
    testCommand: DIFFERING,
  },
  {
    scaffold: 'qwen-code',
    targets: ['worker', 'gateway', 'scaffold', 'container'],
    process: /\/qwen-code\/cli\.js /,
    testCommand: DIFFERING,
  },
  {
    // The adapter, with the bridge of our tests: what is killed of the scaffold is that bridge.
    scaffold: 'sii-cli',
    settings: { siiCliPath: join(import.meta.dirname, '..', 'siiBridge') },
    targets: ['worker', 'gateway', 'scaffold', 'container'],
    process: /\/bridge\.ts$/,
    testCommand: DIFFERING,
  },
]

/** What of a scaffold can be killed. */
export function killsOf(name: Killed['scaffold']): Killed {
  return KILLED.find(({ scaffold }) => scaffold === name)!
}

/** The scaffold's own deaths in one round that are kept below what parks a chain. */
const MOST_IN_A_ROUND = 3
const MOMENT_SECONDS = 240

/**
 * Tests that chains of a scaffold survive so many kill -9 of each of its targets, at moments that the seed says: accepted,
 * with the same patches as in peace, nothing stored asked twice, and all that was abandoned marked.
 */
export async function describeKills(killed: Killed, options: { each: number; seed: number }): Promise<void> {
  const { each, seed } = options
  const { scaffold, targets } = killed
  const isNative = scaffold === 'native'
  const SCRIPT = { latencyMs: 150, extraSteps: 4, markerFile: '/home/agent/markers', testCommand: killed.testCommand }
  const docker = await dockerForTests()
  const server = await temporalForTests()

  describe.skipIf(server === null || docker === null)(`${scaffold} under kill -9`, () => {
    let lab: Lab
    let chain: string
    const client = new Docker({ socketPath: docker?.socketPath })
    beforeAll(async () => {
      lab = await openDockerLab({
        temporal: server!.binary,
        socketPath: docker!.socketPath,
        settings: { scaffold, modelTries: 2, modelRetryMs: 20, ...killed.settings },
        scripted: SCRIPT,
      })
      chain = await exampleChain(lab, 2)
      await lab.run('peace', [chain])
    }, 180_000)
    afterAll(() => lab.stop())

    test(
      `${each} times each of ${targets.join(', ')}, with seed ${seed}: accepted, nothing stored asked twice, what was abandoned marked`,
      async () => {
        const calls = await countCalls(lab, `peace/${chain}/1`)
        const left = planKills({ seed, targets, each })
        const done: Kill[] = []
        const campaigns: string[] = []
        while (left.length > 0) {
          // Other labs share the engine, those of other runs too, and rollouts are told apart by their names.
          const name = `war-${scaffold}-${process.pid}-${campaigns.length + 1}`
          campaigns.push(name)
          await lab.start(name, [chain])
          await killAlong(`${name}/${chain}/1`, calls, left, done)
          await lab.complete(name)
        }
        expect(done).toHaveLength(each * targets.length)
        const costs = { rerun: 0, abandoned: 0, askedTwice: 0 }
        for (const name of campaigns) {
          const cost = await expectWhole(`${name}/${chain}/1`, calls)
          for (const key of ['rerun', 'abandoned', 'askedTwice'] as const) costs[key] += cost[key]
        }
        // What a restarted scaffold asks after the command whose output differs is another branch.
        const isBranched = done.some(
          ({ target, moment }) =>
            !isNative && ['container', 'scaffold'].includes(target) && moment === 'in the last call',
        )
        if (isBranched) expect(costs.abandoned).toBeGreaterThan(0)
        // A call in flight dies with who asked for it, and nothing else is asked again.
        const asking: Target = isNative ? 'worker' : 'gateway'
        const inFlight = done.filter(({ target }) => target === asking).length
        expect(costs.askedTwice).toBeLessThanOrEqual(inFlight)
        console.log(
          `${scaffold}, seed ${seed}: ${done.length} kills (${describeKillsDone(done)}) in ${campaigns.length} rollouts; ` +
            `calls in flight asked again ${costs.askedTwice}, calls on abandoned branches ${costs.abandoned}, commands run again ${isNative ? '' : 'at most '}${costs.rerun}`,
        )
      },
      300_000 + each * targets.length * 60_000,
    )

    // What a provider that stays away does to the native agent is shown by test/e2e/faults.test.ts.
    if (!isNative) testProviderAway()

    function testProviderAway(): void {
      test('while its provider stays away for longer than its client waits: stopped, parked, and brought back from the record', async () => {
        const name = `away-${scaffold}-${process.pid}`
        const rollout = `${name}/${chain}/1`
        await lab.script({
          ...SCRIPT,
          faults: [{ kind: 'status', status: 503, role: 'agent', skip: 5, count: 'forever' }],
        })
        await lab.start(name, [chain])
        expect(await lab.follow(name)).toMatchObject({ status: 'needs-attention' })
        expect(await containersOf(rollout), 'it waits without a scaffold').toEqual([])
        await lab.script(SCRIPT)
        const terminal = { isJson: false, say: () => {}, emit: () => {} }
        const config = { ...lab.config, temporalAddress: lab.embedded.address }
        await resume({ config, target: `chain/${rollout}`, terminal })
        await until('the campaign to end', async () => (await lab.follow(name)).status === 'completed', 120)
        const counts = Object.entries(await lab.counts()).filter(([key]) => key.startsWith(`${rollout}/stages/`))
        for (const [key, { answered }] of counts) expect(answered, key).toBe(1)
        await expectWhole(rollout, await countCalls(lab, `peace/${chain}/1`))
        const [end] = await lab.store.listRecords(recordKey.abandonments(rollout, 0, 0))
        expect(await lab.store.getRecord(end!)).toMatchObject({ kind: 'halted', launch: 1 })
      }, 180_000)
    }

    /** Kills along one rollout, as its moments come, until it has ended or no kill is left. */
    async function killAlong(rollout: string, calls: Map<string, number>, left: Kill[], done: Kill[]): Promise<void> {
      const look = watchRollout(lab, rollout, {
        isNative,
        calls: (stage, round) => calls.get(`${stage}/${round}`) ?? Number.POSITIVE_INFINITY,
      })
      const deaths = new Map<string, number>()
      const isOver = async () => (await lab.store.getRecord(recordKey.rollout(rollout))) !== null
      let before: ReadonlySet<Moment> = new Set()
      while (left.length > 0) {
        const struck = await until(
          async () =>
            `a moment for one of ${JSON.stringify(left)} in ${rollout}, which is ${JSON.stringify(await lab.follow(splitRollout(rollout).campaign))},`,
          async () => {
            if (await isOver()) return 'over'
            const at = await look()
            if (!at) return null
            const moments = new Set(at.moments)
            const begun = [...moments].filter((moment) => !before.has(moment))
            before = moments
            for (const kill of left) {
              if (!begun.includes(kill.moment)) continue
              if (kill.skip > 0) {
                kill.skip--
                continue
              }
              const place = `${at.stage}/${at.round}`
              if (kill.target === 'scaffold' && (deaths.get(place) ?? 0) >= MOST_IN_A_ROUND) continue
              if (!(await strike(kill.target, rollout))) {
                // What is to be killed is not there yet: while the moment lasts, it is looked for again.
                moments.delete(kill.moment)
                continue
              }
              deaths.set(place, (deaths.get(place) ?? 0) + Number(kill.target === 'scaffold'))
              return kill
            }
            return null
          },
          MOMENT_SECONDS,
        )
        if (struck === 'over') return
        left.splice(left.indexOf(struck), 1)
        done.push(struck)
      }
    }

    /** Kills what is there of a target; false when there is nothing. Waits until a process of ours is there again. */
    async function strike(target: Target, rollout: string): Promise<boolean> {
      if (target === 'container' || target === 'scaffold') {
        const [container] = await containersOf(rollout)
        if (!container) return false
        if (target === 'container') return succeeds(client.getContainer(container).kill())
        const pid = await scaffoldIn(container)
        if (pid !== null) process.kill(pid, 'SIGKILL')
        return pid !== null
      }
      const pid = lab.embedded.processes()[target]
      if (pid === null) return false
      process.kill(pid, 'SIGKILL')
      await until('it to be started again', () => ![null, pid].includes(lab.embedded.processes()[target]))
      return true
    }

    /** What is on record of a rollout that was killed at; what the kills cost it. */
    async function expectWhole(rollout: string, calls: Map<string, number>) {
      const ended = await lab.rollout(rollout)
      const peace = await lab.rollout(`peace/${chain}/1`)
      expect(ended.ending).toBe('accepted')
      const patchesOf = ({ stages }: typeof ended) => stages.map(({ tree, patch }) => ({ tree, patch }))
      expect(patchesOf(ended)).toEqual(patchesOf(peace))
      const [campaign = ''] = rollout.split('/')
      expect(lab.samples(campaign)[0]!.messages.map(({ role }) => role)).toEqual(
        lab.samples('peace')[0]!.messages.map(({ role }) => role),
      )
      if (isNative) {
        const repository = await lab.openRepository()
        for (const { tree } of ended.stages)
          expect((await repository.readFile(tree, 'twice.txt'))!.toString(), 'commands that ran twice').toBe('')
      } else for (const [place, count] of calls) await expectBranchesMarked(rollout, place, count)

      let askedTwice = 0
      for (const [key, { asked, lastAskedAt }] of Object.entries(await lab.counts())) {
        if (!key.startsWith(`${rollout}/stages/`) || !/\/(exchanges|calls)\//.test(key)) continue
        const record = (await lab.store.getRecord<CallRecord | ExchangeRecord>(recordKey.call(key)))!
        expect(Date.parse(lastAskedAt), `${key} was asked when it was stored`).toBeLessThanOrEqual(
          Date.parse(record.finishedAt),
        )
        askedTwice += asked - 1
      }
      expect(await containersOf(rollout)).toEqual([])
      const sum = (key: 'rerunCommands' | 'abandonedCalls') =>
        ended.stages.reduce((total, stage) => total + stage[key], 0)
      return { rerun: sum('rerunCommands'), abandoned: sum('abandonedCalls'), askedTwice }
    }

    /** Each exchange of a round is one that its last launch was given, as many as in peace, or is marked as abandoned. */
    async function expectBranchesMarked(rollout: string, place: string, count: number): Promise<void> {
      const [stage = 0, round = 0] = place.split('/').map(Number)
      const launches = await lab.store.listRecords(recordKey.launches(rollout, stage, round))
      const answers = await lab.store.listRecords(recordKey.answers(rollout, stage, round, launches.length))
      const given = new Set<string>()
      for (const key of answers) given.add((await lab.store.getRecord<AnswerRecord>(key))!.exchange)
      expect(given.size, place).toBe(count)
      const stored = await lab.store.listRecords(recordKey.exchanges(rollout, stage, round))
      const end = (await lab.store.getRecord<RoundEndRecord>(recordKey.round(rollout, stage, round, 'end')))!
      expect([...given, ...end.abandoned!.exchanges].toSorted()).toEqual(
        stored.map((key) => key.slice('rollouts/'.length)).toSorted(),
      )
      expect(end.abandoned!.launches).toBe(launches.length - 1)
      const abandonments = await lab.store.listRecords(recordKey.abandonments(rollout, stage, round))
      expect(abandonments).toHaveLength(launches.length - 1)
    }

    async function scaffoldIn(container: string): Promise<number | null> {
      const { Processes } = (await client
        .getContainer(container)
        .top({ ps_args: '-eo pid,ppid,args' })
        .catch(() => ({ Processes: [] }))) as { Processes: string[][] | null }
      // A container that has just died has none. What it has just forked has its command line too, until it is a command.
      const alike = (Processes ?? []).filter(([, , args]) => killed.process!.test(args!))
      const found = alike.find(([, parent]) => !alike.some(([pid]) => pid === parent))
      return found ? Number(found[0]) : null
    }

    async function containersOf(rollout: string): Promise<string[]> {
      const list = await client.listContainers({ filters: await lab.containerFilters(rollout) })
      return list.map(({ Id }) => Id)
    }
  })
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  )
}

function describeKillsDone(kills: readonly Kill[]): string {
  const counts = new Map<string, number>()
  for (const { target, moment } of kills)
    counts.set(`${target} ${moment}`, (counts.get(`${target} ${moment}`) ?? 0) + 1)
  return [...counts].map(([what, count]) => (count === 1 ? what : `${what} ${count} times`)).join(', ')
}
