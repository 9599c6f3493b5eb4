import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readHost } from '../../src/config.ts'

/**
 * `npm run test:peers [-- --python FILE]`: the gateway before a server that is not ours. Without the Python of an
 * environment that has `requirements.txt`, one is made in the cache, which builds for ten minutes the first time.
 */
const { values } = parseArgs({ options: { python: { type: 'string' } } })
const root = join(import.meta.dirname, '..', '..')
const python = values.python ?? install()
const { status } = spawnSync(process.execPath, [join(root, 'test', 'run.ts')], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PRCHAIN_TEST_SUITE: 'peers', PRCHAIN_TEST_PEER_PYTHON: python },
})
process.exit(status ?? 1)

function install(): string {
  const dir = join(readHost().cacheDir, 'peers', 'llama-cpp-python')
  const installed = join(dir, 'bin', 'python')
  const done = spawnSync(installed, ['-c', 'import llama_cpp.server, gguf']).status === 0
  if (done) return installed
  if (!existsSync(installed)) execFileSync('python3', ['-m', 'venv', dir], { stdio: 'inherit' })
  const off = [
    'LLAVA_BUILD',
    'GGML_NATIVE',
    'GGML_OPENMP',
    'LLAMA_BUILD_TOOLS',
    'LLAMA_BUILD_TESTS',
    'LLAMA_BUILD_SERVER',
  ]
  execFileSync(
    'nice',
    [installed, '-m', 'pip', 'install', '--no-deps', '--requirement', join(import.meta.dirname, 'requirements.txt')],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        CMAKE_ARGS: [...off.map((name) => `-D${name}=OFF`), '-DCMAKE_CXX_FLAGS_RELEASE=-O1'].join(' '),
      },
    },
  )
  return installed
}
