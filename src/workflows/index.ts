export { campaign } from './campaign.ts'
export { mineRepository } from './mineRepository.ts'
export { prChain } from './prChain.ts'
export { resumeFailedChains } from './resumeFailedChains.ts'
