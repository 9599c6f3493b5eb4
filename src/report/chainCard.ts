import { LINK_THRESHOLD } from '../domain/linkScore.ts'
import type { Chain, Link, Reference, Stage } from '../formats/chain.ts'
import { drawChain, strongestCue } from './chainGraph.ts'
import { html, linkTo, type Html } from './html.ts'
import { countOf, day } from './words.ts'

const SHOWN_SYMBOLS = 8
const SHOWN_FILES = 5

/**
 * A chain as a row that opens: its graph, and the evidence for each link in words. What is inside stands in a template,
 * so that thousands of chains cost nothing until one is looked at.
 */
export function chainCard(chain: Chain, { isOpen = false }: { isOpen?: boolean } = {}): Html {
  const { id, repository, stages, links } = chain
  const cues = [...new Set(links.map(cueOf))]
  const scores = links.map(({ score }) => score)
  const tested = stages.filter(({ testFiles }) => testFiles.length > 0).length
  const flagged = stages.filter(({ flags }) => (flags ?? []).length > 0).length
  const body = html`<div class="chain-body">
    <p class="chain-facts">
      <code>${id}</code> · ${repository} · ${chain.shape} · ${chain.mode} · ${licenseOf(chain)}${languagesOf(chain)}
    </p>
    <div class="scroll">${drawChain(chain)}</div>
    <ol class="stages">
      ${stages.map((stage) => stageEntry(stage, { chain }))}
    </ol>
  </div>`
  return html`<details
    class="chain"
    id="${id}"
    data-repository="${repository}"
    data-length="${stages.length}"
    data-cues="${cues.join(' ')}"
    data-tests="${tested === stages.length ? 'all' : 'some'}"
    data-kinds="${[...new Set(links.map(({ kind }) => kind ?? 'stated'))].join(' ')}"
    ${isOpen && html`open`}
  >
    <summary>
      <span class="path">${stages.map(({ number }, index) => [index > 0 && html` <i>→</i> `, `#${number}`])}</span>
      <span class="title">${stages.at(-1)!.title}</span>
      <span class="chips">
        ${cues.map((cue) => html`<span class="chip cue-${cue}">${cue}</span>`)}
        ${flagged > 0 && html`<span class="chip flagged">${countOf(flagged, 'flag')}</span>`}
        <span class="chip plain" title="stages that change tests">tests ${tested}/${stages.length}</span>
        ${scores.length > 0 && html`<span class="score" title="the weakest link’s score">${Math.min(...scores).toFixed(2)}</span>`}
      </span>
    </summary>
    ${isOpen ? body : html`<template>${body}</template>`}
  </details>`
}

function stageEntry(stage: Stage, { chain }: { chain: Chain }): Html {
  const links = chain.links.filter(({ from }) => from === stage.number)
  const sum = (side: 'additions' | 'deletions') => stage.files.reduce((total, file) => total + (file[side] ?? 0), 0)
  const flags = stage.flags ?? []
  const tests = stage.testFiles.length
  return html`<li>
    <h4>${linkTo(stage.url, `#${stage.number}`)} ${stage.title}</h4>
    <p class="stage-facts">
      ${day(stage.mergedAt)} · ${stage.style} · <span class="added">+${sum('additions')}</span>
      <span class="deleted">−${sum('deletions')}</span> in ${countOf(stage.files.length, 'file')} ·
      ${tests === 0 ? 'no tests' : countOf(tests, 'test file')}
    </p>
    ${
      flags.length > 0 &&
      html`<ul class="flags">
        ${flags.map((flag) => html`<li>${flag}</li>`)}
      </ul>`
    }
    ${links.map(linkEntry)}
  </li>`
}

function linkEntry(link: Link): Html {
  const { overlap, judgement } = link
  return html`<div class="evidence cue-${cueOf(link)}">
    <p class="link-head">
      ${link.score < LINK_THRESHOLD ? 'cites' : link.kind === 'distant' ? 'touches' : 'builds on'} <b>#${link.to}</b>
      <span class="score">${link.score.toFixed(2)}</span>
      <span class="muted">${link.kind === 'distant' ? 'distant: no text states it' : 'stated'}</span>
    </p>
    ${link.references.map(referenceEntry)} ${overlap && html`<p class="overlap">${describeOverlap(overlap)}</p>`}
    ${
      judgement &&
      html`<p class="judgement">
        ${judgement.model} judges it ${judgement.isLink ? 'a link' : 'no link'}: ${judgement.reason}
      </p>`
    }
  </div>`
}

function referenceEntry(reference: Reference): Html {
  const { source, cue, viaIssue, viaText, text, url, author, isBot } = reference
  const said = text.trim()
  if (source === 'diff') return html`<p class="shown">${said}</p>`
  return html`<figure>
    ${said !== '' && html`<blockquote>${said}</blockquote>`}
    <figcaption>
      <span class="chip cue-${cue}">${cue}</span> ${linkTo(url, source)}
      ${author !== null && html`· by ${author}`}${isBot && html` <span class="chip plain">bot</span>`}
      ${viaIssue !== null && html`· through issue #${viaIssue}${viaText && html`: “${viaText}”`}`}
    </figcaption>
  </figure>`
}

/** What a link is called in short: its strongest cue, or that no text states it. */
function cueOf(link: Link): string {
  return link.kind === 'distant' ? 'distant' : strongestCue(link)
}

function describeOverlap({ files, symbols, lines }: NonNullable<Link['overlap']>): Html {
  const named = (names: readonly string[], most: number) => [
    names.slice(0, most).map((name, index) => [index > 0 && ', ', html`<code>${name}</code>`]),
    names.length > most && `, and ${names.length - most} more`,
  ]
  if (files.length + symbols.length + lines === 0) return html`The two changes have nothing in common.`
  return html`In common: ${countOf(files.length, 'file')}${files.length > 0 && html` (${named(files, SHOWN_FILES)})`},
  ${countOf(symbols.length, 'symbol')}${symbols.length > 0 && html` (${named(symbols, SHOWN_SYMBOLS)})`};
  ${countOf(lines, 'line')} of the earlier one changed.`
}

function licenseOf({ license }: Chain): string {
  return license ?? 'licence unknown'
}

function languagesOf({ languages }: Chain): string {
  const named = (languages ?? [])
    .filter(({ share }) => share >= 0.005)
    .slice(0, 3)
    .map(({ name, share }) => `${name} ${Math.round(100 * share)}%`)
  return named.length === 0 ? '' : ` · ${named.join(', ')}`
}
