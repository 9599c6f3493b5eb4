import { describeKills, KILLED } from '../e2e/scaffoldKills.ts'

const KILLS = Number(process.env['PRCHAIN_TEST_KILLS'] ?? 20)
const SEED = Number(process.env['PRCHAIN_TEST_SEED'] ?? 1)

for (const killed of KILLED) await describeKills(killed, { each: KILLS, seed: SEED })
