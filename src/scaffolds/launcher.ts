import type { RoundEnding } from '../formats/rollout.ts'
import { NODE_FORWARDER, PYTHON_FORWARDER } from './forwarder.ts'
import type { LaunchInput, LaunchOutcome, Scaffold } from './port.ts'

const RESULT = 'prchain-result '
/** How long a call is held while the gateway is gone: a self-test is to say so at once. */
const HOLD_MS = 10 * 60_000

/** What a launcher says last: the scaffold's own word for its end, what went wrong, and where its own file lies. */
export interface LauncherResult {
  status: string | null
  fault: string | null
  trajectory: string | null
}

/**
 * A command that runs a launcher in the image's Python, apart from what is installed there. `body` finds the input as
 * `spec`, the gateway's loopback URL as `base`, and calls `end(status, fault, trajectory)`, which does not return.
 */
export function launchByPython(body: string, input: LaunchInput): { script: string; stdin: string } {
  const code = `
import json, os, sys
${PYTHON_FORWARDER}
def end(status, fault, trajectory):
    print('\\n${RESULT}' + json.dumps({'status': status, 'fault': fault, 'trajectory': trajectory}), flush=True)
    os._exit(0)

spec = json.load(sys.stdin)
base = forward(spec['gateway'], 0 if spec['isSelfTest'] else ${HOLD_MS})
${body}`
  return { script: `exec ${quote(input.interpreter)} -I -c ${quote(code)}`, stdin: JSON.stringify(input) }
}

/**
 * The same in our Node: `body` is the body of an async function of `spec`, the input with what a scaffold adds to it, and of
 * `base`; it returns the {@link LauncherResult}.
 */
export function launchByNode(body: string, input: LaunchInput, more: object = {}): { script: string; stdin: string } {
  const code = `
${NODE_FORWARDER}
async function launch(spec, base) {
${body}
}
function end(result) {
  process.stdout.write('\\n${RESULT}' + JSON.stringify(result) + '\\n', () => process.exit(0))
}
const spec = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
forward(spec.gateway, spec.isSelfTest ? 0 : ${HOLD_MS})
  .then((base) => launch(spec, base))
  .then(end, (error) => end({ status: null, fault: String(error.stack), trajectory: null }))
`
  return {
    script: `unset NODE_OPTIONS; exec ${quote(input.interpreter)} -e ${quote(code)}`,
    stdin: JSON.stringify({ ...input, ...more }),
  }
}

/** What a launcher said of its end; null when it did not come to that. */
export function readResult(output: string): LauncherResult | null {
  const at = output.lastIndexOf(RESULT)
  if (at === -1) return null
  try {
    return JSON.parse(output.slice(at + RESULT.length).split('\n')[0]!) as LauncherResult
  } catch {
    // The word alone, in what the scaffold printed.
    return null
  }
}

/**
 * How a round ended, by what its launcher said last: what `meaning` makes of the scaffold's own word and of what went
 * wrong, or that as a fault. A session that it refused is one that `isRefusal` knows by its fault.
 */
export function readLauncherEnding(
  { output, exitCode, isTimedOut }: LaunchOutcome,
  meaning: (status: string, fault: string) => RoundEnding | undefined,
  isRefusal?: (fault: string) => boolean,
): ReturnType<Scaffold['readEnding']> {
  if (isTimedOut) return { ending: 'time-limit', trajectory: null }
  const result = readResult(output)
  if (!result) return { fault: `it ended with exit code ${exitCode}: ${output.slice(-1_000)}` }
  const { status, trajectory } = result
  const fault = result.fault ?? `it ended with the status ${status ?? '(none)'}`
  const ending = meaning(status ?? '', fault)
  if (ending) return { ending, trajectory }
  return isRefusal ? { fault, isSessionRefused: isRefusal(fault) } : { fault }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
