// Counts what arrives and takes the time from the first message to the last. One call per message, for both contenders.

/** What arrived in one lap. */
export interface Arrival {
  messages: number
  /** From the first message to the last, in seconds. */
  seconds: number
}

export class Tally {
  readonly #size: number
  #expected = 0
  #seen = 0
  #foreign = 0
  #began = 0
  #done: ((arrival: Arrival) => void) | undefined
  #failed: ((error: Error) => void) | undefined
  #arrival: Promise<Arrival> | undefined

  /** Messages of `size` octets count; shorter ones are greetings and pass by. */
  constructor(size: number) {
    this.#size = size
  }

  /** Starts a lap of that many messages. Throws if more arrived than were expected of the one before. */
  expect(messages: number): void {
    if (this.#seen > this.#expected) throw new Error(`${this.#seen} messages arrived of ${this.#expected} sent`)
    this.#expected = messages
    this.#seen = 0
    this.#arrival = new Promise((resolve, reject) => {
      this.#done = resolve
      this.#failed = reject
    })
  }

  /** Resolves when all messages of the lap have arrived. */
  arrival(): Promise<Arrival> {
    if (this.#arrival === undefined) throw new Error("No lap was started")
    return this.#arrival
  }

  /** How many arrived so far. */
  get seen(): number {
    return this.#seen
  }

  add(octets: number): void {
    if (octets !== this.#size) this.#pass(octets)
    else {
      if (this.#seen === 0) this.#began = performance.now()
      if (++this.#seen === this.#expected) this.#finish()
    }
  }

  #pass(octets: number): void {
    if (octets > 1) this.#foreign++
  }

  #finish(): void {
    const seconds = (performance.now() - this.#began) / 1000
    if (this.#foreign === 0) this.#done?.({ messages: this.#seen, seconds })
    else this.#failed?.(new Error(`${this.#foreign} messages of a wrong size arrived`))
  }
}
