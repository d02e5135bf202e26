// Whose turn it is on a socket that strictly alternates, and who waits for it.

import { afterHolding, cancel } from "../clock.ts"

export type Turn = "send" | "receive"

export class Turns {
  #now: Turn
  readonly #waiting = new Map<Turn, (came: boolean) => void>()

  constructor(first: Turn) {
    this.#now = first
  }

  get now(): Turn {
    return this.#now
  }

  /** It is the other's turn; who waits for that goes on. */
  pass(to: Turn): void {
    this.#now = to
    this.#waiting.get(to)?.(true)
  }

  /** Resolves to whether the turn came, in time (ms, -1 for ever) and before the end. One may wait for each turn. */
  wait(turn: Turn, timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = timeout < 0 ? undefined : afterHolding(timeout, () => settle(false))
      const settle = (came: boolean): void => {
        this.#waiting.delete(turn)
        cancel(timer)
        resolve(came)
      }
      this.#waiting.set(turn, settle)
    })
  }

  /** There will be no further turn. */
  end(): void {
    for (const settle of [...this.#waiting.values()]) settle(false)
  }
}
