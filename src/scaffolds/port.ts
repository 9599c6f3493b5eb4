import type { Normalisation } from '../domain/wireRequest.ts'
import type { RoundEnding } from '../formats/rollout.ts'

/** What a scaffold is started with. */
export interface LaunchInput {
  /** All that it is asked. */
  task: string
  /** Where its own programs are, in the sandbox. */
  toolchain: string
  /** The gateway's Unix socket, in the sandbox. */
  socketPath: string
  token: string
  model: string
  maxSteps: number
  commandTimeoutMs: number
}

/** How a scaffold's process ended. */
export interface LaunchOutcome {
  exitCode: number
  isTimedOut: boolean
  /** The end of what it printed. */
  output: string
}

/** An agent that is not prchain's own: run unmodified inside a sandbox, with the gateway for its model. */
export interface Scaffold {
  readonly name: string
  /** The version that is installed, which the record of a launch names. */
  readonly version: string
  /** What is installed of it: each package at one version. */
  readonly packages: readonly string[]
  /** What differs between two runs under the same script and says nothing of the work. */
  readonly normalisations: readonly Normalisation[]
  /** The command that runs it from its start to its end, as the agent's user, in the repository. */
  start(input: LaunchInput): { script: string; stdin: string }
  /** How the round ended, and where its own trajectory lies; or why it did not end as it should: then it is started again. */
  readEnding(outcome: LaunchOutcome): { ending: RoundEnding; trajectory: string | null } | { fault: string }
}
