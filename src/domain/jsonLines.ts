/** The values of JSON lines, as a blob holds them; empty lines are none. Throws SyntaxError for a line that is not JSON. */
export function parseLines<T>(bytes: { toString(encoding: 'utf8'): string }): T[] {
  const lines = bytes.toString('utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T)
}
