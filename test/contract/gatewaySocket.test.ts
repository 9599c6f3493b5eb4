import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isSocketTaken, listenOnSocket } from '../../src/gateway/socket.ts'

let dir: string
let path: string
const servers: Server[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'prchain-socket-'))
  path = join(dir, 'gateway.sock')
})
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  rmSync(dir, { recursive: true, force: true })
})

const server = () => servers[servers.push(createServer()) - 1]!

/** Leaves a socket that nobody listens on, as kill -9 does. */
async function leaveDead(): Promise<void> {
  const script = join(dir, 'dead.mjs')
  writeFileSync(
    script,
    `import { createServer } from 'node:net'\ncreateServer().listen(${JSON.stringify(path)}, () => process.send(1))`,
  )
  const child = fork(script)
  await once(child, 'message')
  child.kill('SIGKILL')
  await once(child, 'exit')
  rmSync(script)
  expect(existsSync(path)).toBe(true)
}

test('a socket that a killed process left is taken over, and one that is listened on is not', async () => {
  await leaveDead()
  expect(await isSocketTaken(path)).toBe(false)
  await listenOnSocket(server(), path)
  expect(await isSocketTaken(path)).toBe(true)
  await expect(listenOnSocket(server(), path)).rejects.toThrow(path)
  expect(await isSocketTaken(path)).toBe(true)
  expect(readdirSync(dir)).toEqual(['gateway.sock'])
})

test('of two that start at once in the place of a dead one, one listens and the other is refused', async () => {
  await leaveDead()
  const started = await Promise.allSettled([listenOnSocket(server(), path), listenOnSocket(server(), path)])
  expect(started.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(await isSocketTaken(path)).toBe(true)
  expect(readdirSync(dir)).toEqual(['gateway.sock'])
})

test('a file that is no socket is left as it is', async () => {
  writeFileSync(path, 'mine')
  await expect(listenOnSocket(server(), path)).rejects.toThrow('no socket')
  expect(existsSync(path)).toBe(true)
})
