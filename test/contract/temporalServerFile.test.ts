import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import {
  isServerAlive,
  readServerFile,
  removeServerFile,
  serverFilePath,
  ServerFileError,
  writeServerFile,
  type ServerFile,
} from '../../temporal/serverFile.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prchain-server-file-'))
  path = serverFilePath(join(folder, '.prchain'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const VALUE: ServerFile = {
  format: 'prchain.server/1',
  temporal: { address: '127.0.0.1:7233', namespace: 'default', uiUrl: 'http://127.0.0.1:8233' },
  scriptedModelUrl: null,
  pid: process.pid,
  startedAt: '2026-06-08T14:50:17Z',
}

test('what is written is read, in a folder that is made for it and holds nothing else', async () => {
  await writeServerFile(path, VALUE)
  await writeServerFile(path, { ...VALUE, scriptedModelUrl: 'http://127.0.0.1:4000/v1' })
  expect(await readServerFile(path)).toEqual({ ...VALUE, scriptedModelUrl: 'http://127.0.0.1:4000/v1' })
  expect(await readdir(join(folder, '.prchain'))).toEqual(['server.json'])
})

test('an absent one reads as null, and can be removed', async () => {
  expect(await readServerFile(path)).toBeNull()
  await writeServerFile(path, VALUE)
  await removeServerFile(path)
  await removeServerFile(path)
  expect(await readServerFile(path)).toBeNull()
})

test.each([
  ['half a file', '{"format":"prchain.server/1","temp'],
  ['another format', JSON.stringify({ ...VALUE, format: 'prchain.server/2' })],
  ['an address without a port', JSON.stringify({ ...VALUE, temporal: { ...VALUE.temporal, address: 'localhost' } })],
  ['nothing', ''],
])('%s is an error that names the file', async (_, text) => {
  await writeServerFile(path, VALUE)
  await writeFile(path, text)
  const reading = readServerFile(path)
  await expect(reading).rejects.toThrow(ServerFileError)
  await expect(reading).rejects.toThrow(path)
})

test('a value that is not one is not written', async () => {
  await expect(writeServerFile(path, { ...VALUE, pid: -1 })).rejects.toThrow()
  expect(await readServerFile(path)).toBeNull()
})

test('a server is alive only while its process runs and its address answers', async () => {
  const listener = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void listener.close())
  await once(listener, 'listening')
  const address = `127.0.0.1:${(listener.address() as AddressInfo).port}`
  const alive = { ...VALUE, temporal: { ...VALUE.temporal, address } }
  expect(await isServerAlive(alive)).toBe(true)

  const ended = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(ended, 'exit')
  expect(await isServerAlive({ ...alive, pid: ended.pid as number })).toBe(false)

  listener.close()
  await once(listener, 'close')
  expect(await isServerAlive(alive)).toBe(false)
})
