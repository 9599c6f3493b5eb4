import { randomFor, type Random } from './random.ts'

const VERBS = 'add fix handle support rename remove simplify speed up cache validate parse split merge expose deprecate'
const NOUNS =
  'parser lexer scheduler broker cursor buffer index planner resolver encoder decoder registry session client ' +
  'worker queue topic schema migration snapshot tensor kernel solver matrix backend adapter plugin formatter linter ' +
  'rule token stream partition replica ledger offset batch retry timeout lock pool router endpoint config flag'
const WORDS =
  'the a this that which when now still only also already because but with without under over after before it we ' +
  'they is are was should could would makes keeps returns raises breaks passes fails needs uses takes gives long ' +
  'short empty wrong stale nested large small default optional explicit case path value error test change code call'
const verbs = VERBS.split(' ')
const nouns = NOUNS.split(' ')
const words = WORDS.split(' ')

/** A name as it stands in code. */
export function identifier(random: Random): string {
  return `${random.pick(verbs)}_${random.pick(nouns)}`
}

/** A title of a pull request or an issue. */
export function titleText(random: Random): string {
  const verb = random.pick(verbs)
  const tail = random.chance(0.4) ? ` in ${random.pick(nouns)} ${random.pick(nouns)}` : ''
  return `${verb[0]!.toUpperCase()}${verb.slice(1)} ${random.pick(nouns)} ${random.pick(nouns)}${tail}`
}

let pool: readonly string[] | null = null

/** One sentence of 5 to 24 words, out of some thousand; a name or a path in code font now and then. */
export function sentence(random: Random): string {
  pool ??= Array.from({ length: 4000 }, (_, index) => makeSentence(randomFor('sentence', index)))
  return random.pick(pool)
}

function makeSentence(random: Random): string {
  const parts: string[] = []
  for (let left = 5 + random.int(20); left > 0; left -= 1) {
    const kind = random.next()
    if (kind < 0.06) parts.push(`\`${identifier(random)}\``)
    else parts.push(random.pick(kind < 0.35 ? nouns : words))
  }
  const text = parts.join(' ')
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`
}

/** Sentences until about `length` characters are full, in paragraphs of some sentences. */
export function paragraphs(random: Random, length: number): string {
  const made: string[] = []
  for (let size = 0; size < length;) {
    const one = sentence(random)
    made.push(one)
    size += one.length + 1
  }
  return made
    .map((one, index) => one + (index % 4 === 3 ? '\n\n' : ' '))
    .join('')
    .trim()
}

/** A fenced block as people paste it, with `line` in its middle. */
export function codeBlock(random: Random, line: string): string {
  const call = () => `    ${identifier(random)}(${random.pick(nouns)}=${random.int(100)})`
  return ['```', `>>> ${identifier(random)}()`, call(), line, call(), '```'].join('\n')
}
