/** JSON lines as a blob holds them. */
type Bytes = { toString(encoding: 'utf8'): string }

/** The values of JSON lines; empty lines are none. Throws SyntaxError for a line that is not JSON. */
export function parseLines<T>(bytes: Bytes): T[] {
  return listLines(bytes).map((line) => JSON.parse(line) as T)
}

/** How many values JSON lines hold, without a look at what they are. */
export function countLines(bytes: Bytes): number {
  return listLines(bytes).length
}

function listLines(bytes: Bytes): string[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
}
