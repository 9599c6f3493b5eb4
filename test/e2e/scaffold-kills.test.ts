import { describeKills, KILLED } from './scaffoldKills.ts'

const SEED = Number(process.env['PRCHAIN_TEST_SEED'] ?? 1)

for (const killed of KILLED) await describeKills(killed, { each: 2, seed: SEED })
