import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { pack } from 'tar-stream'

/** An image with Python packages in it, made from the tests' base image: the packages are fetched on this host by pip. */
export async function provideRealImage(
  docker: { socketPath: string; image: string },
  packages: string[],
): Promise<string> {
  const engine = new Docker({ socketPath: docker.socketPath })
  const tag = `prchain-test-python:${createHash('sha256')
    .update(`${docker.image} ${packages.join(' ')}`)
    .digest('hex')
    .slice(0, 16)}`
  const isThere = await engine
    .getImage(tag)
    .inspect()
    .then(
      () => true,
      () => false,
    )
  if (isThere) return tag

  const dir = mkdtempSync(join(tmpdir(), 'prchain-python-'))
  try {
    const target = ['--python-version', '3.11', '--only-binary=:all:', '--target', join(dir, 'site')]
    execFileSync('python3', ['-m', 'pip', 'install', '--quiet', ...target, ...packages], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const site = execFileSync('tar', ['-C', join(dir, 'site'), '-cf', '-', '.'], { maxBuffer: 1024 ** 3 })
    const context = pack()
    context.entry(
      { name: 'Dockerfile' },
      `FROM ${docker.image}\nADD site.tar /usr/local/lib/python3.11/dist-packages/\n`,
    )
    context.entry({ name: 'site.tar' }, site)
    context.finalize()
    const progress = (await engine.buildImage(context as unknown as NodeJS.ReadableStream, {
      t: tag,
      networkmode: 'none',
    })) as NodeJS.ReadableStream
    await new Promise<void>((resolve, reject) => {
      engine.modem.followProgress(progress, (error, output: { error?: string }[]) => {
        const failure = error ?? output?.find((line) => line.error)?.error
        if (failure) reject(new Error(`the image with ${packages.join(', ')} was not built: ${String(failure)}`))
        else resolve()
      })
    })
    return tag
  } finally {
    rmSync(dir, { recursive: true })
  }
}
