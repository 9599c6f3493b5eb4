import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client'
import { composeBooks, composeStore } from '../compose.ts'
import type { Config } from '../config.ts'
import { recordKey, workflowId } from '../domain/identifiers.ts'
import type { Campaign } from '../formats/campaign.ts'
import { resumeUpdate } from '../workflows/messages.ts'
import { askWorker, describeWorkflow } from './answer.ts'
import { checkCeilings, describeSpend, readSpend, setCeilings, type AskedCeilings } from './ceilings.ts'
import { openSession, type Session } from './session.ts'
import { EXIT, FailedError, InputError, type Terminal } from './terminal.ts'
import { readWorkflowTarget } from './workflowTarget.ts'

const UPDATE_MS = 15_000

/**
 * `prchain resume CAMPAIGN|CAMPAIGN/CHAIN/N`: what is parked goes on at once, of a campaign all that is; with the
 * ceilings that are asked, which are a campaign's.
 */
export async function resume(options: {
  config: Config
  target: string
  asked?: AskedCeilings
  terminal: Terminal
}): Promise<number> {
  const { config, target, asked = {}, terminal } = options
  const named = readWorkflowTarget(target)
  if (named.kind === 'mining') throw new InputError(`${target} is a mining, which never waits: nothing to resume`)
  if (Object.keys(asked).length > 0) await raise(named, asked)
  const session = await openSession(config)
  try {
    if (named.kind === 'chain') {
      say(named.workflow, await resumeChain(session, named.workflow))
      return EXIT.ended
    }
    let count = 0
    for (const workflow of await listParked(session, named.name)) {
      // One that has gone on by itself since it was listed is as it should be.
      const answer = await resumeChain(session, workflow).catch((error: unknown) => {
        if (error instanceof InputError) return null
        throw error
      })
      if (answer === null) continue
      say(workflow, answer)
      count++
    }
    terminal.say(count === 0 ? `nothing of ${named.name} is parked` : `${count} of ${named.name} go on`)
    return EXIT.ended
  } finally {
    await session.close()
  }

  async function raise(of: typeof named, ceilings: AskedCeilings): Promise<void> {
    if (of.kind !== 'campaign')
      throw new InputError(`a ceiling is a campaign’s: name the campaign alone, as in \`prchain resume CAMPAIGN\``)
    const found = await composeStore(config).getRecord<Campaign>(recordKey.campaign(of.name))
    if (!found) throw new InputError(`there is no campaign "${of.name}" in the store ${config.store}`)
    const prices = await composeBooks(config).prices(of.name)
    await checkCeilings({ config, settings: found.settings, prices, asked: ceilings })
    await setCeilings({ config, campaign: of.name, asked: ceilings })
    terminal.say(describeSpend(await readSpend(config, of.name)))
  }

  function say(workflow: string, answer: string): void {
    terminal.say(answer)
    terminal.emit({ format: 'prchain.resume/1', workflow, answer })
  }
}

/** The workflow ids of a campaign's parked chains, all of them, also when the campaign itself has failed. */
async function listParked(session: Session, campaign: string): Promise<string[]> {
  const query = `WorkflowType="prChain" AND ExecutionStatus="Running" AND NeedsAttention=true AND Campaign="${campaign}"`
  const found: string[] = []
  try {
    for await (const one of session.client.workflow.list({ query })) found.push(one.workflowId)
  } catch (cause) {
    throw new FailedError(
      `the Temporal server at ${session.address} does not list what is parked: ${(cause as Error).message}; \`prchain worker\` registers the search attributes that it needs`,
      { cause },
    )
  }
  if (found.length === 0 && !(await describeWorkflow(session, workflowId.campaign(campaign))))
    throw new InputError(
      `there is no campaign "${campaign}" on the Temporal server at ${session.address}; \`prchain status\` lists those of the store`,
    )
  return found
}

/** Ends the wait of a parked chain and returns what it does next. Throws {@link InputError} when it does not wait. */
async function resumeChain(session: Session, workflow: string): Promise<string> {
  try {
    return await askWorker(session, { workflow, timeoutMs: UPDATE_MS }, (handle) =>
      handle.executeUpdate(resumeUpdate, { args: [{ reason: 'by command' }] }),
    )
  } catch (cause) {
    const show = `\`prchain show ${workflow}\` says how it stands`
    if (cause instanceof WorkflowUpdateFailedError)
      throw new InputError(`${cause.cause?.message ?? cause.message}; ${show}`, { cause })
    if (!(cause instanceof WorkflowNotFoundError)) throw cause
    const described = await describeWorkflow(session, workflow)
    throw new InputError(
      described
        ? `${workflow} does not run (${described.status.name.toLowerCase()}): there is nothing to resume; ${show}`
        : `there is no workflow ${workflow} on the Temporal server at ${session.address}; \`prchain status\` lists the campaigns`,
      { cause },
    )
  }
}
