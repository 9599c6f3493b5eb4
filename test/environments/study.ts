import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ports } from '../../src/activities/ports.ts'
import type { RolloutContext } from '../../src/activities/rolloutContext.ts'
import { findStageEnvironment, type EnvironmentBuild } from '../../src/activities/stageEnvironment.ts'
import { studyEnvironment } from '../../src/activities/stageTests.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { Stage } from '../../src/formats/chain.ts'
import type { Origin } from '../../src/formats/environment.ts'
import type { EnvironmentResult, StageEnvironmentRecord } from '../../src/formats/rollout.ts'
import { createGitHost } from '../../src/git/host.ts'
import { createDockerProvider } from '../../src/sandbox/docker.ts'
import type { SandboxProvider } from '../../src/sandbox/port.ts'
import { createFileStore } from '../../src/store/files.ts'

/** What Debian's own programs trust. */
const DEBIAN_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

/** How this host's builds reach registries: its network, and the certificates that it trusts. */
export function testBuild(baseImage: string): { build: EnvironmentBuild; certificates: Buffer | null } {
  const named = process.env['PRCHAIN_ENVIRONMENT_CERTIFICATES'] ?? process.env['SSL_CERT_FILE']
  const path = named ?? DEBIAN_CERTIFICATES
  const certificates = existsSync(path) ? readFileSync(path) : null
  return {
    build: { baseImage, network: 'host', argumentNames: [], hasCertificates: certificates !== null },
    certificates,
  }
}

/** Docker sandboxes of which environments can be built. */
export function provideSandboxes(socketPath: string, certificates: Buffer | null): SandboxProvider {
  return createDockerProvider({
    socketPath,
    memoryBytes: 4096 * 1024 ** 2,
    diskBytes: 2048 * 1024 ** 2,
    cpus: 2,
    pids: 512,
    buildArguments: {},
    buildFiles: certificates ? [{ path: 'ca.pem', bytes: certificates }] : [],
  })
}

/** What one stage of a repository came to: where its environment is from, and the study. */
export type Studied = { origin: Origin; study: EnvironmentResult; seconds: number } | { reason: string }

/** Finds, builds and studies a stage's environment as a rollout does, in a store of its own. */
export async function studyStage(options: {
  provider: SandboxProvider
  build: EnvironmentBuild
  /** A folder with `owner__name.git`. */
  mirrors: string
  repository: string
  base: string
  result: string
  testFiles: string[]
}): Promise<Studied> {
  const { provider, build, mirrors, base, result, testFiles } = options
  const started = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'prchain-study-'))
  const store = createFileStore({ dir: join(folder, 'store') })
  const git = createGitHost({
    cacheDir: join(folder, 'cache'),
    cloneUrl: (name) => join(mirrors, `${name.replace('/', '__')}.git`),
  })
  const repository = await git.open(options.repository, mirrors)
  const ports = {
    store,
    git,
    instance: 'test',
    redact: (text: string) => text,
    sandboxes: () => provider,
    limits: { fileBytes: 10 * 1024 ** 2 },
  }
  const stage = { number: 1, baseSha: base, resultSha: result, testFiles } as Stage
  const found = await findStageEnvironment({ ports, repository, mirrors, stage, given: null, kind: 'docker', build })
  if ('reason' in found) return found
  const { environment, origin, buildContext } = found
  const context = {
    id: 'study/a/1',
    chain: { id: 'a', repository: options.repository },
    settings: { mirrors, scaffold: 'native' },
    repository,
    provider,
    stage: () => stage,
    environment: async () => ({ environment, buildContext, reason: null }),
    sandboxName: (purpose: string) => `study.${process.pid}.${purpose}`,
  } as unknown as RolloutContext
  const record: StageEnvironmentRecord = { format: 'prchain.stage-environment/1', environment, origin, reason: null }
  await store.putRecord(recordKey.stageEnvironment(context.id, 0), record)
  const scope = { signal: new AbortController().signal, report: () => {} }
  const study = await studyEnvironment(ports as unknown as Ports, context, 0, scope)
  return { origin, study: study!, seconds: Math.round((performance.now() - started) / 1000) }
}
