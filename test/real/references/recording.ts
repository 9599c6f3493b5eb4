import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isBotAccount } from '../../../src/domain/pullRequest.ts'
import type { EvidenceText } from '../../../src/formats/pullRequest.ts'

/** The recorded threads of a repository's pull requests. */
export interface Recording {
  /** Title, body, comments, reviews and review comments; the `url` of each is its place in the file. None if not recorded. */
  textsOf(number: number): EvidenceText[]
}

interface Remark {
  body: string | null
  user: { login: string } | null
}

const LISTS = { issue_comments: 'comment', reviews: 'review', review_comments: 'review-comment' } as const

/** Reads `github/owner__name.json` below `dir`; a repository without such a file has no threads. */
export function readRecording(dir: string, repository: string): Recording {
  const path = join(dir, 'github', `${repository.replace('/', '__')}.json`)
  if (!existsSync(path)) return { textsOf: () => [] }
  const file = JSON.parse(readFileSync(path, 'utf8')) as {
    pulls: Record<string, Remark & { title: string }>
  } & Record<keyof typeof LISTS, Record<string, Remark[] | null>>
  return {
    textsOf(number) {
      const pull = file.pulls[number]
      if (!pull) return []
      const remarks = Object.entries(LISTS).flatMap(([list, source]) =>
        (file[list as keyof typeof LISTS][number] ?? []).map((remark, index) => ({
          source,
          remark,
          url: `${list}/${number}/${index}`,
        })),
      )
      const own = [
        { source: 'title' as const, remark: { ...pull, body: pull.title }, url: `pulls/${number}/title` },
        { source: 'body' as const, remark: pull, url: `pulls/${number}/body` },
      ]
      return [...own, ...remarks].flatMap(({ source, remark, url }) => {
        const author = remark.user?.login ?? null
        return remark.body ? [{ source, text: remark.body, url, author, isBot: isBotAccount(author), sha: null }] : []
      })
    },
  }
}
