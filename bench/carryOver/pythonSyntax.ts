import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

const CHECK = `
import ast, json, sys
def parses(source):
    try:
        ast.parse(source.encode('latin1'))
        return True
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
import warnings
warnings.simplefilter('ignore')
json.dump([parses(source) for source in json.load(sys.stdin)], sys.stdout)
`

/** Which of some texts (latin1) are Python that parses, by one `python3`. Nothing is run. Throws when there is none. */
export async function parsePython(sources: readonly string[]): Promise<boolean[]> {
  if (sources.length === 0) return []
  const child = spawn('python3', ['-I', '-c', CHECK], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(sources))
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
  if (child.exitCode !== 0) throw new Error(`python3 ended with ${child.exitCode} instead of telling which files parse`)
  return JSON.parse(output) as boolean[]
}
