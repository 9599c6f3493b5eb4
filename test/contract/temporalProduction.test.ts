import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Connection } from '@temporalio/client'
import { expect, onTestFinished, test } from 'vitest'
import { DYNAMIC_CONFIG, startDevServer } from '../../temporal/devServer.ts'
import { raiseRetention, registerSearchAttributes } from '../../temporal/namespace.ts'
import { temporalForTests } from '../temporal/server.ts'

const runFile = promisify(execFile)
const temporal = await temporalForTests()
const production = fileURLToPath(new URL('../../temporal/production/', import.meta.url))

test('the production server has the dynamic configuration of the dev server', async () => {
  const text = await readFile(join(production, 'dynamicconfig.yaml'), 'utf8')
  const settings = [...text.matchAll(/^(\S+):\n {2}- value: (\S+)$/gm)]
  const values = settings.map(([, key, value]) => [key, JSON.parse(value ?? '')])
  expect(Object.fromEntries(values)).toEqual(DYNAMIC_CONFIG)
})

test('every image of the production server has a version', async () => {
  const text = await readFile(join(production, 'compose.yaml'), 'utf8')
  const images = [...text.matchAll(/image: (\S+)/g)].map(([, image]) => image)
  expect(images).toHaveLength(5)
  for (const image of images) expect(image).toMatch(/^[a-z/-]+:\d[\w.-]*$/)
})

test.skipIf(!temporal)(
  'namespace.sh makes a namespace with 30 days of retention and the search attributes, and may run again',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'prchain-production-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const binary = temporal?.binary ?? ''
    const server = await startDevServer({ binary, dbFile: join(folder, 'db'), logFile: join(folder, 'log') })
    onTestFinished(() => server.stop())
    const connection = await Connection.connect({ address: server.address })
    onTestFinished(() => connection.close())

    const where = [
      'TEMPORAL_NAMESPACE=team',
      `TEMPORAL_ADDRESS=${server.address}`,
      `PATH=${dirname(binary)}:/usr/bin:/bin`,
    ]
    for (const time of ['first', 'again']) {
      await runFile('env', [...where, 'sh', join(production, 'namespace.sh')])
      expect(await registerSearchAttributes(connection, 'team'), time).toEqual([])
      expect(await raiseRetention(connection, 'team', 1), time).toBe(30)
    }
  },
  60_000,
)
