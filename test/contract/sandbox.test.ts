import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout } from 'node:timers/promises'
import Docker from 'dockerode'
import { extract, pack } from 'tar-stream'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDockerProvider } from '../../src/sandbox/docker.ts'
import { OUTPUT_LIMIT_BYTES, SandboxError, type Sandbox, type SandboxProvider } from '../../src/sandbox/port.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import { findProcessesOf } from '../../src/sandbox/processScan.ts'
import { jobFolder, runnerArguments, runnerInput } from '../../src/sandbox/runner.ts'
import { environment as environmentSchema } from '../../src/formats/environment.ts'
import { dockerForTests } from '../docker/engine.ts'
import type { ClientTask } from '../docker/sandboxClient.ts'

const CLIENT = fileURLToPath(new URL('../docker/sandboxClient.ts', import.meta.url))
const docker = await dockerForTests()
const never = new AbortController().signal
const path = process.env['PATH'] ?? ''
const owner = `test-${randomUUID()}`

/** One provider under test, and how its leftovers are seen from outside. */
interface Bench {
  provider: () => SandboxProvider
  place: () => ClientTask['place']
  image: string | undefined
  /** What still runs or stands of a sandbox. */
  leftovers: (name: string) => Promise<unknown[]>
}

describe('sandbox of plain processes', { timeout: 60_000 }, () => {
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'prchain-sandboxes-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))
  const bench: Bench = {
    provider: () => createProcessProvider({ dir, path }),
    place: () => ({ dir, path }),
    image: undefined,
    leftovers: async (name) => [...(await findProcessesOf(join(dir, name))), ...(await readdir(dir))],
  }
  keepsTheContract(bench)

  it('runs a command once whenever its runner is killed', async () => {
    const sandbox = await bench.provider().create({ name: 'killed', labels: {}, environment: null })
    const folder = join(dir, 'killed')
    const place = { jobs: join(folder, 'jobs'), folder: join(folder, 'repo'), env: { PATH: path }, userSwitch: [] }
    const kills = Array.from({ length: 24 }, (_, n) => n)
    const outcomes = []
    for (const n of kills) {
      const command = { script: `echo once >> killed-${n}; echo done`, timeoutMs: 30_000 }
      const runner = spawn('sh', runnerArguments(`k/${n}`, command, place), {
        detached: true,
        stdio: ['pipe', 'pipe', 'ignore'],
      })
      const closed = once(runner, 'exit')
      runner.stdin.on('error', () => {})
      runner.stdin.end(runnerInput(command))
      // Not a wait for anything: the moment of the kill, from before the runner has read to after it has answered.
      await setTimeout(n)
      runner.kill('SIGKILL')
      await closed
      outcomes.push((await sandbox.exec(`k/${n}`, command, never)).output.toString())
    }
    expect(outcomes).toEqual(kills.map(() => 'done\n'))
    for (const n of kills) expect(await readText(sandbox, join(folder, 'repo', `killed-${n}`))).toBe('once\n')
    await bench.provider().remove('killed')
  })

  it('never runs a command of which a part alone has arrived', async () => {
    const sandbox = await bench.provider().create({ name: 'part', labels: {}, environment: null })
    const folder = join(dir, 'part')
    const place = { jobs: join(folder, 'jobs'), folder: join(folder, 'repo'), env: { PATH: path }, userSwitch: [] }
    const command = { script: 'echo once >> marker; echo whole', stdin: 'input', timeoutMs: 30_000 }
    const input = runnerInput(command)
    for (const length of [0, 1, 4, 10, 20, input.length - 6, input.length - 1]) {
      const runner = spawn('sh', runnerArguments('part', command, place), { stdio: ['pipe', 'ignore', 'ignore'] })
      runner.stdin.end(input.subarray(0, length))
      expect(await once(runner, 'exit')).toEqual([3, null])
    }
    expect(await readText(sandbox, join(folder, 'repo/marker'))).toBeNull()
    expect((await sandbox.exec('part', command, never)).output.toString()).toBe('whole\n')
    expect(await readText(sandbox, join(folder, 'repo/marker'))).toBe('once\n')
    await bench.provider().remove('part')
  })

  it('is lost when what watches over a command is killed, and does not run the command again', async () => {
    const sandbox = await bench.provider().create({ name: 'watch', labels: {}, environment: null })
    const command = { script: 'echo once >> marker; sleep 1000', timeoutMs: 60_000 }
    const pending = settle(sandbox.exec('k', command, never))
    const marker = join(dir, 'watch/repo/marker')
    await expect.poll(() => readText(sandbox, marker)).toBe('once\n')
    for (const pid of await findProcessesOf(join(dir, 'watch/jobs'))) process.kill(pid, 'SIGKILL')
    expect(await pending).toMatchObject({ name: 'SandboxError' })
    await expect(sandbox.exec('k', command, never)).rejects.toMatchObject({ kind: 'lost' })
    expect(await readText(sandbox, marker)).toBe('once\n')
    await bench.provider().remove('watch')
  })

  it('does not isolate, and says so', () => {
    expect(bench.provider().isIsolating).toBe(false)
  })

  it('names the programs that the host lacks', async () => {
    const provider = createProcessProvider({ dir, path: '/nonexistent' })
    const failure = await settle(provider.create({ name: 'poor', labels: {}, environment: null }))
    expect(failure).toMatchObject({ kind: 'invalid', message: expect.stringMatching(/bash .*setsid .*flock/) })
  })
})

describe.skipIf(!docker)('sandbox of Docker', { timeout: 120_000 }, () => {
  const socketPath = docker?.socketPath ?? ''
  const limits = { memoryBytes: 512 * 1024 * 1024, cpus: 1, pids: 128 }
  const bench: Bench = {
    provider: () => createDockerProvider({ socketPath, defaultImage: docker?.image, ...limits }),
    place: () => ({ socketPath }),
    image: docker?.image,
    leftovers: (name) => {
      const filters = { label: [`prchain.name=${name}`] }
      return new Docker({ socketPath }).listContainers({ all: true, filters })
    },
  }
  keepsTheContract(bench)
})

function keepsTheContract(bench: Bench): void {
  const made: string[] = []
  const clients: ChildProcess[] = []
  let sandbox: Sandbox
  const make = async (name = `t${randomUUID().slice(0, 8)}`, labels: Record<string, string> = {}) => {
    made.push(name)
    const env = { GREETING: 'two words', EMPTY: '' }
    const environment = environmentSchema.parse({
      format: 'prchain.environment/1',
      image: bench.image,
      env,
      test: { command: 'true' },
    })
    return bench.provider().create({ name, labels: { owner, ...labels }, environment })
  }
  const run = (key: string, script: string, more: { stdin?: string; cwd?: string; timeoutMs?: number } = {}) =>
    sandbox.exec(key, { script, timeoutMs: 30_000, ...more }, never)
  const say = async (key: string, script: string, more = {}) => (await run(key, script, more)).output.toString()
  const inRepository = (file: string) => join(bench.provider().repositoryPath(sandbox.name), file)
  const startClient = async (key: string, script: string) => {
    const task: ClientTask = { place: bench.place(), name: sandbox.name, key, script }
    const client = spawn(process.execPath, [CLIENT, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] })
    clients.push(client)
    await once(client.stdout, 'data')
    return client
  }

  beforeAll(async () => {
    sandbox = await make()
  })
  afterEach(() => {
    for (const client of clients.splice(0)) client.kill('SIGKILL')
  })
  afterAll(async () => {
    for (const name of made) await bench.provider().remove(name)
  })

  it('gives exit codes as results', async () => {
    expect(await run('exit/0', 'true')).toMatchObject({ exitCode: 0, isTimedOut: false, sizeBytes: 0 })
    expect(await run('exit/7', 'exit 7')).toMatchObject({ exitCode: 7, isTimedOut: false })
    expect(await run('exit/124', 'exit 124')).toMatchObject({ exitCode: 124, isTimedOut: false })
    expect(await run('exit/signal', 'kill -9 $$')).toMatchObject({ exitCode: 137, isTimedOut: false })
    expect(await run('exit/none', 'nosuchprogram')).toMatchObject({ exitCode: 127 })
    expect(await run('exit/syntax', 'if then')).toMatchObject({ exitCode: 2 })
  })

  it('gives stdout and stderr as one stream in order', async () => {
    const script = 'for n in 1 2 3 4 5 6 7 8 9; do echo out $n; echo err $n >&2; done'
    const expected = Array.from({ length: 9 }, (_, n) => `out ${n + 1}\nerr ${n + 1}\n`).join('')
    expect(await say('order', script)).toBe(expected)
    expect(await say('order/devices', 'echo shown > /dev/stderr')).toBe('shown\n')
  })

  it('gives input to a command, and closes it', async () => {
    expect(await say('input', 'cat; echo end', { stdin: 'héllo\n\u0000x' })).toBe('héllo\n\u0000xend\n')
    expect(await say('input/none', 'cat; echo end')).toBe('end\n')
    const stdin = 'x'.repeat(3_000_000)
    expect(await say('input/large', 'wc -c', { stdin })).toBe('3000000\n')
    expect(await say('input/large', 'wc -c', { stdin })).toBe('3000000\n')
  })

  it('takes a script of any length, and quotes nothing in it', async () => {
    const script = `echo '${'a'.repeat(300_000)}' | wc -c; echo "$0" '\\n' "\${#}"; ls /proc/self/fd | grep -c '^.$'`
    expect(await say('long', script)).toBe('300001\nbash \\n 0\n4\n')
  })

  it('brings every byte of the output out', async () => {
    const outcome = await run(
      'bytes',
      'for n in {0..255}; do printf "\\\\x$(printf %x $n)"; done; printf "\\xff\\xfe\\xc3"',
    )
    expect(outcome.output).toEqual(Buffer.from([...Array.from({ length: 256 }, (_, n) => n), 0xff, 0xfe, 0xc3]))
    expect(outcome.sizeBytes).toBe(259)
  })

  it('keeps head and tail of a large output, and says how large it was', async () => {
    const whole = Buffer.from(Array.from({ length: 400_000 }, (_, n) => `${n + 1}\n`).join(''))
    const { output, sizeBytes } = await run('large', 'seq 1 400000')
    const half = OUTPUT_LIMIT_BYTES / 2
    expect(sizeBytes).toBe(whole.length)
    expect(output.equals(Buffer.concat([whole.subarray(0, half), whole.subarray(-half)]))).toBe(true)
    const exact = await run('large/exact', `head -c ${OUTPUT_LIMIT_BYTES} /dev/zero`)
    expect(exact.output.equals(Buffer.alloc(OUTPUT_LIMIT_BYTES))).toBe(true)
  })

  it('ends a command that writes without end', async () => {
    const { exitCode, sizeBytes } = await run('endless', 'exec yes')
    expect(exitCode).not.toBe(0)
    expect(sizeBytes).toBe(256 * 1024 * 1024)
  })

  it('kills a command and its children at its timeout, even those that will not end', async () => {
    const script =
      'echo started; (trap "" TERM; echo $BASHPID > stubborn; while :; do sleep 0.05; done) & sleep 1000 & echo $! > child; wait'
    const outcome = await run('timeout', script, { timeoutMs: 1000 })
    expect(outcome.isTimedOut).toBe(true)
    expect(outcome.output.toString()).toBe('started\n')
    expect(Date.parse(outcome.finishedAt) - Date.parse(outcome.startedAt)).toBeGreaterThanOrEqual(1000)
    const check =
      'for file in stubborn child; do grep -q "^State:.[^Z]" /proc/$(cat $file)/status 2>/dev/null && echo $file lives; done; true'
    expect(await say('timeout/check', check)).toBe('')
  })

  it('runs in the repository or a folder of it, with a clean environment and that of the file', async () => {
    process.env['PRCHAIN_TEST_SECRET'] = 'must not be seen'
    const root = bench.provider().repositoryPath(sandbox.name)
    expect(await say('cwd', 'mkdir -p "a b/c"; pwd')).toBe(`${root}\n`)
    expect(await say('cwd/below', 'pwd', { cwd: 'a b/c' })).toBe(`${root}/a b/c\n`)
    expect(await run('cwd/none', 'pwd', { cwd: 'nosuch' })).toMatchObject({ exitCode: 125 })
    const names = (await say('env', 'compgen -e | sort')).trim().split('\n')
    const expected = ['EMPTY', 'GREETING', 'HOME', 'LANG', 'PATH', 'PWD', 'PYTHONHASHSEED', 'SHLVL', 'TZ']
    expect(names.filter((name) => !['TMPDIR', 'OLDPWD', '_'].includes(name))).toEqual(expected)
    expect(await say('env/value', 'echo "$GREETING|$TZ|$LANG|$PYTHONHASHSEED"')).toBe('two words|UTC|C.UTF-8|0\n')
  })

  it('runs a command once for a key, whoever calls at the same time', async () => {
    const script = 'echo once >> twice; sleep 0.3; echo $RANDOM$RANDOM'
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => run('race/a', script)))
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0])
    expect(await run('race/a', script)).toEqual(outcomes[0])
    expect(await readText(sandbox, inRepository('twice'))).toBe('once\n')
    expect((await run('race/b', script)).output).not.toEqual(outcomes[0]?.output)
  })

  it('tells keys apart that look alike', async () => {
    const keys = [
      'a/b',
      'a+b',
      'a%2fb',
      'a_b',
      '.a',
      '..',
      'ä',
      `${'long'.repeat(100)}1`,
      `${'long'.repeat(100)}2`,
      'a b',
      "a'b",
    ]
    for (const key of keys) expect(await say(key, `echo ${keys.indexOf(key)}`)).toBe(`${keys.indexOf(key)}\n`)
    expect(new Set(keys.map(jobFolder)).size).toBe(keys.length)
  })

  it('goes on when its caller is killed, and a second caller gets the result', async () => {
    const script = 'echo once >> survivor; until [ -e go ]; do sleep 0.02; done; echo done'
    const client = await startClient('survivor', script)
    await expect.poll(() => readText(sandbox, inRepository('survivor'))).toBe('once\n')
    client.kill('SIGKILL')
    await once(client, 'exit')
    await run('survivor/go', 'touch go')
    const second = await bench.provider().find(sandbox.name)
    expect(second?.life).toBe(sandbox.life)
    const outcome = await second?.exec('survivor', { script, timeoutMs: 30_000 }, never)
    expect(outcome).toMatchObject({ exitCode: 0, isTimedOut: false, output: Buffer.from('done\n') })
    expect(await readText(sandbox, inRepository('survivor'))).toBe('once\n')
  })

  it('runs a command once, whenever its caller is killed', async () => {
    const moments = [0, 2, 5, 10, 20, 40, 60, 90]
    await Promise.all(
      moments.map(async (afterMs) => {
        const script = `echo once >> moment-${afterMs}; echo done`
        const client = await startClient(`moment/${afterMs}`, script)
        await setTimeout(afterMs)
        client.kill('SIGKILL')
        expect(await say(`moment/${afterMs}`, script)).toBe('done\n')
        expect(await readText(sandbox, inRepository(`moment-${afterMs}`))).toBe('once\n')
      }),
    )
  })

  it('stops waiting when aborted, and lets the command go on', async () => {
    const stop = new AbortController()
    const command = {
      script: 'echo once >> aborted; until [ -e on ]; do sleep 0.02; done; echo done',
      timeoutMs: 30_000,
    }
    const pending = settle(sandbox.exec('abort', command, stop.signal))
    await expect.poll(() => readText(sandbox, inRepository('aborted'))).toBe('once\n')
    const reason = new Error('enough')
    stop.abort(reason)
    expect(await pending).toBe(reason)
    await expect(sandbox.exec('abort', command, stop.signal)).rejects.toBe(reason)
    await run('abort/on', 'touch on')
    expect((await sandbox.exec('abort', command, never)).output.toString()).toBe('done\n')
    expect(await readText(sandbox, inRepository('aborted'))).toBe('once\n')
  })

  it('gives the same outcome for ever, whatever a command left running', async () => {
    const script = '(until [ -e quiet ]; do echo noise; sleep 0.01; done; touch was-quiet) & echo said'
    const first = await run('noise', script)
    expect(first.output.toString()).toContain('said\n')
    await run('noise/quiet', 'touch quiet; until [ -e was-quiet ]; do sleep 0.01; done')
    expect(await run('noise', script)).toEqual(first)
  })

  it('lays a repository and gives it back without any .git', async () => {
    const other = await make()
    await other.putRepository(makeTar([{ name: 'old.txt', text: 'gone' }]))
    const deep = `${'deep/'.repeat(50)}file.txt`
    await other.putRepository(
      makeTar([
        { name: 'plain.txt', text: 'plain' },
        { name: 'run me.sh', text: '#!/bin/sh\n', mode: 0o755 },
        { name: 'link', target: 'plain.txt' },
        { name: 'dangling', target: '/nonexistent/target' },
        { name: 'out', target: '/etc' },
        { name: '-rf', text: 'dash' },
        { name: 'new\nline \\ "quote"', text: 'odd' },
        { name: 'ünï/文.txt', text: 'wide' },
        { name: deep, text: 'deep' },
        { name: '.gitignore', text: 'x' },
        { name: '.git/config', text: 'secret' },
        { name: 'sub/.git/config', text: 'secret' },
        { name: 'sub/.git2', text: 'kept' },
        { name: 'empty.bin', text: '' },
      ]),
    )
    const script =
      'test -x "run me.sh" && test -f .git/config && echo new > made.txt && ln plain.txt hard && mkfifo pipe && echo ok'
    expect((await other.exec('k', { script, timeoutMs: 30_000 }, never)).output.toString()).toBe('ok\n')
    const files = await readTar(other)
    expect(files.get('plain.txt')).toMatchObject({ type: 'file', text: 'plain', isExecutable: false })
    expect(files.get('run me.sh')).toMatchObject({ type: 'file', isExecutable: true })
    expect(files.get('link')).toMatchObject({ type: 'symlink', target: 'plain.txt' })
    expect(files.get('dangling')).toMatchObject({ type: 'symlink', target: '/nonexistent/target' })
    expect(files.get('out')).toMatchObject({ type: 'symlink', target: '/etc' })
    expect(files.get('hard')).toMatchObject({ type: 'file', text: 'plain' })
    const names = [...files].filter(([, file]) => file.type === 'file').map(([name]) => name)
    const kept = [
      '-rf',
      '.gitignore',
      'empty.bin',
      'hard',
      'made.txt',
      'new\nline \\ "quote"',
      'plain.txt',
      'run me.sh',
    ]
    expect(names.sort()).toEqual([...kept, 'sub/.git2', deep, 'ünï/文.txt'].sort())
    expect(files.get(deep)).toMatchObject({ text: 'deep' })
    expect(files.get('pipe')).toMatchObject({ type: 'fifo' })
  })

  it('reads a file by path, no more of it than is asked for', async () => {
    await run('files', 'printf 0123456789 > digits; mkdir -p folder; mkfifo pipe; ln -s digits to-digits; : > nothing')
    expect(await readText(sandbox, inRepository('digits'))).toBe('0123456789')
    expect((await sandbox.readFile(inRepository('digits'), 4))?.toString()).toBe('0123')
    expect(await readText(sandbox, inRepository('to-digits'))).toBe('0123456789')
    expect(await readText(sandbox, inRepository('nothing'))).toBe('')
    for (const none of ['absent', 'digits/below', 'folder', 'pipe']) {
      expect(await sandbox.readFile(inRepository(none), 100)).toBeNull()
    }
  })

  it('lists sandboxes by their labels', async () => {
    const { provider } = bench
    const [stage, other] = [randomUUID(), randomUUID()]
    const [a, b] = [
      await make(undefined, { stage, purpose: 'agent' }),
      await make(undefined, { stage, purpose: 'tests' }),
    ]
    expect(await provider().list({ owner, stage })).toEqual([a.name, b.name].sort())
    expect(await provider().list({ owner, stage, purpose: 'tests' })).toEqual([b.name])
    expect(await provider().list({ owner, stage: other })).toEqual([])
    expect(await provider().list({})).toEqual(expect.arrayContaining([a.name, b.name]))
  })

  it('removes all that runs in a sandbox, and all that is left of it', async () => {
    const { provider } = bench
    const other = await make()
    const script =
      'setsid sleep 1001 & env -i sleep 1002 & (exec setsid env -i /bin/sleep 1003 </dev/null >/dev/null 2>&1) & sleep 1004'
    const pending = settle(other.exec('k', { script: `touch begun; ${script}`, timeoutMs: 60_000 }, never))
    const begun = join(provider().repositoryPath(other.name), 'begun')
    await expect.poll(() => readText(other, begun)).toBe('')
    await provider().remove(other.name)
    expect(await pending).toMatchObject({ kind: 'lost' })
    const left = await bench.leftovers(other.name)
    expect(left.filter((each) => typeof each !== 'string' || each.includes(other.name))).toEqual([])
    expect(await provider().find(other.name)).toBeNull()
    expect(await provider().list({ owner })).not.toContain(other.name)
    await provider().remove(other.name)
    await expect(other.exec('k2', { script: 'true', timeoutMs: 1000 }, never)).rejects.toMatchObject({ kind: 'lost' })
    await expect(other.putRepository(makeTar([]))).rejects.toMatchObject({ kind: 'lost' })
    await expect(other.readRepository()).rejects.toMatchObject({ kind: 'lost' })
    await expect(other.readFile('/etc/passwd', 1)).rejects.toMatchObject({ kind: 'lost' })
  })

  it('makes a sandbox anew under its name, with another life', async () => {
    const old = await make()
    const command = { script: 'echo line >> lines; wc -l < lines', timeoutMs: 30_000 }
    expect((await old.exec('k', command, never)).output.toString()).toBe('1\n')
    const anew = await make(old.name)
    expect(anew.life).not.toBe(old.life)
    await expect(old.exec('k', command, never)).rejects.toMatchObject({ kind: 'lost' })
    expect((await anew.exec('k', command, never)).output.toString()).toBe('1\n')
  })

  it('knows no sandbox of another name, and refuses one that could lead elsewhere', async () => {
    expect(await bench.provider().find('nosuch')).toBeNull()
    for (const name of ['', '..', '.x', 'a/b', 'a b']) {
      await expect(bench.provider().find(name)).rejects.toBeInstanceOf(SandboxError)
      await expect(bench.provider().remove(name)).rejects.toMatchObject({ kind: 'invalid' })
    }
  })
}

async function settle(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => error)
}

async function readText(sandbox: Sandbox, file: string): Promise<string | null> {
  return (await sandbox.readFile(file, 1_000_000))?.toString() ?? null
}

function makeTar(files: { name: string; text?: string; mode?: number; target?: string }[]) {
  const tar = pack()
  for (const { name, text = '', mode = 0o644, target } of files) {
    if (target === undefined) tar.entry({ name, mode }, text)
    else tar.entry({ name, type: 'symlink', linkname: target })
  }
  tar.finalize()
  return tar as unknown as NodeJS.ReadableStream & Parameters<Sandbox['putRepository']>[0]
}

interface TarFile {
  type: string
  text: string
  target: string
  isExecutable: boolean
}

async function readTar(sandbox: Sandbox): Promise<Map<string, TarFile>> {
  const files = new Map<string, TarFile>()
  const tar = extract()
  const source = await sandbox.readRepository()
  source.on('error', (error) => tar.destroy(error)).pipe(tar as unknown as NodeJS.WritableStream)
  for await (const entry of tar) {
    const chunks = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    const { name, type, linkname, mode } = entry.header
    const text = Buffer.concat(chunks).toString()
    files.set(name.replace(/^\.\//, ''), { type, text, target: linkname ?? '', isExecutable: (mode & 0o100) !== 0 })
  }
  return files
}
