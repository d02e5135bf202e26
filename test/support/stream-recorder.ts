// A StreamHandler that writes down what it is told, and lets a test wait for it. Nothing about protocols.

import { type Bytes, clone, concat } from "../../src/bytes.ts"
import type { ByteStream, StreamHandler } from "../../src/transport/transport.ts"

export class StreamRecorder implements StreamHandler {
  readonly stream: ByteStream
  readonly chunks: Bytes[] = []
  /** Octets that arrived. */
  received = 0
  drains = 0
  /** What was pending at the time of the last `drained`. */
  pendingWhenDrained = -1
  ends = 0
  readonly closures: (NodeJS.ErrnoException | undefined)[] = []
  /** Called first thing at every report. */
  onData: (chunk: Bytes) => void = () => {}
  #waiting: { met: () => boolean; resolve: () => void }[] = []

  /** Starts the stream. */
  constructor(stream: ByteStream) {
    this.stream = stream
    stream.start(this)
  }

  data(chunk: Bytes): void {
    this.onData(chunk)
    // The memory is lent for the time of the call.
    this.chunks.push(clone(chunk))
    this.received += chunk.length
    this.#check()
  }

  drained(): void {
    this.drains++
    this.pendingWhenDrained = this.stream.pending
    this.#check()
  }

  ended(): void {
    this.ends++
    this.#check()
  }

  closed(error?: NodeJS.ErrnoException): void {
    this.closures.push(error)
    this.#check()
  }

  /** Everything that arrived, in one piece. */
  get content(): Bytes {
    return concat(this.chunks)
  }

  /** Resolves at the report that makes it true. */
  until(met: () => boolean): Promise<void> {
    if (met()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ met, resolve }))
  }

  untilReceived(octets: number): Promise<void> {
    return this.until(() => this.received >= octets)
  }

  untilClosed(): Promise<void> {
    return this.until(() => this.closures.length > 0)
  }

  #check(): void {
    const met = this.#waiting.filter((one) => one.met())
    if (met.length === 0) return
    this.#waiting = this.#waiting.filter((one) => !met.includes(one))
    for (const one of met) one.resolve()
  }
}
