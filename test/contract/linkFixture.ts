import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { linkChains, type LinkInput } from '../../src/activities/linkChains.ts'
import type { Ports } from '../../src/activities/ports.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { Link } from '../../src/formats/chain.ts'
import type { Gathering, Mining } from '../../src/formats/mining.ts'
import type { EvidenceText, PullRequest } from '../../src/formats/pullRequest.ts'
import { resolveStage } from '../../src/git/reference.ts'
import { createOpenAiModel } from '../../src/model/openai.ts'
import { loadPrompts } from '../../src/prompts/prompts.ts'
import { createComplete } from '../../src/record/complete.ts'
import { claimFence } from '../../src/record/fence.ts'
import { startScriptedModel } from '../../src/scripted/server.ts'
import { scriptedSettings } from '../../src/scripted/settings.ts'
import { createFileStore } from '../../src/store/files.ts'
import type { Store } from '../../src/store/port.ts'
import { openMeter } from '../record/meterFixture.ts'
import { makeLab, NAME, type GitLab } from './gitFixture.ts'

/** A pull request as a test tells it: what its squash commit changes, and what its body says. */
export interface Told {
  files: Record<string, string | null>
  body?: string
  /** Its head is another one than the one that was merged. */
  isForeign?: boolean
}

/** A repository whose pull requests were squashed one after the other, gathered into a store, and what links them. */
export interface LinkLab {
  lab: GitLab
  store: Store
  ports: Ports
  /** How often the model was asked. */
  asked: () => number
  /** Links the gathering as mining `n`; `attempt` tells Temporal's attempts apart. */
  link: (input?: Partial<LinkInput>, attempt?: number) => Promise<Mining>
  linksOf: (mining: Mining) => Promise<Link[]>
}

const FIRST_DAY = Date.UTC(2024, 0, 1)

/** Builds a {@link LinkLab}. Pull requests are numbered from 1 in the order of their merges, a day apart. */
export async function makeLinkLab(base: Record<string, string>, told: readonly Told[], perShard = 2): Promise<LinkLab> {
  const lab = await makeLab(base)
  const store = createFileStore({ dir: join(lab.root, 'store') })
  const pulls: PullRequest[] = []
  for (const [index, one] of told.entries()) pulls.push(await squash(lab, index + 1, one))
  await store.putRecord(recordKey.gathering(NAME, 0), await gather(store, pulls, perShard))
  const scripted = await startScriptedModel({ store, seed: 1, settings: scriptedSettings.parse({}) })
  onTestFinished(() => scripted.close())
  const model = createOpenAiModel({
    baseUrl: scripted.baseUrl,
    apiKey: 'none',
    timeoutMs: 30_000,
    isScripted: true,
    isStreaming: false,
  })
  let asked = 0
  const complete = createComplete({
    store,
    model: { ...model, complete: (...call) => (asked++, model.complete(...call)) },
    redact: (text) => text,
    meter: openMeter(store),
    retry: { tries: 2, firstWaitMs: 1, longestWaitMs: 1 },
    wait: async () => {},
  })
  const ports = { store, git: lab.host, resolveStage, model, complete, prompts: loadPrompts() } as unknown as Ports
  return {
    lab,
    store,
    ports,
    asked: () => asked,
    async link(input = {}, attempt = 1) {
      const { n = 0 } = input
      const whole: LinkInput = {
        ...{ repository: NAME, mirrors: lab.mirrors, mode: 'semantic', source: 'github', isOffline: true },
        ...{ min: 2, max: 5, n, gathering: 0, ...input },
      }
      await linkChains(ports, whole, {
        signal: new AbortController().signal,
        report: () => {},
        claim: () => claimFence({ store, rollout: `_minings/${n}`, order: [0, 0, attempt], holder: 'test' }),
      })
      return (await store.getRecord<Mining>(recordKey.mining(NAME, n)))!
    },
    async linksOf({ links }) {
      const lines = (await store.getBlob(links)).toString('utf8').split('\n')
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Link)
    },
  }
}

async function squash(
  lab: GitLab,
  number: number,
  { files, body = '', isForeign = false }: Told,
): Promise<PullRequest> {
  const title = `Change ${number}`
  lab.git('checkout', '--quiet', '-b', `pull-${number}`)
  const headSha = await lab.commit(isForeign ? { 'foreign.py': 'other = 1\n' } : files, title)
  lab.git('update-ref', `refs/pull/${number}/head`, headSha)
  lab.git('checkout', '--quiet', 'main')
  const mergeCommitSha = await lab.commit(files, `${title} (#${number})\n\n${body}`)
  const url = `https://github.com/${NAME}/pull/${number}`
  const say = (source: EvidenceText['source'], text: string): EvidenceText => ({
    ...{ source, text, url, author: 'ada', isBot: false, sha: null },
  })
  return {
    format: 'prchain.pull-request/1',
    repository: NAME,
    number,
    title,
    author: 'ada',
    isBot: false,
    isMerged: true,
    mergeCommitSha,
    headSha,
    baseRef: 'main',
    createdAt: null,
    mergedAt: new Date(FIRST_DAY + number * 86_400_000).toISOString(),
    url,
    labels: [],
    files: lab
      .git('diff', '--numstat', 'HEAD~1', 'HEAD')
      .split('\n')
      .map((line) => line.split('\t'))
      .map(([additions, deletions, path]) => ({
        path: path!,
        additions: Number(additions),
        deletions: Number(deletions),
      })),
    commitCount: 1,
    texts: [say('title', title), say('body', body)],
    citedBy: [],
    issues: [],
    closes: [],
    lacks: [],
  }
}

async function gather(store: Store, pulls: readonly PullRequest[], perShard: number): Promise<Gathering> {
  const shards = Array.from({ length: Math.ceil(pulls.length / perShard) }, (_, index) =>
    pulls.slice(index * perShard, (index + 1) * perShard),
  )
  const blobs = []
  for (const shard of shards) blobs.push(await store.putBlob(shard.map((pull) => JSON.stringify(pull)).join('\n')))
  return {
    format: 'prchain.gathering/1',
    repository: NAME,
    source: 'github',
    gatheredAt: '2026-01-05T09:00:00Z',
    facts: {
      defaultBranch: 'main',
      headSha: 'a'.repeat(40),
      license: 'MIT',
      languages: [{ name: 'Python', share: 1 }],
    },
    lacks: [],
    pages: {},
    calls: { rest: 0, unchanged: 0, graphql: 0, points: 0 },
    pulls: blobs,
    issues: [],
  }
}
