import { Client, Connection } from '@temporalio/client'
import { isServerAlive, readServerFile, serverFilePath, type ServerFile } from '../../temporal/serverFile.ts'
import { storeDir } from '../compose.ts'
import type { Config } from '../config.ts'
import { FailedError } from './terminal.ts'

/** A connection to the Temporal server that the settings, or a running `prchain up`, name. */
export interface Session {
  client: Client
  connection: Connection
  address: string
  /** The server's UI, where it is known. */
  uiUrl: string | null
  scriptedUrl: string | null
  close(): Promise<void>
}

/** What is known of a running `prchain up` or `demo` over this store; null when none runs. */
export async function findServer(config: Config): Promise<ServerFile | null> {
  const found = await readServerFile(serverFilePath(storeDir(config)))
  return found && (await isServerAlive(found)) ? found : null
}

/** Opens a session: address by flag or TEMPORAL_ADDRESS, else by server.json. Throws {@link FailedError} with the next move. */
export async function openSession(config: Config): Promise<Session> {
  const server = await findServer(config)
  const address = config.temporalAddress ?? server?.temporal.address
  if (address === undefined) {
    throw new FailedError('no Temporal server: start one with `prchain up`, or name one by TEMPORAL_ADDRESS')
  }
  const isOwn = server?.temporal.address === address
  try {
    const connection = await Connection.connect({ address, connectTimeout: '5s' })
    return {
      client: new Client({ connection, namespace: config.temporalNamespace }),
      connection,
      address,
      uiUrl: isOwn ? server.temporal.uiUrl : null,
      scriptedUrl: config.scriptedUrl ?? (isOwn ? server.scriptedModelUrl : null),
      close: () => connection.close(),
    }
  } catch (cause) {
    throw new FailedError(
      `no Temporal server answers at ${address}: start one with \`prchain up\`, or name another by TEMPORAL_ADDRESS`,
      { cause },
    )
  }
}
