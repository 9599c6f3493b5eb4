import type { PullRequest } from '../formats/pullRequest.ts'
import { blank, maskMarkup } from './referenceProse.ts'

/** What a text's numbers are read against. */
export interface NumberSpace {
  /** `owner/name`. */
  repository: string
  /** The repository's page, such as `https://github.com/owner/name`, without a slash at the end. */
  page: string
  /** The pull request that a commit's sha, or the first seven or more digits of it, stands for; null for none. */
  pullOfSha: (sha: string) => number | null
}

/** The space of a pull request's own texts. */
export function numberSpace(
  pull: Pick<PullRequest, 'repository' | 'url'>,
  pullOfSha: NumberSpace['pullOfSha'] = () => null,
): NumberSpace {
  return { repository: pull.repository, page: pull.url.replace(/\/(?:pull|issues)\/\d+.*$/, ''), pullOfSha }
}

/**
 * Rewrites every form of a reference to a number of the same repository as `#N`: page addresses, `owner/name#N`,
 * `GH-N`, Markdown links, commit shas. References to other repositories and other addresses become spaces. Lengths and line
 * breaks stay, so offsets do too.
 */
export function rewriteNumbers(prose: string, space: NumberSpace): string {
  const own = space.repository.toLowerCase()
  const place = (found: string, number: number | null) => {
    const token = number === null ? '' : `#${number}`
    return token.length <= found.length ? token + blank(found.slice(token.length)) : blank(found)
  }
  return prose
    .replace(/\[([^[\]\n]*)\]\(([^()\s]*)(?:\s+"[^"\n]*")?\)/g, (found, label: string, address: string) => {
      const kept = ` ${label.replace(ANY_NUMBER, blank)} `
      return kept + place(found.slice(kept.length), numberOfAddress(address, space))
    })
    .replace(/https?:\/\/[^\s<>()[\]{}"']+/g, (found) => {
      const address = found.replace(/(?<![.,;:!?*_~`])[.,;:!?*_~`]+$/, '')
      return place(address, numberOfAddress(address, space)) + found.slice(address.length)
    })
    .replace(/(?<![\w./-])([\w-]+\/[\w.-]+)#(\d+)\b/g, (found, repository: string, digits: string) =>
      place(found, repository.toLowerCase() === own ? Number(digits) : null),
    )
    .replace(/(?<![\w./-])([\w-]+)#(\d+)\b/g, (found, name: string, digits: string) =>
      own.endsWith(`/${name.toLowerCase()}`) ? place(found, Number(digits)) : found,
    )
    .replace(/\bPR:? (?=[1-9]\d*\b(?![.,]\d))/g, (found) => `${' '.repeat(found.length - 1)}#`)
    .replace(/(?<![\w/-])GH-(\d+)\b/gi, (found, digits: string) => place(found, Number(digits)))
    .replace(/(?<![\w/@#-])[0-9a-f]{7,40}(?![\w@/-])/g, (found) => {
      const number = space.pullOfSha(found)
      return number === null ? found : place(found, number)
    })
}

/** The numbers `#N` of a rewritten text with their offsets, in text order. */
export function readNumbers(text: string): { number: number; start: number; end: number }[] {
  return [...text.matchAll(/(?<![A-Za-z0-9&#]|(?<!#\d{1,9})\/)#([1-9]\d{0,8})(?![A-Za-z0-9…]|\.\.\.)/g)].map(
    (found) => ({
      number: Number(found[1]),
      start: found.index,
      end: found.index + found[0].length,
    }),
  )
}

/**
 * Numbers of the same repository, its own left out, that the prose of a pull request's people names, each once, in
 * text order. Whether one is an issue or a pull request, the text does not say.
 */
export function findNamedNumbers(pull: Pick<PullRequest, 'repository' | 'url' | 'number' | 'texts'>): number[] {
  const space = numberSpace(pull)
  const named = pull.texts
    .filter(({ isBot }) => !isBot)
    .flatMap(({ text }) => readNumbers(rewriteNumbers(maskMarkup(text), space)))
  return [...new Set(named.map(({ number }) => number))].filter((number) => number !== pull.number)
}

const ANY_NUMBER = /(?:[\w-]+\/[\w.-]+)?#\d+|\bGH-\d+/gi

function numberOfAddress(address: string, space: NumberSpace): number | null {
  const path = pathBelow(address, space.page)
  if (path === null) return null
  const commit = /^\/commit\/([0-9a-f]{7,40})(?![\w])/.exec(path)
  if (commit) return space.pullOfSha(commit[1]!)
  const number = /^\/(?:pull|issues)\/([1-9]\d{0,8})(?![\w.])/.exec(path)
  return number ? Number(number[1]) : null
}

function pathBelow(address: string, page: string): string | null {
  const plain = (text: string) => text.replace(/^https?:\/\/(?:www\.)?/i, '')
  const [path, base] = [plain(address), plain(page)]
  return path.toLowerCase().startsWith(`${base.toLowerCase()}/`) ? path.slice(base.length) : null
}
