import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterAll, describe, expect, test } from 'vitest'
import { reapSandboxes } from '../../src/activities/reapSandboxes.ts'
import { createDockerProvider } from '../../src/sandbox/docker.ts'
import type { SandboxProvider } from '../../src/sandbox/port.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import { dockerForTests } from '../docker/engine.ts'

const MEBIBYTE = 1_048_576
const docker = await dockerForTests()
const dir = mkdtempSync(join(tmpdir(), 'prchain-reap-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const now = new Date('2026-01-02T00:00:00Z')
const past = '2026-01-01T00:00:00Z'
const future = '2026-01-03T00:00:00Z'
const isLive = async (rollout: string) => rollout === 'night/chain/1'

/** Makes a sandbox for each case and returns its name by the case. */
async function makeCases(provider: SandboxProvider, owner: string): Promise<Record<string, string>> {
  const cases: Record<string, Record<string, string>> = {
    'of a live workflow': { owner, rollout: 'night/chain/1', lease: past },
    'of a workflow that has ended': { owner, rollout: 'night/chain/2', lease: past },
    'of one whose lease runs': { owner, rollout: 'night/chain/3', lease: future },
    'of no workflow, its lease over': { owner, purpose: 'environment', lease: past },
    "of another store's": { owner: `${owner}-other`, rollout: 'night/chain/2', lease: past },
  }
  const names: Record<string, string> = {}
  for (const [what, labels] of Object.entries(cases)) {
    names[what] = `reap-${randomUUID().slice(0, 8)}`
    await provider.create({ name: names[what], labels, environment: null })
  }
  return names
}

const DEAD = ['of a workflow that has ended', 'of no workflow, its lease over']

describe('the reaper', () => {
  test('removes what no live workflow owns and no lease keeps, and nothing else', async () => {
    const provider = createProcessProvider({ dir, path: process.env['PATH']! })
    const names = await makeCases(provider, 'mine')
    const reaped = await reapSandboxes({ provider, owner: 'mine', isLive, now })
    expect(reaped).toEqual({ removed: DEAD.map((what) => names[what]!).sort(), failed: [] })
    const left = (await provider.list({})).map(({ name }) => name)
    expect(left.sort()).toEqual(
      Object.keys(names)
        .filter((what) => !DEAD.includes(what))
        .map((what) => names[what]!)
        .sort(),
    )
    expect(await reapSandboxes({ provider, owner: 'mine', isLive, now })).toEqual({ removed: [], failed: [] })
    for (const name of left) await provider.remove(name)
  })

  test('removes nothing when it cannot know whether a workflow lives', async () => {
    const provider = createProcessProvider({ dir, path: process.env['PATH']! })
    await provider.create({
      name: 'unknown',
      labels: { owner: 'mine', rollout: 'a/b/1', lease: past },
      environment: null,
    })
    const unknown = () => Promise.reject(new Error('no server answers'))
    await expect(reapSandboxes({ provider, owner: 'mine', isLive: unknown, now })).rejects.toThrow('no server answers')
    expect(await provider.find('unknown')).not.toBeNull()
    await provider.remove('unknown')
  })

  test.skipIf(docker === null)('takes containers in every state: created, running, exited', async () => {
    const engine = new Docker({ socketPath: docker!.socketPath })
    const provider = createDockerProvider({
      socketPath: docker!.socketPath,
      defaultImage: docker!.image,
      memoryBytes: 64 * MEBIBYTE,
      diskBytes: 16 * MEBIBYTE,
      cpus: 1,
      pids: 32,
    })
    const owner = `reap-${randomUUID().slice(0, 8)}`
    const names = await makeCases(provider, owner)
    const stopped = names['of a workflow that has ended']!
    await engine.getContainer(`prchain-${stopped}`).kill()
    const labels = { 'prchain.owner': owner, 'prchain.rollout': 'night/chain/2', 'prchain.lease': past }
    const half = `reap-${randomUUID().slice(0, 8)}`
    await engine.createContainer({
      name: `prchain.new-${half}`,
      Image: docker!.image,
      Cmd: ['true'],
      Labels: { ...labels, 'prchain.name': half },
    })
    const foreign = await engine.createContainer({ Image: docker!.image, Cmd: ['true'], Labels: { other: 'yes' } })

    const { removed, failed } = await reapSandboxes({ provider, owner, isLive, now })
    expect(failed).toEqual([])
    expect(removed).toEqual([...DEAD.map((what) => names[what]!), half].sort())
    const left = (await provider.list({ owner })).map(({ name }) => name)
    expect(left).toEqual([names['of a live workflow']!, names['of one whose lease runs']!].sort())
    expect((await foreign.inspect()).State.Status).toBe('created')
    await foreign.remove()
    for (const name of Object.values(names)) await provider.remove(name)
  })
})
