import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import Docker from 'dockerode'

/** The image that the tests' sandboxes are made from: Debian with git, Python and this Node. */
export const BASE_IMAGE = 'prchain-test-base:bookworm'
const SUITE = 'bookworm'
const PACKAGES = 'git,python3,ca-certificates,libstdc++6'
const DEFAULT_SOCKET = '/var/run/docker.sock'
const ENGINE = { name: 'dockerd', file: 'dockerd.pid' }
const CONTAINERD = { name: 'containerd', file: 'exec/containerd/containerd.pid' }
const START_TIMEOUT_MS = 60_000

/** A Docker engine that was found or started. */
export interface Engine {
  socketPath: string
  /** The process id of an engine that was started; null for one that was there. */
  pid: number | null
}

/**
 * The engine and the image for tests: that of `PRCHAIN_TEST_DOCKER_SOCKET`, else the default socket's. Makes the
 * image when it can. Null when no engine answers or the image cannot be made; throws instead when `PRCHAIN_REQUIRE`
 * names `docker`.
 */
export async function dockerForTests(): Promise<{ socketPath: string; image: string } | null> {
  const socketPath = process.env['PRCHAIN_TEST_DOCKER_SOCKET'] ?? DEFAULT_SOCKET
  const isRequired = (process.env['PRCHAIN_REQUIRE'] ?? '').split(',').includes('docker')
  try {
    if (!(await answers(socketPath)))
      throw new Error(`no Docker engine answers at ${socketPath}; start one by node test/docker/engine.ts start`)
    return { socketPath, image: await provideBaseImage(socketPath) }
  } catch (error) {
    if (isRequired) throw error
    return null
  }
}

/**
 * Gives the engine at a socket, or starts one of our own there as root, with its data below `folder`, and waits until
 * it answers. Starts one again that was killed, with its containers still running where they are live-restored. Throws with the end of its log when it does not.
 */
export async function startEngine(
  folder: string,
  socketPath: string,
  options: { isLiveRestored?: boolean } = {},
): Promise<Engine> {
  if (await answers(socketPath)) return { socketPath, pid: null }
  mkdirSync(folder, { recursive: true })
  const log = join(folder, 'dockerd.log')
  await clearAfterKill(folder)
  const output = openSync(log, 'a')
  const places = [
    '--data-root',
    join(folder, 'data'),
    '--exec-root',
    join(folder, 'exec'),
    '--pidfile',
    join(folder, ENGINE.file),
  ]
  const live = options.isLiveRestored ? ['--live-restore'] : []
  const engine = spawn('dockerd', ['--host', `unix://${socketPath}`, ...places, ...live], {
    detached: true,
    stdio: ['ignore', output, output],
  })
  engine.unref()
  const ended = hasEnded(engine)
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await answers(socketPath))) {
    if (ended() || Date.now() > deadline) {
      const end = readFileSync(log, 'utf8').split('\n').slice(-15).join('\n')
      throw new Error(
        `dockerd did not start (it needs root, docker.io and iptables); its log ${log} ends with:\n${end}`,
      )
    }
    await setTimeout(100)
  }
  return { socketPath, pid: engine.pid ?? null }
}

/** Stops the engine that {@link startEngine} started with this folder, and waits until it has gone. Idempotent. */
export async function stopEngine(folder: string): Promise<void> {
  const pid = await readPid(folder)
  if (pid === null) return
  process.kill(pid, 'SIGTERM')
  while (isAlive(pid, ENGINE.name)) await setTimeout(50)
}

/**
 * Makes {@link BASE_IMAGE} by debootstrap from this host's Debian mirror, as root. Quick when the engine has it
 * already, made by the same recipe.
 */
export async function provideBaseImage(socketPath: string): Promise<string> {
  const docker = new Docker({ socketPath })
  const recipe = createHash('sha256').update(`1 ${SUITE} ${PACKAGES} ${process.version}`).digest('hex')
  const present = await docker
    .getImage(BASE_IMAGE)
    .inspect()
    .catch(() => null)
  if (present?.Config.Labels?.['prchain.recipe'] === recipe) return BASE_IMAGE
  const root = await mkdtemp(join(tmpdir(), 'prchain-base-'))
  try {
    await run('debootstrap', ['--variant=minbase', `--include=${PACKAGES}`, SUITE, root, ...(await readMirror())])
    await copyFile(process.execPath, join(root, 'usr/local/bin/node'))
    for (const part of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale']) {
      await rm(join(root, part), { recursive: true, force: true })
    }
    await mkdir(join(root, 'var/lib/apt/lists/partial'), { recursive: true })
    await mkdir(join(root, 'var/cache/apt/archives/partial'), { recursive: true })
    const tar = spawn('tar', ['-C', root, '--numeric-owner', '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [repo, tag] = BASE_IMAGE.split(':')
    const changes = [
      `LABEL prchain.recipe=${recipe}`,
      'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ]
    const progress = await docker.importImage(tar.stdout, { repo, tag, changes })
    let said = ''
    for await (const chunk of progress) said += String(chunk)
    if (said.includes('"error"')) throw new Error(`the engine did not import the base image: ${said}`)
    return BASE_IMAGE
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** Debian's mirror as this host's apt has it, or nothing, which leaves debootstrap its own. */
async function readMirror(): Promise<string[]> {
  const folder = '/etc/apt/sources.list.d'
  const files = (await readdir(folder).catch(() => [])).map((name) => join(folder, name))
  for (const file of ['/etc/apt/sources.list', ...files]) {
    const text = await readFile(file, 'utf8').catch(() => '')
    for (const stanza of text.split(/\n\s*\n/)) {
      const isOurs = new RegExp(`^Suites:.*\\b${SUITE}(\\s|$)`, 'm').test(stanza)
      const uri = /^URIs:\s*(\S+)/m.exec(stanza)?.[1]
      if (isOurs && uri) return [uri]
    }
    const line = new RegExp(`^deb\\s+(?:\\[[^\\]]*\\]\\s+)?(\\S+)\\s+${SUITE}\\s.*\\bmain\\b`, 'm').exec(text)
    if (line?.[1]) return [line[1]]
  }
  return []
}

async function answers(socketPath: string): Promise<boolean> {
  if (!existsSync(socketPath)) return false
  return new Docker({ socketPath }).ping().then(
    () => true,
    () => false,
  )
}

function hasEnded(child: ChildProcess): () => boolean {
  let isEnded = false
  child.once('exit', () => (isEnded = true)).once('error', () => (isEnded = true))
  return () => isEnded
}

/** Takes away what an engine that was killed left: files that name its processes, and keep the next from starting. */
async function clearAfterKill(folder: string): Promise<void> {
  if ((await readPid(folder)) !== null) return
  // The engine's own containerd dies with it, a moment later.
  for (const end = Date.now() + 5000; (await readPid(folder, CONTAINERD)) !== null && Date.now() < end;)
    await setTimeout(20)
  for (const { file } of [ENGINE, CONTAINERD]) await rm(join(folder, file), { force: true })
}

/** The process id in a file while that program lives, else null. */
async function readPid(folder: string, program = ENGINE): Promise<number | null> {
  const pid = Number(await readFile(join(folder, program.file), 'utf8').catch(() => '0'))
  return pid > 1 && isAlive(pid, program.name) ? pid : null
}

function isAlive(pid: number, name: string): boolean {
  try {
    // A zombie, which a host's init may be slow to reap, is none.
    return new RegExp(`^\\d+ \\(${name}\\) [^ZX]`).test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

async function run(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => (said = `${said}${chunk}`.slice(-4096)))
  const code = await new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${said}`)
}

/** `start [FOLDER [SOCKET]]` starts an engine and makes the image, `image [SOCKET]` makes it, `stop [FOLDER]` stops. */
if (import.meta.main) {
  const [verb, ...rest] = process.argv.slice(2)
  const folder = verb === 'image' ? '' : (rest[0] ?? join(tmpdir(), 'prchain-docker'))
  const socketPath =
    (verb === 'image' ? rest[0] : rest[1]) ?? process.env['PRCHAIN_TEST_DOCKER_SOCKET'] ?? DEFAULT_SOCKET
  if (verb === 'start') {
    const engine = await startEngine(folder, socketPath)
    const image = await provideBaseImage(socketPath)
    console.log(JSON.stringify({ ...engine, folder, image }))
  } else if (verb === 'image') {
    console.log(JSON.stringify({ socketPath, image: await provideBaseImage(socketPath) }))
  } else if (verb === 'stop') {
    await stopEngine(folder)
  } else {
    console.error('usage: node test/docker/engine.ts start [FOLDER [SOCKET]] | image [SOCKET] | stop [FOLDER]')
    process.exitCode = 2
  }
}
