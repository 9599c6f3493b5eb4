import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** SII's own client of `sii-bridge`, as PyPI has it. It asks for anyio too, and imports it nowhere. */
const SDK = 'sii-agent-sdk==0.1.11 --hash=sha256:42d55715a3d2b6d0f9b9777a886e50ce79d07c02fe93f822cca2e88861b803e0'

/** Installs the SDK into a Python environment of its own below a folder, and returns that environment's Python. */
export async function installSdk(folder: string): Promise<string> {
  const environment = join(folder, 'sdk')
  const python = join(environment, 'bin', 'python3')
  await run('python3', ['-m', 'venv', environment])
  const requirements = join(folder, 'requirements.txt')
  await writeFile(requirements, SDK)
  const flags = ['--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes', '-r', requirements]
  await run(python, ['-m', 'pip', 'install', ...flags])
  return python
}

/**
 * Sends prompts by the SDK, as one session of its own, and returns all messages that it yields, each with the name of its
 * class; what it raises comes last. `options` are the SDK's own.
 */
export async function askBySdk(
  python: string,
  input: { prompts: string[]; options: Record<string, unknown>; environment: Record<string, string> },
): Promise<Record<string, unknown>[]> {
  const { environment, ...asked } = input
  const asking = run(python, ['-c', ASKING, JSON.stringify(asked)], { env: environment, maxBuffer: 1 << 26 })
  const { stdout } = await asking
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

const ASKING = `
import asyncio, dataclasses, json, sys
from sii_agent_sdk import SiiAgentOptions, SiiAgentSession

asked = json.loads(sys.argv[1])

def say(kind, value):
    print(json.dumps({'class': kind, **value}), flush=True)

async def main():
    session = SiiAgentSession(SiiAgentOptions(**asked['options']))
    for prompt in asked['prompts']:
        async for message in session.run(prompt):
            say(type(message).__name__, dataclasses.asdict(message))

try:
    asyncio.run(main())
except Exception as error:
    say(type(error).__name__, {'message': str(error)})
`
