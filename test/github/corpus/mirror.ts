import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { filesOf, type ChangedFile } from './files.ts'
import type { BuiltHistory } from './written.ts'
import { identifier } from './prose.ts'
import { randomFor } from './random.ts'
import type { Skeleton } from './skeleton.ts'
import { commitOf, titleOf } from './thread.ts'

type Tree = ReadonlyMap<string, readonly string[]>
type Parents = readonly string[]

const SECTIONS = 24
const MAX_ADDED = 30

/**
 * Writes a bare repository `owner__name.git` into `dir`: the default branch `main` with every merged pull request as a
 * squash, a merge commit (some under their title) or a rebase, and `refs/pull/N/head` of all. For some thousand at most.
 */
export async function buildMirror(skeleton: Skeleton, dir: string): Promise<BuiltHistory> {
  const path = join(dir, `${skeleton.plan.name.replace('/', '__')}.git`)
  await rm(path, { recursive: true, force: true })
  await mkdir(path, { recursive: true })
  await git(path, ['init', '--quiet', '--bare', '--initial-branch=main'], [])
  const marks = join(path, 'marks')
  const story = tellHistory(skeleton)
  await git(path, ['fast-import', '--quiet', `--export-marks=${marks}`], story.stream)
  const shas = new Map<string, string>()
  const byMark = new Map((await readFile(marks, 'utf8')).split('\n').map((line) => line.split(' ') as [string, string]))
  await rm(marks)
  for (const [place, mark] of story.places) shas.set(place, byMark.get(mark)!)
  return { shas, files: story.files }
}

function tellHistory(skeleton: Skeleton) {
  const { plan, bones, seed } = skeleton
  const stream: Buffer[] = []
  const places = new Map<string, string>()
  const files = new Map<number, ChangedFile[]>()
  let marks = 0

  const write = (text: string) => stream.push(Buffer.from(text))
  const data = (text: string) => {
    const bytes = Buffer.from(text)
    write(`data ${bytes.byteLength}\n`)
    stream.push(bytes)
    write('\n')
  }
  const commit = (ref: string, who: string, atMs: number, message: string, parents: Parents, changed: Tree) => {
    const mark = `:${(marks += 1)}`
    const signed = `${who} <${who}@example.org> ${Math.floor(atMs / 1000)} +0000`
    write(`commit ${ref}\nmark ${mark}\nauthor ${signed}\ncommitter ${signed}\n`)
    data(message)
    const [first, ...others] = parents
    if (first !== undefined) write(`from ${first}\n`)
    for (const other of others) write(`merge ${other}\n`)
    for (const [path, lines] of changed) {
      write(`M 100644 inline ${path}\n`)
      data(`${lines.join('\n')}\n`)
    }
    write('\n')
    return mark
  }

  const pulls = bones
    .keys()
    .drop(1)
    .filter((number) => bones[number]!.kind !== 'issue')
    .toArray()
  const inOrder = pulls.toSorted((a, b) => (bones[a]!.closedAt ?? Infinity) - (bones[b]!.closedAt ?? Infinity) || a - b)
  const first = new Map(pulls.flatMap((number) => filesOf(skeleton, number)).map(({ path }) => [path, freshFile(path)]))
  first.set('LICENSE', ['Apache License', 'Version 2.0, January 2004'])
  let main = {
    mark: commit('refs/heads/main', 'dev-0', bones[1]!.createdAt - 86_400_000, 'Begin', [], first),
    tree: first as Tree,
  }
  const past = [main]
  let lastMs = 0

  for (const number of inOrder) {
    const bone = bones[number]!
    const random = randomFor(plan.name, seed, 'history', number)
    const base = past[Math.max(0, past.length - 1 - random.int(4))]!
    const who = bone.author ?? 'nobody'
    const wanted = filesOf(skeleton, number)
    const section = randomFor(plan.name, seed, 'section', bone.sharesFileWith ?? number).int(SECTIONS)
    const edit = (tree: Tree, slot: number): Tree =>
      new Map(
        wanted
          .filter((_, index) => index % bone.commits === slot)
          .map(({ path, additions }) => [
            path,
            editFile(tree.get(path)!, { number, section, added: Math.min(MAX_ADDED, additions) }),
          ]),
      )
    const replay = (from: typeof main, ref: string, isRebased: boolean) => {
      let tip = from
      for (let slot = 0; slot < bone.commits; slot += 1) {
        const { at, text } = commitOf(skeleton, number, slot)
        const changed = edit(tip.tree, slot)
        const mark = commit(ref, who, isRebased ? bone.closedAt! : at, text, [tip.mark], changed)
        if (!isRebased) places.set(`${number}/${slot}`, mark)
        tip = { mark, tree: new Map([...tip.tree, ...changed]) }
      }
      return tip
    }
    const head = replay(base, `refs/pull/${number}/head`, false)
    places.set(`${number} base`, base.mark)
    files.set(
      number,
      wanted.map(({ path, additions }) => ({ path, additions: Math.min(MAX_ADDED, additions) + 3, deletions: 1 })),
    )
    if (!bone.isMerged) continue
    lastMs = Math.max(lastMs + 1000, bone.closedAt!)
    const title = titleOf(skeleton, number)
    const style = random.next()
    const whole = new Map(Array.from({ length: bone.commits }, (_, slot) => [...edit(main.tree, slot)]).flat())
    if (style < 0.04) {
      main = replay(main, 'refs/heads/main', true)
    } else {
      const isSquash = random.chance(plan.squashShare)
      const subjects = Array.from({ length: bone.commits }, (_, slot) => `* ${commitOf(skeleton, number, slot).text}`)
      const named = `${title} (#${number})`
      const message = isSquash
        ? bone.commits === 1
          ? named
          : `${named}\n\n${subjects.join('\n\n')}`
        : style < 0.2
          ? named
          : `Merge pull request #${number} from ${who.replace('[bot]', '')}/branch-${number}\n\n${title}`
      const parents = isSquash ? [main.mark] : [main.mark, head.mark]
      const mark = commit('refs/heads/main', who, lastMs, message, parents, whole)
      main = { mark, tree: new Map([...main.tree, ...whole]) }
    }
    places.set(`${number} merged`, main.mark)
    past.push(main)
  }
  return { stream, places, files }
}

function freshFile(path: string): string[] {
  const random = randomFor('fresh', path)
  return Array.from({ length: SECTIONS }, (_, section) => [
    `# section ${section} of ${path}`,
    `def ${identifier(random)}_${section}():`,
    `    return ${random.int(1000)}`,
    '',
  ]).flat()
}

/** Adds lines to a section and replaces the last one that somebody else added there. */
function editFile(lines: readonly string[], edit: { number: number; section: number; added: number }): string[] {
  const { number, section, added } = edit
  const start = lines.findIndex((line) => line.startsWith(`# section ${section} of `))
  const end = lines.findIndex((line, index) => index > start && line === '')
  const random = randomFor('edit', number, section)
  const block = [
    `    value = ${number}`,
    `def ${identifier(random)}_${number}():`,
    ...Array.from({ length: added }, () => `    ${identifier(random)}(${random.int(1000)})`),
    `    return value_${number}`,
  ]
  return [...lines.slice(0, end - 1), ...block, ...lines.slice(end)]
}

async function git(path: string, args: readonly string[], input: readonly Buffer[]): Promise<void> {
  const child = spawn('git', ['-C', path, ...args], { stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = once(child, 'close')
  await pipeline(Readable.from(input), child.stdin)
  const [code] = (await ended) as [number]
  if (code !== 0) throw new Error(`git ${args.join(' ')} in ${path} ended with ${code}`)
}
