import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { ChannelLine } from './channelLine.ts'
import { SandboxError, type ListedSandbox, type SandboxProvider, type SandboxSpec } from './port.ts'
import { killProcessesOf } from './processScan.ts'
import { openProcessLine, openProcessSandbox, type ProcessSandboxRecord } from './processSandbox.ts'
import { REQUIRED_PROGRAMS } from './runner.ts'

/** Where sandboxes of plain processes stand, and which programs they find. */
export interface ProcessOptions {
  /** The folder above all sandboxes, by absolute path. Made when absent. */
  dir: string
  /** The `PATH` of commands. */
  path: string
}

const RECORD_FILE = 'sandbox.json'

/**
 * Makes sandboxes as folders `dir/<name>/{repo,jobs,home,tmp}` in which commands run as plain processes of the
 * worker's own user: **they isolate nothing**. An environment's variables are set; its `image`, `dockerfile` and
 * `buildNetwork` are not used, and its setup commands are the caller's to run. Needs Linux.
 */
export function createProcessProvider(options: ProcessOptions): SandboxProvider {
  const { dir, path } = options
  const folderOf = (name: string) => {
    if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return join(dir, name)
    throw new SandboxError(
      'invalid',
      `not a sandbox's name: ${JSON.stringify(name)}; use letters, digits, ".", "_" and "-"`,
    )
  }

  const readRecord = async (folder: string): Promise<ProcessSandboxRecord | null> => {
    try {
      return JSON.parse(await readFile(join(folder, RECORD_FILE), 'utf8')) as ProcessSandboxRecord
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }
  /** Processes end with the host's boot, so a sandbox of an earlier one is gone though its folder stands. */
  const findLive = async (folder: string): Promise<ProcessSandboxRecord | null> => {
    const record = await readRecord(folder)
    return record?.boot === (await readBoot()) ? record : null
  }
  const lines = new Map<string, ChannelLine>()
  const open = (name: string, record: ProcessSandboxRecord) => {
    const folder = folderOf(name)
    const isAlive = async () => (await findLive(folder))?.life === record.life
    const line = lines.get(record.life) ?? openProcessLine({ folder, env: environmentOf(folder, record), path, userSwitch: [] })
    lines.set(record.life, line)
    return openProcessSandbox({ name, folder, record, line, isAlive })
  }
  const environmentOf = (folder: string, record: ProcessSandboxRecord) => ({
    PATH: path,
    HOME: join(folder, 'home'),
    TMPDIR: join(folder, 'tmp'),
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    PYTHONHASHSEED: '0',
    ...record.env,
  })
  const letGo = async (folder: string) => {
    const life = (await readRecord(folder))?.life ?? ''
    lines.get(life)?.close()
    lines.delete(life)
  }
  const remove = async (name: string) => {
    const folder = folderOf(name)
    const aside = join(dir, `.removed-${name}`)
    await letGo(folder)
    await removeFolder(unfinished(dir, name))
    // First out of sight, so that nothing is started below its name while it goes.
    await removeFolder(aside)
    await rename(folder, aside).catch(ignoreAbsence)
    await killProcessesOf(folder)
    await killProcessesOf(aside)
    await removeFolder(aside)
  }

  return {
    kind: 'process',
    isIsolating: false,
    repositoryPath: (name) => join(folderOf(name), 'repo'),
    async create(spec) {
      const folder = folderOf(spec.name)
      await requirePrograms(path, spec.name)
      await remove(spec.name)
      const aside = unfinished(dir, spec.name)
      for (const part of ['repo', 'jobs', 'home', 'tmp']) await mkdir(join(aside, part), { recursive: true })
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
      const names = (await readdir(dir).catch(ignoreAbsence)) ?? []
      const found: ListedSandbox[] = []
      for (const name of names.filter((each) => !each.startsWith('.')).sort()) {
        const record = await readRecord(join(dir, name))
        if (record && Object.entries(labels).every(([key, value]) => record.labels[key] === value)) found.push({ name, labels: record.labels })
      }
      return found
    },
    async describe() {
      const host = await readFile('/etc/machine-id', 'utf8').catch(() => hostname())
      const id = createHash('sha256').update(`${host} ${dir}`).digest('hex').slice(0, 16)
      return {
        id: `process-${id}`,
        version: 'plain processes',
        limits: [{ what: 'isolation', how: 'none: commands can reach the host and its network' }],
      }
    },
  }
}

async function makeRecord(spec: SandboxSpec): Promise<ProcessSandboxRecord> {
  return {
    format: 'prchain.process-sandbox/1',
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
