import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { ChannelLine } from './channelLine.ts'
import { openFolderSandbox, openLocalLine, type FolderSandboxRecord } from './folderSandbox.ts'
import { SandboxError, type ListedSandbox, type SandboxPlace, type SandboxProvider, type SandboxSpec } from './port.ts'
import { killProcessesOf } from './processScan.ts'
import { REQUIRED_PROGRAMS } from './runner.ts'

const RECORD_FILE = 'sandbox.json'

/** What stands around the commands of a sandbox that is a folder of this host. */
export interface Walls {
  kind: 'process' | 'bubblewrap'
  isIsolating: boolean
  /** Where the sandbox's parts are, as its commands see them. */
  inside: (parts: string) => { repository: string; home: string; tmp: string; path: string }
  /** A program with arguments that runs the rest of its arguments within the walls. */
  enter: (folder: string, parts: string) => string[]
  /** Puts up what commands need around them, in a folder that nobody uses yet. */
  raise: (folder: string, parts: string) => Promise<void>
  /** Ends what runs within and takes the walls down. Idempotent. */
  fell: (folder: string, parts: string) => Promise<void>
  /** Throws {@link SandboxError} `invalid` when they cannot be put up on this host. */
  requireUsable: () => Promise<void>
  describe: () => Promise<Omit<SandboxPlace, 'id'>>
}

/**
 * Makes sandboxes as folders `dir/<name>/{parts/{repo,home,tmp},jobs}`, in which commands run within some walls. Records
 * of commands stand outside of these. An environment's variables are set; its `image` and `dockerfile` cannot be used:
 * commands find the host's own programs. Needs Linux.
 */
export function createFolderProvider(options: { dir: string; path: string; walls: Walls }): SandboxProvider {
  const { dir, path, walls } = options
  const lines = new Map<string, ChannelLine>()
  const folderOf = (name: string) => {
    if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return join(dir, name)
    throw new SandboxError(
      'invalid',
      `not a sandbox's name: ${JSON.stringify(name)}; use letters, digits, ".", "_" and "-"`,
    )
  }

  const readRecord = async (folder: string): Promise<FolderSandboxRecord | null> => {
    try {
      return JSON.parse(await readFile(join(folder, RECORD_FILE), 'utf8')) as FolderSandboxRecord
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }
  /** Processes and mounts end with the host's boot, so a sandbox of an earlier one is gone though its folder stands. */
  const findLive = async (folder: string): Promise<FolderSandboxRecord | null> => {
    const record = await readRecord(folder)
    return record?.boot === (await readBoot()) ? record : null
  }
  const open = (name: string, record: FolderSandboxRecord) => {
    const folder = folderOf(name)
    const parts = partsOf(folder)
    const inside = walls.inside(parts)
    const line = lines.get(record.life) ?? lineOf(folder, record)
    lines.set(record.life, line)
    const isAlive = async () => (await findLive(folder))?.life === record.life
    return openFolderSandbox({ name, folder, parts, inside: inside.repository, record, line, isAlive, walls })
  }
  const lineOf = (folder: string, record: FolderSandboxRecord) => {
    const parts = partsOf(folder)
    const { home, tmp, path: insidePath } = walls.inside(parts)
    const fixed = { LANG: 'C.UTF-8', TZ: 'UTC', PYTHONHASHSEED: '0' }
    const env = { PATH: insidePath, HOME: home, TMPDIR: tmp, ...fixed, ...record.env }
    return openLocalLine({ folder, env, path, userSwitch: walls.enter(folder, parts) })
  }
  const remove = async (name: string) => {
    const folder = folderOf(name)
    const life = (await readRecord(folder))?.life ?? ''
    lines.get(life)?.close()
    lines.delete(life)
    for (const left of [unfinished(dir, name), removed(dir, name)]) await tearDown(left)
    // First out of sight, so that nothing is started below its name while it goes.
    await rename(folder, removed(dir, name)).catch(ignoreAbsence)
    await killProcessesOf(folder)
    await tearDown(removed(dir, name))
  }
  const tearDown = async (folder: string) => {
    await killProcessesOf(folder)
    await walls.fell(folder, partsOf(folder))
    await removeFolder(folder)
  }

  return {
    kind: walls.kind,
    isIsolating: walls.isIsolating,
    repositoryPath: (name) => walls.inside(partsOf(folderOf(name))).repository,
    async create(spec) {
      const folder = folderOf(spec.name)
      await requirePrograms(path, spec.name)
      await walls.requireUsable()
      await remove(spec.name)
      const aside = unfinished(dir, spec.name)
      await mkdir(partsOf(aside), { recursive: true })
      await walls.raise(aside, partsOf(aside))
      for (const part of ['repo', 'home', 'tmp']) await mkdir(join(partsOf(aside), part))
      await mkdir(join(aside, 'jobs'))
      const record = await makeRecord(spec)
      await writeFile(join(aside, RECORD_FILE), JSON.stringify(record))
      await rename(aside, folder)
      return open(spec.name, record)
    },
    async find(name) {
      const record = await findLive(folderOf(name))
      return record && open(name, record)
    },
    remove,
    async list(labels) {
      const found: ListedSandbox[] = []
      for (const entry of (await readdir(dir).catch(ignoreAbsence)) ?? []) {
        // One that a kill left half made or half removed is still to be taken away.
        const name = entry.replace(/^\.(new|removed)-/, '')
        const record = await readRecord(join(dir, entry))
        if (record && Object.entries(labels).every(([key, value]) => record.labels[key] === value))
          found.push({ name, labels: record.labels })
      }
      return found.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    async describe() {
      await walls.requireUsable()
      const host = await readFile('/etc/machine-id', 'utf8').catch(() => hostname())
      const id = createHash('sha256').update(`${host} ${dir}`).digest('hex').slice(0, 16)
      return { id: `${walls.kind}-${id}`, ...(await walls.describe()) }
    },
  }
}

function partsOf(folder: string): string {
  return join(folder, 'parts')
}

async function makeRecord(spec: SandboxSpec): Promise<FolderSandboxRecord> {
  return {
    format: 'prchain.folder-sandbox/1',
    life: randomUUID(),
    boot: await readBoot(),
    labels: spec.labels,
    env: spec.environment?.env ?? {},
  }
}

async function readBoot(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
}

function unfinished(dir: string, name: string): string {
  return join(dir, `.new-${name}`)
}

function removed(dir: string, name: string): string {
  return join(dir, `.removed-${name}`)
}

/** Throws `invalid` and names what the host lacks. */
async function requirePrograms(path: string, name: string): Promise<void> {
  const script = `for program in ${REQUIRED_PROGRAMS.join(' ')}; do command -v "$program" >/dev/null || echo "$program"; done`
  const shell = spawn('/bin/sh', ['-c', script], {
    env: { PATH: path },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const failed = new Promise<never>((_, reject) => shell.once('error', reject))
  const lacks = (await Promise.race([text(shell.stdout), failed])).trim().split('\n').join(' ')
  if (lacks === '') return
  throw new SandboxError(
    'invalid',
    `making sandbox ${name}: this host's PATH (${path}) lacks ${lacks}; install them, or use Docker`,
  )
}

/** Removes a folder, those parts too that an agent made read-only. */
async function removeFolder(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM') throw error
    await openFolders(folder)
    await rm(folder, { recursive: true, force: true })
  }
}

async function openFolders(folder: string): Promise<void> {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(folder, entry.name))
  }
}

function ignoreAbsence(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
