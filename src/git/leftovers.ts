import type { LeftOut } from './port.ts'

/** Folders that builds, tests and package managers make, wherever they are. */
const JUNK_FOLDERS = new Set([
  ...['__pycache__', '.pytest_cache', '.mypy_cache', '.ruff_cache', '.hypothesis', '.tox', '.nox', '.venv', '.eggs'],
  ...['node_modules', '.gradle', '.ipynb_checkpoints', '.mesonpy'],
])
const JUNK_FOLDER = /\.egg-info$/
/** Folders that are a build's only beside the file that says so. */
const BUILD_FOLDERS: Readonly<Record<string, readonly string[]>> = { target: ['Cargo.toml', 'pom.xml'] }
const JUNK_FILE = /\.py[co]$|^\.coverage$|^\.DS_Store$/
const CORE_FILE = /^(.*\.)?core(\.\d+)?$/
const ELF_CORE = { magic: Buffer.from('\x7fELF', 'latin1'), typeOffset: 16, type: 4 }

/** What scaffolds leave at the root of the work tree. */
const SCAFFOLD_NAME = /^(\.sii|\.qwen|\.claude|\.codex|\.gemini|\.openhands|\.swe-agent|\.mini-swe-agent.*|\.aider.*)$/

/** What decides whether a path that the initial tree does not have is a leftover. */
export interface WorkTreeSight {
  /** Whether the initial tree has anything in a folder. */
  isTrackedFolder(folder: string): boolean
  /** Whether a file is in the initial tree or in what is captured so far. */
  hasFile(path: string): boolean
}

/**
 * What an untracked path is left out as, and by which name: the whole folder's with `/`, where that is what the rule
 * names. A folder in which the initial tree has anything is none of these. Null for what may be the agent's work.
 */
export function findLeftover(path: string, sight: WorkTreeSight): LeftOut | null {
  const parts = path.split('/')
  const file = parts.at(-1)!
  for (let depth = 0; depth < parts.length; depth++) {
    const isFolder = depth < parts.length - 1
    const named = isFolder ? `${parts.slice(0, depth + 1).join('/')}/` : path
    if (isFolder && sight.isTrackedFolder(named.slice(0, -1))) continue
    if (depth === 0 && SCAFFOLD_NAME.test(parts[0]!)) return { path: named, reason: 'scaffold' }
    if (isFolder && isJunkFolder(parts[depth]!, parts.slice(0, depth), sight)) return { path: named, reason: 'junk' }
  }
  return JUNK_FILE.test(file) ? { path, reason: 'junk' } : null
}

/** Whether a file of this name and with this beginning is what the system left of a process that crashed. */
export function isCoreDump(path: string, head: Buffer): boolean {
  const { magic, typeOffset, type } = ELF_CORE
  if (!CORE_FILE.test(path.slice(path.lastIndexOf('/') + 1)) || head.length < typeOffset + 2) return false
  return head.subarray(0, magic.length).equals(magic) && (head[typeOffset] === type || head[typeOffset + 1] === type)
}

function isJunkFolder(name: string, above: readonly string[], { hasFile }: WorkTreeSight): boolean {
  if (JUNK_FOLDERS.has(name) || JUNK_FOLDER.test(name)) return true
  return BUILD_FOLDERS[name]?.some((file) => hasFile([...above, file].join('/'))) ?? false
}
