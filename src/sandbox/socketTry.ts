import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { SandboxError, type SandboxProvider, type SandboxSpec } from './port.ts'

const TRIED = '/run/prchain-try'
const TRY_MS = 60_000

/** In whatever the image has; a scaffold brings its own or needs the first. */
const SCRIPT = `
test -e ${TRIED}/file || echo no-folder
python3 -I -c '
import socket
try:
    with socket.socket(socket.AF_UNIX) as tried:
        tried.connect("${TRIED}/socket")
        print(tried.makefile().readline())
except OSError as error:
    print(error)
' 2>/dev/null ||
node -e '
const tried = require("node:net").connect("${TRIED}/socket")
tried.on("data", (word) => console.log(String(word))).on("error", (error) => console.log(error.message))
' 2>/dev/null ||
perl -MIO::Socket::UNIX -e '
my $tried = IO::Socket::UNIX->new(Peer => "${TRIED}/socket");
print $tried ? scalar <$tried> : $!;
' 2>/dev/null || echo no-program
`

/**
 * Whether a socket of this host's in a folder below `dir` takes connections from a sandbox, by a sandbox of that image, which
 * is removed again; null when the image has nothing that could try it. Throws {@link SandboxError} `unreachable` when
 * sandboxes do not see this host's folders.
 */
export async function trySocket(
  provider: SandboxProvider,
  { dir, ...spec }: Pick<SandboxSpec, 'environment' | 'buildContext' | 'labels'> & { dir: string },
): Promise<boolean | null> {
  const folder = await mkdtemp(join(dir, 'prchain-reach-'))
  const name = `reach-${randomBytes(6).toString('hex')}`
  const word = randomBytes(8).toString('hex')
  const server = createServer((socket) => socket.on('error', () => {}).end(`${word}\n`))
  try {
    await chmod(folder, 0o755)
    await writeFile(join(folder, 'file'), '')
    server.listen(join(folder, 'socket'))
    await once(server, 'listening')
    await chmod(join(folder, 'socket'), 0o666)
    const sandbox = await provider.create({ ...spec, name, mounts: [{ source: folder, target: TRIED }] })
    const command = { script: SCRIPT, timeoutMs: TRY_MS }
    const { output } = await sandbox.exec('try', command, AbortSignal.timeout(2 * TRY_MS))
    const said = output.toString('utf8')
    if (said.includes(word)) return true
    if (said.includes('no-program')) return null
    if (!said.includes('no-folder')) return false
    throw new SandboxError(
      'unreachable',
      `sandboxes do not see this host's folder ${dir}, which those of scaffolds need: share it with the engine, or run an engine on this host`,
    )
  } finally {
    server.close()
    await rm(folder, { recursive: true, force: true })
    await provider.remove(name)
  }
}
