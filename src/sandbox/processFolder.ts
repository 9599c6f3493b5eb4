import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SandboxError, type ListedSandbox, type Mount, type SandboxSpec } from './port.ts'
import { killProcessesOf } from './processScan.ts'

/** What a sandbox's folder says of it. */
export interface ProcessSandboxRecord {
  format: 'prchain.process-sandbox/1'
  life: string
  /** The boot of the host in which it was made. */
  boot: string
  labels: Record<string, string>
  env: Record<string, string>
  /** The user of its commands, where that is not the worker's. */
  uid: number | null
  /** The control groups of its commands, by absolute path. */
  cgroups: string[]
  mounts: readonly Mount[]
}

const RECORD_FILE = 'sandbox.json'
/** Before a name: a folder that is being made, or was when its maker died. */
const NEW = '.new-'
/** Before a name: a folder that is being removed, or was. */
const REMOVED = '.removed-'

/** The folder of a sandbox by its name. Throws {@link SandboxError} `invalid` for a name that could lead elsewhere. */
export function sandboxFolder(dir: string, name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return join(dir, name)
  throw new SandboxError(
    'invalid',
    `not a sandbox's name: ${JSON.stringify(name)}; use letters, digits, ".", "_" and "-"`,
  )
}

/** Makes a sandbox's folder, which is seen under its name only when `fill` has made all that is in it. */
export async function makeSandboxFolder(options: {
  dir: string
  spec: SandboxSpec
  /** Told what must be known of it to remove it, before any of it is made. */
  more: (life: string) => Promise<Pick<ProcessSandboxRecord, 'uid' | 'cgroups'>>
  fill: (folder: string, record: ProcessSandboxRecord) => Promise<void>
}): Promise<ProcessSandboxRecord> {
  const { dir, spec, more, fill } = options
  const folder = sandboxFolder(dir, spec.name)
  const aside = join(dir, `${NEW}${spec.name}`)
  const life = randomUUID()
  const record: ProcessSandboxRecord = {
    format: 'prchain.process-sandbox/1',
    life,
    boot: await readBoot(),
    labels: spec.labels,
    env: spec.environment?.env ?? {},
    mounts: spec.mounts ?? [],
    ...(await more(life)),
  }
  await mkdir(aside, { recursive: true })
  await writeFile(join(aside, RECORD_FILE), JSON.stringify(record))
  await fill(aside, record)
  await rename(aside, folder)
  return record
}

/** What a folder's record says, or null when there is none, whether or not it is of this boot. */
export async function readSandboxRecord(folder: string): Promise<ProcessSandboxRecord | null> {
  const text = await readFile(join(folder, RECORD_FILE), 'utf8').catch(ignoreAbsence)
  try {
    return text === undefined ? null : (JSON.parse(text) as ProcessSandboxRecord)
  } catch {
    // Its maker died while it was written, so that nothing else of it was made.
    return null
  }
}

/** The record of a live sandbox: processes end with the host's boot, so one of an earlier boot is gone though its folder stands. */
export async function findLiveSandbox(folder: string): Promise<ProcessSandboxRecord | null> {
  const record = await readSandboxRecord(folder)
  return record?.boot === (await readBoot()) ? record : null
}

/** All sandboxes with these labels, those too that are half made or half removed, in order of their names. */
export async function listSandboxFolders(dir: string, labels: Record<string, string>): Promise<ListedSandbox[]> {
  const found = new Map<string, ListedSandbox>()
  for (const entry of ((await readdir(dir).catch(ignoreAbsence)) ?? []).sort()) {
    const name = [NEW, REMOVED].reduce(
      (rest, prefix) => (rest.startsWith(prefix) ? rest.slice(prefix.length) : rest),
      entry,
    )
    if (name.startsWith('.')) continue
    const record = await readSandboxRecord(join(dir, entry))
    if (!record || !Object.entries(labels).every(([key, value]) => record.labels[key] === value)) continue
    found.set(name, { name, labels: record.labels })
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * Ends all that runs in a sandbox and removes its folder, and what is left of a making or a removal that was cut off.
 * `release` gives back what a folder holds beside its files, after all its processes have ended. Idempotent.
 */
export async function removeSandboxFolder(options: {
  dir: string
  name: string
  release: (folder: string, record: ProcessSandboxRecord | null) => Promise<void>
}): Promise<void> {
  const { dir, name, release } = options
  const folder = sandboxFolder(dir, name)
  const [unfinished, aside] = [join(dir, `${NEW}${name}`), join(dir, `${REMOVED}${name}`)]
  // Processes are ended before their folder goes, so where there is none nothing runs; looking for them is slow.
  if (![folder, unfinished, aside].some((place) => existsSync(place))) return
  const removeAt = async (place: string) => {
    await release(place, await readSandboxRecord(place))
    await removeFolder(place)
  }
  await removeAt(unfinished)
  if (existsSync(aside)) {
    await killProcessesOf(aside)
    await removeAt(aside)
  }
  // First out of sight, so that nothing is started below its name while it goes.
  await rename(folder, aside).catch(ignoreAbsence)
  await killProcessesOf(folder)
  await killProcessesOf(aside)
  await removeAt(aside)
}

/** Removes what is in a folder and then the folder, those parts too that an agent made read-only. Idempotent. */
export async function removeFolder(folder: string): Promise<void> {
  const names = (await readdir(folder).catch(ignoreAbsence)) ?? []
  // Its record last: a removal that is cut off is found again by its labels.
  for (const name of names.filter((each) => each !== RECORD_FILE)) await removeAll(join(folder, name))
  await removeAll(folder)
}

async function removeAll(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM') throw error
    await openFolders(path)
    await rm(path, { recursive: true, force: true })
  }
}

async function openFolders(folder: string): Promise<void> {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(folder, entry.name))
  }
}

async function readBoot(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
}

function ignoreAbsence(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
