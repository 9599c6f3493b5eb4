import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import Docker from 'dockerode'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { environment as environmentSchema, type Environment } from '../../src/formats/environment.ts'
import { createDockerProvider } from '../../src/sandbox/docker.ts'
import { environmentTag } from '../../src/sandbox/dockerImage.ts'
import type { Sandbox } from '../../src/sandbox/port.ts'
import { dockerForTests } from '../docker/engine.ts'

const found = await dockerForTests()
const never = new AbortController().signal

describe('sandboxes without an engine', () => {
  const limits = { memoryBytes: 64 * 1024 * 1024, cpus: 1, pids: 16 }

  it('are unreachable, and the error names the socket and what to do', async () => {
    const provider = createDockerProvider({ socketPath: '/nonexistent/engine.sock', defaultImage: 'any', ...limits })
    const expected = { kind: 'unreachable', message: expect.stringMatching(/\/nonexistent\/engine\.sock.*DOCKER_HOST/) }
    await expect(provider.find('x')).rejects.toMatchObject(expected)
    await expect(provider.list({})).rejects.toMatchObject(expected)
    await expect(provider.remove('x')).rejects.toMatchObject(expected)
    await expect(provider.create({ name: 'x', labels: {}, environment: null })).rejects.toMatchObject(expected)
  })

  it('are looked for where an address says', async () => {
    const unix = createDockerProvider({ socketPath: 'unix:///nonexistent/other.sock', ...limits })
    await expect(unix.find('x')).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('/nonexistent/other.sock'),
    })
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    server.close()
    await once(server, 'close')
    const tcp = createDockerProvider({ socketPath: `tcp://127.0.0.1:${port}`, ...limits })
    await expect(tcp.find('x')).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining(`:${port}`),
    })
    expect(() => createDockerProvider({ socketPath: 'ssh://host', ...limits })).toThrow(/ssh:\/\/host/)
  })

  it('need an image, and say so', async () => {
    const provider = createDockerProvider({ socketPath: '/nonexistent/engine.sock', ...limits })
    const failure = provider.create({ name: 'x', labels: {}, environment: null })
    await expect(failure).rejects.toMatchObject({ kind: 'invalid', message: expect.stringContaining('image') })
  })
})

describe.skipIf(!found)('sandbox of Docker alone', { timeout: 120_000 }, () => {
  const socketPath = found?.socketPath ?? '/nonexistent/engine.sock'
  const docker = new Docker({ socketPath })
  const image = found?.image ?? ''
  const provider = createDockerProvider({ socketPath, memoryBytes: 256 * 1024 * 1024, cpus: 1, pids: 64 })
  const made: string[] = []
  const tags: string[] = []
  let sandbox: Sandbox

  const make = (more: Partial<Environment> = {}) => {
    const name = `d${randomUUID().slice(0, 8)}`
    made.push(name)
    const base = { format: 'prchain.environment/1', test: { command: 'true' } }
    const given = more.dockerfile === undefined ? { image, ...more } : more
    return provider.create({ name, labels: {}, environment: environmentSchema.parse({ ...base, ...given }) })
  }
  const build = (dockerfile: string) => {
    tags.push(environmentTag(dockerfile, 'none'))
    return make({ dockerfile, buildNetwork: 'none' })
  }
  const say = async (script: string, timeoutMs = 30_000) => {
    const outcome = await sandbox.exec(randomUUID(), { script, timeoutMs }, never)
    return outcome.output.toString()
  }
  const containerOf = (one: Sandbox) => docker.getContainer(`prchain-${one.name}`)

  beforeAll(async () => {
    sandbox = await make()
  })
  afterAll(async () => {
    for (const name of made) await provider.remove(name)
    for (const tag of tags)
      await docker
        .getImage(tag)
        .remove()
        .catch(() => {})
  })

  it('has no network: neither another host, nor this one, nor names', async () => {
    expect(await say('ls /sys/class/net')).toBe('lo\n')
    expect(await say('cat /proc/net/route | wc -l')).toBe('1\n')
    expect(await say('timeout 5 bash -c "exec 3<>/dev/tcp/1.1.1.1/53" 2>/dev/null && echo reached; true')).toBe('')
    expect(await say('timeout 5 getent hosts example.org && echo resolved; true')).toBe('')

    const server = createServer((socket) => socket.end()).listen(0, '0.0.0.0')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    const hosts = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter((each) => each.family === 'IPv4')
      .map((each) => each.address)
    try {
      for (const host of hosts) {
        await once(connect(port, host), 'connect')
        expect(
          await say(`timeout 5 bash -c "exec 3<>/dev/tcp/${host}/${port}" 2>/dev/null && echo reached; true`),
        ).toBe('')
      }
      expect(hosts.length).toBeGreaterThan(0)
    } finally {
      server.close()
    }
  })

  it('gives the agent no root, no capability and no way to get one', async () => {
    expect(await say('id -u; id -g; id -G; id -un')).toBe('1000\n1000\n1000\nagent\n')
    const status = await say('grep -E "^(CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|Seccomp):" /proc/self/status')
    const none = '\t0000000000000000'
    expect(status).toBe(`CapInh:${none}\nCapPrm:${none}\nCapEff:${none}\nCapAmb:${none}\nNoNewPrivs:\t1\nSeccomp:\t2\n`)
    expect(await say('setpriv --reuid 0 true 2>/dev/null && echo became; true')).toBe('')
    expect(await say('echo "exit" | su -c id 2>/dev/null; unshare -U true 2>/dev/null && echo unshared; true')).toBe('')
  })

  it('has nothing of the host in it: no mount, no engine', async () => {
    const state = await containerOf(sandbox).inspect()
    expect(state.Mounts).toEqual([])
    expect(state.HostConfig).toMatchObject({
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      Memory: 256 * 1024 * 1024,
      PidsLimit: 64,
      NanoCpus: 1e9,
    })
    expect(state.HostConfig.Binds ?? []).toEqual([])
    expect(await say(`test -e ${socketPath} && echo seen; test -e /var/run/docker.sock && echo seen; true`)).toBe('')
    expect(await say('grep -c docker.sock /proc/self/mountinfo')).toBe('0\n')
  })

  it('keeps its records where the agent can neither read nor forge them', async () => {
    const find = 'record=$(dirname "$(readlink /proc/$$/fd/0)")'
    const record = (await say(`${find}; echo $record`)).trim()
    expect(record).toMatch(/^\/run\/prchain\/[^/]+\/[^/]+$/)
    const listing = await containerOf(sandbox).exec({ Cmd: ['ls', record], AttachStdout: true })
    const names = Buffer.concat(await (await listing.start({})).toArray()).toString()
    expect(names).toContain('answer')
    const attempts = [
      'ls /run/prchain',
      'ls "$record"',
      `cat ${record}/answer`,
      'echo 0 > "$record/answer"',
      'echo 0 > "$record/pid"',
      'mkdir /run/prchain/x',
      'mv /run/prchain /run/other',
      'rm -rf "$record"',
      'chmod 777 /run/prchain',
      'echo x > /proc/$$/fd/0',
      'cat <&3',
      'cat <&9',
      'kill -9 $PPID',
      'ls /proc/$PPID/root/run/prchain',
    ]
    for (const script of attempts) {
      expect(await say(`${find}; { ${script}; } >/dev/null 2>&1 && echo could; true`), script).toBe('')
    }
    const forged = { script: 'echo 0 > /dev/stdout; exit 5', timeoutMs: 30_000 }
    const first = await sandbox.exec('forged', forged, never)
    expect(first.exitCode).toBe(5)
    expect(await sandbox.exec('forged', forged, never)).toEqual(first)
  })

  it('ends a command that uses up all processes, and stays usable', async () => {
    const outcome = await sandbox.exec('bomb', { script: 'b() { b | b & }; b; sleep 1000', timeoutMs: 2000 }, never)
    expect(outcome.isTimedOut).toBe(true)
    expect(await say('echo usable')).toBe('usable\n')
  })

  it('ends a command that uses up all memory, and stays usable', async () => {
    const script = 'python3 -c "x = bytearray(10**9)"; echo $?'
    expect(await say(script)).toMatch(/137\n$/)
    expect(await say('echo usable')).toBe('usable\n')
  })

  it('is lost when its container is killed in mid-command', async () => {
    const other = await make()
    const pending = other
      .exec('k', { script: 'touch begun; sleep 1000', timeoutMs: 60_000 }, never)
      .catch((error: unknown) => error)
    await expect.poll(() => other.readFile('/repo/begun', 1)).not.toBeNull()
    await containerOf(other).kill()
    expect(await pending).toMatchObject({ kind: 'lost' })
    expect(await provider.find(other.name)).toBeNull()
    expect(await provider.list({ name: other.name })).toEqual([other.name])
    await expect(other.exec('k', { script: 'true', timeoutMs: 1000 }, never)).rejects.toMatchObject({ kind: 'lost' })
    await expect(other.readRepository()).rejects.toMatchObject({ kind: 'lost' })
  })

  it('is lost when its container is started again, and what is found then is another life', async () => {
    const other = await make()
    const command = { script: 'echo line >> /tmp/lines; wc -l < /tmp/lines', timeoutMs: 30_000 }
    expect((await other.exec('k', command, never)).output.toString()).toBe('1\n')
    await containerOf(other).restart({ t: 0 })
    await expect(other.exec('k', command, never)).rejects.toMatchObject({ kind: 'lost' })
    await expect(other.exec('new', command, never)).rejects.toMatchObject({ kind: 'lost' })
    const again = await provider.find(other.name)
    expect(again?.life).not.toBe(other.life)
    expect((await again?.exec('k', command, never))?.output.toString()).toBe('2\n')
  })

  it('owns what is laid to the agent, and brings no error of tar as a shorter tar', async () => {
    const other = await make()
    const tar = pack()
    tar.entry({ name: 'folder/file', uid: 0, gid: 0, mode: 0o600 }, 'x'.repeat(1000))
    tar.finalize()
    await other.putRepository(tar as unknown as Parameters<Sandbox['putRepository']>[0])
    const command = { script: 'stat -c "%u:%g %a" . folder folder/file; echo more >> folder/file', timeoutMs: 30_000 }
    const outcome = await other.exec('k', command, never)
    expect(outcome).toMatchObject({ exitCode: 0, output: Buffer.from('1000:1000 755\n1000:1000 755\n1000:1000 600\n') })
    const move = await containerOf(other).exec({ Cmd: ['mv', '/repo', '/elsewhere'], AttachStdout: true })
    await (await move.start({})).toArray()
    const failure = await (await other.readRepository()).toArray().catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'SandboxError', message: expect.stringContaining('/repo') })
  })

  it('fails the tar when its container is killed while it is read', async () => {
    const other = await make()
    await other.exec(
      'k',
      { script: 'for n in 1 2 3 4 5 6; do head -c 10000000 /dev/urandom > $n; done', timeoutMs: 60_000 },
      never,
    )
    const tar = await other.readRepository()
    let killed: Promise<unknown> | undefined
    const failure = (async () => {
      for await (const chunk of tar) {
        expect(chunk).not.toHaveLength(0)
        killed ??= containerOf(other).kill()
      }
    })().catch((error: unknown) => error)
    expect(await failure).toMatchObject({ kind: 'lost' })
    await killed
  })

  it('names the programs that an image lacks, and leaves no container', async () => {
    const failure = build(`FROM ${image}\nRUN rm /usr/bin/setpriv /usr/bin/tar\n`)
    await expect(failure).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('lacks tar setpriv'),
    })
    const name = made.at(-1) ?? ''
    expect(await provider.find(name)).toBeNull()
    await provider.remove(name)
    expect(await provider.list({ name })).toEqual([])
    await expect(build(`FROM ${image}\nRUN rm /usr/bin/sleep\n`)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('lacks sleep'),
    })
  })

  it('builds a Dockerfile once, and gives its variables to commands', async () => {
    const dockerfile = `FROM ${image}\nENV OF_IMAGE=yes PATH=/opt/bin:$PATH\nUSER 1234\nENTRYPOINT ["false"]\nVOLUME /data\nRUN id -u > /tmp/built 2>/dev/null\n`
    const built = await build(dockerfile)
    const outcome = await built.exec(
      'k',
      { script: 'echo $OF_IMAGE $PATH $HOME; cat /tmp/built; id -u', timeoutMs: 30_000 },
      never,
    )
    expect(outcome.output.toString()).toMatch(/^yes \/opt\/bin:\S+ \/home\/agent\n1234\n1000\n$/)
    // A text that cannot be built: only the tag can have given it an image.
    const broken = `FROM ${image}\nRUN false # ${randomUUID()}\n`
    const [repo, tag] = environmentTag(broken, 'none').split(':')
    await docker.getImage(image).tag({ repo: repo ?? '', tag: tag ?? '' })
    expect((await build(broken)).life).not.toBe('')
  })

  it('shows how a failed build ended', async () => {
    const failure = build(`FROM ${image}\nRUN echo the last words; exit 3 # ${randomUUID()}\n`)
    await expect(failure).rejects.toMatchObject({
      kind: 'image',
      message: expect.stringMatching(/the last words[\s\S]*code: 3/),
    })
    await expect(build('NOSUCH instruction\n')).rejects.toMatchObject({
      kind: 'image',
      message: expect.stringContaining('NOSUCH'),
    })
  })

  it('says that an image is not to be had', async () => {
    const failure = make({ image: 'localhost:1/nosuch/image' })
    await expect(failure).rejects.toMatchObject({
      kind: 'image',
      message: expect.stringContaining('localhost:1/nosuch/image'),
    })
  })

  it('is not seen before it is whole', async () => {
    const name = `d${randomUUID().slice(0, 8)}`
    made.push(name)
    const half = await docker.createContainer({
      name: `prchain.new-${name}`,
      Image: image,
      Cmd: ['sleep', '1000'],
      Labels: { 'prchain.name': name },
    })
    await half.start()
    expect(await provider.find(name)).toBeNull()
    expect(await provider.list({ name })).toEqual([name])
    await provider.remove(name)
    expect(await provider.list({ name })).toEqual([])
  })
})
