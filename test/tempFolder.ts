import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const before = process.env['TMPDIR']
let root: string | null = null

/**
 * Gives a run of the tests one temporary folder, in which all of its processes make theirs. Its path is short: sockets are
 * made in it, and their paths are at most 107 bytes.
 */
export function setup(): void {
  root = mkdtempSync(join(tmpdir(), 'prchain-test-'))
  process.env['TMPDIR'] = root
  // Programs of ours are started hundreds of times: what Node made of their sources is kept beside the packages.
  process.env['NODE_COMPILE_CACHE'] ??= join(
    import.meta.dirname,
    '..',
    'node_modules',
    '.cache',
    'prchain-test',
    'node',
  )
  // Also when the run is broken off.
  process.once('exit', teardown)
}

/** Removes it with all that the tests left in it, after what they left mounted there. */
export function teardown(): void {
  if (root === null) return
  const mounts = mountsBelow(root)
  if (mounts.length > 0) execFileSync('umount', ['--lazy', ...mounts])
  rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  root = null
  if (before === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = before
}

/** Innermost first. */
function mountsBelow(folder: string): string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? [])
    .filter((path) => path.startsWith(`${folder}/`))
    .toReversed()
}
