import type { Cue } from '../formats/chain.ts'
import { html, type Html } from './html.ts'
import type { MiningFacts } from './miningFacts.ts'
import { count, countOf, day, percent } from './words.ts'

const SHOWN_UNRESOLVED = 200

/** What mining made of one repository, in figures: funnel, filter, lengths, references, and what was lacking. */
export function repositorySection(facts: MiningFacts): Html {
  const { mining, gathering } = facts
  const { license, languages, defaultBranch, headSha } = gathering.facts
  const shares = languages.filter(({ share }) => share >= 0.005).slice(0, 6)
  return html`<section class="repository">
    <h2>${mining.repository}</h2>
    <p class="muted">
      ${license ?? 'Licence unknown'} · ${defaultBranch} at <code>${headSha.slice(0, 12)}</code> · mined
      ${day(mining.minedAt)} from
      ${gathering.source === 'git' ? 'git alone: commit texts, no discussion' : 'GitHub and git'} · ${mining.mode}
      chains of ${mining.settings.min} to ${mining.settings.max}
    </p>
    ${
      shares.length > 0 &&
      html`<p class="languages">
        ${shares.map(({ name, share }) => html`<span>${name} <b>${percent(share, 1)}</b></span>`)}
      </p>`
    }
    <div class="cards">
      <div class="card wide">
        <h3>From pull requests to chains</h3>
        ${funnel(facts)}
      </div>
      <div class="card">
        <h3>What each rule removed</h3>
        ${bars(
          Object.entries(mining.removed)
            .filter(([, n]) => n > 0)
            .sort((a, b) => b[1] - a[1])
            .map(([name, n]) => ({ name, n })),
          'The filter removed nothing.',
        )}
      </div>
      <div class="card">
        <h3>Chain lengths</h3>
        ${bars(lengths(facts), 'There are no chains.')}
      </div>
      <div class="card wide">
        <h3>References</h3>
        ${matrix(facts)}
      </div>
      <div class="card wide">
        <h3>What it took, what was lacking</h3>
        ${costs(facts)}
      </div>
    </div>
  </section>`
}

function funnel({ funnel: steps }: MiningFacts): Html {
  const most = Math.max(1, steps[0]?.count ?? 1)
  return html`<ol class="funnel">
    ${steps.map((step, index) => {
      const before = steps[index - 1]?.count
      return html`<li>
        <span class="name">${step.name}<small>${step.meaning}</small></span>
        <span class="bar"><i style="width:${((100 * step.count) / most).toFixed(2)}%"></i></span>
        <span class="n">${count(step.count)}</span>
        <span class="of">${before !== undefined && percent(step.count, before)}</span>
      </li>`
    })}
  </ol>`
}

function lengths({ chains }: MiningFacts): { name: string; n: number }[] {
  const byLength = Map.groupBy(chains, ({ stages }) => stages.length)
  return [...byLength]
    .sort(([a], [b]) => a - b)
    .map(([length, some]) => ({ name: countOf(length, 'pull request'), n: some.length }))
}

function bars(rows: readonly { name: string; n: number }[], none: string): Html {
  if (rows.length === 0) return html`<p class="muted">${none}</p>`
  const most = Math.max(...rows.map(({ n }) => n))
  return html`<ul class="bars">
    ${rows.map(
      ({ name, n }) =>
        html`<li>
          <span class="name">${name}</span>
          <span class="bar"><i style="width:${((100 * n) / most).toFixed(2)}%"></i></span>
          <span class="n">${count(n)}</span>
        </li>`,
    )}
  </ul>`
}

function matrix({ references, throughIssues, byBots, links, mining }: MiningFacts): Html {
  const { settings, counts } = mining
  const total = (cues: ReadonlyMap<Cue, number>) => [...cues.values()].reduce((sum, n) => sum + n, 0)
  const sources = [...references.keys()].sort((a, b) => total(references.get(b)!) - total(references.get(a)!))
  const at = (source: (typeof sources)[number], cue: Cue) => references.get(source)!.get(cue) ?? 0
  const cueTotal = (cue: Cue) => sources.reduce((sum, source) => sum + at(source, cue), 0)
  const cues = [...new Set(sources.flatMap((source) => [...references.get(source)!.keys()]))].sort(
    (a, b) => cueTotal(b) - cueTotal(a),
  )
  if (cues.length === 0) return html`<p class="muted">No reference was found.</p>`
  const all = cues.reduce((sum, cue) => sum + cueTotal(cue), 0)
  const most = Math.max(...cues.flatMap((cue) => sources.map((source) => at(source, cue))))
  return html`<div class="scroll">
      <table class="matrix">
        <thead>
          <tr>
            <th scope="col">cue</th>
            ${sources.map((source) => html`<th scope="col">${source}</th>`)}
            <th scope="col">all</th>
          </tr>
        </thead>
        <tbody>
          ${cues.map(
            (cue) =>
              html`<tr>
                <th scope="row"><span class="chip cue-${cue}">${cue}</span></th>
                ${sources.map((source) => {
                  const n = at(source, cue)
                  return html`<td style="--heat:${n === 0 ? 0 : Math.ceil(6 + (38 * n) / most)}%">
                    ${n === 0 ? '·' : count(n)}
                  </td>`
                })}
                <td class="sum">${count(cueTotal(cue))}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="muted">
      ${countOf(all, 'reference')}, ${count(throughIssues)} of them through an issue, ${count(byBots)} by bots. They
      make ${countOf(links.stated, 'link')}.
      ${
        settings.distant !== 'none' &&
        html`${countOf(links.distant, 'more link')} that no text states
        ${settings.distant === 'chain' ? 'may hold chains too' : 'are proposed and hold no chain'}.`
      }
      ${
        settings.judgeModel !== null &&
        html`${settings.judgeModel} was asked about ${countOf(counts.judged, 'link')} and refused
        ${count(counts.refused)}.`
      }
    </p>`
}

function costs({ mining, gathering }: MiningFacts): Html {
  const { calls, lacks } = gathering
  const pulls = mining.counts.pullRequests
  const spent = calls.rest + calls.unchanged + calls.graphql
  return html`<p>
      ${
        spent === 0
          ? 'No call to GitHub is on record.'
          : html`${countOf(calls.rest, 'REST call')}, ${count(calls.unchanged)} more answered “unchanged”,
            ${countOf(calls.graphql, 'GraphQL call')} for ${countOf(calls.points, 'point')}:
            ${pulls === 0 ? '–' : Math.round((1000 * spent) / pulls)} for each 1,000 pull requests.`
      }
    </p>
    ${
      lacks.length === 0
        ? html`<p class="muted">No kind of evidence was lacking.</p>`
        : html`<ul class="lacks">
            ${[...Map.groupBy(lacks, ({ reason }) => reason)].map(
              ([reason, some]) => html`<li><b>${some.map(({ kind }) => kind).join(', ')}</b>: ${reason}</li>`,
            )}
          </ul>`
    }
    ${
      mining.unresolved.length > 0 &&
      html`<details class="unresolved">
        <summary>
          ${countOf(mining.unresolved.length, 'pull request')} in no chain, since git and GitHub do not agree
        </summary>
        <ul>
          ${mining.unresolved
            .slice(0, SHOWN_UNRESOLVED)
            .map(({ number, reason }) => html`<li><b>#${number}</b> ${reason}</li>`)}
          ${
            mining.unresolved.length > SHOWN_UNRESOLVED &&
            html`<li>and ${count(mining.unresolved.length - SHOWN_UNRESOLVED)} more, in the store</li>`
          }
        </ul>
      </details>`
    }`
}
