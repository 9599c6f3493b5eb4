import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import type Docker from 'dockerode'

/** Runs a program in a container as root, by the engine itself: how a test looks at a sandbox without a provider. */
export async function runInContainer(
  container: Docker.Container,
  argv: string[],
): Promise<{ code: number | null; stdout: string }> {
  const exec = await container.exec({ Cmd: argv, AttachStdout: true, AttachStderr: true, User: '0:0' })
  const stream = await exec.start({})
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  container.modem.demuxStream(stream, stdout, stderr)
  stream.once('end', () => stdout.end())
  stream.once('error', () => stdout.end())
  stderr.resume()
  const said = await text(stdout)
  for (;;) {
    const { Running: isRunning, ExitCode: code } = await exec.inspect()
    if (!isRunning) return { code, stdout: said }
  }
}
