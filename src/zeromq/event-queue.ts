// The events of one observer that nobody has read yet. Bounded: then the oldest are dropped, as a queue of libzmq would
// lose them.

import type { Event } from "./event-types.ts"

/** As many as the two queues of libzmq between a socket and its observer hold. */
const KEPT = 2000

export class EventQueue {
  readonly #kept: Event[] = []
  #reader: ((event: Event) => void) | undefined
  /** Addresses of tcp whose next attempt to connect has not been told yet. */
  readonly #due = new Set<string>()
  readonly #connecting = new Set<string>()
  /** Addresses that were parted with. */
  readonly #parted = new Set<string>()
  #parting = false

  push(event: Event): void {
    const reader = this.#reader
    if (reader !== undefined) {
      this.#reader = undefined
      reader(event)
      return
    }
    if (this.#kept.length === KEPT) this.#kept.shift()
    this.#kept.push(event)
  }

  shift(): Event | undefined {
    return this.#kept.shift()
  }

  /** The next event goes to `reader`. */
  await(reader: ((event: Event) => void) | undefined): void {
    this.#reader = reader
  }

  /** An address was connected to. */
  connecting(address: string): void {
    if (address.startsWith("inproc://")) return
    this.#parted.delete(address)
    this.#connecting.add(address)
    if (address.startsWith("tcp://")) this.push({ type: "connect:delay", address })
  }

  isConnecting(address: string): boolean {
    return this.#connecting.has(address)
  }

  /** The next attempt to connect is planned. It is told before what comes of it. */
  retrying(address: string): void {
    if (address.startsWith("tcp://")) this.#due.add(address)
  }

  attempted(address: string): void {
    if (this.#due.delete(address)) this.push({ type: "connect:delay", address })
  }

  /** The socket is being closed: its connections end by our own doing, which is no event. */
  parting(): void {
    this.#parting = true
  }

  /** An address was bound. */
  bound(address: string): void {
    this.#parted.delete(address)
  }

  /** As {@link EventQueue.parting}, of the connections of one address. */
  parted(address: string): void {
    this.#parted.add(address)
  }

  /** Whether connections of this address end by our own doing. */
  isParted(address: string): boolean {
    return this.#parting || this.#parted.has(address)
  }

  /** The socket is gone. */
  end(): void {
    this.push({ type: "end" })
  }
}
