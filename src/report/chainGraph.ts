import { LINK_THRESHOLD } from '../domain/linkScore.ts'
import type { Chain, Link } from '../formats/chain.ts'
import { html, type Html } from './html.ts'
import { day } from './words.ts'

const RADIUS = 8
const STEP = 116
const MARGIN = 52
const LOW_ARC = 26
const RISE = 22
const BELOW = 44
/** How far beside a node's middle its arcs leave and arrive. */
const BESIDE = 5

/**
 * A chain as a picture: its pull requests from left to right in merge order, an arc for each link from the later to the
 * earlier one, as thick as its score, dashed where no text states it. A node is filled where the pull request changes
 * tests.
 */
export function drawChain(chain: Pick<Chain, 'stages' | 'links'>): Html {
  const { stages, links } = chain
  const place = new Map(stages.map(({ number }, index) => [number, index]))
  const drawn = links.filter(({ from, to }) => place.has(from) && place.has(to))
  const spanOf = ({ from, to }: Link) => Math.abs(place.get(from)! - place.get(to)!)
  const longest = Math.max(1, ...drawn.map(spanOf))
  const base = RADIUS + LOW_ARC + RISE * longest
  const width = 2 * MARGIN + STEP * (stages.length - 1)
  const height = base + BELOW
  const x = (number: number) => MARGIN + STEP * place.get(number)!
  const label = `Pull requests ${stages.map(({ number }) => `#${number}`).join(', ')} with ${drawn.length} link(s)`
  return html`<svg
    class="graph"
    viewBox="0 0 ${width} ${height}"
    width="${width}"
    height="${height}"
    role="img"
    aria-label="${label}"
  >
    ${drawn.map((link) => drawLink(link, { from: x(link.from), to: x(link.to), base, span: spanOf(link) }))}
    ${stages.map(
      ({ number, title, mergedAt, testFiles }) =>
        html`<g>
          <title>${title}</title>
          <circle
            class="${testFiles.length > 0 ? 'node tested' : 'node'}"
            cx="${x(number)}"
            cy="${base}"
            r="${RADIUS}"
          />
          <text class="number" x="${x(number)}" y="${base + 24}">#${number}</text>
          <text class="date" x="${x(number)}" y="${base + 38}">${day(mergedAt)}</text>
        </g>`,
    )}
  </svg>`
}

function drawLink(link: Link, at: { from: number; to: number; base: number; span: number }): Html {
  const start = at.from - BESIDE
  const end = at.to + BESIDE
  const foot = at.base - RADIUS
  const top = foot - LOW_ARC - RISE * (at.span - 1)
  // A cubic's apex lies three quarters of the way to its control points.
  const control = foot - (foot - top) / 0.75
  const kind = [
    'link',
    link.kind === 'distant' ? 'cue-distant distant' : `cue-${strongestCue(link)}`,
    link.score < LINK_THRESHOLD && 'weak',
  ]
  const weight = (0.75 + 3 * link.score).toFixed(2)
  const tip = foot - 1
  return html`<g class="${kind.filter(Boolean).join(' ')}">
    <path d="M${start} ${foot} C${start} ${control} ${end} ${control} ${end} ${tip - 6}" stroke-width="${weight}" />
    <path class="tip" d="M${end - 4.5} ${tip - 7} L${end + 4.5} ${tip - 7} L${end} ${tip} Z" />
    <text class="score" x="${(start + end) / 2}" y="${top + 4}">${link.score.toFixed(2)}</text>
  </g>`
}

const STRENGTH = ['fixes', 'extends', 'sibling', 'mentions', 'contrasts', 'reverts', 'backports', 'releases'] as const

/** The cue that says most of a link. */
export function strongestCue(link: Pick<Link, 'references'>): (typeof STRENGTH)[number] {
  const cues = new Set(link.references.map(({ cue }) => cue))
  return STRENGTH.find((cue) => cues.has(cue)) ?? 'mentions'
}
