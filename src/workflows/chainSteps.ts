import { proxyActivities, type ActivityOptions } from '@temporalio/workflow'
import type { Activities } from '../activities/activities.ts'
import { PARKING_TYPES } from '../domain/failure.ts'
import { hostTaskQueue } from '../domain/identifiers.ts'
import { isUntaken, reasonOf, typeOf } from './failures.ts'
import { AT_HOST, HEARTBEATING } from './retry.ts'

/** Which rollout an activity is of, and its place in the workflow: the epoch, and its number among the rollout's. */
export interface At {
  rollout: string
  order: [number, number]
}

/** Calls one activity. */
export type Call<T> = (acts: Activities, at: At) => Promise<T>

/** A rollout's activities, one after the other, each named for people. */
export class ChainSteps {
  /** Where the stage's sandbox is; null when any worker will do. */
  place: string | null = null
  #rollout: string
  #epoch: number
  #park: (reason: string, parkings: number) => Promise<void>
  #count = 0
  #parkings = 0

  /** `park` waits until what an activity needs may be there again; it is told how often in a row it has waited before. */
  constructor(options: { rollout: string; epoch: number; park: (reason: string, parkings: number) => Promise<void> }) {
    this.#rollout = options.rollout
    this.#epoch = options.epoch
    this.#park = options.park
  }

  /** The place of the next activity. */
  next(): At {
    return { rollout: this.#rollout, order: [this.#epoch, this.#count++] }
  }

  /** Runs an activity on any worker, and parks the chain for as long as what it needs stays away. */
  run<T>(summary: string, call: Call<T>): Promise<T> {
    return this.#run(summary, HEARTBEATING, call)
  }

  /**
   * Runs an activity where the stage's sandbox is. When no worker of that host takes it, any worker may: it rebuilds
   * the sandbox on its own host.
   */
  async runAtPlace<T>(summary: string, call: Call<T>): Promise<T> {
    if (!this.place) return this.run(summary, call)
    try {
      return await this.#run(summary, { ...AT_HOST, taskQueue: hostTaskQueue(this.place) }, call)
    } catch (error) {
      if (!isUntaken(error)) throw error
      this.place = null
      return this.run(summary, call)
    }
  }

  async #run<T>(summary: string, options: ActivityOptions, call: Call<T>): Promise<T> {
    const acts = proxyActivities<Activities>({ ...options, summary })
    for (;;) {
      try {
        const result = await call(acts, this.next())
        this.#parkings = 0
        return result
      } catch (error) {
        if (!PARKING_TYPES.includes(typeOf(error))) throw error
        await this.#park(reasonOf(error), this.#parkings++)
      }
    }
  }
}
