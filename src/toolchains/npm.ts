import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Installs packages by the host's own npm from a lock of ours, so that each is the one whose digest is known. No script of
 * a package runs, and nothing is installed that is not in the list.
 */
export async function installByNpm(options: {
  target: string
  packages: readonly { name: string; version: string; integrity: string }[]
  environment: Record<string, string>
}): Promise<void> {
  const { target, packages, environment } = options
  const dependencies = Object.fromEntries(packages.map(({ name, version }) => [name, version]))
  const folder = { name: 'programs', version: '1.0.0', dependencies }
  const locked = packages.map(({ name, ...lock }) => [`node_modules/${name}`, lock])
  const lock = {
    ...folder,
    lockfileVersion: 3,
    requires: true,
    packages: { '': folder, ...Object.fromEntries(locked) },
  }
  await mkdir(target, { recursive: true })
  await writeFile(join(target, 'package.json'), JSON.stringify({ ...folder, private: true }))
  await writeFile(join(target, 'package-lock.json'), JSON.stringify(lock))
  const flags = ['--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error']
  await run('npm', ['ci', ...flags], { cwd: target, env: environment })
}
