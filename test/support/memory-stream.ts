// A ByteStream without a network: the test is its other end, and decides when a write has left, what arrives in which
// chunks, and how it ends. Like the real ones it lends its chunks for the time of the call, and takes them back.

import type { Bytes } from "../../src/bytes.ts"
import type { ByteStream, StreamHandler } from "../../src/transport/transport.ts"

/** No chunk from the network is larger. */
const CHUNK = 64 * 1024

export class MemoryStream implements ByteStream {
  readonly address: string
  /** Octets of each write, in their order; a write that has not left is among them. */
  readonly writes: Buffer[] = []
  /** The very chunks of each write. */
  readonly chunks: (readonly Bytes[])[] = []
  /** From now on writes wait for `drain`. */
  blocked = false
  /** Octets of the write in hand that the system has not taken. */
  pending = 0
  paused = false
  /** The handler has ended its side. */
  finished = false
  destroyed = false
  closed = false
  alive = true
  #handler: StreamHandler | undefined
  #taken = 0
  #held: Buffer[] = []
  #endHeld = false

  constructor(address = "127.0.0.1:49152") {
    this.address = address
  }

  // ── what the session calls ─────────────────────────────────────────────────────────────────────────────────────

  start(handler: StreamHandler): void {
    this.#handler = handler
  }

  write(chunks: readonly Bytes[]): boolean {
    if (this.pending > 0) throw new Error("A write began while another was in flight")
    if (this.finished) throw new Error("A write came after the end")
    const octets = Buffer.concat(chunks)
    this.writes.push(octets)
    this.chunks.push(chunks)
    if (!this.blocked) return true
    this.pending = octets.length
    return false
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    process.nextTick(() => this.#flow())
  }

  end(): void {
    this.finished = true
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    process.nextTick(() => this.#close(undefined))
  }

  hold(alive: boolean): void {
    this.alive = alive
  }

  // ── what the test does ─────────────────────────────────────────────────────────────────────────────────────────

  /** Octets written since this was asked last. */
  takeWritten(): Buffer {
    const octets = Buffer.concat(this.writes.slice(this.#taken))
    this.#taken = this.writes.length
    return octets
  }

  /** The system has taken the write in hand; the next ones leave at once unless `blocked` stays true. */
  drain(blocked = false): void {
    this.blocked = blocked
    this.pending = 0
    this.#handler?.drained()
  }

  /** Octets arrive, each argument as a chunk of its own; they wait if the stream is paused. */
  receive(...chunks: Buffer[]): void {
    this.#held.push(...chunks)
    if (!this.paused) this.#flow()
  }

  /** Octets arrive that were on their way when the stream was paused. */
  receiveLate(chunk: Buffer): void {
    this.#deliver(chunk)
  }

  /** The peer has ended its side; that is told once everything was read. */
  receiveEnd(): void {
    this.#endHeld = true
    if (!this.paused) this.#flow()
  }

  /** The peer has ended its side, and that is told although the stream is paused, since nothing is left to read. */
  receiveEndLate(): void {
    this.#handler?.ended()
  }

  /** The connection is lost. */
  reset(error: NodeJS.ErrnoException = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })): void {
    this.#close(error)
  }

  #flow(): void {
    while (!this.paused && !this.closed && !this.destroyed) {
      const chunk = this.#held.shift()
      if (chunk === undefined) break
      this.#deliver(chunk)
    }
    if (!this.#endHeld || this.paused || this.closed || this.destroyed) return
    this.#endHeld = false
    this.#handler?.ended()
  }

  #deliver(octets: Buffer): void {
    for (let at = 0; at < octets.length && !this.destroyed && !this.closed; ) {
      const rest = octets.subarray(at, at + CHUNK)
      const place = this.#handler?.destination?.()
      if (place !== undefined) {
        const length = Math.min(place.length, rest.length)
        rest.copy(place, 0, 0, length)
        this.#handler?.filled?.(length)
        at += length
        continue
      }
      const lent = Buffer.from(rest)
      this.#handler?.data(lent)
      lent.fill(0xee)
      at += rest.length
    }
  }

  #close(error: NodeJS.ErrnoException | undefined): void {
    if (this.closed) return
    this.closed = true
    this.#handler?.closed(error)
  }
}
