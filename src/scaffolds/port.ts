import type { Normalisation } from '../domain/wireRequest.ts'
import type { Exchanged } from '../domain/wireTrace.ts'
import type { RoundEnding } from '../formats/rollout.ts'

/** A package from npm at one version. */
export interface NpmPackage {
  name: string
  version: string
  /** As in a package-lock.json: what npm holds the archive against. */
  integrity: string
}

/** What a scaffold's own programs are, and who brings them. */
export type Programs =
  /** Wheels from PyPI, each at one version, for the `python3` of the sandbox's image. */
  | { kind: 'pip'; packages: readonly string[] }
  /** Packages from npm, each at one version, run by a Node of ours. */
  | { kind: 'npm'; packages: readonly NpmPackage[] }
  /** In a folder of the host that the operator names by a setting, at the first of these places below it; run by a Node of ours. */
  | { kind: 'folder'; setting: string; places: readonly string[] }

/** What a scaffold is started with. Paths are those that its sandbox sees. */
export interface LaunchInput {
  /** The interpreter of its programs: the image's `python3`, or a Node of ours. */
  interpreter: string
  /** Where its own programs are: the folder that they are installed in, or the operator's program itself. */
  programs: string
  /** The gateway: the path of its Unix socket, or `host:port` of a relay. */
  gateway: string
  token: string
  model: string
  maxSteps: number
  commandTimeoutMs: number
  /** What it is asked: the last turn alone where it goes on with a session, else the story so far. */
  task: string
  /** The message that opened the stage, and what was said of each of its rounds since, oldest first. */
  turns: readonly string[]
  /** Its session file as the round before left it; null for a fresh start. */
  session: string | null
  /** A start that is to fail at once where another would wait and try again. */
  isSelfTest: boolean
}

/** How a scaffold's process ended. */
export interface LaunchOutcome {
  exitCode: number
  isTimedOut: boolean
  /** The end of what it printed. */
  output: string
}

/**
 * How a round ended, and where its own session or trajectory file lies; or why it did not end as it should: then it is
 * started again, afresh where it was its session that it could not go on with.
 */
export type LaunchEnding =
  | { ending: RoundEnding; trajectory: string | null }
  | { fault: string; isSessionRefused?: boolean }

/** An agent that is not prchain's own: run unmodified inside a sandbox, with the gateway for its model. */
export interface Scaffold {
  readonly name: string
  /** The version that is installed; for the operator's own programs, what they are held to. */
  readonly version: string
  readonly programs: Programs
  /** Whether it can go on with the file that it left as its trajectory; else each round is a fresh start. */
  readonly goesOn: boolean
  /** Whether it is given a streamed reply once all of it is there: for one that does not ask again when a stream breaks off. */
  readonly isStreamedWhole: boolean
  /** The tool call of the self-test: harmless, and it prints the word `prchain-self-test` without holding it, or ends the work. */
  readonly selfTest: { name: string; arguments: Record<string, unknown> }
  /** What differs between two runs under the same script and says nothing of the work. */
  readonly normalisations: readonly Normalisation[]
  /** The command that runs it from its start to its end, as the agent's user, in the repository. */
  start(input: LaunchInput): { script: string; stdin: string }
  /** Reads how it ended from what it said. */
  readEnding(outcome: LaunchOutcome): LaunchEnding
  /**
   * Whether a reply is of the work: false for one that it answers as wrong in form, or drops, and for one to what it asks
   * for beside the work, such as a summary of its conversation.
   */
  isWork(exchanged: Exchanged): boolean
}
