import { besidePaper } from './besidePaper.ts'
import { chainCard } from './chainCard.ts'
import { html, type Html } from './html.ts'
import type { MiningFacts } from './miningFacts.ts'
import { renderPage } from './page.ts'
import { repositorySection } from './repositorySection.ts'
import { count, percent } from './words.ts'

/** The report of the minings of one repository or several, as one page. A function of its input. */
export function renderMiningReport(repositories: readonly MiningFacts[]): string {
  const names = repositories.map(({ mining }) => mining.repository)
  const title = names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`
  return renderPage({
    title: `Mining report: ${title}`,
    body: html`<main>
      <header>
        <p class="kind">prchain · mining report</p>
        <h1>${title}</h1>
        ${keyFigures(repositories)}
      </header>
      ${besidePaper(repositories)} ${repositories.map(repositorySection)} ${chainList(repositories)}
    </main>`,
  })
}

function keyFigures(repositories: readonly MiningFacts[]): Html {
  const sum = (of: (facts: MiningFacts) => number) => repositories.reduce((total, facts) => total + of(facts), 0)
  const stages = repositories.flatMap(({ chains }) => chains.flatMap((chain) => chain.stages))
  const tested = stages.filter(({ testFiles }) => testFiles.length > 0).length
  const effective = sum(({ mining }) => mining.counts.effective)
  const isHeard = repositories.every(({ gathering }) => gathering.lacks.every(({ kind }) => kind !== 'comments'))
  const figures = [
    { name: 'pull requests', value: count(sum(({ mining }) => mining.counts.pullRequests)), note: 'closed' },
    { name: 'effective', value: count(effective), note: 'merged, by people, with source' },
    {
      name: 'with tests',
      value:
        percent(
          sum(({ mining }) => mining.counts.withTests),
          effective,
        ) || '–',
      note: 'of the effective',
    },
    {
      name: 'discussed',
      value: isHeard
        ? percent(
            sum(({ mining }) => mining.counts.reviewed),
            effective,
          ) || '–'
        : '–',
      note: isHeard ? 'by another person' : 'not known of all',
    },
    { name: 'chains', value: count(sum(({ chains }) => chains.length)), note: `${count(stages.length)} stages` },
    { name: 'stages with tests', value: percent(tested, stages.length) || '–', note: 'hidden, for grading' },
  ]
  return html`<dl class="key">
    ${figures.map(
      ({ name, value, note }) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}<small>${note}</small></dd>
        </div>`,
    )}
  </dl>`
}

function chainList(repositories: readonly MiningFacts[]): Html {
  const chains = repositories.flatMap((facts) => facts.chains)
  if (chains.length === 0)
    return html`<section>
      <h2>Chains</h2>
      <p class="muted">There are none.</p>
    </section>`
  const lengths = [...new Set(chains.map(({ stages }) => stages.length))].sort((a, b) => a - b)
  const names = repositories.map(({ mining }) => mining.repository)
  const hasDistant = chains.some(({ links }) => links.some(({ kind }) => kind === 'distant'))
  return html`<section class="chains">
    <h2>Chains</h2>
    <form class="tools" role="search">
      <input
        type="search"
        name="text"
        placeholder="number, title, words of the evidence"
        aria-label="search the chains"
      />
      ${
        names.length > 1 &&
        select(
          'repository',
          'all repositories',
          names.map((name) => [name, name]),
        )
      }
      ${select(
        'length',
        'any length',
        lengths.map((n) => [String(n), `${n} pull requests`]),
      )}
      ${select(
        'cues',
        'any cue',
        ['fixes', 'extends', 'sibling', 'mentions'].map((cue) => [cue, cue]),
      )}
      ${
        hasDistant &&
        select(
          'kinds',
          'stated or distant',
          ['stated', 'distant'].map((kind) => [kind, kind]),
        )
      }
      ${select('tests', 'with or without tests', [['all', 'tests in every stage']])}
      <output aria-live="polite">${count(chains.length)} of ${count(chains.length)}</output>
    </form>
    <p class="legend">
      <span><i class="dot tested"></i> changes tests</span> <span><i class="dot"></i> does not</span>
      <span><i class="stroke"></i> stated link, as thick as its score</span>
      <span><i class="stroke distant"></i> distant link</span>
      ${['fixes', 'extends', 'sibling', 'mentions'].map((cue) => html`<span class="chip cue-${cue}">${cue}</span>`)}
    </p>
    <noscript><p class="muted">Chains open with scripts allowed; this page has one, and loads nothing.</p></noscript>
    ${chains.map((chain, index) => chainCard(chain, { isOpen: index === 0 }))}
  </section>`
}

function select(name: string, all: string, options: readonly (readonly [value: string, label: string])[]): Html {
  return html`<select name="${name}" aria-label="${all}">
    <option value="">${all}</option>
    ${options.map(([value, label]) => html`<option value="${value}">${label}</option>`)}
  </select>`
}
