import { saysTooLong } from '../domain/contextLimit.ts'
import { textOf } from '../domain/wireContent.ts'
import { toAssistant, type Exchanged } from '../domain/wireTrace.ts'
import type { RoundEnding } from '../formats/rollout.ts'
import { launchByNode, readLauncherEnding } from './launcher.ts'
import type { Scaffold } from './port.ts'

/** The one conversation of a sandbox: chosen here, so that nothing that names it differs between two runs. */
const SESSION = '00000000-0000-4000-8000-000000000001'

/**
 * Runs qwen-code as it is, as a child, and reads its stream of events. What it keeps is below `~/.qwen`: the conversation
 * is one file there, laid back before it goes on with it. Its settings stand above those that a repository brings along.
 */
const LAUNCHER = `
const fs = require('node:fs')
const path = require('node:path')
const home = path.join(process.env.HOME, '.prchain')
const project = process.cwd().replace(/[^a-zA-Z0-9]/g, '-')
const session = path.join(process.env.HOME, '.qwen', 'projects', project, 'chats', '${SESSION}.jsonl')
const settings = path.join(home, 'qwen.json')
fs.mkdirSync(home, { recursive: true })
fs.rmSync(session, { force: true })
if (spec.session !== null) {
  fs.mkdirSync(path.dirname(session), { recursive: true })
  fs.writeFileSync(session, spec.session)
}
fs.writeFileSync(settings, JSON.stringify({
  $version: 4,
  general: { enableAutoUpdate: false, outputLanguage: 'en', language: 'en', preventSystemSleep: false },
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
  model: {
    maxToolCallsPerTurn: -1,
    generationConfig: { timeout: 86400000, streamIdleTimeoutMs: 0, maxRetries: spec.isSelfTest ? 0 : 120 },
  },
  context: { clearContextOnIdle: { toolResultsThresholdMinutes: -1 } },
  memory: { enableManagedAutoMemory: false, enableManagedAutoDream: false },
  tools: { useRipgrep: false, shell: { enableInteractiveShell: false, defaultTimeoutMs: Math.min(spec.commandTimeoutMs, 600000) } },
}))
const cli = path.join(spec.programs, 'node_modules', '@qwen-code', 'qwen-code', 'cli.js')
const flags = ['--auth-type', 'openai', '--approval-mode', 'yolo', '--output-format', 'stream-json',
  '--max-session-turns', String(spec.maxSteps), spec.session === null ? '--session-id' : '--resume', '${SESSION}']
const child = require('node:child_process').spawn(spec.interpreter, [cli, ...flags], {
  stdio: ['pipe', 'pipe', 'pipe'],
  env: {
    ...process.env,
    OPENAI_BASE_URL: base,
    OPENAI_API_KEY: spec.token,
    OPENAI_MODEL: spec.model,
    QWEN_CODE_SYSTEM_SETTINGS_PATH: settings,
    QWEN_CODE_SUPPRESS_YOLO_WARNING: '1',
    QWEN_CODE_DISABLE_PRECONNECT: '1',
    QWEN_CODE_DISABLE_CRON: '1',
    QWEN_CODE_NO_RELAUNCH: '1',
    NO_COLOR: '1',
  },
})
child.stdin.on('error', () => {})
// A text that begins as one of its own commands would be taken for that.
child.stdin.end(/^\\s*[/?]/.test(spec.task) ? 'Task:\\n' + spec.task : spec.task)
let said = ''
child.stderr.on('data', (part) => { said = (said + part).slice(-4000) })
let result = null
require('node:readline').createInterface({ input: child.stdout }).on('line', (line) => {
  if (line.startsWith('{"type":"result"')) result = JSON.parse(line)
})
const [code, signal] = await require('node:events').once(child, 'close')
const trajectory = fs.existsSync(session) ? session : null
if (result && result.subtype === 'success') return { status: 'success', fault: null, trajectory }
const fault = (result && result.error ? result.error.message : said.trim()) || 'it ended with ' + (signal || 'exit code ' + code)
return { status: code === 53 ? 'max-session-turns' : null, fault, trajectory }
`

/** What qwen-code says of its end, as far as the round is over by it. */
const ENDINGS: Readonly<Record<string, RoundEnding>> = { success: 'submitted', 'max-session-turns': 'step-limit' }

/** How the message ends by which it has its conversation summed up. */
const SUMMARY_REQUEST = /produce the <state_snapshot> XML\.\s*$/

/**
 * Whether a reply is a step of its work: no summary of its conversation, which its next request begins with; and it says
 * or calls something, since one that does neither is dropped and asked for again.
 */
function isWork({ messages, reply }: Exchanged): boolean {
  const { role, content: asked } = messages.at(-1) as { role?: string; content?: unknown }
  if (role === 'user' && SUMMARY_REQUEST.test(textOf(asked))) return false
  const { content, tool_calls: calls = [] } = toAssistant(reply.message)
  return calls.length > 0 || content.trim() !== ''
}

/** The real qwen-code from npm, unmodified. It goes on with its conversation over rounds and stages. */
export const qwenCode: Scaffold = {
  name: 'qwen-code',
  version: '0.24.4',
  programs: {
    kind: 'npm',
    packages: [
      {
        name: '@qwen-code/qwen-code',
        version: '0.24.4',
        integrity: 'sha512-pmexy/Nj+BKd3Un1ogqGQE8V4GJn5B6N9PQOrU1GH+lMR29kn6Bgf6YdbZa8hNIoTmAKT1LTPK+P8TibZRPPVg==',
      },
    ],
  },
  goesOn: true,
  // Where words came before the break, it has the model go on from them by a turn of its own.
  isStreamedWhole: true,
  selfTest: { name: 'run_shell_command', arguments: { command: 'printf prchain-%s self-test', is_background: false } },
  normalisations: [
    {
      what: 'the day, in the message that opens a conversation',
      pattern: /^Today's date is [A-Z][a-z]+, [A-Z][a-z]+ \d{1,2}, \d{4}\.$/gm,
      replacement: "Today's date is the day.",
    },
    {
      what: 'the day, in the reminder before a turn',
      pattern: /^The current date is: [A-Z][a-z]+, [A-Z][a-z]+ \d{1,2}, \d{4}\. /gm,
      replacement: 'The current date is: the day. ',
    },
    {
      what: 'the file that an output went to that was too large',
      pattern: /_[0-9a-f]{12}\.output\b/g,
      replacement: '_file.output',
    },
    { what: 'the id of a background shell', pattern: /\bbg_[0-9a-f]{8}\b/g, replacement: 'bg_shell' },
    { what: 'the process number of a background shell', pattern: /^pid: \d+$/gm, replacement: 'pid: shell' },
  ],
  start: (input) => launchByNode(LAUNCHER, input),
  readEnding: (outcome) =>
    readLauncherEnding(
      outcome,
      // It could not shorten it either.
      (status, fault) => ENDINGS[status] ?? (saysTooLong(fault) ? 'context-exceeded' : undefined),
      (fault) => /^No saved session found/m.test(fault),
    ),
  isWork,
}
