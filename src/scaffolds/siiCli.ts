import type { RoundEnding } from '../formats/rollout.ts'
import { launchByNode, readLauncherEnding } from './launcher.ts'
import type { Scaffold } from './port.ts'
import { SII_CLI_LAUNCHER } from './siiCliLauncher.ts'

const ROUND_MS = 12 * 60 * 60_000
const START_MS = 120_000
const SELF_TEST_START_MS = 30_000

/** What the launcher says of the end, as far as the round is over by it. */
const ENDINGS: Readonly<Record<string, RoundEnding>> = {
  completed: 'submitted',
  'step-limit': 'step-limit',
  'context-exceeded': 'context-exceeded',
}

/**
 * SII-CLI, by its `sii-bridge`, from a folder that the operator names: its npm package is no longer to be had. It is given
 * our gateway for its model and no login, uploads are off, and each round is a fresh start: of an earlier query its
 * protocol keeps the text alone.
 */
export const siiCli: Scaffold = {
  name: 'sii-cli',
  version: 'protocol 1.0.0',
  programs: {
    kind: 'folder',
    setting: 'siiCliPath',
    places: ['sii-bridge', 'bin/sii-bridge', 'node_modules/.bin/sii-bridge'],
  },
  goesOn: false,
  isStreamedWhole: false,
  selfTest: { name: 'run_shell_command', arguments: { command: 'printf prchain-%s self-test' } },
  normalisations: [],
  start(input) {
    const startMs = input.isSelfTest ? SELF_TEST_START_MS : START_MS
    return launchByNode(SII_CLI_LAUNCHER, input, { startMs, roundMs: ROUND_MS })
  },
  readEnding: (outcome) => readLauncherEnding(outcome, (status) => ENDINGS[status]),
  // Nothing is known of what it refuses, or asks for beside the work.
  isWork: () => true,
}
