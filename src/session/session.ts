// The only place where octets, protocol and pipes meet: one connection, from its greeting to its end.
//
//   handshake ─▶ ready ─▶ finishing ─▶ closing ─▶ over
//
//   finishing: sends what is queued, reads no more messages      closing: FIN sent, waits for the peer's
//   Any state may jump ahead. The pipe is released once, on the way into `closing` or `over`.
//
// Outbound: what gathers in the pipe during a tick, or while a write is blocked, leaves in one write; at most one write
// is in the air. Inbound: the engine is asked for the next message only while the pipe has room, and a further chunk
// that arrives meanwhile stops the stream: so a slow reader slows the sender, and memory is bounded from end to end.

import type { Bytes } from "../bytes.ts"
import { after, atEndOfTick, cancel, now, type Timer } from "../clock.ts"
import { type MessagingError, ProtocolError, TimeoutError } from "../errors.ts"
import { sizeOf } from "../message.ts"
import type { Link, Pipe } from "../pipe/pipe.ts"
import type { Security } from "../security/security.ts"
import type { SubscriptionKind } from "../subscription.ts"
import type { ByteStream, SocketHost, StreamHandler } from "../transport/transport.ts"
import { LimitError } from "../zmtp/decoder.ts"
import { type Batch, releaseBatch } from "../zmtp/encoder.ts"
import {
  ASK,
  CANCEL,
  DenialError,
  Engine,
  isFatal,
  MESSAGE,
  MismatchError,
  NOTHING,
  PING,
  PONG,
  READY,
  SUBSCRIBE,
} from "../zmtp/engine.ts"
import type { Mechanism } from "../zmtp/mechanism.ts"
import { Admission, ANSWER_DEADLINE, boundsOf, factsOf } from "./admission.ts"
import { handshakePace, Newcomer } from "./handshake-pace.ts"
import { Heartbeat } from "./heartbeat.ts"
import { Outgoing } from "./outgoing.ts"
import { HEARTBEAT, PROOF, pingContext, pongNumber, ReadingProof } from "./reading-proof.ts"
import type { SharedBatch } from "./shared-batch.ts"
import { countReceived, countSent, countWrite } from "./tally.ts"

/** How a session ended. */
export interface SessionEnd {
  readonly error: Error | undefined
  /** Whether its handshake had been completed. */
  readonly established: boolean
  /** Milliseconds it lived. */
  readonly lived: number
  /** Whether the peer refused us, or we it: trying again is pointless. */
  readonly refused: boolean
}

export interface SessionSetup {
  readonly stream: ByteStream
  readonly mechanism: Mechanism
  readonly host: SocketHost
  readonly endpoint: string
  /** The pipe that waits for this peer; an accepted peer gets one when its handshake is complete. */
  readonly pipe: Pipe | undefined
  /** Where sessions that send the same messages find what another has encoded. */
  readonly shared: SharedBatch | undefined
  /** The handshake is complete. */
  established(): void
  /** Nothing more comes of this session; called once. */
  ended(end: SessionEnd): void
}

/** After this time without the peer's FIN a finished connection is given up, ms. */
const FIN_GRACE = 1000

export class Session implements StreamHandler, Link {
  readonly done: Promise<void>
  readonly #setup: SessionSetup
  readonly #stream: ByteStream
  readonly #engine: Engine
  readonly #host: SocketHost
  readonly #outgoing: Outgoing
  readonly #born = now()
  readonly #batchBytes: number
  readonly #batchDelay: number
  #pipe: Pipe | undefined
  #admission: Admission | undefined
  readonly #newcomer = new Newcomer(() => this.#handshakeStep())
  #state: "handshake" | "ready" | "finishing" | "closing" | "over" = "handshake"
  #established = false
  #left = false
  #error: Error | undefined
  #resolveDone: () => void = () => {}
  // Outbound.
  #scheduled = false
  #delay: Timer | undefined
  #inFlight: Batch | undefined
  /** Taking messages out makes room, and room may bring more: those leave in the loop that is running. */
  #writing = false
  // Inbound.
  #pumping = false
  #stalled = false
  #paused = false
  #halted = false
  #discarding = false
  #deaf = false
  // Time.
  #deadline: Timer | undefined
  #stall: Timer | undefined
  #heartbeat: Heartbeat | undefined
  #proof: ReadingProof | undefined

  constructor(setup: SessionSetup) {
    const options = setup.host.options
    this.#setup = setup
    this.#stream = setup.stream
    this.#host = setup.host
    this.#pipe = setup.pipe
    this.#batchBytes = options.batchBytes
    this.#batchDelay = options.batchDelay
    this.#engine = new Engine(setup.host.type, setup.mechanism, options)
    this.#outgoing = new Outgoing(this.#engine, setup.host, setup.shared)
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve
    })
    if (options.handshakeInterval > 0) {
      this.#deadline = after(options.handshakeInterval, () => {
        this.#host.monitor.count("limit", setup.endpoint, undefined, "handshakeInterval", 1)
        this.abort(new TimeoutError(`The handshake took longer than ${options.handshakeInterval} ms`))
      })
    }
    this.#stream.hold(false)
    this.#stream.start(this)
    // Who connects speaks first. Whoever was accepted has mostly spoken by the next turn, and is answered in one write.
    if (setup.pipe !== undefined) this.#write()
    else handshakePace.expect(this.#newcomer)
  }

  /** Where the peer is. */
  get address(): string {
    return this.#stream.address
  }

  /** Ends the connection at once. What the operating system has not sent may be lost. */
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
    if (urgent) {
      this.#write()
    } else if (!this.#scheduled) {
      this.#scheduled = true
      if (this.#batchDelay === 0) atEndOfTick(this.#scheduledWrite)
      else if (!this.#left) this.#delay = after(this.#batchDelay, this.#scheduledWrite)
    } else if (this.#batchDelay > 0 && (this.#pipe as Pipe).outbound.bytes >= this.#batchBytes) {
      this.#write()
    }
  }

  resume(): void {
    if (!this.#stalled) return
    this.#stalled = false
    this.#pump()
  }

  subscribe(kind: SubscriptionKind, topic: Bytes): void {
    this.#outgoing.commands.subscribe(kind, topic)
    this.flush(false)
  }

  halt(): void {
    this.#halted = true
    this.#paused = true
    if (this.#state === "ready") this.#stream.pause()
  }

  finish(): void {
    if (this.#state === "handshake") {
      this.abort(undefined)
    } else if (this.#state === "ready") {
      this.#state = "finishing"
      this.#ignoreInput()
      this.#write()
    }
  }

  end(reason?: MessagingError): void {
    if (this.#state === "handshake") {
      this.abort(reason)
    } else if (this.#state === "ready" || this.#state === "finishing") {
      this.#leave(reason)
      this.#close()
    }
  }

  // ── what the stream tells ──────────────────────────────────────────────────────────────────────────────────────

  data(chunk: Bytes): void {
    if (this.#deaf) return
    this.#heartbeat?.heard()
    try {
      this.#engine.push(chunk)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#state === "handshake") {
      this.#shakeHands()
    } else {
      this.#pump()
      this.#engine.keep()
    }
    this.#pauseIfStalled()
  }

  /** Takes the handshake as far as it goes, now or when its turn comes; until then nothing more is read. */
  #shakeHands(): void {
    if (handshakePace.run(this.#newcomer)) return
    this.#engine.keep()
    this.#paused = true
    this.#stream.pause()
  }

  #handshakeStep(): void {
    if (this.#state !== "handshake") return
    this.#write()
    this.#pump()
    this.#engine.keep()
    if ((this.#state as string) !== "handshake") return
    this.#write()
    // While it waits to be let in, a peer may fill no more memory than a handshake may.
    const full = this.#admission !== undefined && this.#engine.impatient
    if (this.#paused === full) return
    this.#paused = full
    if (full) this.#stream.pause()
    else this.#stream.resume()
  }

  /** The peer has named itself: somebody has to say whether it may come in. */
  #ask(): void {
    const { security } = this.#host.options
    const unlimited = this.#deadline === undefined
    this.#deadline ??= after(ANSWER_DEADLINE, () =>
      this.abort(new TimeoutError(`Whether the peer may come in was not answered within ${ANSWER_DEADLINE} ms`)),
    )
    this.#admission = new Admission()
    const { credentials } = this.#engine
    const bounds = boundsOf(this.#host.options)
    this.#admission.ask(security as Security, credentials, this.#stream.address, bounds, (error) => {
      if (this.#state !== "handshake") return
      if (error !== undefined) {
        this.#fail(error)
        return
      }
      if (unlimited) {
        cancel(this.#deadline)
        this.#deadline = undefined
      }
      try {
        this.#engine.admit()
      } catch (cause) {
        this.#fail(cause)
        return
      }
      if (!this.#pumping) this.#shakeHands()
    })
  }

  #pauseIfStalled(): void {
    if (!this.#stalled || this.#paused || this.#engine.idle || this.#state !== "ready") return
    this.#paused = true
    this.#stream.pause()
  }

  destination(): Bytes | undefined {
    return this.#deaf ? undefined : this.#engine.destination()
  }

  filled(length: number): void {
    if (this.#deaf) return
    this.#heartbeat?.heard()
    this.#engine.filled(length)
    this.#pump()
    this.#engine.keep()
    this.#pauseIfStalled()
  }

  drained(): void {
    const batch = this.#inFlight
    if (batch === undefined) return
    this.#inFlight = undefined
    cancel(this.#stall)
    this.#delivered(batch)
    this.#write()
  }

  ended(): void {
    // What has arrived is whole only if nothing is left of it, and then the peer left in good order.
    if (this.#state === "handshake")
      this.abort(new ProtocolError("The peer left in the middle of its handshake", "departure"))
    else if (this.#engine.midway) this.abort(new ProtocolError("The peer left in the middle of a message", "departure"))
    else this.abort(undefined)
  }

  closed(error?: NodeJS.ErrnoException): void {
    this.#leave(error)
    this.#state = "over"
    cancel(this.#deadline)
    this.#disposeIfRead()
    const lost = this.#inFlight
    if (lost !== undefined) {
      this.#inFlight = undefined
      if (lost.messages > 0) this.#host.dropped("in-flight", lost.messages, this.#pipe)
      releaseBatch(lost)
    }
    this.#resolveDone()
    this.#setup.ended({
      error: this.#error,
      established: this.#established,
      lived: now() - this.#born,
      refused: isFatal(this.#error),
    })
  }

  // ── outbound ───────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #scheduledWrite = (): void => {
    this.#scheduled = false
    this.#write()
  }

  /** Writes what there is, until nothing is left or the operating system takes no more. */
  #write(): void {
    if (this.#inFlight !== undefined || this.#writing || this.#state === "closing" || this.#state === "over") return
    if (this.#delay !== undefined) {
      cancel(this.#delay)
      this.#delay = undefined
      this.#scheduled = false
    }
    this.#writing = true
    try {
      this.#writeBatches()
    } catch (error) {
      // A mechanism that can protect nothing more.
      const lost = this.#outgoing.unfinished
      if (lost > 0) this.#host.dropped("in-flight", lost, this.#pipe)
      this.#fail(error)
    } finally {
      this.#writing = false
    }
    // Writing can end the session, by an error that comes at once.
    if ((this.#state as string) === "over") return
    const pipe = this.#pipe
    if (pipe === undefined) return
    pipe.relieve()
    if (this.#state === "finishing" && this.#inFlight === undefined && pipe.outbound.length === 0) {
      this.#leave(undefined)
      this.#close()
    }
  }

  #writeBatches(): void {
    for (let batch = this.#outgoing.next(); batch !== undefined; batch = this.#outgoing.next()) {
      if (batch.messages > 0) {
        countWrite(this.#host, this.#pipe)
        this.#heartbeat?.wrote()
      }
      if (!this.#stream.write(batch.chunks)) {
        this.#inFlight = batch
        this.#watchStall()
        return
      }
      this.#delivered(batch)
      if ((this.#state as string) === "over") return
    }
  }

  /** The operating system has taken all of it. */
  #delivered(batch: Batch): void {
    countSent(this.#host, this.#pipe, batch)
    releaseBatch(batch)
  }

  #watchStall(): void {
    const limit = this.#host.options.stallTimeout
    if (limit === 0) return
    const pending = this.#stream.pending
    this.#stall = after(limit, () => {
      if (this.#inFlight === undefined) return
      if (this.#stream.pending < pending) this.#watchStall()
      else this.abort(new TimeoutError(`The peer read nothing for ${limit} ms while messages waited`))
    })
  }

  // ── inbound ────────────────────────────────────────────────────────────────────────────────────────────────────

  #pump(oneMore = false): void {
    if (this.#pumping || this.#deaf) return
    this.#pumping = true
    try {
      this.#read(oneMore)
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#pumping = false
    }
    if (this.#state === "over") this.#disposeIfRead()
    if (this.#paused && !this.#stalled && this.#state === "ready" && !this.#halted && !this.#left) {
      this.#paused = false
      this.#stream.resume()
    }
  }

  /** The connection is over. What it has brought and nobody has read yet may still have to be opened. */
  #disposeIfRead(): void {
    if (!this.#deaf && this.#stalled && !this.#engine.idle) return
    this.#engine.dispose()
    if (this.#pipe?.link === this) this.#pipe.cutOff()
  }

  #read(oneMore: boolean): void {
    const engine = this.#engine
    let messages = 0
    let octets = 0
    let unread = 0
    let more = oneMore || this.#pipe === undefined || !this.#established || this.#pipe.wantsMore
    try {
      while ((more || this.#discarding) && !this.#deaf) {
        const meaning = engine.next()
        if (meaning === MESSAGE) {
          const message = engine.message
          messages++
          octets += sizeOf(message)
          if (this.#discarding) unread++
          else more = (this.#pipe as Pipe).deliver(message)
          continue
        }
        if (meaning === NOTHING) break
        switch (meaning) {
          case ASK:
            this.#ask()
            break
          case READY:
            this.#welcome()
            // What came together with the handshake finds the limits that hold for all that comes later.
            more = engine.idle || this.#pipe === undefined || this.#pipe.wantsMore
            break
          case SUBSCRIBE:
          case CANCEL: {
            const pipe = this.#pipe as Pipe
            pipe.owner.pipeSubscribed(pipe, meaning === SUBSCRIBE ? "subscribe" : "cancel", engine.topic)
            more = pipe.wantsMore
            break
          }
          case PING:
            this.#outgoing.commands.pong(engine.context, this.#inFlight !== undefined)
            this.#heartbeat?.promised(engine.timeToLive)
            this.flush(this.#outgoing.commands.crowded)
            break
          case PONG:
            this.#answered(engine.context)
            break
        }
      }
    } finally {
      // Also what came before an illegal frame has been delivered.
      this.#stalled = !more
      if (unread > 0) this.#host.dropped("unread", unread, this.#pipe)
      if (messages > 0) countReceived(this.#host, this.#pipe, messages, octets)
    }
  }

  #answered(context: Bytes): void {
    const heartbeat = pongNumber(HEARTBEAT, context)
    if (heartbeat !== undefined) this.#heartbeat?.answered(heartbeat)
    const proof = pongNumber(PROOF, context)
    if (proof === undefined || this.#proof === undefined) return
    // Marks follow every PING of ours that is still unanswered, and a peer whose output is blocked answers the newest.
    if (this.#proof.answered(proof)) this.#heartbeat?.overtaken()
    // What was sent since that mark would otherwise stay unproven until the next message.
    if (this.#pipe?.outbound.length === 0 && this.#proof.due(true)) {
      this.#outgoing.commands.ping(pingContext(PROOF, this.#proof.mark()))
      this.flush(false)
    }
  }

  // ── beginning and end ──────────────────────────────────────────────────────────────────────────────────────────

  /** The handshake is complete: the peer gets its pipe, and the socket says whether it may stay. */
  #welcome(): void {
    const { host, endpoint } = this.#setup
    const engine = this.#engine
    const facts = engine.peer
    if (facts === undefined) return
    cancel(this.#deadline)
    this.#write()
    const pipe = this.#pipe ?? host.createPipe(endpoint, false)
    this.#pipe = pipe
    pipe.link = this
    this.#established = true
    this.#state = "ready"
    const { options } = host
    if (options.window > 0 && options.balance !== "round-robin" && engine.heartbeats) {
      this.#proof = new ReadingProof(pipe)
    }
    this.#outgoing.open(pipe, this.#proof)
    this.#heartbeat = new Heartbeat({
      interval: options.heartbeatInterval,
      timeout: options.heartbeatTimeout,
      promising: options.heartbeatTimeToLive > 0,
      peerAnswers: engine.heartbeats,
      ping: (number) => {
        this.#outgoing.commands.ping(pingContext(HEARTBEAT, number))
        this.flush(true)
      },
      paused: () => this.#paused || this.#stalled,
      expired: (reason) => this.abort(new TimeoutError(reason)),
    })
    this.#setup.established()
    const peer = factsOf(facts, this.#admission?.answer, endpoint, this.#stream.address)
    const refusal = host.admit(pipe, peer)
    if (refusal !== undefined) this.#fail(refusal)
    else this.flush(false)
  }

  #fail(error: unknown): void {
    const cause = error instanceof Error ? error : new ProtocolError(String(error))
    if (cause instanceof LimitError) {
      this.#host.monitor.count("limit", this.#setup.endpoint, this.#pipe?.peer, cause.limit, 1)
    }
    this.#deaf = true
    const told = cause instanceof MismatchError || cause instanceof DenialError ? cause.command : undefined
    if (told !== undefined && this.#inFlight === undefined) {
      // A peer is told of what will not get better (RFC 37, RFC 27); whatever else is wrong simply closes.
      this.#outgoing.encoder.handshake(told)
      const batch = this.#outgoing.encoder.finish()
      if (batch !== undefined && this.#stream.write(batch.chunks)) releaseBatch(batch)
      this.#leave(cause)
      this.#close()
    } else {
      this.abort(cause)
    }
  }

  /** From now on messages are counted and no more: the peer may think that they have arrived. */
  #ignoreInput(): void {
    this.#discarding = true
    this.#pump()
    if (this.#paused) this.#stream.resume()
  }

  /** FIN, then read and discard to the peer's FIN: a reset would take from it what it has not read yet. */
  #close(): void {
    this.#state = "closing"
    this.#ignoreInput()
    this.#stream.end()
    this.#deadline = after(FIN_GRACE, () => this.abort(this.#error))
  }

  /** The pipe is released, and what has to be said is said; once. */
  #leave(error: Error | undefined): void {
    if (this.#left) return
    this.#left = true
    this.#error = error
    cancel(this.#deadline)
    cancel(this.#stall)
    cancel(this.#delay)
    this.#admission?.cancel()
    handshakePace.forget(this.#newcomer)
    this.#heartbeat?.stop()
    const { host, endpoint } = this.#setup
    if (this.#established) {
      const pipe = this.#pipe as Pipe
      // What arrived has its place before all that comes over the next connection, which only a message can hold.
      if (this.#stalled && pipe.inbound.length === 0) this.#pump(true)
      host.monitor.emit({ type: "disconnect", endpoint, peer: pipe.peer, error })
      host.release(pipe, error)
    } else if (error !== undefined) {
      host.stats.handshakeFailures++
      host.monitor.emit({
        type: "handshake:error",
        endpoint,
        address: this.#stream.address,
        error,
        fatal: isFatal(error) && this.#pipe !== undefined,
      })
    }
  }
}
