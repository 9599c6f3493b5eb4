import { isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client'
import type { WorkflowHandle } from '@temporalio/client'
import type { Session } from './session.ts'
import { FailedError } from './terminal.ts'

/** How long a worker may take to answer a query. */
export const QUERY_MS = 5_000
/** How long the server itself may take to answer. */
const SERVER_MS = 5_000

/** No worker answered for a workflow: it is safe in the server, and nothing of it can be asked or told. */
export class NoAnswerError extends FailedError {
  override name = 'NoAnswerError'
}

/**
 * Asks a workflow, by query or update, which a worker has to answer within the time. Throws {@link NoAnswerError} with the
 * next move when none does, and whatever else `call` throws as it is.
 */
export async function askWorker<T>(
  session: Pick<Session, 'client' | 'address'>,
  options: { workflow: string; timeoutMs: number },
  call: (handle: WorkflowHandle) => Promise<T>,
): Promise<T> {
  const { client, address } = session
  const { workflow, timeoutMs } = options
  try {
    return await client.withDeadline(Date.now() + timeoutMs, () => call(client.workflow.getHandle(workflow)))
  } catch (cause) {
    if (!isSilence(cause)) throw cause
    throw new NoAnswerError(
      `no worker answered for ${workflow} within ${timeoutMs / 1_000} s: the Temporal server at ${address} has it safe, but nobody works for it; start \`prchain worker\`, or \`prchain up\` for a server of your own, and try again`,
      { cause },
    )
  }
}

/** How a workflow stands by the server's own account, which needs no worker. Null when it does not know it. */
export async function describeWorkflow(
  session: Pick<Session, 'client' | 'address'>,
  workflow: string,
): Promise<Awaited<ReturnType<WorkflowHandle['describe']>> | null> {
  const { client, address } = session
  try {
    return await client.withDeadline(Date.now() + SERVER_MS, () => client.workflow.getHandle(workflow).describe())
  } catch (cause) {
    if (cause instanceof WorkflowNotFoundError) return null
    throw new FailedError(
      `the Temporal server at ${address} does not say how ${workflow} stands: ${(cause as Error).message}; is it still up? \`prchain doctor\` looks`,
      { cause },
    )
  }
}

/** Errors by which a client learns that no worker took a query or an update. */
function isSilence(error: unknown): boolean {
  const grpc = isGrpcServiceError(error) ? error : error instanceof Error ? error.cause : null
  // DEADLINE_EXCEEDED; FAILED_PRECONDITION: no worker has polled lately; CANCELLED and UNAVAILABLE: the wait broke off.
  return isGrpcServiceError(grpc) && [4, 9, 1, 14].includes(grpc.code)
}
