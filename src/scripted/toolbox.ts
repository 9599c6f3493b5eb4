/** A tool call as the agent means it. */
export interface ToolUse {
  name: string
  arguments: Record<string, unknown>
}

/** What the agent can do with the tools that a request names; null for what it cannot. */
export interface Toolbox {
  run(command: string): ToolUse | null
  /** Looks for the lines that match; not made up by a shell where there is no tool for it. */
  search(pattern: string): ToolUse | null
  view(path: string, range?: { start: number; end: number }): ToolUse | null
  /** Replaces a passage; `whole` is what the file then is, for tools that can only write it all. */
  edit(path: string, passage: { old: string; new: string }, whole: string): ToolUse | null
  write(path: string, content: string): ToolUse | null
  submit(summary: string): ToolUse | null
}

/** What mini-swe-agent takes for the end of the work. */
const MINI_SUBMIT = 'echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT'

/**
 * The toolbox of a request's tool names, with a shell in the place of tools that are not there: `shell` is the native
 * agent's, `bash` mini-swe-agent's, `run_shell_command` qwen-code's, whose files are named from `root` on.
 */
export function createToolbox(names: ReadonlySet<string>, root: string): Toolbox {
  const use = (name: string, args: Record<string, unknown>): ToolUse | null =>
    names.has(name) ? { name, arguments: args } : null
  const at = (path: string) => ({ file_path: `${root}/${path}` })
  const run = (command: string) =>
    use('shell', { command }) ?? use('bash', { command }) ?? use('run_shell_command', { command, is_background: false })
  const write = (path: string, content: string) =>
    use('write', { path, content }) ?? use('write_file', { ...at(path), content }) ?? run(writeCommand(path, content))
  const hasFiles = names.has('read_file')

  return {
    run,
    write,
    search: (pattern) => use('search', { pattern }),
    view(path, range) {
      const lines = range ? `${range.start},${range.end}p` : '1,$p'
      const part = range ? { offset: range.start - 1, limit: range.end - range.start + 1 } : {}
      return (
        use('view', { path, ...range }) ??
        use('read_file', { ...at(path), ...part }) ??
        run(`sed -n ${quote(lines)} -- ${quote(path)}`)
      )
    },
    edit(path, passage, whole) {
      const own = hasFiles ? { ...at(path), old_string: passage.old, new_string: passage.new } : { path, ...passage }
      return use('edit', own) ?? write(path, whole)
    },
    submit: (summary) => use('submit', { summary }) ?? use('bash', { command: MINI_SUBMIT }),
  }
}

/** A shell command that writes a text file as a developer would, or in base64 where a here-document could not hold it. */
function writeCommand(path: string, content: string): string {
  const target = quote(path)
  const folder = `mkdir -p -- "$(dirname -- ${target})"`
  if (content === '') return `${folder} && : > ${target}`
  if (!content.endsWith('\n')) {
    return `${folder} && base64 -d > ${target} <<'END'\n${wrapBase64(Buffer.from(content))}\nEND`
  }
  const lines = new Set(content.split('\n'))
  let end = 'END_OF_FILE'
  while (lines.has(end)) end += '_'
  return `${folder} && cat > ${target} <<'${end}'\n${content}${end}`
}

/** Bytes in base64 in lines of 76 characters. */
export function wrapBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('base64')
    .replace(/.{76}(?=.)/g, '$&\n')
}

/** A text as one word of a shell command. */
export function quote(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** What qwen-code's shell says of a command. */
const SHELL = /^Command: [^]*?\nDirectory: .*\nOutput: ([^]*)\nError: [^]*?\nExit Code: (\d+)\nSignal: /
/** What qwen-code's `read_file` says before a part of a file. */
const PART = /^Showing lines \d+-(\d+) of (\d+) total lines\.\n\n---\n\n/

/** An observation of mini-swe-agent's or qwen-code's as the native tools would have given it; any other as it is. */
export function readObservation(observation: string): string {
  const shell = SHELL.exec(observation)
  if (shell) return endWith(shell[1] === '(empty)' ? '' : shell[1]!, Number(shell[2]))
  const part = PART.exec(observation)
  if (part) return observation.slice(part[0].length) + (Number(part[1]) < Number(part[2]) ? '\n' : '')
  if (!observation.startsWith('{')) return observation
  try {
    const {
      returncode,
      output,
      output_head: head,
      output_tail: tail,
      elided_chars: elided,
    } = JSON.parse(observation) as Record<string, unknown>
    if (typeof returncode !== 'number') return observation
    const cut = `[… ${String(elided)} bytes in all; the middle is left out …]`
    return endWith(typeof output === 'string' ? output : `${String(head)}\n${cut}\n${String(tail)}`, returncode)
  } catch {
    return observation
  }
}

function endWith(text: string, exitCode: number): string {
  const end = `[exit code ${exitCode}]`
  return text === '' ? end : `${text.endsWith('\n') ? text : `${text}\n`}${end}`
}
