/** What one step of a made-up rollout holds: what the model says and asks for, and what comes back. */
export interface StoryStep {
  text: string
  command: string
  output: string
}

/** How many characters a token is taken for. */
export const CHARACTERS_PER_TOKEN = 4

/**
 * A made-up rollout: of each step's characters a tenth is what the model writes, the rest is what its command prints.
 * The same for the same numbers.
 */
export function tellStep(n: number, characters: number): StoryStep {
  const words = createWords(n + 1)
  return {
    text: words(Math.round(characters * 0.08)),
    command: `grep -rn ${words(Math.round(characters * 0.02)).replaceAll(/[^a-z ]/g, '')} src`,
    output: words(Math.round(characters * 0.9)),
  }
}

/** A writer of lines of words that do not repeat as prose does not, from a seed. */
function createWords(seed: number): (characters: number) => string {
  let state = seed * 2_654_435_761
  const next = (below: number) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) | 0
    return (state >>> 0) % below
  }
  const word = () => Array.from({ length: 2 + next(8) }, () => String.fromCharCode(97 + next(26))).join('')
  return (characters) => {
    let text = ''
    while (text.length < characters) text += word() + (next(9) === 0 ? '\n' : ' ')
    return text.slice(0, characters)
  }
}
