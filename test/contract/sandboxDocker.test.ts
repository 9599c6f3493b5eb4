import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { Readable } from 'node:stream'
import Docker from 'dockerode'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { environment as environmentSchema, type Environment } from '../../src/formats/environment.ts'
import { createDockerProvider } from '../../src/sandbox/docker.ts'
import { memoryLimit } from '../../src/sandbox/dockerContainer.ts'
import { environmentTag } from '../../src/sandbox/dockerImage.ts'
import { preparation } from '../../src/sandbox/dockerSandboxImage.ts'
import { FILE_LIMIT_BYTES, type Sandbox } from '../../src/sandbox/port.ts'
import { runInContainer } from '../docker/container.ts'
import { startCountingProxy } from '../docker/countingProxy.ts'
import { dockerForTests } from '../docker/engine.ts'

const found = await dockerForTests()
const never = new AbortController().signal
const MEBIBYTE = 1_048_576

describe('sandboxes without an engine', () => {
  const limits = { memoryBytes: 64 * MEBIBYTE, diskBytes: 64 * MEBIBYTE, cpus: 1, pids: 16 }

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
  const limits = { memoryBytes: 256 * MEBIBYTE, diskBytes: 64 * MEBIBYTE, cpus: 1, pids: 64 }
  const provider = createDockerProvider({ socketPath, ...limits })
  const made: string[] = []
  const tags: string[] = []
  const writables: string[][] = [[]]
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
    for (const tag of new Set(tags)) {
      const parent = await docker
        .getImage(tag)
        .inspect()
        .catch(() => null)
      if (!parent) continue
      for (const folders of writables) {
        await docker
          .getImage(preparation(parent.Id, folders).tag)
          .remove()
          .catch(() => {})
      }
      await docker
        .getImage(tag)
        .remove()
        .catch(() => {})
    }
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
    expect(state.Mounts.filter(({ Type }) => Type !== 'tmpfs')).toEqual([])
    expect(state.HostConfig).toMatchObject({
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      ReadonlyRootfs: true,
      Memory: memoryLimit(limits),
      MemorySwap: memoryLimit(limits),
      PidsLimit: 64,
      NanoCpus: 1e9,
    })
    expect(state.HostConfig.Binds ?? []).toEqual([])
    expect(await say(`test -e ${socketPath} && echo seen; test -e /var/run/docker.sock && echo seen; true`)).toBe('')
    expect(await say('grep -c docker.sock /proc/self/mountinfo')).toBe('0\n')
  })

  it('keeps its records where the agent can neither read nor forge them', async () => {
    const find = 'record=$(readlink /proc/$$/fd/1); record=${record%.output}'
    const record = (await say(`${find}; echo $record`)).trim()
    expect(record).toMatch(/^\/run\/prchain\/[^/]+\/[^/]+$/)
    const written = await runInContainer(containerOf(sandbox), ['cat', `${record}.record`])
    expect(written.stdout).toMatch(/^run \d+ \d+ \d+\nend 0 0 \d+ \d+ \d+ \n$/)
    const attempts = [
      'ls /run/prchain',
      'ls "$record".*',
      `cat ${record}.record`,
      'echo "end 0 0 0 0 0" > "$record.record"',
      'echo x >> "$record.record"',
      'mkdir /run/prchain/x',
      'mv /run/prchain /run/other',
      'rm -rf "$record"*',
      'chmod 777 /run/prchain',
      'cat <&3',
      'cat <&4',
      'cat <&5',
      'cat <&6',
      'cat <&7',
      'cat <&8',
      'cat <&9',
      'echo "1 ended 0 0 0 0 0 0" > /proc/$PPID/fd/1',
      'for n in /proc/[0-9]*; do kill -9 ${n#/proc/} && [ ${n#/proc/} != $$ ] && exit 1; done 2>/dev/null; false',
      'kill -9 $PPID',
      'ls /proc/$PPID/root/run/prchain',
      'rm $(dirname "$record")/lock',
      'echo "1 1" > $(dirname "$record")/dispatcher',
    ]
    for (const script of attempts) {
      expect(await say(`${find}; { ${script}; } >/dev/null 2>&1 && echo could; true`), script).toBe('')
    }
    const input = await sandbox.exec(
      randomUUID(),
      { script: 'echo x 2>/dev/null > /proc/$$/fd/0 || cat', stdin: 'mine', timeoutMs: 30_000 },
      never,
    )
    expect(input.output.toString()).toBe('mine')
    const forged = { script: 'echo 0 > /dev/stdout; exit 5', timeoutMs: 30_000 }
    const first = await sandbox.exec('forged', forged, never)
    expect(first.exitCode).toBe(5)
    expect(await sandbox.exec('forged', forged, never)).toEqual(first)
  })

  it('ends a command that uses up all processes, and stays usable', async () => {
    const bombs = [
      'b() { b | b & }; b; sleep 1000',
      'b() { (trap "" TERM; setsid bash -c :; b & b &) }; while :; do b; done',
    ]
    for (const script of bombs) {
      const outcome = await sandbox.exec(`bomb/${script}`, { script, timeoutMs: 1500 }, never)
      expect(outcome.isTimedOut).toBe(true)
      expect(await say('ps() { ls -d /proc/[0-9]* | wc -l; }; [ $(ps) -lt 12 ] && echo usable')).toBe('usable\n')
    }
  })

  it('ends what a bomb left that ended at once itself', async () => {
    // It forks once itself, before there is a bomb that leaves no room for a second time.
    const script = 'b() { b | b & }; (b &); exit 3'
    const outcome = await sandbox.exec('bomb/left', { script, timeoutMs: 30_000 }, never)
    expect(outcome).toMatchObject({ exitCode: 3, isTimedOut: false })
    expect(outcome.leftRunning.length).toBeGreaterThan(0)
    expect(outcome.leftRunning.length).toBeLessThanOrEqual(20)
    expect(await say('echo usable')).toBe('usable\n')
  })

  it('ends a command that uses up all memory, and stays usable', async () => {
    const script = 'python3 -c "x = bytearray(4 * 10**9)"; echo $?'
    expect(await say(script)).toMatch(/137\n$/)
    expect(
      await sandbox.exec('hog', { script: 'exec python3 -c "x = bytearray(4 * 10**9)"', timeoutMs: 30_000 }, never),
    ).toMatchObject({ exitCode: 137, isTimedOut: false })
    expect(await say('echo usable')).toBe('usable\n')
  })

  it('has no place where an agent can fill a disk, and stays usable when all are full', async () => {
    const other = await make()
    const script = `
      for folder in $(find / -xdev -type d -writable 2>/dev/null) /repo /tmp /var/tmp /home/agent /dev/shm /dev/mqueue; do
        head -c 1000000000 /dev/zero > $folder/filler 2>/dev/null && echo $folder
      done
      : > /var/lib/x || : > /x || : > /etc/x || : > /usr/x || : > /run/x || df --output=target,used -m | grep -E ' [0-9]{3,}$'`
    const outcome = await other.exec('fill', { script, timeoutMs: 60_000 }, never)
    expect(outcome.output.toString()).toMatch(/Read-only file system/)
    expect(outcome.output.toString()).not.toMatch(/^\/[a-z/]*$/m)
    const disks = await other.exec(
      'df',
      { script: 'df -k --output=used,target /repo /tmp /home/agent | tail -n 3', timeoutMs: 30_000 },
      never,
    )
    expect(disks.output.toString().match(/\d+/g)?.map(Number)).toEqual([65536, 32768, 32768])
    expect(
      (
        await other.exec(
          'more',
          { script: 'rm /repo/filler; echo more > /repo/file; cat /repo/file', timeoutMs: 30_000 },
          never,
        )
      ).output.toString(),
    ).toBe('more\n')
  })

  it('ends a command that prints a gigabyte, and keeps room for the next, again and again', async () => {
    for (const n of [1, 2, 3, 4]) {
      const key = `gigabyte/${n}`
      const outcome = await sandbox.exec(key, { script: 'head -c 1000000000 /dev/zero', timeoutMs: 60_000 }, never)
      expect(outcome).toMatchObject({ exitCode: 153, sizeBytes: FILE_LIMIT_BYTES })
      await sandbox.forgetOutput(key)
    }
  })

  it('says that there is no room for records rather than losing one', async () => {
    const other = await make()
    const print = (n: number) =>
      other.exec(`full/${n}`, { script: 'head -c 1000000000 /dev/zero', timeoutMs: 60_000 }, never)
    await print(1)
    const second = await print(2)
    const third = await print(3).catch((error: unknown) => error)
    expect(third).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('full/3') })
    await other.forgetOutput('full/1')
    expect((await print(3)).sizeBytes).toBeGreaterThan(0)
    expect(await print(2)).toEqual(second)
  })

  it('cannot be written to but in its folders, which programs can be run from', async () => {
    for (const folder of ['/', '/etc', '/usr/bin', '/var/lib', '/opt', '/root', '/run']) {
      const { code } = await runInContainer(containerOf(sandbox), ['touch', `${folder}/x`])
      expect(code, folder).not.toBe(0)
    }
    for (const folder of ['/repo', '/tmp', '/var/tmp', '/home/agent']) {
      expect(await say(`cd ${folder} && cp /bin/echo own && ./own runs && rm own`)).toBe('runs\n')
    }
  })

  it('says what it holds an agent to', async () => {
    const place = await provider.describe()
    const { ServerVersion: version } = (await docker.info()) as { ServerVersion: string }
    expect(place.id).toMatch(/^docker-[0-9a-f]{16}$/)
    expect((await provider.describe()).id).toBe(place.id)
    expect(place.version).toContain(version)
    const limit = (what: string) => place.limits.find((each) => each.what === what)?.how
    expect(limit('disk')).toMatch(/\/repo 64 MiB.*calls writable 64 MiB/)
    expect(limit('memory')).toMatch(/256 MiB when they are full/)
    expect(limit('network')).toBe('none')
  })

  it('lets git work in the repository', async () => {
    const script =
      'git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --oneline | wc -l; rm -rf .git'
    expect(await say(script)).toBe('1\n')
  })

  it('runs two hundred commands over one connection to the engine', async () => {
    const proxy = await startCountingProxy(socketPath)
    const counted = createDockerProvider({ socketPath: proxy.socketPath, ...limits })
    const other = await counted.find(sandbox.name)
    await other!.exec(randomUUID(), { script: 'true', timeoutMs: 30_000 }, never)
    const before = proxy.requests.length
    expect(proxy.requests.filter((request) => /^POST .*\/exec$/.test(request))).toHaveLength(1)
    for (let n = 0; n < 200; n++) {
      const outcome = await other!.exec(`counted/${n}`, { script: `echo ${n}`, timeoutMs: 30_000 }, never)
      expect(outcome.output.toString()).toBe(`${n}\n`)
    }
    expect(await other!.readFile('/repo/nosuch', 1)).toBeNull()
    expect(proxy.requests.slice(before)).toEqual([])
    await proxy.close()
    await expect(sandbox.exec('own', { script: 'true', timeoutMs: 30_000 }, never)).rejects.toMatchObject({
      kind: 'unreachable',
    })
    expect(await say('echo own again')).toBe('own again\n')
  })

  it('makes twelve sandboxes at once, four at a time, and removes them', async () => {
    const proxy = await startCountingProxy(socketPath)
    const gated = createDockerProvider({
      socketPath: proxy.socketPath,
      defaultImage: image,
      startsAtOnce: 4,
      ...limits,
    })
    const batch = randomUUID()
    const names = Array.from({ length: 12 }, (_, n) => `d${batch.slice(0, 8)}.${n}`)
    made.push(...names)
    const sandboxes = await Promise.all(
      names.map((name) => gated.create({ name, labels: { batch }, environment: null })),
    )
    expect(new Set(sandboxes.map(({ life }) => life)).size).toBe(12)
    expect(proxy.mostAtOnce(/^POST .*\/containers\/create/)).toBeLessThanOrEqual(4)
    expect(proxy.mostAtOnce(/^(POST|DELETE) .*\/containers\//)).toBeLessThanOrEqual(4)
    expect((await gated.list({ batch })).map(({ name }) => name)).toEqual([...names].sort())
    await Promise.all(names.map((name) => gated.remove(name)))
    expect(proxy.mostAtOnce(/^DELETE/)).toBeLessThanOrEqual(4)
    expect(await gated.list({ batch })).toEqual([])
    await proxy.close()
  })

  it('goes on when its dispatcher is killed in mid-command', async () => {
    const command = {
      script: 'echo once >> dispatched; until [ -e go ]; do sleep 0.02; done; echo done',
      timeoutMs: 30_000,
    }
    const other = await make()
    const pending = other.exec('k', command, never).catch((error: unknown) => error)
    await expect.poll(() => other.readFile('/repo/dispatched', 10)).not.toBeNull()
    await runInContainer(containerOf(other), [
      'bash',
      '-c',
      'read -r pid start < $(echo /run/prchain/*/dispatcher); kill -9 $pid; touch /repo/go',
    ])
    // Its supervisor still holds the connection, and gives the answer; or it broke off, and the next who asks is given it.
    const answer = await pending
    if (answer instanceof Error) expect(answer).toMatchObject({ kind: 'unreachable' })
    else expect(answer).toMatchObject({ output: Buffer.from('done\n') })
    const again = await other.exec('k', command, never).catch(() => other.exec('k', command, never))
    expect(again.output.toString()).toBe('done\n')
    expect((await other.readFile('/repo/dispatched', 100))?.toString()).toBe('once\n')
  })

  it('is lost when all that watches over a command is killed, and does not run it again', async () => {
    const other = await make()
    const command = { script: 'echo once >> watched; sleep 1000', timeoutMs: 60_000 }
    const pending = other.exec('k', command, never).catch((error: unknown) => error)
    await expect.poll(() => other.readFile('/repo/watched', 10)).not.toBeNull()
    const kill =
      'for p in /proc/[0-9]*; do mapfile -d "" -n 4 a < $p/cmdline; [ "${a[3]%?}" = prchain-dispatche ] && kill -9 ${p#/proc/}; [ "${a[3]}" = prchain-dispatcher ] && kill -9 ${p#/proc/}; done; true'
    await runInContainer(containerOf(other), ['bash', '-c', kill])
    expect(await pending).toMatchObject({ name: 'SandboxError' })
    await expect(other.exec('k', command, never)).rejects.toMatchObject({ kind: 'lost' })
    expect((await other.readFile('/repo/watched', 100))?.toString()).toBe('once\n')
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
    expect(await provider.list({ name: other.name })).toMatchObject([{ name: other.name }])
    await expect(other.exec('k', { script: 'true', timeoutMs: 1000 }, never)).rejects.toMatchObject({ kind: 'lost' })
    await expect(other.readRepository()).rejects.toMatchObject({ kind: 'lost' })
  })

  it('is lost when its container is started again, and what is found then is another life', async () => {
    const other = await make()
    const command = { script: 'echo line >> lines; wc -l < lines', timeoutMs: 30_000 }
    expect((await other.exec('k', command, never)).output.toString()).toBe('1\n')
    await containerOf(other).restart({ t: 0 })
    await expect(other.exec('k', command, never)).rejects.toMatchObject({ kind: 'lost' })
    await expect(other.exec('new', command, never)).rejects.toMatchObject({ kind: 'lost' })
    await expect(other.readOutput('k')).rejects.toMatchObject({ kind: 'lost' })
    const again = await provider.find(other.name)
    expect(again?.life).not.toBe(other.life)
    expect((await again?.exec('k', command, never))?.output.toString()).toBe('1\n')
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
    await other.exec('fill', { script: 'head -c 50000000 /dev/zero > large', timeoutMs: 30_000 }, never)
    const tarOfAll = (await other.readRepository())[Symbol.asyncIterator]()
    await tarOfAll.next()
    // The engine tells of no exec's end while another's output is not read: so its output is waited for, not its end.
    const script =
      'for p in /proc/[0-9]*; do read -r name < $p/comm && [ "$name" = tar ] && kill -9 ${p#/proc/}; done; echo killed'
    const kill = await containerOf(other).exec({ Cmd: ['bash', '-c', script], AttachStdout: true })
    await once(await kill.start({}), 'data')
    const readOn = async () => {
      while (!(await tarOfAll.next()).done);
    }
    const failure = await readOn().catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'SandboxError', message: expect.stringContaining('/repo') })
  })

  it('lays ten thousand files, and says what does not fit', async () => {
    const other = await make()
    const tar = pack()
    for (let n = 0; n < 10_000; n++) tar.entry({ name: `d${n % 100}/f${n}` }, `${n}`)
    tar.finalize()
    await other.putRepository(tar as unknown as Parameters<Sandbox['putRepository']>[0])
    expect(
      (
        await other.exec('count', { script: 'find . -type f -user agent | wc -l', timeoutMs: 30_000 }, never)
      ).output.toString(),
    ).toBe('10000\n')
    // Far less of a processor than all else has, so that clearing them takes longer than anybody would wait for an exit code.
    await containerOf(other).update({ NanoCpus: 10_000_000 })
    const small = pack()
    small.entry({ name: 'small' }, 'x')
    small.finalize()
    await other.putRepository(small as unknown as Parameters<Sandbox['putRepository']>[0])
    await containerOf(other).update({ NanoCpus: 1_000_000_000 })
    expect(await other.readFile('/repo/small', 10)).toEqual(Buffer.from('x'))
    const large = pack()
    large.entry({ name: 'large' }, Buffer.alloc(100_000_000))
    large.finalize()
    await expect(
      other.putRepository(large as unknown as Parameters<Sandbox['putRepository']>[0]),
    ).rejects.toMatchObject({ kind: 'invalid', message: expect.stringContaining('disk') })
    const broken = new Readable({
      read() {
        this.destroy(new Error('the source broke'))
      },
    })
    await expect(other.putRepository(broken)).rejects.toThrow('the source broke')
  })

  it('is lost at once for who reads late from a container that was killed', async () => {
    const other = await make()
    await other.exec('k', { script: 'head -c 20000000 /dev/urandom | tee file', timeoutMs: 60_000 }, never)
    const [tar, output] = [await other.readRepository(), await other.readOutput('k')]
    await containerOf(other).kill()
    for (const stream of [tar, output]) {
      expect(await stream.toArray().catch((error: unknown) => error)).toMatchObject({ kind: 'lost' })
    }
    await expect(other.readOutput('k')).rejects.toMatchObject({ kind: 'lost' })
  })

  it('fails the tar when its container is killed while it is read', async () => {
    const other = await make()
    await other.exec(
      'k',
      { script: 'for n in 1 2 3 4 5 6; do head -c 9000000 /dev/urandom > $n; done', timeoutMs: 60_000 },
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
    const dockerfile = `FROM ${image}\nENV OF_IMAGE=yes PATH=/opt/bin:$PATH\nUSER 1234\nENTRYPOINT ["false"]\nRUN id -u > /tmp/built\nUSER 0\nRUN cp /tmp/built /built\nUSER 1234\nVOLUME /data\n`
    const built = await build(dockerfile)
    const outcome = await built.exec(
      'k',
      { script: 'echo $OF_IMAGE $PATH $HOME; cat /built; id -u', timeoutMs: 30_000 },
      never,
    )
    expect(outcome.output.toString()).toMatch(/^yes \/opt\/bin:\S+ \/home\/agent\n1234\n1000\n$/)
    // A text that cannot be built: only the tag can have given it an image.
    const broken = `FROM ${image}\nRUN false # ${randomUUID()}\n`
    const [repo, tag] = environmentTag(broken, 'none').split(':')
    await docker.getImage(image).tag({ repo: repo ?? '', tag: tag ?? '' })
    expect((await build(broken)).life).not.toBe('')
  })

  it('copies the writable folders of an image for each sandbox, as the agent, and removes them with it', async () => {
    const folders = ['/opt/tools', '/home/agent/.cache']
    const dockerfile = `FROM ${image}\nRUN mkdir -p /opt/tools/bin /home/agent/.cache && echo kept > /opt/tools/bin/file && echo warm > /home/agent/.cache/file && chmod -R go-rwx /opt/tools\n`
    tags.push(environmentTag(dockerfile, 'none'))
    writables.push(folders)
    const [one, two] = [
      await make({ dockerfile, buildNetwork: 'none', writable: folders }),
      await make({ dockerfile, buildNetwork: 'none', writable: folders }),
    ]
    const command = {
      script: 'cat /opt/tools/bin/file ~/.cache/file; echo mine > /opt/tools/bin/file; stat -c %U /opt/tools',
      timeoutMs: 30_000,
    }
    for (const each of [one, two]) {
      expect((await each.exec('k', command, never)).output.toString()).toBe('kept\nwarm\nagent\n')
    }
    // They take room of their own, in memory, and none on the host's disk.
    const fill =
      'dd if=/dev/zero of=/opt/tools/large bs=1M count=100 2>&1 | tail -1; df --output=fstype /opt/tools | tail -1'
    const filled = await one.exec('fill', { script: fill, timeoutMs: 60_000 }, never)
    expect(filled.output.toString()).toMatch(/6\d MiB|6\d\.?\d* MB|67108864|66\d+ bytes[^]*tmpfs/)
    expect((await containerOf(one).inspect()).Mounts.filter(({ Type }) => Type !== 'tmpfs')).toEqual([])
  })

  it('builds from a repository with its own Dockerfile text, our files and arguments, once for its content', async () => {
    const dockerfile = `FROM ${image}\nARG SECRET_INDEX=none\nCOPY . /src\nRUN echo "$SECRET_INDEX" > /index; ls -A /src/.prchain > /ours; cat /src/Dockerfile > /theirs\n`
    let opened = 0
    const buildContext = (id: string) => ({
      id,
      open: async () => {
        opened += 1
        const tar = pack()
        tar.entry({ name: 'Dockerfile' }, 'FROM nosuch\n')
        tar.entry({ name: './.prchain/Dockerfile' }, 'FROM nosuch\n')
        tar.entry({ name: '.prchain/', type: 'directory' })
        tar.entry({ name: 'src/file', mode: 0o755 }, id)
        tar.entry({ name: 'link', type: 'symlink', linkname: 'src/file' })
        tar.finalize()
        return tar as unknown as Readable
      },
    })
    const building = createDockerProvider({
      socketPath,
      ...limits,
      buildArguments: { SECRET_INDEX: 'by-argument' },
      buildFiles: [{ path: 'certificates.crt', bytes: Buffer.from('a certificate') }],
    })
    const environment = environmentSchema.parse({
      format: 'prchain.environment/1',
      dockerfile,
      context: 'repository',
      buildNetwork: 'none',
      test: { command: 'true' },
    })
    const [id, otherId] = [randomUUID(), randomUUID()]
    for (const [n, context] of [id, id, otherId].entries()) {
      tags.push(environmentTag(dockerfile, 'none', context))
      const name = `d${randomUUID().slice(0, 8)}`
      made.push(name)
      const one = await building.create({ name, labels: {}, environment, buildContext: buildContext(context) })
      const script = 'cat /index /ours /theirs /src/link; echo; ls -l /src/src/file | cut -c1-10'
      const said = (await one.exec('k', { script, timeoutMs: 30_000 }, never)).output.toString()
      expect(said).toBe(`by-argument\nDockerfile\ncertificates.crt\nFROM nosuch\n${context}\n-rwxr-xr-x\n`)
      expect(opened).toBe([1, 1, 2][n])
    }
    const labels = (await docker.getImage(environmentTag(dockerfile, 'none', id)).inspect()).Config.Labels
    expect(JSON.stringify(labels)).not.toContain('by-argument')
    const failure = building.create({ name: made.at(-1)!, labels: {}, environment })
    await expect(failure).rejects.toMatchObject({ kind: 'invalid', message: expect.stringContaining('repository') })
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
    expect(await provider.list({ name })).toMatchObject([{ name, labels: { name } }])
    await provider.remove(name)
    expect(await provider.list({ name })).toEqual([])
  })
})
