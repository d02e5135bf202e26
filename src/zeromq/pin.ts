// What an operation that waits holds: the process, and the object that it was asked of, which must not be collected
// meanwhile. One that is soon followed by the next lets go of neither in between.

import { nextTurn } from "../clock.ts"
import { keepAlive } from "../socket/keep-alive.ts"

export class Pin {
  #count = 0
  #owner: object | undefined
  #loosening = false

  hold(owner: object): void {
    this.#count++
    if (this.#owner !== undefined) return
    this.#owner = owner
    keepAlive(this, true)
  }

  release(): void {
    this.#count--
    if (this.#count > 0 || this.#loosening) return
    this.#loosening = true
    nextTurn(this.#loosen)
  }

  readonly #loosen = (): void => {
    this.#loosening = false
    if (this.#count > 0) return
    this.#owner = undefined
    keepAlive(this, false)
  }
}
