import type { Fence } from '../record/fence.ts'
import { beginMining } from './beginMining.ts'
import { listRollouts, planCampaign, readCampaign, writeSamples } from './campaign.ts'
import { captureRound, judgeRound, testRound } from './closeRound.ts'
import { atEdge, atFence, atMining, type RolloutInput, type Scope } from './edge.ts'
import { endRollout, endStage } from './endRollout.ts'
import { fetchPages } from './fetchPages.ts'
import { gatherPulls } from './gatherPulls.ts'
import { lookUpChain } from './lookUpChain.ts'
import { linkChains, type LinkInput } from './linkChains.ts'
import { planRollout } from './planRollout.ts'
import type { Ports } from './ports.ts'
import { prepareStage } from './prepareStage.ts'
import { checkRebase } from './rebase.ts'
import { refreshMirror } from './refreshMirror.ts'
import { restartFailedChains } from './restartFailedChains.ts'
import { runSlice } from './runSlice.ts'

/** All activities over the given ports. Each may run twice: what it writes is keyed. */
export function createActivities(ports: Ports) {
  const fenced = <I extends RolloutInput, O>(
    work: (ports: Ports, input: I, scope: Scope & { fence: Fence }) => Promise<O>,
  ) => atFence<I, O>(ports, (input, scope) => work(ports, input, scope))
  const plain = <I, O>(work: (ports: Ports, input: I, scope: Scope) => Promise<O>) =>
    atEdge<I, O>(ports, (input, scope) => work(ports, input, scope))
  return {
    planRollout: fenced(planRollout),
    prepareStage: fenced(prepareStage),
    runSlice: fenced(runSlice),
    captureRound: fenced(captureRound),
    checkRebase: fenced(checkRebase),
    testRound: fenced(testRound),
    judgeRound: fenced(judgeRound),
    endStage: fenced(endStage),
    endRollout: fenced(endRollout),
    beginMining: plain(beginMining),
    refreshMirror: plain(refreshMirror),
    fetchPages: plain(fetchPages),
    gatherPulls: plain(gatherPulls),
    linkChains: atMining(ports, (input: LinkInput, scope) => linkChains(ports, input, scope)),
    readCampaign: plain(readCampaign),
    planCampaign: plain(planCampaign),
    listRollouts: plain(listRollouts),
    writeSamples: plain(writeSamples),
    lookUpChain: plain(lookUpChain),
    restartFailedChains: plain((_, input: { mostRestarts: number }) => restartFailedChains(input)),
  }
}

/** The activities as workflows call them. */
export type Activities = ReturnType<typeof createActivities>
