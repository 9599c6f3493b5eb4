import { createProcessProvider } from './process.ts'
import { SandboxError, type SandboxProvider } from './port.ts'
/** placeholder until the adapter is in */
export function createBubblewrapProvider(options: { dir: string; path: string; memoryBytes: number; diskBytes: number; cpus: number; pids: number }): SandboxProvider {
  return { ...createProcessProvider(options), kind: 'bubblewrap', describe: async () => { throw new SandboxError('invalid', 'not here') } }
}
