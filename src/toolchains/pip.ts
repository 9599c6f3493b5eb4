import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Installs wheels for a Python by the host's own pip, each alone: what a package asks for beside it is in the list. */
export async function installByPip(options: {
  /** The folder that the wheels are unpacked in. */
  target: string
  /** The folder of all toolchains. */
  dir: string
  python: string
  packages: readonly string[]
  environment: Record<string, string>
}): Promise<void> {
  const { target, dir, python, packages, environment } = options
  const wheels = wheelPlatforms(process.platform, process.arch).flatMap((platform) => ['--platform', platform])
  const flags = [
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    '--python-version',
    python,
    '--target',
    target,
    ...wheels,
  ]
  await run(await pythonWithPip(dir, environment), ['-m', 'pip', 'install', ...flags, ...packages], {
    env: environment,
  })
}

/** The platforms that wheels for sandboxes are of: the host's own where that is Linux, else Linux's all the same. */
export function wheelPlatforms(platform: NodeJS.Platform, architecture: string): string[] {
  if (platform === 'linux') return []
  const machine = architecture === 'arm64' ? 'aarch64' : 'x86_64'
  return ['manylinux2014', 'manylinux_2_17', 'manylinux_2_28'].map((each) => `${each}_${machine}`)
}

/** The host's Python; where it has no pip, as on Debian, one of ours that has. */
async function pythonWithPip(dir: string, environment: Record<string, string>): Promise<string> {
  const hasPip = await run('python3', ['-m', 'pip', '--version'], { env: environment }).then(
    () => true,
    () => false,
  )
  if (hasPip) return 'python3'
  const own = join(dir, '.pip')
  if (!existsSync(join(own, 'bin', 'pip'))) await run('python3', ['-m', 'venv', '--clear', own], { env: environment })
  return join(own, 'bin', 'python3')
}
