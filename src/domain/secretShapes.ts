import { maskFound, type Found } from './redaction.ts'

/** Shapes that tokens of well-known makers have, each by a mark that other texts do not have. The kind is the name. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  'github-token': /\b(?:gh[oprsu]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b/g,
  'gitlab-token': /\bglpat-[A-Za-z0-9_-]{20}(?![A-Za-z0-9_-])/g,
  'openai-key': /\bsk-(?:[a-z]+-)?[A-Za-z0-9_-]{20,120}T3BlbkFJ[A-Za-z0-9_-]{20,120}/g,
  'anthropic-key': /\bsk-ant-[a-z]+\d\d-[A-Za-z0-9_-]{80,120}/g,
  'aws-key-id': /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g,
  'aws-secret-key':
    /(?<=aws_?secret_?(?:access_?)?key\\{0,3}['"]?\s{0,4}(?:=|:|=>)\s{0,4}\\{0,3}['"]?)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/gi,
  'google-key': /\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g,
  'slack-token': /\bxox[abeoprs]-(?:\d{10,13}-){1,3}[A-Za-z0-9-]{20,64}/g,
  'stripe-key': /\b[rs]k_live_[A-Za-z0-9]{24,99}\b/g,
  'npm-token': /\bnpm_[A-Za-z0-9]{36}\b/g,
  'pypi-token': /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}/g,
  'huggingface-token': /\bhf_[A-Za-z]{34}\b/g,
  'gateway-token': /\bprchain-[0-9a-f]{48}\b/g,
}

/** Where a word begins, also after a character that JSON wrote as an escape, and after a terminal's colour: their letters are none of it. */
const BEGIN = /(?:\b|(?<=\\(?:[bfnrt]|u[0-9a-f]{4})|\[[\d;]*[mK]))/.source
const PATTERNS = Object.entries(SHAPES).map(([kind, shape]) => {
  const pattern = new RegExp(
    shape.source.replace(/^\\b/, () => BEGIN),
    shape.flags,
  )
  return { kind, pattern }
})

const KEY_BEGIN = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----/g
const KEY_END = /-----END (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----/
const KEY_LINE = /[A-Za-z0-9+/]{40}/
/** The lines of a key that is cut off, also with line breaks written as `\n` and with the signs of a diff before them. */
const KEY_LINES = /^(?:(?:\s|\\[nr]|["'+-])*[A-Za-z0-9+/=]{40,})+(?:(?:\r?\n|\\n)["'+-]?[A-Za-z0-9+/=]+)?/
const LONGEST_KEY = 20_000

/** Tokens made of so few different characters are placeholders. */
const FEWEST_CHARACTERS = 10
const PLACEHOLDER = /example|placeholder|your[-_]|redacted|dummy|x{6}|0{8}|1234567/i

/** What looks like somebody's secret in a text, in order, none over another. Placeholders do not. */
export function findShapes(text: string): Found[] {
  const found = PATTERNS.flatMap(({ kind, pattern }) =>
    [...text.matchAll(pattern)]
      .filter(([token]) => new Set(token).size >= FEWEST_CHARACTERS && !PLACEHOLDER.test(token))
      .map(({ 0: token, index }) => ({ from: index, to: index + token.length, kind })),
  )
  found.push(...findPrivateKeys(text))
  found.sort((a, b) => a.from - b.from || b.to - a.to)
  let end = 0
  return found.filter(({ from, to }) => {
    if (from < end) return false
    end = to
    return true
  })
}

/** A text with a mask over whatever looks like a secret. */
export function maskShapes(text: string): string {
  return maskFound(text, findShapes(text))
}

/** Blocks with a key in them: the marks alone, as code has them that reads keys, are none. */
function findPrivateKeys(text: string): Found[] {
  return [...text.matchAll(KEY_BEGIN)].flatMap(({ 0: begin, index: from }) => {
    const bodyFrom = from + begin.length
    const rest = text.slice(bodyFrom, bodyFrom + LONGEST_KEY)
    const end = KEY_END.exec(rest)
    const isWhole = end !== null && !rest.slice(0, end.index).includes('-----BEGIN ')
    if (isWhole && KEY_LINE.test(rest.slice(0, end.index))) {
      return [{ from, to: bodyFrom + end.index + end[0].length, kind: 'private-key' }]
    }
    const lines = KEY_LINES.exec(rest)
    return lines === null ? [] : [{ from, to: bodyFrom + lines[0].length, kind: 'private-key' }]
  })
}
