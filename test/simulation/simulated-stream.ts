// One simulated connection: two ByteStreams and what is between them. It keeps the contract of transport.ts as harshly
// as it allows: octets come in chunks of any size, their memory is lent and spoilt afterwards, a write is read from the
// caller's memory only as the kernel takes it, kernels hold little, and an end can come at any moment.
//
//   write ─▶ [ unsent ] ─▶ kernel takes ─▶ [ travelling ] ─▶ [ received ] ─▶ handler
//            the caller's memory             what a kernel holds, bounded together

import type { ByteStream, StreamHandler } from "../../src/transport/transport.ts"
import type { Random } from "../support/random.ts"
import { MarkCounter } from "./mark.ts"
import type { SimulatedClock } from "./simulated-clock.ts"
import type { Trace } from "./trace.ts"

/** What a connection is like; ms and octets. */
export interface Weather {
  /** Shortest and longest way of a segment. */
  readonly latency: number
  readonly jitter: number
  /** What the kernels of one direction hold together. */
  readonly kernel: number
  /** Whether segments are cut small. */
  readonly slices: boolean
}

/** What a stream needs of the world. */
export interface StreamWorld {
  readonly clock: SimulatedClock
  readonly random: Random
  readonly trace: Trace
  closed(stream: SimulatedStream): void
}

/** No read is larger. */
const READ = 64 * 1024

export class SimulatedStream implements ByteStream {
  readonly address: string
  /** Which socket it belongs to: the number that its options carry. */
  readonly owner: number
  readonly name: string
  /** Messages handed to `write`, and messages handed to the handler. */
  readonly offered: MarkCounter = new MarkCounter()
  readonly handed: MarkCounter = new MarkCounter()
  readonly #world: StreamWorld
  readonly #weather: Weather
  #other: SimulatedStream | undefined
  #handler: StreamHandler | undefined
  // Outbound.
  #unsent: Uint8Array[] = []
  #ending = false
  #endSent = false
  #lastArrival = 0
  /** What becomes of each segment when it arrives, the first first. */
  readonly #travelling: (() => void)[] = []
  /** Octets that this side's kernel took and the other side's handler did not get. */
  #held = 0
  // Inbound.
  #received: Buffer[] = []
  #endReceived = false
  #endTold = false
  #paused = false
  #reading = false
  // Life.
  #destroyed = false
  #failing = false
  #closed = false
  #stalledUntil = 0

  constructor(world: StreamWorld, weather: Weather, name: string, owner: number, address: string) {
    this.#world = world
    this.#weather = weather
    this.name = name
    this.owner = owner
    this.address = address
  }

  static connect(one: SimulatedStream, other: SimulatedStream): void {
    one.#other = other
    other.#other = one
  }

  // ── what the session calls ─────────────────────────────────────────────────────────────────────────────────────

  get pending(): number {
    let octets = 0
    for (const chunk of this.#unsent) octets += chunk.length
    return octets
  }

  start(handler: StreamHandler): void {
    if (this.#handler !== undefined) throw new Error("A stream was started twice")
    this.#handler = handler
    if (this.#closed) this.#soon(() => handler.closed(reset()))
    else this.#readSoon()
  }

  write(chunks: readonly Uint8Array[]): boolean {
    for (const chunk of chunks) this.offered.feed(chunk)
    if (this.#unsent.length > 0) throw new Error("A write began while another was in flight")
    if (this.#ending) throw new Error("A write came after the end")
    // Lost: `closed` is what will be heard.
    if (this.#destroyed || this.#closed) return false
    this.#unsent = chunks.filter(({ length }) => length > 0)
    this.#take()
    return this.#unsent.length === 0
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#readSoon()
  }

  end(): void {
    this.#ending = true
    this.#take()
  }

  destroy(): void {
    if (this.#destroyed || this.#closed) return
    this.#world.trace.note(`${this.name} destroyed`)
    this.#destroyed = true
    const unread = this.#received.length > 0
    this.#unsent = []
    this.#received = []
    if (unread) this.#refuse()
    else {
      this.#ending = true
      this.#take()
    }
    this.#soon(() => this.#close(undefined))
  }

  hold(): void {}

  // ── what the world does ────────────────────────────────────────────────────────────────────────────────────────

  get closed(): boolean {
    return this.#closed
  }

  /** Whether everything written here has reached the other side. */
  get quiet(): boolean {
    return this.#closed || this.#failing || (this.#held === 0 && this.#unsent.length === 0)
  }

  /** The connection is lost, as far as this side knows, in `delay` ms; what it has not read is lost then. */
  fail(delay: number): void {
    this.#failing = true
    this.#world.clock.after(delay, () => this.#close(reset()))
  }

  /** Nothing arrives here for that long. */
  stall(ms: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#world.clock.now + ms)
  }

  // ── on the way ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** The kernel takes what it has room for, out of the caller's memory. */
  #take(): void {
    const { random } = this.#world
    const { latency, jitter, kernel } = this.#weather
    const other = this.#other as SimulatedStream
    while (this.#unsent.length > 0 && this.#held < kernel) {
      const first = this.#unsent[0] as Uint8Array
      const length = Math.min(first.length, kernel - this.#held, this.#segment(first.length))
      const segment = Buffer.from(first.subarray(0, length))
      if (length === first.length) this.#unsent.shift()
      else this.#unsent[0] = first.subarray(length)
      this.#held += length
      this.#send(latency + (random.below(1000) / 1000) * jitter, () => other.#arrive(segment))
    }
    if (this.#unsent.length > 0 || !this.#ending || this.#endSent) return
    this.#endSent = true
    this.#send(latency, () => other.#arriveEnd())
  }

  #segment(length: number): number {
    if (!this.#weather.slices) return length
    const { random } = this.#world
    return random.choose(
      [3, () => length],
      [2, () => random.within(1, length)],
      [1, () => random.within(1, Math.min(length, 12))],
    )
  }

  /** Segments never overtake each other. */
  #send(delay: number, arrive: () => void): void {
    const { clock } = this.#world
    this.#lastArrival = Math.max(this.#lastArrival, clock.now + delay)
    this.#travelling.push(arrive)
    const landing = (): void => {
      const wait = (this.#other as SimulatedStream).#stalledUntil - clock.now
      if (wait > 0) clock.after(wait, landing)
      else this.#travelling.shift()?.()
    }
    clock.after(this.#lastArrival - clock.now, landing)
  }

  #arrive(segment: Buffer): void {
    if (this.#failing || this.#closed) {
      if (this.#destroyed) this.#refuse()
      return
    }
    if (this.#destroyed) {
      this.#refuse()
      return
    }
    this.#received.push(segment)
    if (!this.#reading && !this.#paused) this.#read()
  }

  #arriveEnd(): void {
    this.#endReceived = true
    if (!this.#reading && !this.#paused) this.#read()
  }

  /** Whoever sends to a side that is gone is told so, and loses what it has not read. */
  #refuse(): void {
    const other = this.#other as SimulatedStream
    if (!other.#failing && !other.#closed && !other.#destroyed) other.fail(this.#weather.latency)
  }

  #readSoon(): void {
    if (this.#reading || this.#handler === undefined) return
    this.#reading = true
    this.#soon(() => {
      this.#reading = false
      // A little may still arrive after a pause, because it was on its way.
      if (!this.#paused || this.#world.random.once(4)) this.#read()
    })
  }

  /** One read; the next one is a turn later. */
  #read(): void {
    const handler = this.#handler
    if (handler === undefined || this.#closed || this.#destroyed) return
    const first = this.#received.shift()
    if (first !== undefined) {
      const octets = first.length > READ ? first.subarray(0, READ) : first
      if (first.length > READ) this.#received.unshift(first.subarray(READ))
      this.#hand(handler, octets)
      if (this.#received.length > 0 || this.#endReceived) this.#readSoon()
      return
    }
    if (!this.#endReceived || this.#endTold) return
    this.#endTold = true
    this.#world.trace.note(`${this.name} sees the end`)
    handler.ended()
  }

  #hand(handler: StreamHandler, octets: Buffer): void {
    this.#world.trace.note(`${this.name} reads ${octets.length}`)
    for (let at = 0; at < octets.length && !this.#destroyed && !this.#closed; ) {
      const rest = octets.subarray(at)
      const place = handler.destination?.()
      if (place !== undefined) {
        const length = Math.min(place.length, rest.length)
        place.set(rest.subarray(0, length))
        this.handed.feed(rest.subarray(0, length))
        at += length
        handler.filled?.(length)
        continue
      }
      const lent = Buffer.from(rest)
      this.handed.feed(lent)
      at += lent.length
      handler.data(lent)
      lent.fill(0xee)
    }
    const other = this.#other as SimulatedStream
    other.#held -= octets.length
    other.#roomier()
  }

  /** The other side has read; the kernel may take more, and if that was all, the writer is told. */
  #roomier(): void {
    if (this.#unsent.length === 0 || this.#destroyed || this.#closed) return
    this.#take()
    if (this.#unsent.length > 0) return
    this.#soon(() => {
      if (!this.#destroyed && !this.#closed && !this.#failing) this.#handler?.drained()
    })
  }

  #soon(action: () => void): void {
    const { clock, random } = this.#world
    clock.after(random.below(1000) / 20_000, action)
  }

  #close(error: NodeJS.ErrnoException | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#received = []
    this.#world.trace.note(`${this.name} closed${error === undefined ? "" : " by a reset"}`)
    this.#world.closed(this)
    this.#handler?.closed(this.#destroyed ? undefined : error)
  }
}

function reset(): NodeJS.ErrnoException {
  return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
}
