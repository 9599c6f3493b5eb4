import type { ResolveStage } from './chainRecord.ts'
import type { Redact } from '../domain/redaction.ts'
import type { GitHost } from '../git/port.ts'
import type { GitHub } from '../github/port.ts'
import type { ChatModel } from '../model/port.ts'
import type { Prompts } from '../prompts/prompts.ts'
import type { Complete } from '../record/complete.ts'
import type { Exec } from '../record/exec.ts'
import type { Toolchains } from '../toolchains/port.ts'
import type { SandboxProvider, SandboxSpec } from '../sandbox/port.ts'
import type { EnvironmentBuild } from './stageEnvironment.ts'
import type { Store } from '../store/port.ts'

/** All that activities reach of the world. Built in compose.ts alone. */
export interface Ports {
  store: Store
  /** A word that differs between stores, so that two of them can share an engine. */
  instance: string
  model: ChatModel
  git: GitHost
  github: GitHub
  resolveStage: ResolveStage
  sandboxes: (kind: SandboxProvider['kind']) => SandboxProvider
  /** How images of environments are built: base image, network, certificates. */
  environmentBuild: EnvironmentBuild
  prompts: Prompts
  redact: Redact
  complete: Complete
  /** Puts on record what calls cost that have just ended. */
  flush: () => Promise<void>
  exec: Exec
  /** Scaffolds' own programs on this host. */
  toolchains: Toolchains
  /** The folder of the gateway's socket on this host. */
  gatewayDir: string
  /** The port of this host by which sandboxes of a provider reach the gateway; null where its socket does. */
  relayedPort: (
    provider: SandboxProvider,
    tried: Pick<SandboxSpec, 'environment' | 'buildContext'>,
  ) => Promise<number | null>
  /** Writes a campaign's samples file, one line each, aside and renamed, and returns its path. */
  writeSamplesFile: (campaign: string, lines: AsyncIterable<string>) => Promise<string>
  /** Host and process, for people. */
  holder: string
  /** True once this worker is asked to stop: slices end before their next step. */
  isDraining: () => boolean
  limits: {
    /** A slice ends after so many live steps or so much time, whichever is first. */
    sliceSteps: number
    sliceMs: number
    /** A checkpoint is taken after commands ran for so long since the last. */
    checkpointMs: number
    /** A lost sandbox's commands are run again when they ran no longer than this; else its last checkpoint is laid. */
    rerunMs: number
    /** Files larger than this are left out of a patch, by name. */
    fileBytes: number
  }
}
