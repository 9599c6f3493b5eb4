import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { askBySdk, installSdk } from '../siiBridge/sdk.ts'
import { events, openGateway, toolCallEvents } from './gatewayFixture.ts'

const BRIDGE = join(import.meta.dirname, '..', 'siiBridge', 'bin', 'sii-bridge')

describe('sii-agent-sdk 0.1.11, the real one, over the bridge of our tests', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prchain-sii-sdk-'))
  let python: string
  beforeAll(async () => {
    python = await installSdk(folder)
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('asks twice in a session: the bridge works by tools, and is given the first query as text', async () => {
    const cwd = newFolder()
    const lab = await openGateway(({ n, response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const command = 'echo made > made.txt && cat made.txt'
      for (const event of n === 1 ? toolCallEvents('run_shell_command', { command }) : events('All is done.'))
        response.write(event)
      response.end()
    })
    const said = await askBySdk(python, {
      prompts: ['Make a file.', 'And now?'],
      options: { ...OPTIONS, cwd },
      environment: environmentFor(lab.gateway.baseUrl!, await lab.token()),
    })
    expect(said.map((message) => message['class'])).toEqual([
      ...['StatusMessage', 'AssistantMessage', 'ToolResultMessage', 'AssistantMessage', 'StatusMessage'],
      ...['CompletedMessage', 'StatusMessage', 'AssistantMessage', 'StatusMessage', 'CompletedMessage'],
    ])
    expect(said[0]).toMatchObject({ message: expect.stringContaining('a stand-in for SII-CLI') })
    expect(said[2]).toMatchObject({ content: 'made\n[exit code 0]', is_error: false })
    expect(said[5]).toMatchObject({ metadata: { turns_used: 2 } })
    expect(readFileSync(join(cwd, 'made.txt'), 'utf8')).toBe('made\n')
    const last = lab.requests.at(-1)!
    expect(last.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user', 'assistant', 'user'])
    expect(last.messages[2]!.content).toContain('[TOOL CALL] run_shell_command')
    expect(last).toMatchObject({ model: 'served', stream: true, max_tokens: 100_000 })
  })

  test('raises what the bridge refuses by an error event', async () => {
    const environment = { ...environmentFor('http://127.0.0.1:9/v1', 'none'), SII_USERNAME: 'u', SII_PASSWORD: 'p' }
    const cwd = newFolder()
    const said = await askBySdk(python, {
      prompts: ['Make a file.'],
      options: { ...OPTIONS, cwd, auth_type: 'USE_SII' },
      environment,
    })
    expect(said.at(-1)).toMatchObject({ class: 'AuthenticationError', message: 'it has no login of SII’s' })
    const uploading = { ...OPTIONS, cwd, enable_data_upload: true }
    const refused = await askBySdk(python, { prompts: ['Make a file.'], options: uploading, environment })
    expect(refused.at(-1)).toMatchObject({ class: 'SiiSDKError', message: expect.stringContaining('UPLOAD_NOT_OFF') })
    expect(existsSync(join(cwd, '.sii'))).toBe(false)
  })
})

const OPTIONS = {
  auth_type: 'USE_OPENAI',
  yolo: true,
  max_turns: 5,
  timeout_ms: 60_000,
  model: 'any',
  enable_data_upload: false,
  log_events: false,
}

function environmentFor(baseUrl: string, token: string): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    SII_BRIDGE_PATH: BRIDGE,
    SII_OPENAI_BASE_URL: baseUrl,
    SII_OPENAI_API_KEY: token,
  }
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prchain-sii-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
