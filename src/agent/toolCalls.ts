import { z } from 'zod'
import type { ToolCall } from '../formats/chat.ts'
import type { Command } from '../sandbox/port.ts'
import { AGENT_TOOLS } from './tools.ts'

/** Longest observation that the model sees of one tool call, in characters: head and tail of what is longer. */
export const OBSERVATION_LIMIT = 16_000

/** Runs one command of a tool call: the n-th, counted from 0. */
export type RunCommand = (index: number, command: Command) => Promise<CommandResult>

/** A command's end, as far as tools need it. */
export interface CommandResult {
  exitCode: number
  isTimedOut: boolean
  output: string
  isText: boolean
  sizeBytes: number
  /** Processes that outlived the command and were ended with it. */
  leftRunning: readonly string[]
}

/** What a tool call comes to: text for the model, or the end of the round. */
export type ToolOutcome = { kind: 'observation'; text: string } | { kind: 'submitted' }

const argumentsOf = {
  shell: z.object({ command: z.string().min(1) }),
  view: z.object({
    path: z.string().min(1),
    start: z.number().int().min(1).optional(),
    end: z.number().int().min(1).optional(),
  }),
  edit: z.object({ path: z.string().min(1), old: z.string(), new: z.string() }),
  write: z.object({ path: z.string().min(1), content: z.string() }),
  submit: z.object({ summary: z.string() }),
}

/**
 * Plays one tool call by running commands in the sandbox, so that all it does is on record. A call that cannot be
 * understood is answered with what is wrong with it.
 */
export async function playToolCall(
  call: ToolCall,
  options: { run: RunCommand; timeoutMs: number },
): Promise<ToolOutcome> {
  const { run, timeoutMs } = options
  const { name } = call.function
  if (!(name in argumentsOf)) {
    const known = AGENT_TOOLS.map((tool) => tool.function.name).join(', ')
    return observe(`There is no tool "${name}". The tools are: ${known}.`)
  }
  const parsed = parseArguments(name as keyof typeof argumentsOf, call.function.arguments)
  if (parsed.kind === 'wrong') return observe(parsed.text)

  switch (parsed.name) {
    case 'shell':
      return observe(describe(await run(0, { script: parsed.value.command, timeoutMs })))
    case 'view': {
      const { path, start = 1, end } = parsed.value
      const file = quote(path)
      const range = quote(`${start},${end ?? '$'}p`)
      const script = `if [ -d ${file} ]; then ls -A -- ${file}; else sed -n ${range} -- ${file}; fi`
      const result = await run(0, { script, timeoutMs })
      if (!result.isText) return observe(`${path} is not a text file.`)
      return observe(result.exitCode === 0 ? cut(result.output, result.sizeBytes) : describe(result))
    }
    case 'write': {
      const result = await run(0, writeCommand(parsed.value.path, parsed.value.content, timeoutMs))
      return observe(result.exitCode === 0 ? `Wrote ${parsed.value.path}.` : describe(result))
    }
    case 'edit': {
      const { path } = parsed.value
      const read = await run(0, { script: `cat -- ${quote(path)}`, timeoutMs })
      if (read.exitCode !== 0) return observe(describe(read))
      if (!read.isText || read.sizeBytes !== Buffer.byteLength(read.output)) {
        return observe(`${path} cannot be edited: it is not a text file, or larger than one MiB.`)
      }
      const found = read.output.split(parsed.value.old).length - 1
      if (parsed.value.old === '' || found !== 1) {
        return observe(
          `Nothing was changed: \`old\` must occur exactly once in ${path}; it occurs ${parsed.value.old === '' ? 'everywhere (it is empty)' : `${found} times`}.`,
        )
      }
      const at = read.output.indexOf(parsed.value.old)
      const edited = read.output.slice(0, at) + parsed.value.new + read.output.slice(at + parsed.value.old.length)
      const result = await run(1, writeCommand(path, edited, timeoutMs))
      return observe(result.exitCode === 0 ? `Edited ${path}.` : describe(result))
    }
    case 'submit':
      return { kind: 'submitted' }
  }
}

type Parsed =
  | {
      [N in keyof typeof argumentsOf]: { kind: 'right'; name: N; value: z.infer<(typeof argumentsOf)[N]> }
    }[keyof typeof argumentsOf]
  | { kind: 'wrong'; text: string }

function parseArguments(name: keyof typeof argumentsOf, text: string): Parsed {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return { kind: 'wrong', text: `The arguments of "${name}" are not JSON: ${(error as Error).message}` }
  }
  const result = argumentsOf[name].safeParse(json)
  if (result.success) return { kind: 'right', name, value: result.data } as Parsed
  return { kind: 'wrong', text: `The arguments of "${name}" are wrong: ${z.prettifyError(result.error)}` }
}

function observe(text: string): ToolOutcome {
  return { kind: 'observation', text }
}

/** Writing through `cat >` keeps the mode of a file that exists. */
function writeCommand(path: string, content: string, timeoutMs: number): Command {
  return { script: `mkdir -p -- "$(dirname -- ${quote(path)})" && cat > ${quote(path)}`, stdin: content, timeoutMs }
}

function describe(result: CommandResult): string {
  const left = result.leftRunning.length > 0 ? `; left running and stopped: ${result.leftRunning.join(', ')}` : ''
  const end = result.isTimedOut ? '[timed out; it was stopped]' : `[exit code ${result.exitCode}${left}]`
  const text = cut(result.output, result.sizeBytes)
  return text === '' ? end : `${text.endsWith('\n') ? text : `${text}\n`}${end}`
}

function cut(text: string, sizeBytes: number): string {
  if (text.length <= OBSERVATION_LIMIT) return text
  const half = OBSERVATION_LIMIT / 2
  return `${text.slice(0, half)}\n[… ${sizeBytes} bytes in all; the middle is left out …]\n${text.slice(-half)}`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
