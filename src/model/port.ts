import type { WireReply } from '../domain/wireReply.ts'
import type { ChatReply, ChatRequest } from '../formats/chat.ts'

/** What goes with a model call beside the request. */
export interface CallOptions {
  /** Sent as `Idempotency-Key`. */
  idempotencyKey: string
  /** Which stage a call belongs to. Sent as headers to a scripted model alone; other endpoints never see it. */
  play: Play
  signal: AbortSignal
}

/** The part that a call plays: whose call it is and where in a rollout. Stages and rounds count from 0; -1 where there is none. */
export interface Play {
  role: 'writer' | 'agent' | 'judge'
  chain: string
  rollout: string
  stage: number
  round: number
  /** `rebase` for the rounds in which the agent reconciles its work with upstream's; `work` when absent. */
  phase?: 'rebase' | 'work'
}

/** A chat model behind an OpenAI-compatible endpoint. */
export interface ChatModel {
  /** True for the scripted model, which every output must name as a stand-in. */
  readonly isScripted: boolean
  /**
   * Asks the provider once, without retries. Not idempotent unless the provider honours the key.
   * Throws {@link ModelError}, or the signal's reason when aborted.
   */
  complete(request: ChatRequest, options: CallOptions): Promise<ChatReply>
}

/** A part of a reply's body, as it came. */
export interface ReplyPart {
  text: string
  /** Whether it belongs to the reply's end: the finish reason and all after it; of a reply that is not streamed, all. */
  isClosing: boolean
}

/** A reply that is under way. */
export interface ProviderReply {
  contentType: string
  /** The whole body in order, event by event where it is streamed. Ends by throwing {@link ModelError} when it is no whole reply. */
  parts: AsyncIterable<ReplyPart>
  /** What was read of it. Throws before `parts` has ended. */
  read: () => WireReply
}

/** A provider's endpoint that is sent a request as it is, and whose reply is taken as it comes. */
export interface Provider {
  /** As {@link ChatModel.isScripted}. */
  readonly isScripted: boolean
  /**
   * Sends a request for a chat completion once, without retries. Throws {@link ModelError}, with the provider's own
   * answer where it gave one, or the signal's reason when aborted.
   */
  send(body: object, options: CallOptions): Promise<ProviderReply>
}

/** What a provider answered instead of a completion. */
export interface ProviderAnswer {
  status: number
  contentType: string
  text: string
}

/** A call that gave no usable reply. */
export class ModelError extends Error {
  override name = 'ModelError'
  /** `busy` 429, `unavailable` 5xx or no connection, `timeout`, `malformed` not a completion, `cut` broke off, `context` too long, `refused` other 4xx. */
  readonly kind: 'busy' | 'unavailable' | 'timeout' | 'malformed' | 'cut' | 'context' | 'refused'
  /** What `retry-after` or `retry-after-ms` asked for, or null. */
  readonly retryAfterMs: number | null
  /** The provider's answer, for those who pass it on; null where there was none or nobody does. */
  readonly answer: ProviderAnswer | null
  /** Whether the provider surely did nothing that it charges for: it answered with an error, other than that of a proxy whose time was over, or was not reached. */
  readonly isFree: boolean
  constructor(
    kind: ModelError['kind'],
    message: string,
    retryAfterMs: number | null = null,
    options?: ErrorOptions & { answer?: ProviderAnswer; isFree?: boolean },
  ) {
    super(message, options)
    this.kind = kind
    this.retryAfterMs = retryAfterMs
    this.answer = options?.answer ?? null
    this.isFree = options?.isFree ?? false
  }
  /** Whether asking the same again may help. */
  get isRetryable(): boolean {
    return this.kind !== 'refused' && this.kind !== 'context'
  }
}
