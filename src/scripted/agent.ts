import { splitRollout } from '../domain/identifiers.ts'
import type { Bench, Move } from './bench.ts'
import { readRound } from './conversation.ts'
import { drawFlaws, planWork } from './flaws.ts'
import { phraseFor } from './phrases.ts'
import type { References } from './reference.ts'
import { playRound, submitMove, type RoundPart } from './round.ts'
import { drawHex } from './seed.ts'
import { stagePartOf, type ScriptedSettings } from './settings.ts'
import { answerSideCall } from './sideCall.ts'
import { createToolbox } from './toolbox.ts'
import type { PlayHeaders, WireReply, WireRequest } from './wire.ts'
import type { Work } from './work.ts'

const KEPT = 256

/** Answers as the agent. */
export type AnswerAsAgent = (options: {
  request: WireRequest
  play: PlayHeaders
  settings: ScriptedSettings
}) => Promise<WireReply>

/**
 * The agent's part: a function of the request's messages, the play, the seed, the settings and the reference in the
 * store. It keeps nothing between requests but plans that it could make again: each request walks the round's play from
 * its start with the observations in the conversation, and the next move is the reply.
 */
export function createAgent({ references, seed }: { references: References; seed: number }): AnswerAsAgent {
  const works = new WeakMap<ScriptedSettings, Map<string, Work>>()

  async function workOf(settings: ScriptedSettings, play: PlayHeaders, stage: number): Promise<Work> {
    const known = works.get(settings) ?? new Map<string, Work>()
    works.set(settings, known)
    const key = `${play.chain} ${numberOf(play.rollout)} ${stage}`
    const ready = known.get(key)
    if (ready) return ready
    const part = stagePartOf(settings, play.chain, stage)
    const files = await references.filesOf(play.chain, stage, { includeTests: part.includeTests })
    const place = { seed, chain: play.chain, n: numberOf(play.rollout), stage }
    const work = planWork(files, drawFlaws(part.flaws, place), place)
    if (known.size >= KEPT) known.clear()
    known.set(key, work)
    return work
  }

  async function earlierNamesOf(settings: ScriptedSettings, play: PlayHeaders): Promise<Map<string, string>> {
    const names = new Map<string, string>()
    for (let stage = 0; stage < play.stage; stage++) {
      if (!stagePartOf(settings, play.chain, stage).flaws.some((flaw) => flaw.kind === 'renamed')) continue
      for (const [theirs, own] of (await workOf(settings, play, stage)).names) names.set(theirs, own)
    }
    return names
  }

  return async ({ request, play, settings }) => {
    const aside = answerSideCall(request)
    if (aside) return aside
    const history = readRound(request.messages)
    const part = stagePartOf(settings, play.chain, play.stage)
    const flaws = new Set(
      drawFlaws(part.flaws, { seed, n: numberOf(play.rollout), chain: play.chain, stage: play.stage }).map(
        (flaw) => flaw.kind,
      ),
    )
    const place = [
      play.chain,
      numberOf(play.rollout),
      play.stage,
      ...(play.phase === 'rebase' ? ['rebase'] : []),
      play.round,
    ]
    const isAgain = history.isAgain || history.isLacking
    const observations = history.isLacking ? [] : history.observations
    const messagesBefore = history.messagesBefore + (history.isLacking ? history.observations.length : 0)
    const isAtStart = play.phase === 'work' && play.round === 0 && observations.length === 0 && !isAgain
    if (isAtStart && flaws.has('no-tool-call') && !history.hasSilence) {
      const { think, say } = phraseFor('silent', '', seed, ...place)
      return { content: say, reasoning: think, toolCalls: [] }
    }

    const bench: Bench = {
      toolbox: createToolbox(new Set(request.tools.map((tool) => tool.function.name)), history.root),
      isParallel: part.parallel,
      moves: 0,
      seen: new Map(),
    }
    const round: RoundPart = {
      bench,
      part,
      work: await workOf(settings, play, play.stage),
      markerFile: settings.markerFile,
      rollout: play.rollout,
      stage: play.stage,
      round: play.round,
      phase: play.phase,
      opening: history.opening,
      isAgain,
      extraStepsTaken: history.isLacking ? history.extraSteps : history.extraStepsBefore,
      earlierNames: await earlierNamesOf(settings, play),
    }
    const move = nextMove(round, observations)
    const matter = history.isLacking ? 'again' : move.matter
    const ordinal = messagesBefore + observations.length
    const reply = replyOf({ ...move, matter }, [seed, ...place, ordinal, Number(history.hasBadArguments)])
    const isBad = isAtStart && flaws.has('bad-arguments') && !history.hasBadArguments && reply.toolCalls.length > 0
    return isBad ? withBadArguments(reply) : reply
  }
}

/** A rollout's number within its campaign, or all of its id where that is of another form. */
function numberOf(rollout: string): string {
  const { n } = splitRollout(rollout)
  return Number.isInteger(n) && n > 0 ? String(n) : rollout
}

function nextMove(round: RoundPart, observations: readonly string[][]): Move {
  const playing = playRound(round)
  let next = playing.next()
  for (const seen of observations) {
    if (next.done) break
    next = playing.next(seen)
  }
  return next.done ? submitMove(round) : next.value
}

function replyOf(move: Move, [seed, ...place]: [number, ...(string | number)[]]): WireReply {
  const { think, say } = phraseFor(move.matter, move.path, seed, ...place, move.index)
  return {
    content: say,
    reasoning: think,
    toolCalls: move.uses.map((use, index) => ({
      id: `call_${drawHex(seed, 'call', ...place, index).slice(0, 24)}`,
      type: 'function',
      function: { name: use.name, arguments: JSON.stringify(use.arguments) },
    })),
  }
}

/** The same reply with its first tool call broken off, as models do now and then. */
function withBadArguments(reply: WireReply): WireReply {
  const toolCalls = reply.toolCalls.map((call, index) =>
    index === 0 ? { ...call, function: { ...call.function, arguments: call.function.arguments.slice(0, -2) } } : call,
  )
  return { ...reply, toolCalls }
}
