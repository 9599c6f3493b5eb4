import { describeKills, killsOf } from '../scaffoldKills.ts'

const SEED = Number(process.env['PRCHAIN_TEST_SEED'] ?? 1)

await describeKills(killsOf('native'), { each: 2, seed: SEED })
