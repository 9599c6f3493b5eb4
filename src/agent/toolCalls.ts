import type { ToolCall } from '../formats/chat.ts'
import type { Command } from '../sandbox/port.ts'
import { editText } from './edit.ts'
import { describeCommand, OBSERVATION_LIMIT, type CommandResult, type RunCommand } from './observation.ts'
import { describeSearch, searchCommand } from './search.ts'
import { quotePath } from './shellWord.ts'
import { readToolCall } from './toolArguments.ts'
import { describeView, viewCommand } from './view.ts'

/** What a tool call comes to: text for the model, also where the call could not be understood (`fault`), or the end of the round. */
export type ToolOutcome = { kind: 'observation' | 'fault'; text: string } | { kind: 'submitted' }

/**
 * Plays one tool call by running commands in the sandbox, so that all it does is on record. A call that cannot be
 * understood is answered with what is wrong with it. `limit` is the longest observation in characters; of a longer
 * output of the shell the whole is put into the file `~/outputs/<name>`.
 */
export async function playToolCall(
  call: ToolCall,
  options: { run: RunCommand; timeoutMs: number; name: string; limit?: number },
): Promise<ToolOutcome> {
  const { run, timeoutMs, name, limit = OBSERVATION_LIMIT } = options
  const parsed = readToolCall(call)
  if (parsed.kind === 'wrong') return { kind: 'fault', text: parsed.text }

  switch (parsed.name) {
    case 'shell': {
      const result = await run(0, { script: parsed.value.command, timeoutMs })
      return observe(describeCommand(result, limit, await keepOutput(result)))
    }
    case 'search': {
      const result = await run(0, searchCommand(parsed.value, timeoutMs))
      return observe(describeSearch(result, parsed.value, limit))
    }
    case 'view': {
      const { start = 1, end } = parsed.value
      if (end !== undefined && end < start) return observe(`Nothing to show: line ${end} is before line ${start}.`)
      return observe(describeView(await run(0, viewCommand(parsed.value, timeoutMs)), parsed.value, limit))
    }
    case 'write': {
      const { path, content } = parsed.value
      const result = await run(0, writeCommand(path, content, timeoutMs))
      return observe(result.exitCode === 0 ? `Wrote ${path}.` : describeCommand(result, limit))
    }
    case 'edit': {
      const { path } = parsed.value
      const read = await run(0, { script: `cat -- ${quotePath(path)}`, timeoutMs })
      if (read.exitCode !== 0) return observe(describeCommand(read, limit))
      if (!read.isText || read.sizeBytes !== Buffer.byteLength(read.output))
        return observe(`${path} cannot be edited: it is not a text file, or larger than one MiB.`)
      const edited = editText(path, read.output, parsed.value)
      if (edited.kind === 'refused') return observe(edited.reason)
      const result = await run(1, writeCommand(path, edited.content, timeoutMs))
      return observe(result.exitCode === 0 ? `Edited ${path} at line ${edited.line}.` : describeCommand(result, limit))
    }
    case 'submit':
      return { kind: 'submitted' }
  }

  /** Puts an output that is too long to be shown where the agent can read it, and says where; null when it cannot. */
  async function keepOutput({ output, isText, sizeBytes }: CommandResult): Promise<string | null> {
    if (output.length <= limit || !isText) return null
    const path = `~/outputs/${name}`
    const { exitCode } = await run(1, writeCommand(path, output, timeoutMs))
    if (exitCode !== 0) return null
    return sizeBytes === Buffer.byteLength(output)
      ? `the whole is in ${path}`
      : `its first and last 512 KiB are in ${path}`
  }
}

function observe(text: string): ToolOutcome {
  return { kind: 'observation', text }
}

/** Writing through `cat >` keeps the mode of a file that exists. */
function writeCommand(path: string, content: string, timeoutMs: number): Command {
  const file = quotePath(path)
  return { script: `mkdir -p -- "$(dirname -- ${file})" && cat > ${file}`, stdin: content, timeoutMs }
}
