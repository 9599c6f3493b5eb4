import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Channel, ChannelBrokenError, dispatcherArguments, type DispatcherStreams } from '../../src/sandbox/channel.ts'
import { DISPATCHER } from '../../src/sandbox/channelScript.ts'
import { ChannelLine } from '../../src/sandbox/channelLine.ts'
import { jobFolder } from '../../src/sandbox/runner.ts'

const never = new AbortController().signal

describe('a dispatcher', { timeout: 60_000 }, () => {
  let root = ''
  let repository = ''
  const dispatchers: ChildProcessWithoutNullStreams[] = []
  const lines: ChannelLine[] = []

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'prchain-channel-'))
    repository = join(root, 'repo')
    await mkdir(repository)
  })
  afterEach(async () => {
    for (const line of lines.splice(0)) line.close()
    for (const dispatcher of dispatchers.splice(0)) {
      dispatcher.kill('SIGKILL')
      if (dispatcher.exitCode === null && dispatcher.signalCode === null) await once(dispatcher, 'exit')
    }
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  const startDispatcher = () => {
    const PATH = process.env['PATH'] ?? ''
    const argv = dispatcherArguments({
      jobs: join(root, 'jobs'),
      env: { PATH, HOME: join(root, 'home') },
      userSwitch: [],
      scope: { kind: 'folder', folder: root },
    })
    const dispatcher = spawn('bash', argv, { detached: true, cwd: '/', env: { PATH } })
    dispatcher.stdin.on('error', () => {})
    dispatcher.stderr.resume()
    dispatcher.once('exit', () => dispatcher.stdout.destroy())
    dispatchers.push(dispatcher)
    return dispatcher
  }
  const openLine = (idleMs?: number) => {
    const open = async (): Promise<DispatcherStreams> => {
      const { stdin, stdout } = startDispatcher()
      return { stdin, stdout, stderr: () => '', hold: () => {}, close: () => stdin.destroy() }
    }
    const line = new ChannelLine({ open, ...(idleMs === undefined ? {} : { idleMs }) })
    lines.push(line)
    return line
  }
  const run = (line: ChannelLine, key: string, script: string, stdin?: string) =>
    line.execute(key, { script, cwd: repository, timeoutMs: 30_000, ...(stdin === undefined ? {} : { stdin }) }, never)
  /** Asks again as activities do, later each time: callers that take each other's place without a pause never end. */
  const persist = async (line: ChannelLine, key: string, script: string, tries = 0): ReturnType<typeof run> => {
    try {
      return await run(line, key, script)
    } catch (error) {
      if (!(error instanceof ChannelBrokenError)) throw error
      await setTimeout(tries * 50 * Math.random())
      return persist(line, key, script, tries + 1)
    }
  }
  const read = (file: string) => readFile(join(repository, file), 'utf8').catch(() => null)
  const request = (key: string, script: string, stdin: Buffer) => {
    const head = `1 exec ${jobFolder(key)} 30000 ${repository.length} text ${script.length} bytes ${stdin.length}\n`
    return Buffer.concat([Buffer.from(head + repository + script), stdin])
  }
  const killForks = async () => {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
      if (argv[3] === 'prchain-dispatcher' && argv[4] === join(root, 'jobs')) process.kill(Number(pid), 'SIGKILL')
    }
  }

  it('runs a command once, whenever it is killed itself', async () => {
    const line = openLine()
    for (let n = 0; n < 24; n++) {
      const script = `echo once >> killed-${n}; echo done`
      const dispatcher = startDispatcher()
      dispatcher.stdin.write(request(`killed/${n}`, script, Buffer.alloc(0)))
      dispatcher.stdout.resume()
      // Not a wait for anything: the moment of the kill, from before it has begun to after it has answered.
      await setTimeout(n * 2)
      dispatcher.kill('SIGKILL')
      const answer = await persist(line, `killed/${n}`, script)
      expect(answer).toMatchObject({ status: 'finished', outcome: { output: Buffer.from('done\n') } })
      expect(await read(`killed-${n}`)).toBe('once\n')
    }
  })

  it('never runs a command of which a part alone has arrived', async () => {
    const script = 'echo once >> part; cat'
    const whole = request('part', script, Buffer.from('a\0b'))
    for (const length of [0, 1, 20, whole.length - 30, whole.length - 4, whole.length - 3, whole.length - 1]) {
      const dispatcher = startDispatcher()
      dispatcher.stdin.end(whole.subarray(0, length))
      dispatcher.stdout.resume()
      await once(dispatcher, 'exit')
      expect(await read('part'), `${length} bytes`).toBeNull()
    }
    expect(await run(openLine(), 'part', script, 'a\0b')).toMatchObject({ outcome: { output: Buffer.from('a\0b') } })
    expect(await read('part')).toBe('once\n')
  })

  it('leaves a running command to the next one, which gives its answer', async () => {
    const script = 'echo once >> heir; until [ -e heir-go ]; do sleep 0.02; done; echo done'
    const [first, second] = [openLine(), openLine()]
    const broken = run(first, 'heir', script).catch((error: unknown) => error)
    await expect.poll(() => read('heir')).toBe('once\n')
    const attached = run(second, 'heir', script)
    expect(await broken).toBeInstanceOf(ChannelBrokenError)
    await writeFile(join(repository, 'heir-go'), '')
    const answer = await attached
    expect(answer).toMatchObject({ status: 'finished', outcome: { output: Buffer.from('done\n') } })
    await expect(run(second, 'heir', script)).resolves.toEqual(answer)
    expect(await read('heir')).toBe('once\n')
  })

  it('makes another command wait for one that an earlier dispatcher started', async () => {
    const [first, second] = [openLine(), openLine()]
    const broken = run(first, 'long', 'until [ -e long-go ]; do sleep 0.02; done; echo long >> order').catch(() => {})
    await expect.poll(() => readFile(join(root, 'jobs', 'long.record'), 'utf8').catch(() => '')).toMatch(/^run/)
    const next = run(second, 'next', 'echo next >> order; cat order')
    await broken
    await writeFile(join(repository, 'long-go'), '')
    expect(await next).toMatchObject({ outcome: { output: Buffer.from('long\nnext\n') } })
  })

  it('is one at a time, however many begin at once, and a command runs once for all of them', async () => {
    const many = Array.from({ length: 5 }, () => openLine())
    const answers = await Promise.all(many.map((line) => persist(line, 'many', 'echo once >> many; echo $RANDOM')))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(await read('many')).toBe('once\n')
    await expect
      .poll(() => dispatchers.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null))
      .toHaveLength(1)
  })

  it('gives way to others all the time without stopping them for good, and writes into no file but its own', async () => {
    const rivals = ['a', 'b', 'c'].map((name) => ({ name, line: openLine() }))
    await Promise.all(
      rivals.map(async ({ name, line }) => {
        for (let n = 0; n < 25; n++) {
          const answer = await persist(line, `rival/${name}/${n}`, `echo once >> rival-${name}-${n}; echo done`)
          expect(answer).toMatchObject({ outcome: { output: Buffer.from('done\n') } })
          expect(await read(`rival-${name}-${n}`)).toBe('once\n')
        }
      }),
    )
  })

  it('does not take over for a caller that has gone while it waited for its turn', async () => {
    const line = openLine()
    await run(line, 'turn/1', 'true')
    const holding = 'exec 9>> "$1"; flock 9; echo mine; read -r line'
    const queue = spawn('bash', ['-c', holding, 'bash', join(root, 'jobs', 'queue')])
    await once(queue.stdout, 'data')
    const late = startDispatcher()
    late.stdin.destroy()
    queue.stdin.end('\n')
    expect(await once(late, 'exit')).toEqual([0, null])
    expect(await run(line, 'turn/2', 'echo still')).toMatchObject({ outcome: { output: Buffer.from('still\n') } })
  })

  it('ends what earlier ones had forked and not yet begun, and touches none of another folder', async () => {
    const stray = (jobs: string) =>
      spawn('bash', ['--norc', '-c', 'echo here; read -r line; true', 'prchain-dispatcher', jobs])
    const [ours, other] = [stray(join(root, 'jobs')), stray(join(root, 'other'))]
    await Promise.all([ours, other].map(({ stdout }) => once(stdout, 'data')))
    const ended = once(ours, 'exit')
    await run(openLine(), 'stray', 'true')
    expect(await ended).toEqual([null, 'SIGKILL'])
    other.stdin.end('\n')
    expect(await once(other, 'exit')).toEqual([0, null])
  })

  it('tells a caller once that its channel was taken over between two commands, and opens another after that', async () => {
    const [first, second] = [openLine(), openLine()]
    await run(first, 'between/1', 'true')
    await run(second, 'between/2', 'true')
    await expect(run(first, 'between/3', 'touch between')).rejects.toBeInstanceOf(ChannelBrokenError)
    expect(await read('between')).toBeNull()
    expect(await run(first, 'between/3', 'echo now')).toMatchObject({ outcome: { output: Buffer.from('now\n') } })
  })

  it('says that a command is lost whose supervisor was killed, and does not run it again', async () => {
    const line = openLine()
    const script = 'echo once >> watched; sleep 1000'
    const pending = run(line, 'watched', script).catch((error: unknown) => error)
    await expect.poll(() => read('watched')).toBe('once\n')
    await killForks()
    expect(await pending).toBeInstanceOf(ChannelBrokenError)
    expect(await run(line, 'watched', script)).toEqual({ status: 'lost' })
    expect(await read('watched')).toBe('once\n')
  })

  it('says that what is under way and what comes later is lost when its line is closed for good', async () => {
    const line = openLine()
    const pending = run(line, 'closed', 'touch closed; sleep 1').catch((error: unknown) => error)
    await expect.poll(() => read('closed')).toBe('')
    line.close()
    expect(await pending).toMatchObject({ name: 'SandboxError', kind: 'lost' })
    await expect(run(line, 'closed/later', 'true')).rejects.toMatchObject({ kind: 'lost' })
  })

  it('leaves no process when it is let go', async () => {
    const line = openLine(1)
    await run(line, 'idle/1', 'true')
    const [dispatcher] = dispatchers
    await once(dispatcher!, 'exit')
    expect(await run(line, 'idle/2', 'echo again')).toMatchObject({ outcome: { output: Buffer.from('again\n') } })
    expect(dispatchers).toHaveLength(2)
  })

  // What bash gives back of one by seeking is lost for the next file when the process has ended: seen, and not to be provoked.
  it('reads the files of processes to their end at once', () => {
    const reads = DISPATCHER.match(/(read|mapfile)\b[^;|]*< "\/proc\/[^"]*"/g)
    expect(reads?.length).toBeGreaterThanOrEqual(4)
    for (const line of reads!) expect(line).toMatch(/^(read -r|mapfile) -d ''/)
  })

  it('gives commands the signals of a process that ignores none', async () => {
    const answer = await run(openLine(), 'signals', 'grep -E "^Sig(Ign|Blk)" /proc/self/status | cut -f2; ulimit -c')
    const none = '0000000000000000'
    expect(answer).toMatchObject({ outcome: { output: Buffer.from(`${none}\n${none}\n0\n`) } })
  })
})

describe("a channel's frames", () => {
  const open = () => {
    const [stdin, stdout] = [new PassThrough(), new PassThrough()]
    let isClosed = false
    const close = () => (isClosed = true)
    const channel = new Channel({ stdin, stdout, stderr: () => 'said', hold: () => {}, close })
    return { channel, stdin, stdout, isClosed: () => isClosed }
  }

  it('are waited for: one that never begins is given up', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { channel, isClosed } = open()
    vi.advanceTimersByTime(59_000)
    expect(channel.isOpen).toBe(true)
    vi.advanceTimersByTime(1_000)
    await expect(channel.running).rejects.toThrow('the dispatcher did not begin within 60 s: said')
    expect(isClosed()).toBe(true)
  })

  it('are read however they are cut, in any order of answers', async () => {
    const bodies = fc.array(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      { maxLength: 6 },
    )
    const property = fc.asyncProperty(bodies, fc.array(fc.integer({ min: 1, max: 40 })), async (list, sizes) => {
      const { channel, stdout } = open()
      const answers = list.map((_, n) => channel.readFile(`/file/${n}`, 1000))
      const frames = list
        .map((body, n) => Buffer.concat([Buffer.from(`${n + 1} bytes ${body.length}\n`), body, Buffer.from('\n')]))
        .reverse()
      let rest = Buffer.concat([Buffer.from('0 hello 0 -\n\n'), ...frames])
      for (const size of [...sizes, rest.length]) {
        stdout.write(rest.subarray(0, size))
        rest = rest.subarray(size)
      }
      expect(await channel.running).toBeNull()
      expect(await Promise.all(answers)).toEqual(list)
    })
    await fc.assert(property, { numRuns: 100 })
  })

  it('fail what waits when the stream ends or says what it cannot', async () => {
    for (const said of [
      '',
      '0 hello 0 job\n\n',
      '0 hello 0 -\n\n1 ended 5 0 0 5 1 2 \nabc',
      'sh: 1: not found\n',
      '0 hello 0 -\n\n0 taken 0\n\n',
      '0 hello 0 -\n\n1 bytes 5\n0 taken 0\n\ndone\n\n',
    ]) {
      const { channel, stdout, isClosed } = open()
      const pending = channel.readOutput('k').catch((error: unknown) => error)
      stdout.end(said)
      expect(await pending, said).toBeInstanceOf(ChannelBrokenError)
      expect(isClosed()).toBe(true)
      await expect(channel.forgetOutput('k')).rejects.toBeInstanceOf(ChannelBrokenError)
    }
  })

  it('tell how a command ended', async () => {
    const { channel, stdout } = open()
    const pending = channel.execute('k', { script: 'x', cwd: '/', timeoutMs: 1 })
    stdout.write('0 hello 0 -\n\n1 ended 3 137 1 9000 1700000000000 1700000001500 a b,c?\nxyz\n')
    expect(await pending).toEqual({
      status: 'finished',
      outcome: {
        exitCode: 137,
        isTimedOut: true,
        output: Buffer.from('xyz'),
        sizeBytes: 9000,
        leftRunning: ['a b', 'c?'],
        startedAt: '2023-11-14T22:13:20.000Z',
        finishedAt: '2023-11-14T22:13:21.500Z',
      },
    })
  })
})
