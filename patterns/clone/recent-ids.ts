// The ids of the changes that were made last, so that one that is sent again is not made again.

import type { Frame } from "brokerless"

/** How many are remembered. */
const REMEMBERED = 10_000

export class RecentIds {
  /** The oldest first. */
  readonly #ids = new Set<string>()

  has(id: Frame): boolean {
    return id.length > 0 && this.#ids.has(id.toString("latin1"))
  }

  add(id: Frame): void {
    if (id.length === 0) return
    this.#ids.add(id.toString("latin1"))
    if (this.#ids.size > REMEMBERED) {
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest)
        break
      }
    }
  }
}
