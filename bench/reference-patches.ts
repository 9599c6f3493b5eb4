import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryFolder } from '../src/domain/identifiers.ts'
import { createGitHost } from '../src/git/host.ts'
import type { GitPull } from '../src/git/port.ts'
import { resolveStage } from '../src/git/reference.ts'

const USAGE = `node bench/reference-patches.ts --mirrors DIR [--pulls 200] OWNER/NAME…

Of each repository's mirror: the pull requests that its history shows, beside git's own list of the same branch with its
line counts; then the reference patches of some of them, evenly drawn, beside \`git log -p\` of the same commits.`

const TICKS_A_SECOND = 100

const { values, positionals } = parseArgs({
  options: { mirrors: { type: 'string' }, pulls: { type: 'string', default: '200' } },
  allowPositionals: true,
})
if (values.mirrors === undefined || positionals.length === 0) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
for (const name of positionals) await measure(name, resolve(values.mirrors), Number(values.pulls))

async function measure(name: string, mirrors: string, wanted: number): Promise<void> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'prchain-bench-'))
  try {
    const host = createGitHost({ cacheDir, cloneUrl: () => mirrors })
    const repository = await host.open(name, mirrors)
    const mirror = await realpath(join(mirrors, `${repositoryFolder(name)}.git`))
    say(`${name}: ${(await repository.pullHeads()).size} heads`)

    const { value: history, ...listing } = await timed(() => repository.pullHistory())
    const proven = history.merged.filter(({ isProven }) => isProven)
    say(`  pull requests: ${history.merged.length} merged, ${proven.length} proven; ${tell(listing)}; ${peak()}`)
    const counts = await timed(async () =>
      git(mirror, ['log', '--first-parent', '-m', '-M', '--numstat', '--format=%H%n%B', history.headSha]),
    )
    say(`  git log --first-parent -m -M --numstat of ${history.defaultBranch}: ${tell(counts)}${counts.value}`)
    if (counts.value === '') say(`  ratio of processor time ${(listing.cpuSeconds / counts.cpuSeconds).toFixed(2)}`)

    const some = draw(proven, wanted)
    const patches = await timed(() => resolveAll(some))
    const { bytes, refused } = patches.value
    say(
      `  reference patches: ${some.length}, ${bytes} bytes, ${refused} refused; ${tell(patches)}, ${rate(some, patches)}`,
    )
    const commits = some.map(({ resultSha }) => `${resultSha}\n`).join('')
    const show = [
      'log',
      '--no-walk=unsorted',
      '--stdin',
      '--first-parent',
      '-m',
      '-p',
      '-M',
      '--binary',
      '--full-index',
    ]
    const shown = await timed(async () => git(mirror, show, commits))
    say(`  git log -p of the same commits: ${tell(shown)}, ${rate(some, shown)}${shown.value}`)
    say(`  ratio of processor time ${(patches.cpuSeconds / shown.cpuSeconds).toFixed(2)}`)

    async function resolveAll(pulls: readonly GitPull[]): Promise<{ bytes: number; refused: number }> {
      const sum = { bytes: 0, refused: 0 }
      for (const { number, resultSha, headSha, commits: own } of pulls) {
        const given = { number, mergeCommitSha: resultSha, headSha, commitCount: own.length, files: null }
        await resolveStage(repository, given).then(
          ({ patch }) => (sum.bytes += patch.length),
          () => (sum.refused += 1),
        )
      }
      return sum
    }
  } finally {
    await rm(cacheDir, { recursive: true, force: true })
  }
}

/** Some of them, the same each time and from the whole of the history. */
function draw(pulls: readonly GitPull[], wanted: number): GitPull[] {
  const step = Math.max(1, pulls.length / wanted)
  return Array.from({ length: Math.min(wanted, pulls.length) }, (_, index) => pulls[Math.floor(index * step)]!)
}

/** Runs git as it is, its output thrown away; what it says when it fails. */
function git(mirror: string, args: string[], input = ''): string {
  const { status, stderr } = spawnSync('git', ['--git-dir', mirror, ...args], {
    input,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  return status === 0 ? '' : `; it ended early: ${stderr.toString().trim().slice(0, 200)}`
}

interface Times {
  seconds: number
  cpuSeconds: number
}

/** How long it takes, and how much processor time it and the processes that it started use. */
async function timed<T>(does: () => Promise<T>): Promise<Times & { value: T }> {
  const [start, cpu] = [performance.now(), await cpuSeconds()]
  const value = await does()
  return { value, seconds: (performance.now() - start) / 1000, cpuSeconds: (await cpuSeconds()) - cpu }
}

async function cpuSeconds(): Promise<number> {
  const fields = (await readFile('/proc/self/stat', 'utf8')).replace(/^.*\) /s, '').split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_A_SECOND
}

function tell({ seconds, cpuSeconds: cpu }: Times): string {
  return `${seconds.toFixed(1)} s, ${cpu.toFixed(1)} s of processor`
}

function rate(pulls: readonly GitPull[], { seconds }: Times): string {
  return `${(pulls.length / seconds).toFixed(0)} a second`
}

function peak(): string {
  return `peak of ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
