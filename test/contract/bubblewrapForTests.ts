import { execFileSync } from 'node:child_process'

/**
 * Whether bubblewrap works on this machine. Null when it does not; throws instead when `PRCHAIN_REQUIRE` names
 * `bubblewrap`.
 */
export async function bubblewrapForTests(): Promise<{ version: string } | null> {
  const isRequired = (process.env['PRCHAIN_REQUIRE'] ?? '').split(',').includes('bubblewrap')
  try {
    execFileSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true'], { stdio: 'ignore' })
    return { version: execFileSync('bwrap', ['--version'], { encoding: 'utf8' }).trim() }
  } catch (error) {
    if (isRequired) throw error
    return null
  }
}
