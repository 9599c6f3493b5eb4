import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { acceptsConnections } from './address.ts'
import { isRunning } from './guardedProcess.ts'

/** What `server.json` says: where the servers of a running `up` or `demo` are, for later commands to find them. */
export const serverFile = z.strictObject({
  format: z.literal('prchain.server/1'),
  temporal: z.strictObject({
    /** `host:port` of Temporal's gRPC endpoint. */
    address: z.string().regex(/^.+:\d{1,5}$/, 'expected host:port'),
    namespace: z.string().min(1),
    uiUrl: z.string().min(1),
  }),
  /** The base URL of the scripted model, or null when a real one is used. */
  scriptedModelUrl: z.string().min(1).nullable(),
  /** The process that holds the servers. */
  pid: z.number().int().positive(),
  startedAt: z.iso.datetime({ offset: true }),
})
/** What `server.json` says: where the servers of a running `up` or `demo` are. */
export type ServerFile = z.infer<typeof serverFile>

/** A `server.json` that is there and cannot be understood. */
export class ServerFileError extends Error {
  override name = 'ServerFileError'
}

/** The path of `server.json` in a store's directory. */
export function serverFilePath(storeDir: string): string {
  return join(storeDir, 'server.json')
}

/** Writes the file aside, syncs it and renames it into place: a reader sees the old one, the new one, or none. */
export async function writeServerFile(path: string, value: ServerFile): Promise<void> {
  const text = `${JSON.stringify(serverFile.parse(value), null, 2)}\n`
  await mkdir(dirname(path), { recursive: true })
  const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    const file = await open(aside, 'wx')
    try {
      await file.writeFile(text)
      await file.datasync()
    } finally {
      await file.close()
    }
    await rename(aside, path)
  } finally {
    await rm(aside, { force: true })
  }
}

/** The file's content, or null when there is none. Throws {@link ServerFileError} when it is not a `server.json`. */
export async function readServerFile(path: string): Promise<ServerFile | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    return serverFile.parse(JSON.parse(text))
  } catch (cause) {
    const what = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)
    throw new ServerFileError(
      `${path} is not a prchain.server/1 file: ${what}; delete it if no prchain up is running, or give the server's address`,
      { cause },
    )
  }
}

/** Removes the file; absent is fine. */
export async function removeServerFile(path: string): Promise<void> {
  await rm(path, { force: true })
}

/**
 * Whether the servers that a file names are alive: its process is running and its address accepts a connection. Each
 * alone deceives: process ids are reused, and so are ports.
 */
export async function isServerAlive(value: ServerFile, timeoutMs = 2_000): Promise<boolean> {
  return isRunning(value.pid) && (await acceptsConnections(value.temporal.address, timeoutMs))
}
