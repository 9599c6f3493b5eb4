import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout } from 'node:timers/promises'
import { extract, pack } from 'tar-stream'
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest'
import {
  FILE_LIMIT_BYTES,
  OUTPUT_LIMIT_BYTES,
  SandboxError,
  type Mount,
  type Sandbox,
  type SandboxProvider,
} from '../../src/sandbox/port.ts'
import { jobFolder } from '../../src/sandbox/runner.ts'
import { environment as environmentSchema } from '../../src/formats/environment.ts'
import type { ClientTask, ProviderMaker } from '../docker/sandboxClient.ts'

const CLIENT = fileURLToPath(new URL('../docker/sandboxClient.ts', import.meta.url))
const never = new AbortController().signal
const owner = `test-${randomUUID()}`

/** One provider under test, and how its sandboxes are seen and touched from outside, without it. */
export interface SandboxBench {
  provider: SandboxProvider
  /** How another process makes a provider of the same sandboxes. */
  maker: ProviderMaker
  image: string | undefined
  /** What still runs or stands of a sandbox. */
  leftovers: (name: string) => Promise<unknown[]>
  /** The text of a file in a sandbox's repository, or null. */
  peek: (name: string, file: string) => Promise<string | null>
  /** Makes an empty file in a sandbox's repository. */
  touch: (name: string, file: string) => Promise<void>
}

/** What every sandbox promises, held against one provider. Called within `describe`. */
export function keepsTheContract(bench: SandboxBench): void {
  const made: string[] = []
  const clients: ChildProcess[] = []
  let sandbox: Sandbox
  const make = async (
    name = `t${randomUUID().slice(0, 8)}`,
    labels: Record<string, string> = {},
    mounts: readonly Mount[] = [],
  ) => {
    made.push(name)
    const env = { GREETING: 'two words', EMPTY: '' }
    const environment = environmentSchema.parse({
      format: 'prchain.environment/1',
      image: bench.image,
      env,
      test: { command: 'true' },
    })
    return bench.provider.create({ name, labels: { owner, ...labels }, environment, mounts })
  }
  const run = (key: string, script: string, more: { stdin?: string; cwd?: string; timeoutMs?: number } = {}) =>
    sandbox.exec(key, { script, timeoutMs: 30_000, ...more }, never)
  const say = async (key: string, script: string, more = {}) => (await run(key, script, more)).output.toString()
  /** Asks again, as whoever calls must, while another's channel keeps breaking ours off. */
  const persist = async (key: string, script: string): Promise<string> => {
    try {
      return await say(key, script)
    } catch (error) {
      if (!(error instanceof SandboxError) || error.kind !== 'unreachable') throw error
      return persist(key, script)
    }
  }
  const inRepository = (file: string) => join(bench.provider.repositoryPath(sandbox.name), file)
  const startClient = async (key: string, script: string) => {
    const task: ClientTask = { maker: bench.maker, name: sandbox.name, key, script }
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
    for (const name of made) await bench.provider.remove(name)
  })

  it('gives exit codes as results', async () => {
    expect(await run('exit/0', 'true')).toMatchObject({ exitCode: 0, isTimedOut: false, sizeBytes: 0 })
    expect(await run('exit/7', 'exit 7')).toMatchObject({ exitCode: 7, isTimedOut: false })
    expect(await run('exit/124', 'exit 124')).toMatchObject({ exitCode: 124, isTimedOut: false })
    expect(await run('exit/signal', 'kill -9 $$')).toMatchObject({ exitCode: 137, isTimedOut: false })
    expect(await run('exit/none', 'nosuchprogram')).toMatchObject({ exitCode: 127 })
    expect(await run('exit/syntax', 'if then')).toMatchObject({ exitCode: 2 })
  })

  it('shows a folder of the host where it is told to, to be read alone', async () => {
    const source = mkdtempSync(join(tmpdir(), 'prchain-given-'))
    onTestFinished(() => rmSync(source, { recursive: true }))
    chmodSync(source, 0o755)
    writeFileSync(join(source, 'file'), 'given\n')
    const target = '/run/given/by-the-host'
    const given = await make(undefined, {}, [{ source, target }])
    const script = `cd ${bench.provider.isIsolating ? target : source} && cat file && ! touch other 2>/dev/null && echo kept`
    const { output } = await given.exec('given', { script, timeoutMs: 30_000 }, never)
    expect(output.toString()).toEqual(bench.provider.isIsolating ? 'given\nkept\n' : expect.stringMatching(/^given\n/))
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
    expect(sizeBytes).toBe(FILE_LIMIT_BYTES)
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
    const root = bench.provider.repositoryPath(sandbox.name)
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
    await expect.poll(() => bench.peek(sandbox.name, 'survivor')).toBe('once\n')
    client.kill('SIGKILL')
    await once(client, 'exit')
    await bench.touch(sandbox.name, 'go')
    const second = await bench.provider.find(sandbox.name)
    expect(second?.life).toBe(sandbox.life)
    expect(await persist('survivor', script)).toBe('done\n')
    expect(await say('survivor', script)).toBe('done\n')
    expect(await bench.peek(sandbox.name, 'survivor')).toBe('once\n')
  })

  it('breaks an older worker off when a later one comes, and runs a command once for both', async () => {
    const script = 'echo once >> both; until [ -e both-go ]; do sleep 0.02; done; echo done'
    await say('both/before', 'true')
    const older = settle(run('both', script))
    await expect.poll(() => bench.peek(sandbox.name, 'both')).toBe('once\n')
    const later = await startClient('both', script)
    expect(await older).toMatchObject({ kind: 'unreachable' })
    const printed = once(later.stdout!, 'data')
    await bench.touch(sandbox.name, 'both-go')
    const [said] = (await printed) as [Buffer]
    expect(said.toString()).toBe('done\n\n')
    expect(await persist('both', script)).toBe('done\n')
    expect(await bench.peek(sandbox.name, 'both')).toBe('once\n')
  })

  it('runs a command once, whenever its caller is killed', async () => {
    const moments = [0, 2, 5, 10, 20, 40, 60, 90]
    await Promise.all(
      moments.map(async (afterMs) => {
        const script = `echo once >> moment-${afterMs}; echo done`
        const client = await startClient(`moment/${afterMs}`, script)
        await setTimeout(afterMs)
        client.kill('SIGKILL')
        expect(await persist(`moment/${afterMs}`, script)).toBe('done\n')
        expect(await bench.peek(sandbox.name, `moment-${afterMs}`)).toBe('once\n')
      }),
    )
    await persist('moments/after', 'true')
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
    await bench.touch(sandbox.name, 'on')
    expect((await sandbox.exec('abort', command, never)).output.toString()).toBe('done\n')
    expect(await readText(sandbox, inRepository('aborted'))).toBe('once\n')
  })

  it('takes back a command that had not begun when it was aborted', async () => {
    const stop = new AbortController()
    const first = run('queue/first', 'until [ -e queue-go ]; do sleep 0.02; done')
    const second = settle(sandbox.exec('queue/second', { script: 'touch queued', timeoutMs: 30_000 }, stop.signal))
    stop.abort(new Error('enough'))
    expect(await second).toBe(stop.signal.reason)
    await bench.touch(sandbox.name, 'queue-go')
    await first
    await say('queue/third', 'true')
    expect(await bench.peek(sandbox.name, 'queued')).toBeNull()
    expect(await say('queue/second', 'echo now')).toBe('now\n')
  })

  it('runs one command at a time', async () => {
    const script = 'mkdir alone || echo "not alone"; sleep 0.1; rmdir alone; echo done'
    const said = await Promise.all([1, 2, 3].map((n) => say(`alone/${n}`, script)))
    expect(said).toEqual(['done\n', 'done\n', 'done\n'])
  })

  it('ends what a command leaves running, names it, and gives the same outcome for ever', async () => {
    const noise = '(while :; do echo noise; echo more >> noise; sleep 0.01; done) &'
    const script = `${noise} setsid sleep 1001 & (trap "" TERM HUP INT; exec sleep 1002) & echo said`
    const first = await run('noise', script)
    expect(first).toMatchObject({ exitCode: 0, isTimedOut: false })
    expect([...new Set(first.leftRunning)].sort()).toEqual(['bash', 'sleep'])
    expect(first.output.toString()).toContain('said\n')
    const size = await say('noise/size', 'wc -c < noise')
    await say('noise/again', 'sleep 0.1')
    expect(await say('noise/later', 'wc -c < noise')).toBe(size)
    expect(await run('noise', script)).toEqual(first)
  })

  it('names nothing when nothing is left, and waits a little for what is about to end', async () => {
    expect(await run('left/none', 'true & wait; echo x | cat')).toMatchObject({ leftRunning: [] })
    const tee = await run('left/tee', 'echo late > >(sleep 0.03; cat)')
    expect(tee).toMatchObject({ leftRunning: [], output: Buffer.from('late\n') })
  })

  it('ends a command at its timeout that ignores signals in a session of its own', async () => {
    const script = 'setsid bash -c \'trap "" TERM HUP INT; while :; do echo tick >> ticks; sleep 0.01; done\' & wait'
    const outcome = await run('stubborn', script, { timeoutMs: 300 })
    expect(outcome).toMatchObject({ isTimedOut: true, leftRunning: [] })
    const size = await say('stubborn/size', 'wc -c < ticks')
    await say('stubborn/again', 'sleep 0.1')
    expect(await say('stubborn/later', 'wc -c < ticks')).toBe(size)
  })

  it('gives the whole output of a command, until it is forgotten', async () => {
    const small = await run('whole/small', 'printf "a\\0b\\xff"')
    expect(await bytesOf(sandbox, 'whole/small')).toEqual(Buffer.from([97, 0, 98, 255]))
    expect(small.output).toEqual(Buffer.from([97, 0, 98, 255]))
    const whole = Buffer.from(Array.from({ length: 400_000 }, (_, n) => `${n + 1}\n`).join(''))
    const large = await run('whole/large', 'seq 1 400000')
    expect((await bytesOf(sandbox, 'whole/large')).equals(whole)).toBe(true)
    for (const times of [1, 2]) {
      await sandbox.forgetOutput('whole/large')
      const again = await run('whole/large', 'seq 1 400000')
      expect(again, `${times}`).toEqual({ ...large, output: Buffer.alloc(0) })
      await expect(sandbox.readOutput('whole/large')).rejects.toMatchObject({ kind: 'lost' })
    }
    await sandbox.forgetOutput('whole/nothing')
    await expect(sandbox.readOutput('whole/nothing')).rejects.toMatchObject({ kind: 'lost' })
  })

  it('brings any text out as it was, with and without bytes that are none', async () => {
    const texts = [
      Buffer.from(Array.from({ length: 255 }, (_, n) => n + 1)),
      Buffer.from('no line end'),
      Buffer.from(' \t blanks around \n\n'),
      Buffer.from('\u0001\u007f\u0001\\ \\n %s ünï 文\n'),
      Buffer.alloc(16_383, 'x'),
      Buffer.alloc(16_384, 'y'),
      Buffer.alloc(16_385, 'z'),
    ]
    for (const [n, text] of texts.entries()) {
      const octal = [...text].map((byte) => `\\\\0${byte.toString(8)}`).join('')
      const outcome = await run(`text/${n}`, 'read -r text; printf %b "$text"', {
        stdin: octal.replaceAll('\\\\', '\\'),
      })
      expect(outcome.output.equals(text), `text ${n}`).toBe(true)
      expect(outcome.sizeBytes).toBe(text.length)
    }
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
    const listed = await provider.list({ owner, stage })
    expect(listed.map(({ name }) => name)).toEqual([a.name, b.name].sort())
    expect(listed.find(({ name }) => name === a.name)?.labels).toMatchObject({ owner, stage, purpose: 'agent' })
    expect(await provider.list({ owner, stage, purpose: 'tests' })).toMatchObject([{ name: b.name }])
    expect(await provider.list({ owner, stage: other })).toEqual([])
    const all = (await provider.list({})).map(({ name }) => name)
    expect(all).toEqual(expect.arrayContaining([a.name, b.name]))
  })

  it('removes all that runs in a sandbox, and all that is left of it', async () => {
    const { provider } = bench
    const other = await make()
    const script =
      'setsid sleep 1001 & env -i sleep 1002 & (exec setsid env -i /bin/sleep 1003 </dev/null >/dev/null 2>&1) & sleep 1004'
    const pending = settle(other.exec('k', { script: `touch begun; ${script}`, timeoutMs: 60_000 }, never))
    const begun = join(provider.repositoryPath(other.name), 'begun')
    await expect.poll(() => readText(other, begun)).toBe('')
    await provider.remove(other.name)
    expect(await pending).toMatchObject({ kind: 'lost' })
    const left = await bench.leftovers(other.name)
    expect(left.filter((each) => typeof each !== 'string' || each.includes(other.name))).toEqual([])
    expect(await provider.find(other.name)).toBeNull()
    expect((await provider.list({ owner })).map(({ name }) => name)).not.toContain(other.name)
    await provider.remove(other.name)
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

  it('says where it is and what it holds an agent to, the same each time', async () => {
    const place = await bench.provider.describe()
    expect(place.id).toMatch(/^[a-z0-9-]+$/)
    expect(place.version).not.toBe('')
    expect(place.limits).not.toEqual([])
    for (const { what, how } of place.limits) expect([what, how]).not.toContain('')
    expect(await bench.provider.describe()).toEqual(place)
  })

  it('knows no sandbox of another name, and refuses one that could lead elsewhere', async () => {
    expect(await bench.provider.find('nosuch')).toBeNull()
    for (const name of ['', '..', '.x', 'a/b', 'a b']) {
      await expect(bench.provider.find(name)).rejects.toBeInstanceOf(SandboxError)
      await expect(bench.provider.remove(name)).rejects.toMatchObject({ kind: 'invalid' })
    }
  })
}

async function settle(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => error)
}

async function bytesOf(sandbox: Sandbox, key: string): Promise<Buffer> {
  return Buffer.concat(await (await sandbox.readOutput(key)).toArray())
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
