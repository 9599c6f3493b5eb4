import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import type { Ports } from './activities/ports.ts'
import {
  composeEnvironmentBuild,
  composeGit,
  composeGitHub,
  composeSandboxes,
  composeStore,
  storeDir,
} from './compose.ts'
import { composeModel, composePatience } from './composeModel.ts'
import { composeToolchains } from './composeScaffolds.ts'
import { secretsOf, type Config } from './config.ts'
import { createSecrets } from './domain/redaction.ts'
import { composeRelayedPort, gatewaySocket } from './gatewayReach.ts'
import type { StoreRecord } from './formats/record.ts'
import { resolveStage } from './git/reference.ts'
import { writeLines } from './linesFile.ts'
import { loadPrompts } from './prompts/prompts.ts'
import { createComplete } from './record/complete.ts'
import { createExec } from './record/exec.ts'
import type { Store } from './store/port.ts'

const FILE_LIMIT_BYTES = 10 * 1024 * 1024

/** The name of a worker on this host, by its process: in fences, and in the server. */
export function holderOf(pid: number): string {
  return `${hostname()}/${pid}`
}

/** Everything that activities reach, from settings. `isDraining` turns true when the worker is asked to stop. */
export async function composePorts(options: {
  config: Config
  scriptedUrl: string | null
  isDraining: () => boolean
}): Promise<Ports> {
  const { config, scriptedUrl, isDraining } = options
  const store = composeStore(config)
  const { redact } = createSecrets(secretsOf(config))
  const model = composeModel(config, scriptedUrl)
  const { patience, flush } = composePatience({ config, scriptedUrl, store, redact })
  return {
    store,
    instance: await instanceOf(store),
    model,
    git: composeGit(config),
    github: composeGitHub(config),
    resolveStage,
    sandboxes: composeSandboxes(config),
    prompts: loadPrompts(),
    redact,
    complete: createComplete({ store, model, ...patience }),
    flush,
    exec: createExec({ store, redact }),
    toolchains: composeToolchains(config),
    gatewayDir: dirname(gatewaySocket(config)),
    relayedPort: composeRelayedPort(config),
    writeSamplesFile: (campaign, lines) => writeLines(join(storeDir(config), 'samples'), `${campaign}.jsonl`, lines),
    holder: holderOf(process.pid),
    isDraining,
    environmentBuild: composeEnvironmentBuild(config),
    limits: {
      sliceSteps: config.sliceSteps,
      sliceMs: config.sliceMs,
      checkpointMs: config.checkpointMs,
      rerunMs: config.rerunMs,
      fileBytes: FILE_LIMIT_BYTES,
    },
  }
}

async function instanceOf(store: Store): Promise<string> {
  const { value } = await store.putRecord<StoreRecord>('store', {
    format: 'prchain.store/1',
    instance: randomBytes(6).toString('hex'),
  })
  return value.instance
}
