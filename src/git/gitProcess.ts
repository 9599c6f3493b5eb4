import { spawn } from 'node:child_process'
import { GitError } from './port.ts'

/** What a git process printed and how it ended. */
export interface GitResult {
  code: number
  stdout: Buffer
  stderr: string
}

/** Settings that no repository may override: no hook, monitor, filter or collection ever runs. */
const HARDENED = [
  ...['-c', 'core.hooksPath=/dev/null'],
  ...['-c', 'core.fsmonitor=false'],
  ...['-c', 'core.attributesFile=/dev/null'],
  ...['-c', 'gc.auto=0'],
  ...['-c', 'maintenance.auto=false'],
  ...['-c', 'diff.external='],
  ...['-c', 'diff.renameLimit=0'],
  ...['-c', 'core.quotePath=true'],
  ...['-c', 'safe.directory=*'],
]

/** The whole environment of a git process, but for what a caller adds. */
export const GIT_ENVIRONMENT: Record<string, string> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  TZ: 'UTC',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_AUTHOR_NAME: 'prchain',
  GIT_AUTHOR_EMAIL: 'prchain@localhost',
  GIT_AUTHOR_DATE: '@0 +0000',
  GIT_COMMITTER_NAME: 'prchain',
  GIT_COMMITTER_EMAIL: 'prchain@localhost',
  GIT_COMMITTER_DATE: '@0 +0000',
}

/** The arguments of a hardened git over a git directory. */
export function gitArguments(args: readonly string[], gitDir: string | null): string[] {
  return [...HARDENED, ...(gitDir === null ? [] : [`--git-dir=${gitDir}`]), ...args]
}

/** Runs git. Throws {@link GitError} `failed` with what it said, unless a failure is fine. */
export function runGit(
  args: readonly string[],
  options: { gitDir: string | null; input?: Buffer | string; env?: Record<string, string>; isFailureFine?: boolean },
): Promise<GitResult> {
  const { gitDir, input, env, isFailureFine = false } = options
  const child = spawn('git', gitArguments(args, gitDir), {
    env: { ...GIT_ENVIRONMENT, ...env },
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const out: Buffer[] = []
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  // A git that ends before it has read its input is told by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  return new Promise((done, fail) => {
    child.once('error', (cause) =>
      fail(new GitError('failed', `git could not be started: ${cause.message}; install git 2.38 or newer`, { cause })),
    )
    child.once('close', (status, signal) => {
      const result = { code: status ?? 128, stdout: Buffer.concat(out), stderr: Buffer.concat(said).toString('utf8') }
      if (result.code === 0 || isFailureFine) return done(result)
      const how = signal ?? `code ${status}`
      fail(
        new GitError(
          'failed',
          `git ${args[0]} ended with ${how} in ${gitDir ?? 'no repository'}: ${result.stderr.trim()}`,
        ),
      )
    })
  })
}
