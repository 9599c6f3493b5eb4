import type { Phase } from '../domain/identifiers.ts'
import type { CommandRecord } from '../formats/record.ts'
import type { Fence } from '../record/fence.ts'
import { takeCheckpoint } from './checkpoint.ts'
import type { Scope } from './edge.ts'
import { groundOf, type Ground } from './ground.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'
import { openStageSandbox, type OpenSandbox } from './stageSandbox.ts'

/** A phase's sandbox, opened when it is first needed, with checkpoints after so much time of commands. */
export interface LazySandbox {
  open(): Promise<OpenSandbox>
  /** The sandbox where it was opened, else null. */
  opened(): Promise<OpenSandbox | null>
  /** Is told of each command that ran. */
  ran(record: CommandRecord): Promise<void>
  checkpoint(): Promise<void>
}

/** Makes a {@link LazySandbox} for one slice. */
export function lazySandbox(options: {
  ports: Ports
  context: RolloutContext
  stage: number
  phase: Phase
  scope: Scope & { fence: Fence }
}): LazySandbox {
  const { ports, context, stage, phase, scope } = options
  let opening: Promise<OpenSandbox & { ground: Ground }> | null = null
  let sinceMs = 0

  const open = () =>
    (opening ??= groundOf(ports, context, stage, phase).then(async (ground) => ({
      ground,
      ...(await openStageSandbox({ ports, context, ground, fence: scope.fence, scope })),
    })))

  async function checkpoint(): Promise<void> {
    if (opening === null) return
    const { ground, sandbox } = await opening
    await takeCheckpoint({ ports, context, ground, sandbox, fence: scope.fence })
    sinceMs = 0
  }

  return {
    open,
    checkpoint,
    opened: async () => opening,
    async ran({ startedAt, finishedAt }) {
      sinceMs += Date.parse(finishedAt) - Date.parse(startedAt)
      if (sinceMs >= ports.limits.checkpointMs) await checkpoint()
    },
  }
}
