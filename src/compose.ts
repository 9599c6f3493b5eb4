import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { resolveChain, storeChain } from './activities/chainRecord.ts'
import type { EnvironmentBuild } from './activities/stageEnvironment.ts'
import { readHost, type Config } from './config.ts'
import type { Chain, ChainImport } from './formats/chain.ts'
import type { PullRequest } from './formats/pullRequest.ts'
import { createGitHost } from './git/host.ts'
import { resolveStage } from './git/reference.ts'
import type { GitHost } from './git/port.ts'
import { createGitHub } from './github/octokit.ts'
import { startRecordedGitHub } from './github/recorded.ts'
import type { GitHub } from './github/port.ts'
import { createBooks, type Books } from './record/books.ts'
import { createBubblewrapProvider } from './sandbox/bubblewrap.ts'
import { createDockerProvider } from './sandbox/docker.ts'
import type { SandboxProvider } from './sandbox/port.ts'
import { createProcessProvider } from './sandbox/process.ts'
import { createFileStore } from './store/files.ts'
import type { Store } from './store/port.ts'

const MEBIBYTE = 1024 * 1024
/** Where the build step of an environment finds the operator's certificates, below its context's `.prchain/`. */
const CERTIFICATES_IN_BUILD = 'ca.pem'

/** The folder of the store, absolute. */
export function storeDir(config: Config): string {
  return resolve(config.store)
}

/** The artifact store of the settings. */
export function composeStore(config: Config): Store {
  return createFileStore({ dir: storeDir(config) })
}

/** What the store's campaigns may spend, and what they spent. */
export function composeBooks(config: Config): Books {
  return createBooks(composeStore(config))
}

/** Git repositories: mirrors where given, else clones in the store's cache. */
export function composeGit(config: Config): GitHost {
  const { path, network } = readHost()
  return createGitHost({
    cacheDir: join(storeDir(config), 'cache'),
    cloneUrl: (repository) => `${config.githubServerUrl.replace(/\/$/, '')}/${repository}.git`,
    environment: { ...(path === '' ? {} : { PATH: path }), ...network },
  })
}

/** GitHub's API. */
export function composeGitHub(config: Config): GitHub {
  return createGitHub({
    apiUrl: config.githubApiUrl,
    token: config.githubToken,
    serverUrl: config.githubServerUrl,
    callsPerMinute: config.githubRpm,
  })
}

/** A sandbox provider by kind. */
export function composeSandboxes(config: Config): (kind: SandboxProvider['kind']) => SandboxProvider {
  const made: Partial<Record<SandboxProvider['kind'], SandboxProvider>> = {}
  const host = readHost()
  const limits = {
    memoryBytes: config.sandboxMemoryMb * MEBIBYTE,
    diskBytes: config.sandboxDiskMb * MEBIBYTE,
    cpus: config.sandboxCpus,
    pids: config.sandboxPids,
  }
  const make = {
    docker: () =>
      createDockerProvider({
        ...limits,
        socketPath: config.dockerHost ?? undefined,
        defaultImage: config.environmentBase,
        startsAtOnce: config.sandboxStarts,
        buildArguments: host.build,
        buildFiles:
          config.environmentCertificates === null
            ? []
            : [{ path: CERTIFICATES_IN_BUILD, bytes: readFileSync(config.environmentCertificates) }],
      }),
    bubblewrap: () =>
      createBubblewrapProvider({ ...limits, dir: join(storeDir(config), 'bubblewrap'), path: host.path }),
    process: () => createProcessProvider({ dir: join(storeDir(config), 'sandboxes'), path: host.path }),
  }
  return (kind) => (made[kind] ??= make[kind]())
}

/** How images of environments are built on this host. */
export function composeEnvironmentBuild(config: Config): EnvironmentBuild {
  return {
    baseImage: config.environmentBase,
    network: config.environmentNetwork,
    argumentNames: Object.keys(readHost().build).sort(),
    hasCertificates: config.environmentCertificates !== null,
  }
}

/** Starts a loopback GitHub that serves recorded JSON, for the demo and for tests. */
export function composeRecordedGitHub(dir: string): Promise<{ url: string; close(): Promise<void> }> {
  // The demo may come without a token, and its GitHub is its own.
  return startRecordedGitHub({ dir, limits: { anonymousRequestsPerHour: 5000 } })
}

/** Chains given by hand: joined with GitHub's evidence and git's commits, and stored. */
export function composeChains(config: Config): {
  resolveChain: (given: ChainImport) => Promise<Chain>
  storeChain: (chain: Chain) => Promise<{ isNew: boolean; isSame: boolean }>
} {
  const store = composeStore(config)
  const git = composeGit(config)
  const github = composeGitHub(config)
  return {
    storeChain: (chain) => storeChain(store, chain),
    async resolveChain({ repo, prs, id }) {
      const repository = await git.open(repo, config.mirrors)
      const pulls: PullRequest[] = []
      for (const number of prs) pulls.push(await github.fetchPullRequest(repo, number))
      return resolveChain(
        { store, resolveStage },
        { repository, pulls, id: id ?? null, source: 'imported', mode: 'given', shape: 'given', links: [] },
      )
    },
  }
}
