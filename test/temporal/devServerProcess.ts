/* A process that starts a dev server, says where it is in one line of JSON, and does nothing more until it is killed. */
import { startDevServer } from '../../temporal/devServer.ts'

const [binary = '', dbFile = '', logFile = ''] = process.argv.slice(2)
const { address, pid } = await startDevServer({ binary, dbFile, logFile })
console.log(JSON.stringify({ address, pid }))
