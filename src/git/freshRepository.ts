import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'

/** The author and committer of what we commit, at the beginning of time. */
const NOBODY = 'prchain <prchain@localhost> 0 +0000'

/**
 * No conversion of line ends. A file of the size and date that the index has is unchanged: what else git would look at,
 * such as inode numbers, cannot be known where the repository is made.
 */
const CONFIG = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = false
	autocrlf = false
	checkStat = minimal
`

/** Files lie in the work tree as git holds them, whatever the attributes say, so git must not convert them back. */
const ATTRIBUTES = '* -text -filter -ident -working-tree-encoding\n'

/** A file or folder of a `.git`, its path relative to it; a folder has no content. */
export interface GitFile {
  path: string
  content: Buffer | null
}

/**
 * What a fresh `.git` holds beside its pack and its index: one root commit of the tree on `main`, neutral author and
 * date, no remote, tag, reflog, hook or alternate. Folders come before what is in them.
 */
export function freshRepositoryFiles(tree: string): GitFile[] {
  const said = `tree ${tree}\nauthor ${NOBODY}\ncommitter ${NOBODY}\n\nInitial state\n`
  const commit = Buffer.from(`commit ${said.length}\0${said}`)
  const name = createHash('sha1').update(commit).digest('hex')
  const file = (path: string, text: string): GitFile => ({ path, content: Buffer.from(text) })
  const folder = (path: string): GitFile => ({ path, content: null })
  return [
    file('HEAD', 'ref: refs/heads/main\n'),
    file('config', CONFIG),
    folder('info'),
    file('info/attributes', ATTRIBUTES),
    folder('objects'),
    folder(`objects/${name.slice(0, 2)}`),
    { path: `objects/${name.slice(0, 2)}/${name.slice(2)}`, content: deflateSync(commit) },
    folder('objects/info'),
    folder('objects/pack'),
    folder('refs'),
    folder('refs/heads'),
    file('refs/heads/main', `${name}\n`),
    folder('refs/tags'),
  ]
}
