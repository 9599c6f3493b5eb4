import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createGitHost } from '../../src/git/host.ts'
import type { GitRepository } from '../../src/git/port.ts'
import { createBubblewrapProvider } from '../../src/sandbox/bubblewrap.ts'
import { createDockerProvider } from '../../src/sandbox/docker.ts'
import { FILE_LIMIT_BYTES, type CommandOutcome, type Sandbox, type SandboxProvider } from '../../src/sandbox/port.ts'
import { dockerForTests } from '../docker/engine.ts'
import { runGit } from './gitFixture.ts'
import { bubblewrapForTests } from './bubblewrapForTests.ts'

const MEBIBYTE = 1_048_576
const LIMITS = { memoryBytes: 256 * MEBIBYTE, diskBytes: 48 * MEBIBYTE, cpus: 1, pids: 96 }
const FUTURE = 'what the humans did next'
const docker = await dockerForTests()
const bubblewrap = await bubblewrapForTests()

const kinds: { kind: string; isHere: boolean; make: () => SandboxProvider }[] = [
  {
    kind: 'docker',
    isHere: docker !== null,
    make: () => createDockerProvider({ ...LIMITS, socketPath: docker!.socketPath, defaultImage: docker!.image }),
  },
  {
    kind: 'bubblewrap',
    isHere: bubblewrap !== null,
    make: () =>
      createBubblewrapProvider({
        ...LIMITS,
        dir: mkdtempSync(join(tmpdir(), 'prchain-escape-')),
        path: process.env['PATH']!,
      }),
  },
]

describe.each(kinds)('an agent that wants out of a $kind sandbox', ({ isHere, make }) => {
  const root = mkdtempSync(join(tmpdir(), 'prchain-escape-'))
  const marker = join(tmpdir(), `prchain-escaped-${randomUUID()}`)
  let provider: SandboxProvider
  let sandbox: Sandbox
  let repository: GitRepository
  let initial: { tree: string; future: string; objects: string[] }
  let count = 0

  beforeAll(async () => {
    if (!isHere) return
    provider = make()
    const source = join(root, 'source')
    const mirror = join(root, 'mirrors', 'acme__tool.git')
    runGit(root, ['init', '--quiet', '-b', 'main', 'source'])
    const commit = (text: string) => {
      runGit(source, ['commit', '--quiet', '--allow-empty', '-am', text])
      return runGit(source, ['rev-parse', 'HEAD'])
    }
    const write = (path: string, text: string) =>
      runGit(source, ['update-index', '--add', '--cacheinfo', `100644,${blob(text)},${path}`])
    const blob = (text: string) => runGit(source, ['hash-object', '-w', '--stdin'], Buffer.from(text))
    write('src/tool.py', 'print("now")\n')
    write('README.md', '# tool\n')
    const base = commit('begin')
    write('src/tool.py', `print("${FUTURE}")\n`)
    write('test/test_tool.py', `# measures ${FUTURE}\n`)
    const future = commit('the future')
    runGit(source, ['tag', 'v2', future])
    runGit(root, ['clone', '--quiet', '--mirror', 'source', mirror])
    repository = await createGitHost({ cacheDir: join(root, 'cache'), cloneUrl: () => 'none' }).open(
      'acme/tool',
      join(root, 'mirrors'),
    )
    const { tree } = (await repository.commit(base))!
    const objects = runGit(source, ['rev-list', '--objects', '--no-object-names', tree]).split('\n')
    initial = { tree, future, objects }
    sandbox = await provider.create({ name: `escape-${randomUUID()}`, labels: { owner: 'escape' }, environment: null })
    await sandbox.putRepository(await repository.exportRepository(tree))
  }, 120_000)

  afterAll(async () => {
    if (sandbox) await provider.remove(sandbox.name)
    rmSync(root, { recursive: true, force: true })
  })

  const run = (script: string, timeoutMs = 30_000): Promise<CommandOutcome> =>
    sandbox.exec(`escape/${count++}`, { script, timeoutMs }, new AbortController().signal)
  const said = async (script: string, timeoutMs?: number) => (await run(script, timeoutMs)).output.toString()
  const expectUsable = async () => expect(await said('echo still here')).toBe('still here\n')

  describe.skipIf(!isHere)('finds', () => {
    test('no future commit and no reference patch by any git road', async () => {
      const roads = [
        'git log --all --format=%H | wc -l',
        'git reflog | wc -l',
        'git for-each-ref | wc -l',
        'git fsck --unreachable --no-reflogs --lost-found 2>/dev/null | wc -l',
        'git stash list | wc -l',
        'git remote | wc -l',
        'cat .git/objects/info/alternates .git/packed-refs .git/FETCH_HEAD .git/ORIG_HEAD 2>/dev/null | wc -l',
        'ls .git/hooks 2>/dev/null | wc -l',
      ]
      expect((await said(roads.join('; '))).trim().split(/\s+/).map(Number)).toEqual([1, 0, 1, 0, 0, 0, 0, 0])
      const objects = (await said('git cat-file --batch-all-objects --batch-check | grep -v commit | cut -d" " -f1'))
        .trim()
        .split('\n')
      expect(objects.sort()).toEqual(initial.objects.toSorted())
      expect((await run(`git cat-file -e ${initial.future}`)).exitCode).not.toBe(0)
      const bundle = await said(
        'git bundle create /tmp/all.bundle --all 2>/dev/null; git bundle list-heads /tmp/all.bundle',
      )
      expect(
        bundle
          .trim()
          .split('\n')
          .every((line) => !line.includes(initial.future)),
      ).toBe(true)
      const places = '/repo /home /tmp /var /opt /srv /mnt /run "$HOME" .'
      expect(
        await said(
          `grep -rIl '${FUTURE}' ${places} 2>/dev/null; find / -xdev -name '*.bundle' -not -path '/proc/*' -not -path '/tmp/*' 2>/dev/null`,
        ),
      ).toBe('')
    })

    test('no network: neither outside, nor names, nor the metadata address, nor the host', async () => {
      const { server, port, visits } = await listen()
      const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
      const targets = [
        '1.1.1.1/53',
        '169.254.169.254/80',
        ...['127.0.0.1', '172.17.0.1', ...addresses].map((one) => `${one}/${port}`),
      ]
      const tries = targets.map(
        (target) => `timeout 2 bash -c 'exec 3<>/dev/tcp/${target}' 2>/dev/null && echo reached ${target}`,
      )
      expect(await said([...tries, 'true'].join('\n'), 60_000)).toBe('')
      expect((await run('timeout 5 getent hosts example.com')).exitCode).not.toBe(0)
      expect((await said('ls /sys/class/net 2>/dev/null || echo lo')).trim()).toBe('lo')
      expect(visits()).toBe(0)
      server.close()
    })

    test('no socket of an engine, no folder of the host, no secret of another process', async () => {
      expect(await said(`find / -xdev -type s 2>/dev/null; ls /var/run/docker.sock 2>/dev/null`)).toBe('')
      expect(await said(`ls ${root} ${process.cwd()} 2>/dev/null`)).toBe('')
      expect(await said('cat /etc/shadow /proc/1/environ 2>/dev/null | tr -d "\\0" | grep -aE "root:|=" || true')).toBe(
        '',
      )
      const foreign =
        '[ -w / ] || [ -w /etc ] || [ -w /usr/bin ] && echo writable; touch /usr/bin/x /etc/x 2>/dev/null && echo wrote; true'
      expect(await said(foreign)).toBe('')
      const kernel =
        'for file in /proc/sysrq-trigger $(find /proc/sys -type f 2>/dev/null); do ( : >> "$file" ) 2>/dev/null && echo "$file"; done; true'
      expect(await said(kernel)).toBe('')
      expect((await run('mount -t tmpfs none /mnt')).exitCode).not.toBe(0)
      expect((await run('mknod /tmp/disk b 254 0 && cat /tmp/disk')).exitCode).not.toBe(0)
    })
  })

  describe.skipIf(!isHere)('cannot', () => {
    test('forge what a command came to, nor reach its record or what watches over it', async () => {
      const forge = [
        'for place in /run/prchain /run "$HOME/.." /repo/.. /tmp; do',
        '  find "$place" \\( -name "*.record" -o -name "*.output" -o -name lock \\) 2>/dev/null | while read -r file; do',
        '    echo "end 0 0 0 1 1" >> "$file" 2>/dev/null && echo "forged $file"; rm -f "$file" 2>/dev/null && echo "removed $file"',
        '  done',
        'done',
        'for pid in /proc/[0-9]*; do',
        '  pid=${pid#/proc/}; [ "$pid" = $$ ] || [ "$pid" = "$PPID" ] && continue',
        '  case $(tr "\\0" " " < "/proc/$pid/cmdline" 2>/dev/null) in *prchain-dispatcher*) kill -9 "$pid" 2>/dev/null && echo "killed $pid" ;; esac',
        'done',
        'exit 7',
      ].join('\n')
      const outcome = await run(forge)
      expect(outcome.output.toString()).not.toMatch(/^(forged|removed|killed)/m)
      expect(outcome.exitCode).toBe(7)
      await expectUsable()
    })

    test('stay behind: what ignores signals, makes its own session or forks twice ends with its command', async () => {
      const stubborn = [
        `(trap '' TERM INT HUP QUIT; exec -a stubborn-one sleep 300) &`,
        `setsid bash -c 'trap "" TERM HUP; exec -a stubborn-two sleep 300' &`,
        `( ( setsid bash -c 'exec -a stubborn-three sleep 300' & ) & )`,
        'sleep 0.2; echo begun',
      ].join('\n')
      expect(await said(stubborn)).toBe('begun\n')
      expect(await said('cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n" | grep -c "^stubborn-" || true')).toBe(
        '0\n',
      )
      const outcome = await run(`trap '' TERM INT HUP; while :; do :; done`, 1_000)
      expect(outcome).toMatchObject({ isTimedOut: true })
      await expectUsable()
    })

    test('win by a fork bomb', async () => {
      const outcome = await run('bomb() { bomb | bomb & }; bomb; sleep 300', 2_000)
      expect(outcome.isTimedOut || outcome.exitCode !== 0).toBe(true)
      await expectUsable()
      expect(Number(await said('ls -d /proc/[0-9]* | wc -l'))).toBeLessThan(20)
    })

    test('win by filling the disk', async () => {
      const fill =
        'for place in . "$HOME" /tmp; do for n in 1 2 3 4 5 6; do head -c 60M /dev/zero > "$place/fill$n"; done; done; echo filled'
      const outcome = await run(fill, 120_000)
      expect(outcome.output.toString()).toMatch(/No space left on device[^]*filled\n$/)
      await expectUsable()
      await run('rm -f fill* "$HOME"/fill* /tmp/fill*')
    })

    test('win by eating memory', async () => {
      const outcome = await run('head -c 4G /dev/zero | tail -c 3G > /dev/null; exit "${PIPESTATUS[1]}"', 60_000)
      expect(outcome.exitCode).not.toBe(0)
      await expectUsable()
    })

    test('win by ten gigabytes of output', async () => {
      const outcome = await run('yes | head -c 10G', 120_000)
      expect(outcome.exitCode).not.toBe(0)
      expect(outcome.sizeBytes).toBeLessThanOrEqual(FILE_LIMIT_BYTES)
      expect(outcome.sizeBytes).toBeGreaterThan(1_000_000)
      await expectUsable()
    }, 130_000)
  })

  describe.skipIf(!isHere)('has nothing of its work tree believed:', () => {
    test('links to the host are links, whatever they lead to', async () => {
      const links =
        'mkdir links; cd links; for n in $(seq 500); do ln -s /etc l$n; done; ln -s /etc/shadow shadow; ln -s / root; ln -s ../.. up; ln -s loop loop'
      expect((await run(links)).exitCode).toBe(0)
      const { tree } = await repository.captureTree(await sandbox.readRepository(), {
        initialTree: initial.tree,
        limitBytes: MEBIBYTE,
      })
      const taken = (await repository.listTree(tree)).filter(({ path }) => path.startsWith('links/'))
      expect(taken).toHaveLength(504)
      expect(new Set(taken.map(({ mode }) => mode))).toEqual(new Set(['120000']))
      expect((await repository.readFile(tree, 'links/shadow'))!.toString()).toBe('/etc/shadow')
      await run('rm -rf links')
    })

    test('no hook, filter, monitor or nested repository of it runs on the host', async () => {
      const hostile = [
        `git config core.fsmonitor "touch ${marker}"; git config core.hooksPath /repo/hooks; git config core.pager "touch ${marker}"`,
        `git config filter.own.clean "touch ${marker}; cat"; git config filter.own.process "touch ${marker}"; git config diff.own.textconv "touch ${marker}; cat"`,
        `git config core.sshCommand "touch ${marker}"; git config uploadpack.packObjectsHook "touch ${marker}"`,
        `echo '* filter=own diff=own merge=own' > .gitattributes; mkdir -p hooks; printf '#!/bin/sh\\ntouch ${marker}\\n' > hooks/pre-commit; cp hooks/pre-commit hooks/post-index-change; chmod +x hooks/*`,
        `printf '[submodule "x"]\\n\\tpath = x\\n\\turl = ext::sh -c "touch ${marker}"\\n' > .gitmodules`,
        `git init -q nested; git -C nested config core.fsmonitor "touch ${marker}"; echo in > nested/file`,
        'mkdir -p outer; ln -s /etc outer/.git; mv .git elsewhere; ln -s elsewhere .git; echo changed >> README.md',
      ]
      expect((await run(hostile.join('\n'))).exitCode).toBe(0)
      const { tree } = await repository.captureTree(await sandbox.readRepository(), {
        initialTree: initial.tree,
        limitBytes: MEBIBYTE,
      })
      const patch = (await repository.patch(initial.tree, tree)).toString()
      expect(patch).toContain('+changed')
      const paths = (await repository.listTree(tree)).map(({ path }) => path)
      expect(paths.filter((path) => path.split('/').includes('.git'))).toEqual([])
      expect(existsSync(marker)).toBe(false)
    })
  })

  test.skipIf(!isHere)('is gone when its sandbox is removed', async () => {
    await provider.remove(sandbox.name)
    expect(await provider.list({ owner: 'escape' })).toEqual([])
    await expect(run('true')).rejects.toMatchObject({ name: 'SandboxError', kind: 'lost' })
  })
})

async function listen(): Promise<{ server: Server; port: number; visits: () => number }> {
  let visits = 0
  const server = createServer((socket) => {
    visits += 1
    socket.destroy()
  }).listen(0, '0.0.0.0')
  await once(server, 'listening')
  return { server, port: (server.address() as { port: number }).port, visits: () => visits }
}
