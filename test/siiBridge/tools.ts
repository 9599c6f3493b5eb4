import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

const COMMAND_MS = 120_000
const MOST_OUTPUT = 30_000

/** The arguments of all tools. */
interface Arguments {
  command?: string
  file_path?: string
  content?: string
  old_string?: string
  new_string?: string
  offset?: number
  limit?: number
}

const text = { type: 'string' }
const number = { type: 'number' }
const tool = (
  name: string,
  description: string,
  needed: Record<string, object>,
  free: Record<string, object> = {},
) => ({
  type: 'function' as const,
  function: {
    ...{ name, description },
    parameters: { type: 'object', properties: { ...needed, ...free }, required: Object.keys(needed) },
  },
})

/** Some of the tools that SII-CLI's documentation names; what they take and answer is our own. */
export const TOOLS = [
  tool('run_shell_command', 'Runs a command of bash.', { command: text }),
  tool('read_file', 'Reads a file, or so many of its lines.', { file_path: text }, { offset: number, limit: number }),
  tool('write_file', 'Writes a whole file.', { file_path: text, content: text }),
  tool('replace', 'Replaces the one place where a text stands in a file.', {
    ...{ file_path: text, old_string: text, new_string: text },
  }),
]

/** Runs a tool; what is wrong with the call or the tool's work is its answer. */
export function runTool(
  name: string,
  json: string,
  { cwd, onCall }: { cwd: string; onCall: (args: object) => void },
): { content: string; isError: boolean } {
  try {
    const args = JSON.parse(json) as Arguments
    onCall(args)
    return { content: use(name, args, cwd), isError: false }
  } catch (error) {
    return { content: (error as Error).message, isError: true }
  }
}

function use(name: string, args: Arguments, cwd: string): string {
  const path = (member: 'file_path') => resolve(cwd, args[member]!)
  switch (name) {
    case 'run_shell_command':
      return runCommand(args['command']!, cwd)
    case 'read_file':
      return readLines(path('file_path'), args)
    case 'write_file':
      mkdirSync(dirname(path('file_path')), { recursive: true })
      writeFileSync(path('file_path'), args['content']!)
      return `wrote ${args['file_path']}`
    case 'replace':
      replace(path('file_path'), args['old_string']!, args['new_string']!)
      return `changed ${args['file_path']}`
    default:
      throw new Error(`there is no tool ${name}`)
  }
}

function readLines(path: string, { offset = 0, limit = Infinity }: Arguments): string {
  if (!existsSync(path)) throw new Error(`File not found: ${path}`)
  const lines = readFileSync(path, 'utf8').split(/(?<=\n)/)
  return lines.slice(offset, offset + limit).join('')
}

function runCommand(command: string, cwd: string): string {
  const { stdout, stderr, status } = spawnSync('bash', ['-c', command], {
    ...{ cwd, timeout: COMMAND_MS, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  })
  const output = `${stdout}${stderr}`.slice(-MOST_OUTPUT)
  return `${output}${output === '' || output.endsWith('\n') ? '' : '\n'}[exit code ${status}]`
}

function replace(path: string, old: string, replacement: string): void {
  const [before, after, ...more] = readFileSync(path, 'utf8').split(old)
  if (after === undefined || more.length > 0)
    throw new Error(`the text stands ${more.length + (after === undefined ? 0 : 1)} times`)
  writeFileSync(path, `${before}${replacement}${after}`)
}
