import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { GitError } from './port.ts'

const STDERR_KEPT = 4_000

/** Settings that make git the same everywhere, and keep it from running anything a repository names. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.attributesFile=/dev/null',
  'core.excludesFile=/dev/null',
  'core.quotePath=false',
  // Any tree that git can hold is to be kept byte for byte; none is ever checked out on this host.
  'core.protectNTFS=false',
  'core.protectHFS=false',
  'diff.renameLimit=1000',
  'merge.renameLimit=7000',
  'gc.auto=0',
  'maintenance.auto=false',
  'safe.directory=*',
  'protocol.allow=never',
  'protocol.https.allow=always',
  'protocol.http.allow=always',
  'protocol.ssh.allow=always',
  'protocol.git.allow=always',
  'protocol.file.allow=always',
  'http.lowSpeedLimit=1000',
  'http.lowSpeedTime=120',
].flatMap((setting) => ['-c', setting])

/** Where a git command runs and what it is given. */
export interface GitCommand {
  /** What the command is about, for errors: a repository's name. */
  about: string
  /** The git directory; absent for a command that needs none, such as clone. */
  gitDir?: string
  /** Objects are read from and written to this folder in place of the git directory's own. */
  objectDir?: string
  indexFile?: string
  /** Given on standard input, which is otherwise empty. */
  input?: Buffer | string
  /** Exit codes that are answers, not failures. `[0]` when absent. */
  okCodes?: readonly number[]
  /** Further variables, such as a commit's author and date. */
  variables?: Readonly<Record<string, string>>
}

/** The system's git, isolated from the user's and the system's settings. */
export interface Git {
  /** Runs a command to its end. Throws {@link GitError} `failed` with what git said when its exit code is not an answer. */
  run(args: readonly string[], command: GitCommand): Promise<{ code: number; stdout: Buffer }>
  /** Starts a command whose streams the caller uses. `ended` rejects as `run` does; its caller must end or kill it. */
  start(args: readonly string[], command: GitCommand): { child: ChildProcessWithoutNullStreams; ended: Promise<number> }
}

/** Git run in an empty `home`, with no variables but `environment` (PATH, proxies, certificates) and our own. */
export function createGit(options: { home: string; environment: Readonly<Record<string, string>> }): Git {
  const { home } = options
  const environment = Object.fromEntries(
    Object.entries(options.environment).filter(([name]) => !name.startsWith('GIT_')),
  )

  function start(args: readonly string[], command: GitCommand): ReturnType<Git['start']> {
    const { about, gitDir, objectDir, indexFile, okCodes = [0], variables } = command
    const child = spawn('git', [...SETTINGS, ...args], {
      cwd: home,
      env: {
        ...environment,
        HOME: home,
        XDG_CONFIG_HOME: home,
        LC_ALL: 'C',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_ATTR_NOSYSTEM: '1',
        GIT_TERMINAL_PROMPT: '0',
        GIT_OPTIONAL_LOCKS: '0',
        GIT_NO_REPLACE_OBJECTS: '1',
        GIT_LITERAL_PATHSPECS: '1',
        ...(gitDir === undefined ? {} : { GIT_DIR: gitDir }),
        ...(objectDir === undefined ? {} : { GIT_OBJECT_DIRECTORY: objectDir }),
        ...(indexFile === undefined ? {} : { GIT_INDEX_FILE: indexFile }),
        ...variables,
      },
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-STDERR_KEPT)))
    // A git that ends before it has read its input says why on its own.
    child.stdin.on('error', () => {})
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(
          new GitError('failed', `git could not be started for ${about}; is it installed and on PATH?`, { cause }),
        ),
      )
      child.once('close', (code, signal) => {
        if (code !== null && okCodes.includes(code)) return resolve(code)
        const how = code === null ? `was ended by ${signal}` : `ended with exit code ${code}`
        reject(new GitError('failed', `git ${args[0]} for ${about} ${how}: ${withoutCredentials(said.trim())}`))
      })
    })
    ended.catch(() => {})
    return { child, ended }
  }

  return {
    start,
    async run(args, command) {
      const { child, ended } = start(args, command)
      const chunks: Buffer[] = []
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
      child.stdin.end(command.input ?? '')
      const code = await ended
      return { code, stdout: Buffer.concat(chunks) }
    },
  }
}

/** A text without the user and password of any URL in it. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/(\w+:\/\/)[^/\s@]+@/g, '$1')
}
