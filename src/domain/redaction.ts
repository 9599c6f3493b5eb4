/** Masks every secret in a text. */
export type Redact = (text: string) => string

/** The secrets of a process, for those who must look at more than one text at a time. */
export interface Secrets {
  redact: Redact
  /** Where secrets stand in a text, in order, none over another. */
  find: (text: string) => Found[]
  /** How many characters at the end of a text may be the beginning of a secret. */
  countOpen: (text: string) => number
  /** The characters of the longest secret; 0 without any. */
  longest: number
}

/** A secret in a text: its characters `[from, to)`. */
export interface Found {
  from: number
  to: number
  kind: string
}

const SHORTEST_SECRET = 8
const LONGEST_SECRET = 4_096
const LONGEST_MASK = 128
const MASK = /\[secret:([A-Za-z][A-Za-z0-9-]*)\]/g

/** What stands in a text where a secret of a kind was. */
export function maskOf(kind: string): string {
  return `[secret:${kind}]`
}

/** The masks in a text, whoever put them there. */
export function findMasks(text: string): Found[] {
  return [...text.matchAll(MASK)].map(({ 0: mask, 1: kind, index }) => ({
    from: index,
    to: index + mask.length,
    kind: kind!,
  }))
}

/** A text with masks where something was found. */
export function maskFound(text: string, found: readonly Found[]): string {
  let [masked, at] = ['', 0]
  for (const { from, to, kind } of found) {
    masked += text.slice(at, from) + maskOf(kind)
    at = to
  }
  return masked + text.slice(at)
}

/**
 * The secrets of this process by kind: the names of their settings. Values shorter than eight characters are no secrets.
 * One that JSON writes otherwise is found in that form too.
 */
export function createSecrets(byKind: Readonly<Record<string, string | null>>): Secrets {
  const kinds = new Map<string, string>()
  for (const [kind, value] of Object.entries(byKind)) {
    if (value === null || value.length < SHORTEST_SECRET) continue
    for (const form of [value, JSON.stringify(value).slice(1, -1)]) kinds.set(form, kinds.get(form) ?? kind)
  }
  const forms = [...kinds.keys()].sort((a, b) => b.length - a.length)
  const pattern = forms.length === 0 ? null : new RegExp(forms.map((form) => RegExp.escape(form)).join('|'), 'g')
  const find = (text: string): Found[] => {
    if (pattern === null) return []
    return [...text.matchAll(pattern)].map(({ 0: form, index }) => ({
      from: index,
      to: index + form.length,
      kind: kinds.get(form)!,
    }))
  }
  return {
    redact: (text) => maskFound(text, find(text)),
    find,
    countOpen(text) {
      const counts = forms.map((form) => {
        let count = Math.min(form.length - 1, text.length)
        while (count > 0 && !text.endsWith(form.slice(0, count))) count--
        return count
      })
      return Math.max(0, ...counts)
    },
    longest: forms[0]?.length ?? 0,
  }
}

/** Passes a stream on and tells of each mask in it, its place counted in bytes. */
export async function* watchMasks(
  content: AsyncIterable<Uint8Array>,
  onMask: (found: Found) => void,
): AsyncGenerator<Uint8Array> {
  let [rest, restFrom, toldTo] = ['', 0, 0]
  for await (const chunk of content) {
    rest += Buffer.from(chunk).toString('latin1')
    for (const { from, to, kind } of findMasks(rest)) {
      if (restFrom + from < toldTo) continue
      toldTo = restFrom + to
      onMask({ from: restFrom + from, to: toldTo, kind })
    }
    const kept = rest.slice(-LONGEST_MASK)
    restFrom += rest.length - kept.length
    rest = kept
    yield chunk
  }
}

/** Masks secrets in a stream of bytes, those too that are cut by its chunks. Bytes that are no secret stay as they are. */
export async function* redactStream(content: AsyncIterable<Uint8Array>, redact: Redact): AsyncGenerator<Uint8Array> {
  let rest = ''
  for await (const chunk of content) {
    // Latin-1 keeps every byte; a secret is ASCII.
    const text = redact(rest + Buffer.from(chunk).toString('latin1'))
    const keptFrom = Math.max(0, text.length - LONGEST_SECRET)
    rest = text.slice(keptFrom)
    if (keptFrom > 0) yield Buffer.from(text.slice(0, keptFrom), 'latin1')
  }
  if (rest !== '') yield Buffer.from(redact(rest), 'latin1')
}
