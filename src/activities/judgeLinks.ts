import { z } from 'zod'
import { canonicalJson } from '../domain/canonical.ts'
import { linkJudgeCallKey, miningCalls, recordKey, repositoryFolder } from '../domain/identifiers.ts'
import { parseLines } from '../domain/jsonLines.ts'
import { describeEvidence, shortenPatch } from '../domain/linkQuestion.ts'
import { readJson } from '../domain/query.ts'
import type { Link } from '../formats/chain.ts'
import type { Message } from '../formats/chat.ts'
import type { LinkJudge, Mining } from '../formats/mining.ts'
import type { ChangeRange, GitRepository } from '../git/port.ts'
import type { Fence } from '../record/fence.ts'
import { InvalidInputError, ReplyUnreadableError, type Scope } from './edge.ts'
import { askInTurn } from './gitEvidence.ts'
import type { Ports } from './ports.ts'

const TRIES_FOR_FORM = 3

/** A model that is to judge links. */
export type LinkJudgeInput = Omit<LinkJudge, 'format' | 'prompts'>

/**
 * Asks a model about each of the links, from its evidence and the two patches, and returns them with its judgements. Each
 * call is on record under the mining: an answered one is never asked again. Throws {@link InvalidInputError} when this
 * worker has the other kind of model, or the mining was begun with another judge.
 */
export async function judgeLinks(
  ports: Ports,
  options: {
    repository: GitRepository
    n: number
    judge: LinkJudgeInput
    links: readonly Link[]
    /** What the same judge said before of the same links, by {@link questionOf}. */
    known: ReadonlyMap<string, Link['judgement']>
    /** Title and commits of a pull request, null where git lacks them: such a link is not judged. */
    changeOf: (number: number) => (ChangeRange & { title: string }) | null
    fence: Fence
    scope: Scope
  },
): Promise<Link[]> {
  const { repository, n, links, known, changeOf, fence, scope } = options
  const calls = miningCalls(repository.name, n)
  const judge = await settleJudge(ports, calls, options.judge)
  const judged = new Map<Link, Link>()
  await askInTurn(links, async (link) => {
    scope.signal.throwIfAborted()
    scope.report({ 'judged links': judged.size, of: links.length, at: `#${link.to} ← #${link.from}` })
    const judgement = known.get(questionOf(link)) ?? (await ask(link))
    judged.set(link, judgement ? { ...link, judgement } : link)
  })
  return links.map((link) => judged.get(link)!)

  async function ask(link: Link): Promise<Link['judgement']> {
    const [earlier, later] = [changeOf(link.to), changeOf(link.from)]
    if (!earlier || !later) return null
    const patchOf = async ({ baseSha, resultSha }: ChangeRange) =>
      shortenPatch((await repository.patch(baseSha, resultSha)).toString('utf8'))
    const prompt = ports.prompts.fill('link', {
      earlier: `#${link.to} ${earlier.title}`,
      later: `#${link.from} ${later.title}`,
      evidence: describeEvidence(link),
      earlierPatch: await patchOf(earlier),
      laterPatch: await patchOf(later),
    })
    return askModel(link, prompt)
  }

  async function askModel(link: Link, prompt: string): Promise<Link['judgement']> {
    const play = {
      role: 'judge',
      chain: repositoryFolder(repository.name),
      rollout: calls,
      stage: -1,
      round: -1,
    } as const
    const messages: Message[] = [{ role: 'user', content: prompt }]
    let malformed = 0
    for (let ordinal = 0; ; ordinal++) {
      const key = linkJudgeCallKey(calls, link, ordinal)
      const request = { model: judge.model, messages: [...messages], temperature: 0, seed: judge.seed }
      const { reply, isStored } = await ports.complete({
        key,
        request,
        prefix: null,
        play,
        fence,
        signal: scope.signal,
        onUnstored: (unstored) => scope.report({ unstored }),
      })
      const read = readJson(reply.message.content, linkReply)
      if (read) return { isLink: read.is_link, reason: read.reason, model: judge.model, call: key }
      if (!isStored) malformed++
      if (malformed >= TRIES_FOR_FORM) {
        throw new ReplyUnreadableError(
          `the judge's reply on link #${link.from} → #${link.to} of ${repository.name} is not JSON (${malformed} asks); the last is record ${recordKey.call(key)}`,
        )
      }
      messages.push(reply.message, {
        role: 'user',
        content: 'That is not the JSON object that was asked for. Answer with it and nothing else.',
      })
    }
  }
}

/** What a judge is asked of a link, as far as it can change: the pair, its evidence, what the changes have in common. */
export function questionOf({ from, to, references, overlap }: Link): string {
  return canonicalJson({ from, to, references, overlap })
}

/** What the judge of a mining that is to be judged now said in earlier ones. */
export async function readJudgements(
  ports: Ports,
  repository: string,
  judge: LinkJudgeInput,
): Promise<Map<string, Link['judgement']>> {
  const { store, prompts } = ports
  const known = new Map<string, Link['judgement']>()
  for (const key of await store.listRecords(recordKey.minings(repository))) {
    const n = Number(key.slice(key.lastIndexOf('/') + 1))
    const asked = await store.getRecord<LinkJudge>(recordKey.linkJudge(miningCalls(repository, n)))
    if (asked?.model !== judge.model || asked.seed !== judge.seed || asked.prompts !== prompts.checksum) continue
    const { links } = (await store.getRecord<Mining>(key))!
    for (const link of parseLines<Link>(await store.getBlob(links)))
      if (link.judgement) known.set(questionOf(link), link.judgement)
  }
  return known
}

const linkReply = z.object({ is_link: z.boolean(), reason: z.string() })

/** The judge that the mining was begun with: what is asked again must be the same question. */
async function settleJudge(ports: Ports, calls: string, judge: LinkJudgeInput): Promise<LinkJudge> {
  if (judge.isScripted !== ports.model.isScripted) {
    const [asked, here] = judge.isScripted ? ['the scripted model', 'a real one'] : ['a real model', 'the scripted one']
    throw new InvalidInputError(
      `links were to be judged by ${asked}, and this worker has ${here}: start the worker with the same settings`,
    )
  }
  const made: LinkJudge = { format: 'prchain.link-judge/1', ...judge, prompts: ports.prompts.checksum }
  const { value } = await ports.store.putRecord(recordKey.linkJudge(calls), made)
  if (value.model !== judge.model || value.seed !== judge.seed || value.prompts !== made.prompts) {
    throw new InvalidInputError(
      `this mining was begun with ${value.model} as its judge of links, seed ${value.seed}, prompts ${value.prompts}: mine again from the start for another`,
    )
  }
  return value
}
