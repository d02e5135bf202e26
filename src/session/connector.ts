// A connected endpoint of a stream transport: attempts, one session at a time, and the wait before the next attempt.

import type { Bytes } from "../bytes.ts"
import { after, cancel, type Timer } from "../clock.ts"
import type { Endpoint } from "../endpoint.ts"
import type { Pipe } from "../pipe/pipe.ts"
import type { Attempt, ByteStream, Connection, SocketHost, StreamTransport } from "../transport/transport.ts"
import type { Mechanism } from "../zmtp/mechanism.ts"
import { Backoff } from "./backoff.ts"
import { type Conversation, converse, type OpenConversation } from "./conversation.ts"
import { isOutOfFiles } from "./out-of-files.ts"
import type { SessionEnd } from "./session.ts"
import type { SharedBatch } from "./shared-batch.ts"

export class Connector implements Connection {
  readonly endpoint: string
  pipe: Pipe
  readonly #transport: StreamTransport
  readonly #target: Endpoint
  readonly #host: SocketHost
  readonly #routingId: Bytes | undefined
  readonly #mechanism: () => Mechanism
  readonly #shared: SharedBatch | undefined
  readonly #open: OpenConversation
  readonly #backoff: Backoff
  #attempt: Attempt | undefined
  #wait: Timer | undefined
  #session: Conversation | undefined
  #established = 0
  #closed = false

  constructor(
    transport: StreamTransport,
    target: Endpoint,
    host: SocketHost,
    routingId: Bytes | undefined,
    mechanism: () => Mechanism,
    shared: SharedBatch | undefined,
    open: OpenConversation = converse,
  ) {
    this.endpoint = target.text
    this.#transport = transport
    this.#target = target
    this.#host = host
    this.#routingId = routingId
    this.#mechanism = mechanism
    this.#shared = shared
    this.#open = open
    this.#backoff = new Backoff(host.options.reconnectInterval, host.options.reconnectMaxInterval)
    this.pipe = this.#createPipe()
    const preparing = host.options.security?.prepare?.()
    if (preparing === undefined) this.#try()
    else
      preparing.then(
        () => this.#try(),
        (error) => this.#giveUp(error),
      )
  }

  close(): void {
    this.#closed = true
    cancel(this.#wait)
    this.#attempt?.cancel()
    this.#attempt = undefined
    if (this.pipe.state === "waiting") this.#session?.abort(undefined)
  }

  #try(): void {
    const host = this.#host
    if (this.#closed) return
    this.#attempt = this.#transport.connect(this.#target, host.options, {
      connected: (stream) => this.#connected(stream),
      failed: (error) => {
        this.#attempt = undefined
        if (isOutOfFiles(error)) host.monitor.count("limit", this.endpoint, undefined, "maxOpenFiles", 1)
        host.monitor.emit({ type: "connect:delay", endpoint: this.endpoint })
        // What this machine cannot do at all does not get better by trying again.
        if (error.code === "EINVAL") this.#giveUp(error)
        else this.#later(error)
      },
    })
    this.#attempt.hold(false)
  }

  #connected(stream: ByteStream): void {
    const host = this.#host
    this.#attempt = undefined
    host.monitor.emit({ type: "connect", endpoint: this.endpoint, address: stream.address })
    this.#session = this.#open({
      stream,
      mechanism: this.#mechanism(),
      host,
      endpoint: this.endpoint,
      pipe: this.pipe,
      shared: this.#shared,
      established: () => {
        if (this.#established++ > 0) host.stats.reconnects++
      },
      ended: (end) => this.#ended(end),
    })
  }

  #ended(end: SessionEnd): void {
    this.#session = undefined
    if (this.#closed) return
    this.#backoff.lived(end.established ? end.lived : 0)
    if (this.pipe.state === "gone") {
      const before = this.pipe
      this.pipe = this.#createPipe()
      this.pipe.follow(before)
    }
    if (end.refused) this.#giveUp(end.error)
    else this.#later(end.error)
  }

  #later(error: Error | undefined): void {
    const host = this.#host
    if (this.#closed) return
    if (host.options.reconnectInterval < 0) {
      this.#giveUp(error)
      return
    }
    const interval = this.#backoff.next()
    host.monitor.emit({ type: "connect:retry", endpoint: this.endpoint, interval })
    this.#wait = after(interval, () => this.#try())
  }

  #giveUp(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#host.gaveUp(this, error)
  }

  #createPipe(): Pipe {
    return this.#host.createPipe(this.endpoint, true, this.#routingId)
  }
}
