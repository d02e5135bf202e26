// A connection without a protocol: octets as they come are messages, and messages are octets. Its peer is there as soon
// as the stream is; an empty message tells of that, and another one of its end.

import { type Bytes, clone, EMPTY } from "../bytes.ts"
import { atEndOfTick, now } from "../clock.ts"
import type { MessagingError } from "../errors.ts"
import type { Link, Pipe } from "../pipe/pipe.ts"
import type { ByteStream, StreamHandler } from "../transport/transport.ts"
import type { Conversation } from "./conversation.ts"
import type { SessionSetup } from "./session.ts"
import { countReceived } from "./tally.ts"

const NO_METADATA: ReadonlyMap<string, Bytes> = new Map()

export class RawSession implements StreamHandler, Link, Conversation {
  readonly done: Promise<void>
  readonly #setup: SessionSetup
  readonly #stream: ByteStream
  readonly #pipe: Pipe
  readonly #notify: boolean
  readonly #born = now()
  #resolveDone: () => void = () => {}
  #state: "ready" | "finishing" | "over" = "ready"
  #left = false
  #scheduled = false
  /** Octets that the system has not taken yet. */
  #inFlight = 0
  #error: Error | undefined

  /** @param notify whether empty messages tell of the beginning and of the end */
  constructor(setup: SessionSetup, notify: boolean) {
    const { stream, host, endpoint } = setup
    this.#setup = setup
    this.#stream = stream
    this.#notify = notify
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve
    })
    this.#pipe = setup.pipe ?? host.createPipe(endpoint, false)
    this.#pipe.link = this
    stream.hold(false)
    // Whoever opened this has to know it before it hears of it.
    atEndOfTick(() => this.#begin())
  }

  #begin(): void {
    if (this.#state === "over") return
    const { stream, host, endpoint } = this.#setup
    stream.start(this)
    this.#setup.established()
    const { address } = stream
    const facts = { endpoint, address, socketType: "", routingId: EMPTY, metadata: NO_METADATA }
    const refusal = host.admit(this.#pipe, facts)
    if (refusal !== undefined) {
      this.abort(refusal)
      return
    }
    const more = this.#notify ? this.#pipe.deliver([EMPTY]) : this.#pipe.wantsMore
    if (!more) stream.pause()
    this.#write()
  }

  abort(error: Error | undefined): void {
    if (this.#state === "over") return
    this.#leave(error)
    this.#state = "over"
    this.#stream.destroy()
  }

  // ── what the pipe asks for ─────────────────────────────────────────────────────────────────────────────────────

  pass(): boolean {
    return false
  }

  flush(urgent: boolean): void {
    if (urgent) this.#write()
    else if (!this.#scheduled) {
      this.#scheduled = true
      atEndOfTick(() => {
        this.#scheduled = false
        this.#write()
      })
    }
  }

  resume(): void {
    if (this.#state === "ready") this.#stream.resume()
  }

  subscribe(): void {}

  halt(): void {
    if (this.#state === "ready") this.#stream.pause()
  }

  finish(): void {
    if (this.#state !== "ready") return
    this.#state = "finishing"
    this.#write()
  }

  end(reason?: MessagingError): void {
    this.abort(reason)
  }

  // ── what the stream tells ──────────────────────────────────────────────────────────────────────────────────────

  data(chunk: Bytes): void {
    if (this.#state !== "ready") return
    countReceived(this.#setup.host, this.#pipe, 1, chunk.length)
    if (!this.#pipe.deliver([clone(chunk)])) this.#stream.pause()
  }

  drained(): void {
    this.#delivered()
    this.#write()
  }

  ended(): void {
    this.abort(undefined)
  }

  closed(error?: NodeJS.ErrnoException): void {
    this.#leave(error)
    this.#state = "over"
    if (this.#inFlight > 0) this.#setup.host.dropped("in-flight", 1, this.#pipe)
    this.#inFlight = 0
    this.#resolveDone()
    this.#setup.ended({ error: this.#error, established: true, lived: now() - this.#born, refused: false })
  }

  // ── within ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #write(): void {
    const { outbound } = this.#pipe
    while (this.#state !== "over" && this.#inFlight === 0) {
      const [data] = outbound.shift() ?? []
      if (data === undefined) break
      if (data.length === 0) {
        // Nothing to send is how an application says that it has no more to say.
        this.#close()
        return
      }
      this.#inFlight = data.length
      if (this.#stream.write([data])) this.#delivered()
    }
    if (this.#state === "over") return
    this.#pipe.relieve()
    if (this.#state === "finishing" && this.#inFlight === 0 && outbound.length === 0) this.#close()
  }

  #delivered(): void {
    if (this.#inFlight === 0) return
    const { stats } = this.#setup.host
    stats.messagesSent++
    stats.bytesSent += this.#inFlight
    this.#inFlight = 0
  }

  #close(): void {
    this.#leave(undefined)
    this.#state = "over"
    this.#stream.end()
    this.#stream.resume()
  }

  #leave(error: Error | undefined): void {
    if (this.#left) return
    this.#left = true
    this.#error = error
    const { host, endpoint } = this.#setup
    const pipe = this.#pipe
    if (pipe.state === "gone") return
    if (this.#notify && pipe.state === "ready") pipe.deliver([EMPTY])
    host.monitor.emit({ type: "disconnect", endpoint, peer: pipe.peer, error })
    host.release(pipe, error)
  }
}
