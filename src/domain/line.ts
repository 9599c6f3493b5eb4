/**
 * A text as one line for people, of at most so many characters (UTF-16 units) and bytes (in JSON). White space and control
 * characters become single spaces. What is too long is cut between words, where that keeps more than half, and ends in `…`.
 */
export function toLine(text: string, most: { characters: number; bytes: number }): string {
  const plain = text
    .toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  if (headOf(plain, most).length === plain.length) return plain
  const head = headOf(plain, { characters: most.characters - 1, bytes: most.bytes - 3 })
  const space = plain[head.length] === ' ' ? head.length : head.lastIndexOf(' ')
  return `${(space > head.length / 2 ? head.slice(0, space) : head).trimEnd()}…`
}

/** The longest beginning within the bounds that splits no character. */
function headOf(text: string, most: { characters: number; bytes: number }): string {
  let characters = 0
  let bytes = 0
  for (const character of text) {
    bytes += sizeInJson(character)
    if (characters + character.length > most.characters || bytes > most.bytes) break
    characters += character.length
  }
  return text.slice(0, characters)
}

function sizeInJson(character: string): number {
  if (character === '"' || character === '\\') return 2
  const point = character.codePointAt(0)!
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
}
