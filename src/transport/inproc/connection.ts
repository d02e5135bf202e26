// A connected inproc endpoint: it finds the name in its own thread or in another one, and again whenever the connection
// has ended.

import type { Bytes } from "../../bytes.ts"
import { after, atEndOfTick, cancel, type Timer } from "../../clock.ts"
import { HandshakeError } from "../../errors.ts"
import { JoinEnd } from "../../pipe/join.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { compatible, legalPeers, type WireType } from "../../socket-type.ts"
import type { Connection, SocketHost } from "../transport.ts"
import type { Answer, Opening } from "./arrival.ts"
import type { Line } from "./cable.ts"
import { type Bound, factsOf, introductionOf, joinHost, termsOf } from "./meeting.ts"
import { type Caller, names } from "./names.ts"
import { abandon, type Shared, share, ThreadEnd } from "./thread-end.ts"

export class InprocConnection implements Connection, Caller {
  readonly endpoint: string
  pipe: Pipe
  readonly #name: string
  readonly #host: SocketHost
  readonly #routingId: Bytes | undefined
  #wait: Timer | undefined
  /** Takes back that another thread was asked, or that we wait for a name. */
  #giveUpFinding: () => void = () => {}
  #connects = 0
  #closed = false

  constructor(name: string, endpoint: string, host: SocketHost, routingId: Bytes | undefined) {
    this.#name = name
    this.endpoint = endpoint
    this.#host = host
    this.#routingId = routingId
    this.pipe = this.#createPipe()
    this.#find()
  }

  close(): void {
    this.#closed = true
    cancel(this.#wait)
    this.#stopFinding()
  }

  /** The name is bound in this thread: both sockets get to know each other, and then messages flow. */
  join(bound: Bound): void {
    this.#stopFinding()
    const ours = this.#host
    const theirs = bound.host
    const { endpoint } = this
    if (!compatible(ours.type, theirs.type)) {
      this.#mismatch(theirs.type)
      return
    }
    const { maxConnections } = theirs.options
    if (maxConnections > 0 && theirs.acceptedPeers >= maxConnections) {
      theirs.monitor.count("limit", bound.endpoint, undefined, "maxConnections", 1)
      this.#later()
      return
    }
    const near = this.pipe
    const far = theirs.createPipe(bound.endpoint, false)
    const nearEnd = new JoinEnd(
      near,
      joinHost(ours, near, (error) => this.#left(error)),
    )
    const farEnd = new JoinEnd(far, joinHost(theirs, far))
    JoinEnd.between(nearEnd, farEnd)
    near.link = nearEnd
    far.link = farEnd
    this.#connected()
    theirs.monitor.emit({ type: "accept", endpoint: bound.endpoint, address: endpoint })
    const refusal = theirs.admit(far, factsOf(introductionOf(ours), bound.endpoint))
    // Whoever listens to the one socket may part the two before the other has heard of it.
    if (near.state === "gone") {
      nearEnd.end()
      return
    }
    const objection = refusal ?? ours.admit(near, factsOf(introductionOf(theirs), endpoint))
    if (objection !== undefined) {
      nearEnd.end(objection)
      return
    }
    farEnd.open()
    nearEnd.open()
  }

  #find(): void {
    const { threads } = names()
    const here = names().meet(this.#name, this)
    if (here !== undefined) {
      this.join(here)
      return
    }
    const thread = threads.find(this.#name)
    if (thread === undefined) this.#host.monitor.emit({ type: "connect:delay", endpoint: this.endpoint })
    // Whoever listens may have closed it.
    if (this.#closed) return
    const look = (): void => {
      const elsewhere = threads.find(this.#name)
      if (elsewhere === undefined) return
      unwatch()
      this.#ask(elsewhere)
    }
    const unwatch = threads.watch(look)
    this.#giveUpFinding = unwatch
    look()
  }

  /** Asks the thread in which the name is bound. */
  #ask(thread: number): void {
    const [near, far] = share()
    const opening: Opening = { name: this.#name, shared: far, introduction: introductionOf(this.#host) }
    let end: ThreadEnd | undefined
    const notNow = (): void => {
      this.#stopFinding()
      this.#later()
    }
    const line = names()
      .threads.reach(thread)
      .begin(opening, [far.port], {
        heard: (what) => {
          const answer = what as Answer
          if (answer.kind === "welcome") {
            this.#giveUpFinding = () => {}
            this.#stopFinding()
            end = this.#welcomed(near, answer, line)
          } else if (answer.kind === "mismatch") {
            this.#stopFinding()
            this.#mismatch(answer.type)
          } else {
            notNow()
          }
        },
        ended: () => {
          if (end === undefined) notNow()
          else end.died()
        },
      })
    this.#giveUpFinding = () => {
      line.leave()
      abandon(near)
    }
  }

  #welcomed(shared: Shared, { introduction }: Answer & { kind: "welcome" }, line: Line): ThreadEnd {
    const host = this.#host
    const { pipe, endpoint } = this
    const own = introductionOf(host)
    const end = new ThreadEnd(
      shared,
      0,
      pipe,
      joinHost(host, pipe, (error) => this.#left(error)),
      termsOf(own, introduction),
    )
    pipe.link = end
    void end.done.then(() => line.leave())
    this.#connected()
    // Whoever listens may have closed it.
    if (pipe.state === "gone") {
      end.end()
      return end
    }
    const objection = host.admit(pipe, factsOf(introduction, endpoint))
    if (objection === undefined) end.open()
    else end.end(objection)
    return end
  }

  #connected(): void {
    if (this.#connects++ > 0) this.#host.stats.reconnects++
    this.#host.monitor.emit({ type: "connect", endpoint: this.endpoint, address: this.endpoint })
  }

  #left(error: Error | undefined): void {
    if (this.#closed) return
    const before = this.pipe
    this.pipe = this.#createPipe()
    this.pipe.follow(before)
    if (this.#host.options.reconnectInterval < 0) this.#giveUp(error)
    else this.#later()
  }

  /** Whoever was sent away, or lost a binding, comes back: at once if the name is free, after a wait otherwise. */
  #later(): void {
    const { reconnectInterval: interval } = this.#host.options
    this.#host.monitor.emit({ type: "connect:retry", endpoint: this.endpoint, interval })
    // Whoever listens may have closed it.
    if (this.#closed) return
    this.#wait = after(Math.max(interval, 0), () => this.#find())
  }

  #mismatch(type: WireType): void {
    const ours = this.#host.type
    this.#giveUp(
      new HandshakeError(
        `A ${ours} cannot talk to a peer of type ${type}; it accepts ${legalPeers(ours).join(" and ")}`,
      ),
    )
  }

  #giveUp(error: Error | undefined): void {
    this.#closed = true
    // The caller of connect() has to know this connection before it can be told of its end.
    atEndOfTick(() => {
      if (error instanceof HandshakeError) {
        this.#host.monitor.emit({ type: "handshake:error", endpoint: this.endpoint, error, fatal: true })
      }
      this.#host.gaveUp(this, error)
    })
  }

  #stopFinding(): void {
    names().leave(this.#name, this)
    this.#giveUpFinding()
    this.#giveUpFinding = () => {}
  }

  #createPipe(): Pipe {
    return this.#host.createPipe(this.endpoint, true, this.#routingId)
  }
}
