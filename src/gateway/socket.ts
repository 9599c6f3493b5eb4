import { once } from 'node:events'
import { lstat, rename, rm } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long a gateway that is just stopping is waited for. */
const STOPPING_MS = 1_000
const LOOK_MS = 50

/** Another process listens on a socket. */
export class SocketTakenError extends Error {
  override name = 'SocketTakenError'
}

/**
 * Listens on a Unix socket, in the place of one that nobody listens on any longer. Throws {@link SocketTakenError} when
 * somebody does, and leaves it as it is.
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  for (;;) {
    server.listen(path)
    try {
      return void (await once(server, 'listening'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
    if (await isSocketTaken(path)) throw takenError(path)
    await removeDead(path)
  }
}

/** Whether somebody listens on a Unix socket, and goes on doing so. */
export async function isSocketTaken(path: string): Promise<boolean> {
  for (let waitedMs = 0; await isAnswering(path); waitedMs += LOOK_MS) {
    if (waitedMs >= STOPPING_MS) return true
    await sleep(LOOK_MS)
  }
  return false
}

/** Two that start at once both find the dead one: it is moved away first, so that none removes what the other has just made. */
async function removeDead(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  if (found && !found.isSocket()) throw new Error(`${path} is no socket; move it away, or name another gatewaySocket`)
  const aside = `${path}.${process.pid}`
  try {
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (await isAnswering(aside)) {
    await rename(aside, path)
    throw takenError(path)
  }
  await rm(aside, { force: true })
}

function takenError(path: string): SocketTakenError {
  return new SocketTakenError(
    `a gateway listens on ${path} already: use it as it is, stop it, or name another socket by --gateway-socket`,
  )
}

function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect(path)
    const end = (isThere: boolean) => {
      client.destroy()
      resolve(isThere)
    }
    client.once('connect', () => end(true))
    client.once('error', () => end(false))
  })
}
