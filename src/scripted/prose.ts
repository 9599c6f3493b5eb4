/**
 * The sentences of a Markdown text as plain English: without code, links, lists' marks, identifiers and the words given;
 * sentences of which too little is left are dropped.
 */
export function cleanSentences(markdown: string, hidden: readonly string[]): string[] {
  const names = new Set(hidden)
  const plain = markdown
    .replace(/<!--[\s\S]*?-->|```[\s\S]*?(```|$)|~~~[\s\S]*?(~~~|$)/g, '\n\n')
    .replace(/`[^`\n]*`/g, ' ')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/https?:\/\/\S+|<[^>]*>/g, ' ')
    .replace(/^[ \t]*#+[ \t].*$/gm, '\n')
    .replace(/^[ \t]*(?:[-*+>]|\d+[.)])[ \t]+/gm, '\n')
    .replace(/[*~|]/g, ' ')
  return plain
    .split(/\n\s*\n|(?<=[.!?])\s+(?=[A-Z])/)
    .map((sentence) => cleanSentence(sentence, names))
    .filter(
      (sentence) =>
        sentence.split(' ').length >= 3 && !hidden.some((text) => text.includes(' ') && sentence.includes(text)),
    )
}

function cleanSentence(sentence: string, names: ReadonlySet<string>): string {
  const words = sentence.split(/\s+/).filter((word) => word !== '' && isPlain(word, names))
  return words
    .join(' ')
    .replace(/\(\s*\)|\[\s*\]/g, '')
    .replace(/\s+([,.;:!?])/g, '$1')
    .replace(/\s{2,}/g, ' ')
    .replace(/\s(?:in|of|to|for|from|with|by|on|and|or|the|a|an|at|as|via)(?=[.,;]?$)/i, '')
    .trim()
}

/** Whether a word is English and not code: no underscore, digit, inner capital, call or path in it. */
function isPlain(word: string, names: ReadonlySet<string>): boolean {
  const bare = word.replace(/^[("'[]+|[)"'\],.;:!?]+$/g, '')
  return !/[_$\d=(){}[\]<>#@\\/]|[a-z][A-Z]|[A-Za-z]\.[A-Za-z]|::/.test(bare) && !names.has(bare)
}
