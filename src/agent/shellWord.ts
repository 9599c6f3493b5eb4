/** A text as one word of a bash script, whatever is in it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** A path as one word of a bash script, never an option; `~/` at its beginning is the agent's home. */
export function quotePath(path: string): string {
  if (path.startsWith('~/')) return `"$HOME"/${quote(path.slice(2))}`
  return quote(path.startsWith('-') ? `./${path}` : path)
}
