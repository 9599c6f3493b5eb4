import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startEngineProxy } from './engineProxy.ts'

const run = promisify(execFile)

/** An engine that sees a folder of this host's as one in a virtual machine does: its files, and no socket in it. */
export interface FarEngine {
  socketPath: string
  /** From now on its networks show this host's ports, as if it knew no option against it. */
  showHost(): void
  /** The folder. */
  dir: string
  close: () => Promise<void>
}

/**
 * Puts a proxy before an engine, by which mounts from below `dir` come from an overlay of that folder, as root: the kernel
 * connects nobody to a socket that is seen through one.
 */
export async function startFarEngine(engineSocket: string): Promise<FarEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'prchain-far-'))
  const [dir, seen, empty] = [join(folder, 'own'), join(folder, 'far'), join(folder, 'none')]
  for (const each of [dir, seen, empty]) await mkdir(each)
  await run('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=${dir}:${empty}`, seen])
  const socketPath = join(folder, 'engine.sock')
  let isShowing = false
  const carry = (client: Socket, engine: Socket) => {
    // As long as it was: a request's length stays.
    client.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1').replaceAll(`${dir}/`, `${seen}/`)
      engine.write(
        Buffer.from(isShowing ? text.replace('inhibit_ipv4":"true"', 'inhibit_ipv4":"0"   ') : text, 'latin1'),
      )
    })
    client.on('end', () => engine.end())
  }
  const server = await startEngineProxy({ socketPath, engineSocket, carry })
  return {
    socketPath,
    dir,
    showHost: () => void (isShowing = true),
    async close() {
      server.close()
      await run('umount', ['-l', seen])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
