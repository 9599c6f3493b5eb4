/** The simple commands of a shell script: their words, quotes taken off, by `;`, `&&`, `||`, `|` and line ends. */
export function splitCommands(script: string): string[][] {
  const commands: string[][] = []
  for (const line of script.replaceAll(/\\\r?\n/g, ' ').split('\n')) {
    let words: string[] = []
    const end = () => {
      if (words.length > 0) commands.push(words)
      words = []
    }
    for (const [, double, single, operator, plain] of line.matchAll(
      /"((?:[^"\\]|\\.)*)"|'([^']*)'|(&&|\|\||[;|&]|(?<=^|\s)#.*)|((?:[^\s"';|&\\]|\\.)+)/g,
    )) {
      if (operator?.startsWith('#')) break
      if (operator !== undefined) end()
      else words.push(double ?? single ?? plain ?? '')
    }
    end()
  }
  return commands.map(withoutPrefixes).filter((words) => words.length > 0)
}

/** Without what only says how a command is run: `sudo`, variables, `exec`, `time`. */
function withoutPrefixes(words: string[]): string[] {
  let start = 0
  while (start < words.length && /^(?:sudo|exec|time|command|then|do|else|if|env|-E|\w+=.*)$/.test(words[start]!))
    start++
  return words.slice(start)
}

/** Words that are neither options nor made of variables. */
export function plainWords(words: readonly string[]): string[] {
  return words.filter((word) => !word.startsWith('-') && !/[$`{}*<>]/.test(word))
}
