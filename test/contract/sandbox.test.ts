import { mkdtempSync } from 'node:fs'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterAll, describe, expect, it } from 'vitest'
import { createBubblewrapProvider } from '../../src/sandbox/bubblewrap.ts'
import { createDockerProvider } from '../../src/sandbox/docker.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import { findProcessesOf } from '../../src/sandbox/processScan.ts'
import { dockerForTests } from '../docker/engine.ts'
import { runInContainer } from '../docker/container.ts'
import { bubblewrapForTests } from './bubblewrapForTests.ts'
import { keepsTheContract } from './sandboxContract.ts'

const docker = await dockerForTests()
const bubblewrap = await bubblewrapForTests()
const path = process.env['PATH'] ?? ''

describe('sandbox of plain processes', { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-sandboxes-'))
  afterAll(() => rm(dir, { recursive: true, force: true }))
  const provider = createProcessProvider({ dir, path })
  keepsTheContract({
    provider,
    maker: { file: 'process.ts', make: 'createProcessProvider', options: { dir, path } },
    image: undefined,
    leftovers: async (name) => [...(await findProcessesOf(join(dir, name))), ...(await readdir(dir))],
    peek: (name, file) => readFile(join(provider.repositoryPath(name), file), 'utf8').catch(() => null),
    touch: (name, file) => writeFile(join(provider.repositoryPath(name), file), ''),
  })

  it('does not isolate, and says so', () => {
    expect(provider.isIsolating).toBe(false)
  })

  it('names the programs that the host lacks', async () => {
    const poor = createProcessProvider({ dir, path: '/nonexistent' })
    const failure = await poor.create({ name: 'poor', labels: {}, environment: null }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ kind: 'invalid', message: expect.stringMatching(/bash .*setsid .*flock/) })
  })
})

describe.skipIf(!bubblewrap)('sandbox of bubblewrap', { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-bubblewrap-'))
  afterAll(() => rm(dir, { recursive: true, force: true }))
  const mebibyte = 1_048_576
  const options = { dir, path, memoryBytes: 512 * mebibyte, diskBytes: 256 * mebibyte, cpus: 1, pids: 128 }
  const provider = createBubblewrapProvider(options)
  const inside = (name: string, file: string) => join(dir, name, 'parts', 'repo', file)
  keepsTheContract({
    provider,
    maker: { file: 'bubblewrap.ts', make: 'createBubblewrapProvider', options },
    image: undefined,
    leftovers: async (name) => [...(await findProcessesOf(join(dir, name))), ...(await readdir(dir))],
    peek: (name, file) => readFile(inside(name, file), 'utf8').catch(() => null),
    touch: (name, file) => writeFile(inside(name, file), ''),
  })

  it('isolates, and says what agents are held to', async () => {
    expect(provider.isIsolating).toBe(true)
    const { id, limits } = await provider.describe()
    expect(id).toMatch(/^bubblewrap-[0-9a-f]{16}$/)
    expect(limits.map(({ what }) => what)).toEqual(['network', 'disk', 'memory', 'processes'])
  })
})

describe.skipIf(!docker)('sandbox of Docker', { timeout: 120_000 }, () => {
  const socketPath = docker?.socketPath ?? '/nonexistent/engine.sock'
  const mebibyte = 1_048_576
  const limits = { memoryBytes: 512 * mebibyte, diskBytes: 256 * mebibyte, cpus: 1, pids: 128 }
  const engine = new Docker({ socketPath })
  const inside = (name: string, argv: string[]) => runInContainer(engine.getContainer(`prchain-${name}`), argv)
  const options = { socketPath, ...limits, ...(docker ? { defaultImage: docker.image } : {}) }
  keepsTheContract({
    provider: createDockerProvider(options),
    maker: { file: 'docker.ts', make: 'createDockerProvider', options },
    image: docker?.image,
    leftovers: (name) => engine.listContainers({ all: true, filters: { label: [`prchain.name=${name}`] } }),
    peek: async (name, file) => {
      const { code, stdout } = await inside(name, ['cat', `/repo/${file}`])
      return code === 0 ? stdout : null
    },
    touch: async (name, file) => {
      await inside(name, ['touch', `/repo/${file}`])
    },
  })
})
