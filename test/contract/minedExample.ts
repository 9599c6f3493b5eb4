import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildExampleRepository } from '../../examples/repository/build.ts'
import { linkChains } from '../../src/activities/linkChains.ts'
import { composeRecordedGitHub, composeStore } from '../../src/compose.ts'
import { composePorts } from '../../src/composePorts.ts'
import { readConfig, type Config } from '../../src/config.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { Gathering } from '../../src/formats/mining.ts'
import type { Output } from '../../src/formats/output.ts'
import type { Store } from '../../src/store/port.ts'

/** Pull requests and issues of the example repository are numbered up to this. */
const NUMBERS = 40

/** A store in which the example repository was mined, and a terminal that keeps what it is told. */
export interface MinedExample {
  dir: string
  config: Config
  store: Store
  repository: string
  /** A terminal for one command: what it says and emits. */
  terminal(options?: { isJson?: boolean; width?: number }): {
    isJson: boolean
    width: number | null
    said: string[]
    emitted: Output[]
    say(line: string): void
    emit(value: Output): void
  }
  close(): Promise<void>
}

/** Mines the example repository as the activities do, from its recorded pull requests, into a store of its own. */
export async function mineExample(): Promise<MinedExample> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-mined-'))
  const example = await buildExampleRepository({ dir: join(dir, 'example') })
  const { repository } = example
  const server = await composeRecordedGitHub(example.recordedDir)
  const flags = { store: join(dir, 'store'), mirrors: example.mirrorsDir, githubApiUrl: server.url }
  const config = readConfig({ flags, env: {}, dir })
  const store = composeStore(config)
  const ports = await composePorts({ config, scriptedUrl: 'http://127.0.0.1:9/v1', isDraining: () => false })
  const pulls = []
  for (let number = 1; number <= NUMBERS; number++) {
    const pull = await ports.github.fetchPullRequest(repository, number).catch((error: Error & { kind?: string }) => {
      if (error.kind === 'missing') return null
      throw error
    })
    if (pull !== null) pulls.push(pull)
  }
  const lines = pulls.map((pull) => JSON.stringify(pull)).join('\n')
  await store.putRecord<Gathering>(recordKey.gathering(repository, 0), {
    format: 'prchain.gathering/1',
    repository,
    source: 'github',
    gatheredAt: '2026-01-05T09:02:00Z',
    facts: {
      defaultBranch: 'main',
      headSha: 'a'.repeat(40),
      license: 'MIT',
      languages: [{ name: 'JavaScript', share: 1 }],
    },
    lacks: [{ kind: 'reviews', reason: 'GraphQL refuses callers without a token' }],
    pages: {},
    calls: { rest: 22, unchanged: 0, graphql: 0, points: 0 },
    pulls: [await store.putBlob(lines)],
    issues: [],
  })
  const scope = { signal: new AbortController().signal, report: () => {} }
  const input = {
    repository,
    mirrors: example.mirrorsDir,
    mode: 'semantic',
    source: 'github',
    isOffline: true,
  } as const
  await linkChains(ports, { ...input, min: 2, max: 5, n: 0, gathering: 0 }, scope as never)
  return {
    dir,
    config,
    store,
    repository,
    terminal({ isJson = false, width } = {}) {
      const said: string[] = []
      const emitted: Output[] = []
      const say = (line: string) => void said.push(line)
      return { isJson, width: width ?? null, said, emitted, say, emit: (value) => void emitted.push(value) }
    },
    async close() {
      await server.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
