import { createInterface } from 'node:readline'
import { inScratch, treeOf, type Scratch } from './scratch.ts'

const WORDS_AT_ONCE = 500

/** The words that occur as whole words in a text file at a tree or commit. A word with a line break occurs nowhere. */
export async function findWordsAt(scratch: Scratch, object: string, words: readonly string[]): Promise<Set<string>> {
  const tree = await treeOf(scratch, object)
  const wanted = [...new Set(words)].filter((word) => word !== '' && !/[\n\r\0]/.test(word))
  const found = new Set<string>()
  for (let start = 0; start < wanted.length; start += WORDS_AT_ONCE) {
    let remaining = wanted.slice(start, start + WORDS_AT_ONCE)
    // Git prints the longest match at a place, so a word may hide within another: ask again for what is left over.
    for (;;) {
      const seen = await searchOnce(scratch, tree, remaining)
      for (const word of seen) found.add(word)
      if (seen.size === 0) break
      remaining = remaining.filter((word) => !seen.has(word))
      if (remaining.length === 0) break
    }
  }
  return found
}

async function searchOnce(scratch: Scratch, tree: string, words: readonly string[]): Promise<Set<string>> {
  const args = ['grep', '-F', '-w', '-o', '-h', '-I', '--no-color', '-f', '-', tree]
  const { child, ended } = scratch.git.start(args, { ...inScratch(scratch), okCodes: [0, 1] })
  child.stdin.end(`${words.join('\n')}\n`)
  const asked = new Set(words)
  const seen = new Set<string>()
  for await (const line of createInterface({ input: child.stdout })) if (asked.has(line)) seen.add(line)
  await ended
  return seen
}
