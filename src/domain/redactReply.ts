import type { ReplyPart } from '../model/port.ts'
import { maskOf, type Found, type Secrets } from './redaction.ts'
import { dataOf } from './wireReply.ts'

/**
 * So many events are held back beside those that may bring a secret by a character each: what begins like one while the
 * reply goes on elsewhere is let go.
 */
const MOST_BESIDE = 64

/** A part that is held back, and the texts in it that are added up from part to part. */
interface Held {
  part: ReplyPart
  body: unknown
  pieces: Piece[]
  isChanged: boolean
}

interface Piece {
  /** Which of the reply's texts it is a piece of. */
  channel: string
  holder: Record<string, unknown>
  name: string
}

/**
 * Masks secrets in a reply as it comes. Of a stream each event is masked, and what several of them add up to: while the
 * end of a text may be the beginning of a secret, its events are held back. Events without a secret stay as they are.
 */
export async function* redactReply(parts: AsyncIterable<ReplyPart>, secrets: Secrets): AsyncGenerator<ReplyPart> {
  const held: Held[] = []
  const mostHeld = secrets.longest + MOST_BESIDE
  for await (const part of parts) {
    held.push(readPart(part))
    const closed = countClosed(held, secrets)
    for (const one of held.splice(0, Math.max(closed, held.length - mostHeld))) yield write(one, secrets)
  }
  for (const one of held) yield write(one, secrets)
}

/** Masks what the held parts add up to, and counts those that no open text keeps back. */
function countClosed(held: readonly Held[], secrets: Secrets): number {
  const channels = new Map<string, { held: Held; index: number; piece: Piece }[]>()
  for (const [index, one] of held.entries()) {
    for (const piece of one.pieces) {
      const known = channels.get(piece.channel)
      if (known) known.push({ held: one, index, piece })
      else channels.set(piece.channel, [{ held: one, index, piece }])
    }
  }
  let closed = held.length
  for (const pieces of channels.values()) {
    for (const found of secrets.find(textOf(pieces)).toReversed()) maskAcross(pieces, found)
    const text = textOf(pieces)
    const openFrom = text.length - secrets.countOpen(text)
    let end = 0
    for (const { index, piece } of pieces) {
      end += valueOf(piece).length
      if (end > openFrom) {
        closed = Math.min(closed, index)
        break
      }
    }
  }
  return closed
}

/** Puts the mask where the secret begins, and takes the rest of it out of the pieces that follow. */
function maskAcross(pieces: readonly { held: Held; piece: Piece }[], { from, to, kind }: Found): void {
  let [at, mask] = [0, maskOf(kind)]
  for (const { held, piece } of pieces) {
    const value = valueOf(piece)
    const [first, last] = [Math.max(from - at, 0), Math.min(to - at, value.length)]
    at += value.length
    if (first >= last) continue
    piece.holder[piece.name] = value.slice(0, first) + mask + value.slice(last)
    held.isChanged = true
    mask = ''
  }
}

function textOf(pieces: readonly { piece: Piece }[]): string {
  return pieces.map(({ piece }) => valueOf(piece)).join('')
}

function valueOf({ holder, name }: Piece): string {
  return holder[name] as string
}

function readPart(part: ReplyPart): Held {
  const body = parse(dataOf(part.text)) as { choices?: { index?: number; delta?: unknown }[] } | null
  const choices = Array.isArray(body?.choices) ? body.choices : []
  const pieces = choices.flatMap((choice) => piecesOf(choice?.delta, String(choice?.index ?? 0)))
  return { part, body, pieces, isChanged: false }
}

/** The strings of a delta. Elements of a list are told apart by the `index` that they name. */
function piecesOf(value: unknown, channel: string): Piece[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]: [string, unknown]): Piece[] => {
    const index = Array.isArray(value) ? ((member as { index?: number } | null)?.index ?? name) : name
    const inner = `${channel}/${index}`
    if (typeof member !== 'string') return piecesOf(member, inner)
    return [{ channel: inner, holder: value as Record<string, unknown>, name }]
  })
}

function write({ part, body, isChanged }: Held, { redact }: Secrets): ReplyPart {
  const text = isChanged ? `data: ${JSON.stringify(body)}\n\n` : part.text
  return { ...part, text: redact(text) }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return null
  }
}
