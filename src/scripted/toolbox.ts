/** A tool call as the agent means it. */
export interface ToolUse {
  name: string
  arguments: Record<string, unknown>
}

/** What the agent can do with the tools that a request names; null for what it cannot. */
export interface Toolbox {
  run(command: string): ToolUse | null
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
 * agent's, `bash` mini-swe-agent's.
 */
export function createToolbox(names: ReadonlySet<string>): Toolbox {
  const use = (name: string, args: Record<string, unknown>): ToolUse | null =>
    names.has(name) ? { name, arguments: args } : null
  const run = (command: string) => use('shell', { command }) ?? use('bash', { command })
  const write = (path: string, content: string) => use('write', { path, content }) ?? run(writeCommand(path, content))

  return {
    run,
    write,
    view(path, range) {
      const lines = range ? `${range.start},${range.end}p` : '1,$p'
      return use('view', { path, ...range }) ?? run(`sed -n ${quote(lines)} -- ${quote(path)}`)
    },
    edit: (path, passage, whole) => use('edit', { path, ...passage }) ?? write(path, whole),
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

/** An observation of mini-swe-agent's as the native shell would have given it; any other as it is. */
export function readObservation(observation: string): string {
  if (!observation.startsWith('{')) return observation
  try {
    const {
      returncode,
      output,
      output_head: head,
      output_tail: tail,
    } = JSON.parse(observation) as Record<string, unknown>
    if (typeof returncode !== 'number') return observation
    const text = typeof output === 'string' ? output : `${String(head)}\n${String(tail)}`
    const end = `[exit code ${returncode}]`
    return text === '' ? end : `${text.endsWith('\n') ? text : `${text}\n`}${end}`
  } catch {
    return observation
  }
}
