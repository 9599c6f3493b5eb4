import { PAPER_TOTAL, paperFigures } from '../domain/paperTable.ts'
import { html, type Html } from './html.ts'
import type { MiningFacts } from './miningFacts.ts'
import { count, perHundred } from './words.ts'

/** Columns of what was mined. */
const FIGURES = 6

interface Row {
  pulls: number
  effective: number
  links: number
  chains: number
  stages: number
}

/** What was mined, a row for each repository, beside the paper's Table 4. */
export function besidePaper(repositories: readonly MiningFacts[]): Html {
  const rows = repositories.map((facts) => ({ name: facts.mining.repository, row: rowOf(facts) }))
  const named = rows.map(({ name }) => paperFigures(name)).filter((paper) => paper !== null)
  const sum = (part: keyof Row) => rows.reduce((total, { row }) => total + row[part], 0)
  const total = {
    pulls: sum('pulls'),
    effective: sum('effective'),
    links: sum('links'),
    chains: sum('chains'),
    stages: sum('stages'),
  }
  return html`<section>
    <h2>Beside the paper’s Table 4</h2>
    <div class="scroll">
      <table class="figures">
        <thead>
          <tr>
            <td></td>
            <th scope="colgroup" colspan="${FIGURES}">mined here</th>
            <th scope="colgroup" colspan="3" class="paper">in the paper</th>
          </tr>
          <tr>
            <th scope="col">repository</th>
            <th scope="col">pull requests</th>
            <th scope="col">effective</th>
            <th scope="col">links</th>
            <th scope="col">chains</th>
            <th scope="col">stages</th>
            <th scope="col">per 100</th>
            <th scope="col" class="paper">pull requests</th>
            <th scope="col">queries</th>
            <th scope="col">per 100</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ({ name, row }) =>
              html`<tr>
                <th scope="row">${name}</th>
                ${cells(row)}${paperCells(paperFigures(name))}
              </tr>`,
          )}
        </tbody>
        <tfoot>
          ${
            rows.length > 1 &&
            html`<tr>
              <th scope="row">all of these</th>
              ${cells(total)}${paperCells(null)}
            </tr>`
          }
          <tr>
            <th scope="row">the paper’s nine</th>
            ${Array.from({ length: FIGURES }, () => html`<td class="none">–</td>`)}${paperCells(PAPER_TOTAL)}
          </tr>
        </tfoot>
      </table>
    </div>
    <p class="muted">
      A stage is the counterpart of the paper’s query: one pull request that an agent is asked for. Here “per 100” is of
      effective pull requests; which ones the paper’s table counts, it does not say.
      ${named.length === 0 && rows.length > 0 && 'None of these repositories is one of the paper’s nine.'}
    </p>
  </section>`
}

function rowOf({ mining, chains }: MiningFacts): Row {
  return {
    pulls: mining.counts.pullRequests,
    effective: mining.counts.effective,
    links: mining.counts.links,
    chains: chains.length,
    stages: chains.reduce((sum, { stages }) => sum + stages.length, 0),
  }
}

function cells(row: Row): Html[] {
  return [
    ...[row.pulls, row.effective, row.links, row.chains, row.stages].map((n) => html`<td>${count(n)}</td>`),
    html`<td>${perHundred(row.stages, row.effective)}</td>`,
  ]
}

function paperCells(paper: { pullRequests: number; queries: number } | null): Html[] {
  if (paper === null)
    return [html`<td class="paper none">–</td>`, html`<td class="none">–</td>`, html`<td class="none">–</td>`]
  return [
    html`<td class="paper">${count(paper.pullRequests)}</td>`,
    html`<td>${count(paper.queries)}</td>`,
    html`<td>${perHundred(paper.queries, paper.pullRequests)}</td>`,
  ]
}
