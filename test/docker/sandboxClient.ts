import { SandboxError, type SandboxProvider } from '../../src/sandbox/port.ts'

/** A process of its own that runs a command in a sandbox, to be killed by a test: what it is told is a JSON argument. */
export interface ClientTask {
  maker: ProviderMaker
  name: string
  key: string
  script: string
}

/** How a provider is made: the file below src/sandbox/, its function, and the function's options. */
export interface ProviderMaker {
  file: string
  make: string
  options: object
}

if (import.meta.main) {
  const { maker, name, key, script } = JSON.parse(process.argv[2] ?? '') as ClientTask
  const from = (await import(new URL(`../../src/sandbox/${maker.file}`, import.meta.url).href)) as Record<
    string,
    (options: object) => SandboxProvider
  >
  const sandbox = await from[maker.make]!(maker.options).find(name)
  if (!sandbox) throw new Error(`no sandbox ${name}`)
  process.stdout.write('calling\n')
  try {
    const outcome = await sandbox.exec(key, { script, timeoutMs: 60_000 }, new AbortController().signal)
    process.stdout.write(`${outcome.output.toString()}\n`)
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    process.stdout.write(`${error.kind}\n`)
  }
}
