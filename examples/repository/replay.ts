import type { Change, Entries, Objects, Signature } from './objects.ts'
import type { BranchCommit, ExampleFile, ExamplePull, History, Person } from './history.ts'

/** A commit as it was written. */
export interface WrittenCommit {
  sha: string
  parents: string[]
  message: string
  author: Signature
  committer: Signature
  login: string
}

/** What a pull request has become in git. */
export interface PlayedPull {
  pull: ExamplePull
  headSha: string
  /** The commits of its branch, oldest first. */
  commits: WrittenCommit[]
  /** The commit of the main branch at which its branch begins. */
  forkSha: string
  files: Change[]
  /** B_t and H_t; null for one that was not merged. */
  merged: { baseSha: string; resultSha: string } | null
}

const GITHUB = { name: 'GitHub', email: 'noreply@github.com' }

/**
 * Plays a history into a repository: writes the main branch and the head of every pull request, sets
 * `refs/heads/main` and `refs/pull/N/head`, and says what became of each. Throws when a path, a person or a branch
 * does not fit.
 */
export async function replayHistory(options: {
  history: History
  repository: string
  objects: Objects
}): Promise<PlayedPull[]> {
  const { history, repository, objects } = options
  const owner = repository.split('/')[0]!
  const initial = await writeInitial(history, objects)
  const after = new Map<number, { sha: string; tree: string }>()
  const played: PlayedPull[] = []
  let main = initial

  for (const pull of history.pulls) {
    const fork = pull.branchedFrom === null ? main : after.get(pull.branchedFrom)
    if (fork === undefined)
      throw new Error(`pull request ${pull.number} begins at ${pull.branchedFrom}, which is not merged before it`)
    // An unmerged branch has no main branch of its merge: what it changes, it changes where it begins.
    const base = pull.merge === null ? fork : main
    const result = await objects.writeTree(await applyChange(objects, base.tree, pull))
    const head =
      fork.tree === base.tree ? result : await objects.transplant({ from: base.tree, to: result, onto: fork.tree })
    const commits = await writeBranch({ pull, fork, head, people: history.people, objects })
    const headSha = commits.at(-1)!.sha
    await objects.setRef(`refs/pull/${pull.number}/head`, headSha)
    const files = await objects.listChanges(base.tree, result)
    const known = { pull, headSha, commits, forkSha: fork.sha, files }
    if (pull.merge === null) {
      played.push({ ...known, merged: null })
      continue
    }
    const resultSha = await writeMerge({ pull, owner, base, result, commits, people: history.people, objects })
    played.push({ ...known, merged: { baseSha: base.sha, resultSha } })
    main = { sha: resultSha, tree: result }
    after.set(pull.number, main)
  }
  await objects.setRef('refs/heads/main', main.sha)
  return played
}

async function writeInitial({ initial, people }: History, objects: Objects): Promise<{ sha: string; tree: string }> {
  const tree = await objects.writeTree(await withFiles(objects, new Map(), initial.files, []))
  const author = sign(people, initial.author, initial.date)
  return {
    tree,
    sha: await objects.writeCommit({ tree, parents: [], author, committer: author, message: initial.message }),
  }
}

async function applyChange(objects: Objects, tree: string, pull: ExamplePull): Promise<Entries> {
  const entries = await objects.readTree(tree)
  for (const path of pull.removed) {
    if (!entries.delete(path)) throw new Error(`pull request ${pull.number} removes ${path}, which is not there`)
  }
  return withFiles(objects, entries, pull.files, pull.executable)
}

async function withFiles(
  objects: Objects,
  entries: Entries,
  files: ExampleFile[],
  executable: string[],
): Promise<Entries> {
  const blobs = await objects.writeBlobs(files)
  for (const [index, { path }] of files.entries()) {
    const mode = executable.includes(path) ? '100755' : (entries.get(path)?.mode ?? '100644')
    entries.set(path, { mode, object: blobs[index]! })
  }
  return entries
}

/** The commits of a branch, each taking its own paths from the head's tree and the last one all that are left. */
async function writeBranch(options: {
  pull: ExamplePull
  fork: { sha: string; tree: string }
  head: string
  people: Map<string, Person>
  objects: Objects
}): Promise<WrittenCommit[]> {
  const { pull, fork, head, people, objects } = options
  const entries = await objects.readTree(fork.tree)
  const wanted = await objects.readTree(head)
  const written: WrittenCommit[] = []
  for (const commit of pull.commits) {
    const tree = commit === pull.commits.at(-1) ? head : await objects.writeTree(takePaths(entries, wanted, commit))
    const author = sign(people, commit.author, commit.date)
    const parents = [written.at(-1)?.sha ?? fork.sha]
    const made = { parents, author, committer: author, message: commit.message }
    written.push({ ...made, login: commit.author, sha: await objects.writeCommit({ ...made, tree }) })
  }
  return written
}

function takePaths(entries: Entries, wanted: Entries, commit: BranchCommit): Entries {
  for (const path of commit.paths ?? []) {
    const entry = wanted.get(path)
    if (entry) entries.set(path, entry)
    else if (!entries.delete(path))
      throw new Error(`commit "${commit.message.split('\n')[0]}" names ${path}, which no tree has`)
  }
  return entries
}

/** Writes what GitHub's merge button would, and gives the last commit of it. */
async function writeMerge(options: {
  pull: ExamplePull
  owner: string
  base: { sha: string; tree: string }
  result: string
  commits: WrittenCommit[]
  people: Map<string, Person>
  objects: Objects
}): Promise<string> {
  const { pull, owner, base, result, commits, people, objects } = options
  const { style, by, at, message = '' } = pull.merge!
  const committer = { ...GITHUB, date: at }
  const titled = `${pull.title} (#${pull.number})`
  const head = commits.at(-1)!.sha
  const merge = { tree: result, committer, author: sign(people, by, at), parents: [base.sha, head] }
  switch (style) {
    case 'merge':
      return objects.writeCommit({
        ...merge,
        message: `Merge pull request #${pull.number} from ${owner}/${pull.branch}\n\n${pull.title}`,
      })
    case 'merge_title':
      return objects.writeCommit({ ...merge, message: titled })
    case 'squash': {
      const author = sign(people, pull.author, at)
      return objects.writeCommit({ ...merge, author, parents: [base.sha], message: `${titled}\n\n${message}` })
    }
    case 'rebase':
      return rebase()
    default:
      return style satisfies never
  }

  async function rebase(): Promise<string> {
    const entries = await objects.readTree(base.tree)
    const wanted = await objects.readTree(result)
    let tip = base.sha
    for (const [index, commit] of pull.commits.entries()) {
      const isLast = index === pull.commits.length - 1
      const tree = isLast ? result : await objects.writeTree(takePaths(entries, wanted, commit))
      const { author } = commits[index]!
      tip = await objects.writeCommit({ tree, parents: [tip], author, committer, message: commit.message })
    }
    return tip
  }
}

function sign(people: Map<string, Person>, login: string, date: string): Signature {
  const person = people.get(login)
  if (person === undefined) throw new Error(`people.json has nobody called ${login}`)
  return { name: person.name, email: person.email, date }
}
