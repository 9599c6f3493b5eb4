import type { Exchanged } from '../record/exchange.ts'

/** A client's end of a call: gets the reply's parts as they come. */
export interface Listener {
  /** Gets a part of the reply; parts that came before it listened first. */
  part(bytes: Buffer): void
  /** What it was given is void: another try begins. */
  voided(): void
}

/**
 * A call that is under way. It goes on whether or not anybody listens, and is stored; a client that comes later gets what
 * came before it and goes on with the rest.
 */
export class GatewayCall {
  readonly done: Promise<Exchanged>
  #parts: Buffer[] = []
  #listeners = new Set<Listener>()

  /** Starts `ask`, which gives parts as they come and null when those are void. */
  constructor(ask: (onPart: (part: Buffer | null) => void) => Promise<Exchanged>) {
    this.done = ask((part) => {
      if (part === null) {
        this.#parts = []
        for (const listener of this.#listeners) listener.voided()
        return
      }
      this.#parts.push(part)
      for (const listener of this.#listeners) listener.part(part)
    })
    // Whoever listens is told; with nobody there it is tried again when somebody asks.
    this.done.catch(() => {})
  }

  /** Listens until the returned function is called. */
  listen(listener: Listener): () => void {
    for (const part of this.#parts) listener.part(part)
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
