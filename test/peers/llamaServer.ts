import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** llama-cpp-python's own server, with a model of random weights. */
export interface LlamaServer {
  baseUrl: string
  /** Starts it, and returns when it answers. */
  start(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
  /** Ends it for good. */
  remove(): Promise<void>
}

/** How much of a conversation the model takes, in tokens. */
export const CONTEXT_TOKENS = 4096

/** Makes the model on the spot, for the Python of an environment that has the server. */
export async function createLlamaServer(python: string): Promise<LlamaServer> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-llama-'))
  const model = join(dir, 'tiny.gguf')
  execFileSync(python, [join(import.meta.dirname, 'tinyModel.py'), model])
  const port = await freePort()
  const baseUrl = `http://127.0.0.1:${port}/v1`
  const log = openSync(join(dir, 'server.log'), 'a')
  let child: ChildProcess | null = null

  return { baseUrl, start, kill, remove }

  async function start(): Promise<void> {
    const place = ['--host', '127.0.0.1', '--port', String(port)]
    // As it comes, a second request breaks off a stream that is under way.
    const patient = ['--interrupt_requests', 'false']
    const args = ['-m', 'llama_cpp.server', '--model', model, '--n_ctx', String(CONTEXT_TOKENS), ...place, ...patient]
    const started = spawn(python, args, { stdio: ['ignore', log, log] })
    child = started
    while (
      !(await fetch(`${baseUrl}/models`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (started.exitCode !== null) throw new Error(`the server ended with ${started.exitCode}; see ${dir}/server.log`)
      await sleep(100)
    }
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  async function remove(): Promise<void> {
    await kill()
    rmSync(dir, { recursive: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
