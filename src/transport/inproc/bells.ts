// How the two ends of a connection between threads wake each other, and what each says of itself: words in shared
// memory. Whoever has nothing to do hangs out its bell and sleeps without polling; the other rings it when there is
// something of interest. A bell that is not out costs the other one a look.

/** What an end says of itself; each excludes going back. */
export const OPEN = 0
/** It reads no more, and goes on writing what it has. */
export const FINISHING = 1
/** It has written everything. */
export const FINISHED = 2
/** It neither reads nor writes. */
export const OVER = 3

/** Which of the two: who connected, or who was bound. */
export type Side = 0 | 1

/** Each end has a cache line. */
const WORDS_PER_SIDE = 16
const BELL = 0
const STATE = 1
/** What the memory of both ends takes. */
export const BELLS_OCTETS: number = 2 * WORDS_PER_SIDE * 4

/** A bell that is out, and one that also messages may ring. */
const OUT = 1
const FOR_MESSAGES = 2

export class Bells {
  readonly #words: Int32Array
  readonly #near: number
  readonly #far: number
  readonly #rung: () => void
  /** Whether the runtime watches our bell. */
  #watched = false

  /** `rung` is called in a turn of its own, some time after our bell was rung. */
  constructor(memory: SharedArrayBuffer, side: Side, rung: () => void) {
    this.#words = new Int32Array(memory, 0, BELLS_OCTETS / 4)
    this.#near = side * WORDS_PER_SIDE
    this.#far = (1 - side) * WORDS_PER_SIDE
    this.#rung = rung
  }

  /** What the other end says of itself. */
  get theirs(): number {
    return Atomics.load(this.#words, this.#far + STATE)
  }

  /** Says something of ourselves, and rings. */
  declare(state: number): void {
    Atomics.store(this.#words, this.#near + STATE, state)
    this.ring()
  }

  /**
   * Hangs our bell out. Whoever does so looks once more for what may have come before, and takes the bell in if there
   * is something. `messages`: whether they may ring it.
   */
  hangOut(messages: boolean): void {
    const out = messages ? OUT | FOR_MESSAGES : OUT
    Atomics.store(this.#words, this.#near + BELL, out)
    if (this.#watched) return
    const wait = Atomics.waitAsync(this.#words, this.#near + BELL, out)
    if (wait.async) {
      this.#watched = true
      void wait.value.then(this.#heard)
    } else {
      void Promise.resolve().then(this.#heard)
    }
  }

  takeIn(): void {
    Atomics.store(this.#words, this.#near + BELL, 0)
  }

  /** Rings for messages: only if the other end wants to hear of them. */
  ringForMessages(): void {
    if ((Atomics.load(this.#words, this.#far + BELL) & FOR_MESSAGES) !== 0) this.ring()
  }

  ring(): void {
    const bell = this.#far + BELL
    if (Atomics.load(this.#words, bell) === 0) return
    if (Atomics.exchange(this.#words, bell, 0) !== 0) Atomics.notify(this.#words, bell)
  }

  /** Nobody rings any more: the runtime may forget our bell. */
  forget(): void {
    this.takeIn()
    if (this.#watched) Atomics.notify(this.#words, this.#near + BELL)
  }

  readonly #heard = (): void => {
    this.#watched = false
    this.#rung()
  }
}
