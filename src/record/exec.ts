import { isUtf8 } from 'node:buffer'
import { digestOfJson } from '../domain/digest.ts'
import { recordKey } from '../domain/identifiers.ts'
import { listMasked } from '../domain/masked.ts'
import { redactStream, watchMasks, type Found, type Redact } from '../domain/redaction.ts'
import type { CommandRecord } from '../formats/record.ts'
import type { Command, Sandbox } from '../sandbox/port.ts'
import type { Store } from '../store/port.ts'
import { DivergedError } from './divergence.ts'
import type { Fence } from './fence.ts'

const INLINE_LIMIT_BYTES = 32_768

/** One command of the agent under its key. */
export interface Execution {
  key: string
  command: Command
  /** Gives the stage's live sandbox; asked only when the command is not on record. */
  sandbox: () => Promise<Sandbox>
  fence: Fence
  signal: AbortSignal
}

/** A recorded command and its output as text; bytes that are not UTF-8 are replaced. */
export interface Executed {
  record: CommandRecord
  output: string
  isText: boolean
  isStored: boolean
}

/**
 * `exec(key, command)`: one command in a sandbox, run once in the sandbox's life. The stored outcome is returned when
 * the key has one and the digests agree; else the command is started, or attached to when it is already running or done.
 * Output that is too long to be shown whole is stored whole beside its head and tail. A failing command is a result. Throws {@link DivergedError}, `SandboxError`, `FencedError`.
 */
export type Exec = (execution: Execution) => Promise<Executed>

/** Makes {@link Exec} over a store. */
export function createExec(ports: { store: Store; redact: Redact }): Exec {
  const { store, redact } = ports

  return async ({ key, command, sandbox, fence, signal }) => {
    const digest = digestOfJson(command)
    const stored = await store.getRecord<CommandRecord>(recordKey.call(key))
    if (stored) return { ...(await readOutput(agreed(stored, digest))), isStored: true }

    await fence.check()
    const place = await sandbox()
    const outcome = await place.exec(key, command, signal)
    await fence.check()
    const isWhole = outcome.sizeBytes === outcome.output.length
    const inWhole: Found[] = []
    const readWhole = async () => redactStream(await place.readOutput(key), redact)
    const wholeOutput = isWhole
      ? null
      : await store.putBlobStream(watchMasks(await readWhole(), (found) => void inWhole.push(found)))
    const isText = isUtf8(outcome.output)
    // Latin-1 keeps every byte of what is no text; a secret is ASCII.
    const encoding = isText ? 'utf8' : 'latin1'
    const output = Buffer.from(redact(outcome.output.toString(encoding)), encoding)
    const isInline = isText && output.length <= INLINE_LIMIT_BYTES
    const shown = isInline ? { output: output.toString('utf8') } : { outputBlob: output.toString('latin1') }
    const record: CommandRecord = {
      format: 'prchain.command/1',
      key,
      digest,
      command: {
        script: command.script,
        stdin: command.stdin === undefined ? null : await store.putBlob(command.stdin),
        cwd: command.cwd ?? null,
        timeoutMs: command.timeoutMs,
      },
      life: place.life,
      outcome: {
        exitCode: outcome.exitCode,
        isTimedOut: outcome.isTimedOut,
        output: isInline ? output.toString('utf8') : null,
        outputBlob: isInline ? null : await store.putBlob(output),
        sizeBytes: outcome.sizeBytes,
        wholeOutput,
        leftRunning: outcome.leftRunning,
      },
      startedAt: outcome.startedAt,
      finishedAt: outcome.finishedAt,
      masked: [
        ...listMasked({ outcome: shown }),
        ...inWhole.map((found) => ({ pointer: '/outcome/wholeOutput', part: 'value' as const, ...found })),
      ],
    }
    const { value, isNew } = await store.putRecord(recordKey.call(key), record)
    await place.forgetOutput(key)
    return { ...(await readOutput(agreed(value, digest))), isStored: !isNew }
  }

  async function readOutput(record: CommandRecord): Promise<Omit<Executed, 'isStored'>> {
    const { output, outputBlob } = record.outcome
    if (output !== null) return { record, output, isText: true }
    const bytes = await store.getBlob(outputBlob!)
    return { record, output: bytes.toString('utf8'), isText: isUtf8(bytes) }
  }

  function agreed(record: CommandRecord, digest: string): CommandRecord {
    if (record.digest !== digest) throw new DivergedError('command', record.key, record.digest, digest)
    return record
  }
}
