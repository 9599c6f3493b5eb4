import type { Hold } from '../formats/exchange.ts'
import type { Exchanged } from '../record/exchange.ts'
import type { Ledger } from '../record/ledger.ts'

/** A client's end of a call: gets the reply's parts as they come. */
export interface Listener {
  /** Whether its launch's requests are held. */
  readonly hold: Ledger<Hold>
  /** Gets a part of the reply; parts that came before it listened first. */
  part(bytes: Buffer): void
  /** What it was given is void: another try begins. */
  voided(): void
  /** The store does not take the reply, which is put again until it does. Told at each try. */
  unstored(why: string): void
}

/**
 * A call that is under way. It goes on whether or not anybody listens, and is stored; a client that comes later gets what
 * came before it and goes on with the rest.
 */
export class GatewayCall {
  readonly done: Promise<Exchanged>
  #parts: Buffer[] = []
  #listeners = new Set<Listener>()

  /** Starts `ask`, which gives parts as they come and null when those are void, and says why its reply is not stored yet. */
  constructor(
    ask: (
      call: GatewayCall,
      tell: { onPart: (part: Buffer | null) => void; onUnstored: (why: string) => void },
    ) => Promise<Exchanged>,
  ) {
    const onUnstored = (why: string) => {
      for (const listener of this.#listeners) listener.unstored(why)
    }
    const onPart = (part: Buffer | null) => {
      if (part === null) {
        this.#parts = []
        for (const listener of this.#listeners) listener.voided()
        return
      }
      this.#parts.push(part)
      for (const listener of this.#listeners) listener.part(part)
    }
    this.done = ask(this, { onPart, onUnstored })
    // Whoever listens is told; with nobody there it is tried again when somebody asks.
    this.done.catch(() => {})
  }

  /** The holds of the launches whose clients listen. */
  holds(): Ledger<Hold>[] {
    return [...this.#listeners].map(({ hold }) => hold)
  }

  /** Listens until the returned function is called. */
  listen(listener: Listener): () => void {
    for (const part of this.#parts) listener.part(part)
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
