import type { Readable } from 'node:stream'
import type { Environment } from '../formats/environment.ts'

/** What a sandbox is made from. */
export interface SandboxSpec {
  /** Unique on the host and stable: letters, digits, `.`, `_` and `-`. */
  name: string
  /**
   * Written on the sandbox as `prchain.<key>` labels: owner, rollout, stage, purpose, and lease, the ISO time before which
   * no reaper takes it for an orphan.
   */
  labels: Record<string, string>
  environment: Environment | null
  /**
   * The files that the environment's Dockerfile copies from, for one with `context: 'repository'`: a tar without
   * `.git`. `id` differs when the files do: the image is built once for a Dockerfile, a network and an id.
   */
  buildContext?: BuildContext
  /** Folders of the host that are seen inside, read-only: our own programs and the gateway's socket, never anything else. */
  mounts?: readonly Mount[]
  /**
   * The port of this host that the sandbox reaches, through its relay and nothing else: for one into which no socket of
   * the host's crosses. Docker's alone. A sandbox has no network without it.
   */
  relayedPort?: number
}

/** A folder of the host that a sandbox sees, read-only. */
export interface Mount {
  source: string
  /** Where it stands inside, by absolute path. Plain processes see the source itself. */
  target: string
}

/** The build context of an environment's image. */
export interface BuildContext {
  id: string
  open: () => Promise<Readable>
}

/** A command for a sandbox. */
export interface Command {
  /** A bash script. Its stdout and stderr are one stream. */
  script: string
  /** Given on standard input, which is otherwise empty and closed. */
  stdin?: string
  /** Relative to the repository; the repository itself by default. */
  cwd?: string
  timeoutMs: number
}

/** How a command ended. A command that fails is a result, never an error. */
export interface CommandOutcome {
  /** The exit code; 137 and such for a command ended by a signal. */
  exitCode: number
  isTimedOut: boolean
  /** Output, at most {@link OUTPUT_LIMIT_BYTES}: the head and the tail when there was more. */
  output: Buffer
  /** How much output there was. */
  sizeBytes: number
  /** The names of processes that outlived the command and were ended with it, at most 20. */
  leftRunning: string[]
  startedAt: string
  finishedAt: string
}

/** The largest file that a command may write, its output included: a command that writes more is ended by a signal. */
export const FILE_LIMIT_BYTES = 268_435_456

/** How much of a command's output is brought out of the sandbox: half from its head and half from its tail. */
export const OUTPUT_LIMIT_BYTES = 1_048_576

/** A place where an agent, or a test command, works on one repository, without a network or with a relay alone on it. */
export interface Sandbox {
  readonly name: string
  /** `host:port` inside, which leads to the port that the sandbox was made with; absent in one without a network. */
  readonly relay?: string
  /** Changes whenever what ran in the sandbox was lost: a new container, or the same one started again. */
  readonly life: string
  /**
   * Runs a command once for a key in the sandbox's life, detached from the caller: called again, by any process,
   * it attaches to the running command or returns the finished one's outcome. One command runs at a time. What it
   * leaves running when it ends is ended with it: nothing but files outlives a command. Aborting the signal stops the
   * waiting, not the command. Throws {@link SandboxError} `lost` when the sandbox is gone, `unreachable` when the engine is.
   */
  exec(key: string, command: Command, signal: AbortSignal): Promise<CommandOutcome>
  /** The whole output of a finished command. Throws {@link SandboxError} `lost` when it was forgotten or never was. */
  readOutput(key: string): Promise<Readable>
  /** Gives the room of a finished command's output back. Its outcome stays, without the output. Idempotent. */
  forgetOutput(key: string): Promise<void>
  /** Lays a tar of files below the repository's folder, owned by the agent's user. Empties the folder first. */
  putRepository(tar: Readable): Promise<void>
  /**
   * A tar of the repository's folder without any `.git`, made by a process that the agent could not have configured.
   * The stream fails when the sandbox went away before its end: a part of a work tree is never taken for the whole.
   */
  readRepository(): Promise<Readable>
  /** A file's bytes by absolute path, or null when there is none. At most `limitBytes`. */
  readFile(path: string, limitBytes: number): Promise<Buffer | null>
}

/** Makes and removes sandboxes of one kind on this host. */
export interface SandboxProvider {
  readonly kind: 'docker' | 'bubblewrap' | 'process'
  /** False when an agent's commands could reach the host or a network. */
  readonly isIsolating: boolean
  /** Where the repository stands inside: what the agent is told. */
  repositoryPath(name: string): string
  /** Makes a new, empty sandbox, removing one of the same name first. Pulls or builds the image when needed. Throws {@link SandboxError}. */
  create(spec: SandboxSpec): Promise<Sandbox>
  /** The live sandbox of a name, or null when it is gone or has stopped. Throws {@link SandboxError} `unreachable`. */
  find(name: string): Promise<Sandbox | null>
  /** Removes a sandbox and all that runs in it. Idempotent. */
  remove(name: string): Promise<void>
  /** All sandboxes that carry these labels, in any state: created, running, stopped, half made. In order of their names. */
  list(labels: Record<string, string>): Promise<ListedSandbox[]>
  /** What this place is and what it holds an agent to. Throws {@link SandboxError} `unreachable` when nothing answers. */
  describe(): Promise<SandboxPlace>
}

/** A sandbox as it is listed. */
export interface ListedSandbox {
  name: string
  labels: Record<string, string>
}

/** Where sandboxes are made. */
export interface SandboxPlace {
  /** Host and engine, lower-case letters, digits and `-`: two providers with the same one find each other's sandboxes. */
  id: string
  /** The engine and its version, for people. */
  version: string
  /** What agents are held to and how, for people: disk, memory, network. */
  limits: { what: string; how: string }[]
}

/** A sandbox that cannot be used. */
export class SandboxError extends Error {
  override name = 'SandboxError'
  /** `lost`: this sandbox is gone. `unreachable`: the engine does not answer. `image`: no such image, or its build failed. `invalid`: the environment cannot work. */
  readonly kind: 'lost' | 'unreachable' | 'image' | 'invalid'
  constructor(kind: SandboxError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
