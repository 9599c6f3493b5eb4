import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Toolchains } from './port.ts'

const run = promisify(execFile)

/** Installs by the host's own pip, from wheels alone, into folders that are never seen in part. */
export function createPipToolchains(options: { dir: string; environment: Record<string, string> }): Toolchains {
  const { dir, environment } = options
  const installing = new Map<string, Promise<string>>()

  return {
    dir,
    providePython({ name, version, python, packages }) {
      const digest = createHash('sha256').update(packages.join('\n')).digest('hex').slice(0, 12)
      const folder = `${name}-${version}-python${python}-${digest}`
      const known = installing.get(folder) ?? install(folder, { what: `${name} ${version}`, python, packages })
      installing.set(folder, known)
      known.catch(() => installing.delete(folder))
      return known
    },
  }

  /** The host's Python; where it has no pip, as on Debian, one of ours that has. */
  async function pythonWithPip(): Promise<string> {
    const hasPip = await run('python3', ['-m', 'pip', '--version'], { env: environment }).then(
      () => true,
      () => false,
    )
    if (hasPip) return 'python3'
    const own = join(dir, '.pip')
    if (!existsSync(join(own, 'bin', 'pip'))) await run('python3', ['-m', 'venv', '--clear', own], { env: environment })
    return join(own, 'bin', 'python3')
  }

  async function install(
    folder: string,
    { what, python, packages }: { what: string; python: string; packages: readonly string[] },
  ): Promise<string> {
    const whole = join(dir, folder)
    await mkdir(dir, { recursive: true })
    if (existsSync(whole)) return folder
    const aside = `${whole}.${process.pid}`
    await rm(aside, { recursive: true, force: true })
    const flags = ['--quiet', '--no-deps', '--only-binary=:all:', '--python-version', python, '--target', aside]
    try {
      await run(await pythonWithPip(), ['-m', 'pip', 'install', ...flags, ...packages], { env: environment })
    } catch (cause) {
      await rm(aside, { recursive: true, force: true })
      const said = (cause as { stderr?: string }).stderr?.trim().slice(-1_000) ?? String(cause)
      throw new Error(`${what} for Python ${python} cannot be installed by pip: ${said}`, { cause })
    }
    // Another process may have been quicker: what it made is the same.
    await rename(aside, whole).catch(() => rm(aside, { recursive: true, force: true }))
    return folder
  }
}
