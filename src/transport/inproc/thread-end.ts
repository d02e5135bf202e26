// One end of a connection between two threads: what pipe/join.ts is within one thread, over shared memory. It moves
// messages and subscriptions between its pipe and two rings.
//
//   pipe ─▶ [ outbound ] ─▶ ring ═════▶ ring ─▶ [ inbound ] ─▶ pipe       the other thread's end is the same, mirrored
//
//   waiting ─▶ open ─▶ finishing ─▶ over          finishing: writes what is queued, reads no more
//
// What the other thread has not read when a connection ends goes back to the front of the outbound queue: the socket
// decides about it as about all that was never sent. What this thread has not read it can still read.

import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads"
import type { Bytes } from "../../bytes.ts"
import { atEndOfTick, nextTurn, now } from "../../clock.ts"
import { type MessagingError, UnreachableError } from "../../errors.ts"
import { chargeOf, FRAME_CHARGE, type Message, sizeOf } from "../../message.ts"
import type { JoinHost } from "../../pipe/join.ts"
import type { Link, Pipe } from "../../pipe/pipe.ts"
import type { Marks } from "../../pipe/queue.ts"
import { Ring } from "../../pipe/ring.ts"
import type { Stats } from "../../stats.ts"
import { encodeSubscription, parseSubscription, type SubscriptionKind } from "../../subscription.ts"
import { BELLS_OCTETS, Bells, FINISHED, FINISHING, OPEN, OVER, type Side } from "./bells.ts"
import { ALL_READ, ANY_READ, NOTHING, RING_OCTETS, RingReader, RingWriter } from "./shared-ring.ts"

/** The other thread sees what was written when the tick ends, or when this much has gathered. */
const PUBLISH_OCTETS = 16 * 1024
/** A writer that waits for room hears of it whenever so much was read. */
const TELL_OCTETS = 128 * 1024
const TELL_MESSAGES = 64
/** Messages read in one turn of the event loop, and in one go. */
const TURN = 4096
const GO = 512
/** How long to look for what may come next before sleeping, ms: about as long as falling asleep and waking take. */
const LOOK_MS = 0.05
/** Having looked in vain, that many chances are left out, twice as many each time. */
const MOST_LEFT_OUT = 256

/** What the two sides agree upon when they meet. */
export interface Terms {
  /** How much the other side takes before its application does. */
  readonly marks: Marks
  /** Whether this side wants to know what the application of the other has taken, and the other of this one. */
  readonly counting: boolean
  readonly counted: boolean
}

/** What an end shares with the other one: memory, and for large messages a port, which nobody listens to. */
export interface Shared {
  readonly memory: SharedArrayBuffer
  readonly port: MessagePort
}

/** What two ends share, one after the other. */
export function share(): [Shared, Shared] {
  const memory = new SharedArrayBuffer(BELLS_OCTETS + 2 * RING_OCTETS)
  const { port1, port2 } = new MessageChannel()
  port1.unref()
  return [
    { memory, port: port1 },
    { memory, port: port2 },
  ]
}

/** Says in the name of an end that never came to be, the one that connects, that it is over. */
export function abandon({ memory, port }: Shared): void {
  new Bells(memory, 0, () => {}).declare(OVER)
  port.close()
}

export class ThreadEnd implements Link {
  readonly done: Promise<void>
  readonly #port: MessagePort
  readonly #pipe: Pipe
  readonly #host: JoinHost
  readonly #terms: Terms
  readonly #bells: Bells
  readonly #writer: RingWriter
  readonly #reader: RingReader
  readonly #commands = new Ring<Bytes>()
  readonly #tellEvery: number
  #state: "waiting" | "open" | "finishing" | "over" = "waiting"
  #resolveDone: () => void = () => {}
  // Outbound.
  #sending = false
  #publishing = false
  #unsaid = { messages: 0, octets: 0 }
  /** The other end reads no more; there is no room for the next message. */
  #deaf = false
  #blocked = false
  #finished = false
  // Inbound.
  #halted = false
  #receiving = false
  /** Messages that came in, what they are charged, and how many of them the application took since that was told. */
  #received = 0
  #charge = 0
  #untold = 0
  /** The connection is over, and there is still something to be read. */
  #trailing = false
  // Turns.
  #turning = false
  #bellOut: "in" | "out" | "for messages" = "in"
  #busy = false
  #looking = false
  #leftOut = 0
  #toLeaveOut = 0

  constructor({ memory, port }: Shared, side: Side, pipe: Pipe, host: JoinHost, terms: Terms) {
    this.#port = port
    this.#pipe = pipe
    this.#host = host
    this.#terms = terms
    this.#bells = new Bells(memory, side, () => this.#woken())
    const [mine, theirs] = [BELLS_OCTETS + side * RING_OCTETS, BELLS_OCTETS + (1 - side) * RING_OCTETS]
    this.#writer = new RingWriter(memory, mine, terms.marks, (parcels) => port.postMessage(parcels, parcels))
    this.#reader = new RingReader(memory, theirs, () => receiveMessageOnPort(port)?.message ?? [])
    this.#tellEvery = terms.counted
      ? 1
      : Math.max(1, Math.min(TELL_MESSAGES, Math.floor(pipe.inbound.marks.messages / 8)))
    pipe.watch(() => this.#popped())
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve
    })
  }

  /** Both sockets know their peer: messages flow. */
  open(): void {
    if (this.#state === "waiting") this.#state = "open"
    this.#work()
  }

  /** The thread of the other end is gone. */
  died(): void {
    if (this.#state === "over") return
    const parted = this.#bells.theirs === OVER
    this.#leave(parted ? undefined : new UnreachableError("The thread of the peer has ended"), this.#listening)
  }

  // ── what the pipe asks for ─────────────────────────────────────────────────────────────────────────────────────

  pass(message: Message): boolean {
    if (this.#state !== "open" || this.#blocked || this.#deaf || this.#sending || this.#commands.length > 0)
      return false
    if (!this.#writer.write(message)) return false
    this.#wrote(message)
    // Before it is shown: who has read it by then would not know that anybody waits for that.
    if (this.#writer.occupied) this.#writer.wait(ALL_READ)
    if (this.#writer.unpublished >= PUBLISH_OCTETS) this.#publish()
    else this.#publishSoon()
    return true
  }

  flush(): void {
    if (!this.#blocked) this.#send()
  }

  resume(): void {
    if (this.#receiving) return
    this.#receive()
    this.#settle()
  }

  subscribe(kind: SubscriptionKind, topic: Bytes): void {
    if (this.#state === "over" || this.#state === "finishing") return
    this.#commands.push(encodeSubscription(kind, topic))
    if (!this.#blocked) this.#send()
  }

  halt(): void {
    this.#halted = true
  }

  finish(): void {
    if (this.#state === "over" || this.#state === "finishing") return
    this.#state = "finishing"
    this.#bells.declare(FINISHING)
    this.#work()
  }

  end(reason?: MessagingError): void {
    if (this.#state !== "over") this.#leave(reason, false)
  }

  // ── turns ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #woken(): void {
    this.#bellOut = "in"
    this.#work()
  }

  /** Does all there is to do. */
  #work(): void {
    if (this.#state === "over") return
    this.#receive()
    this.#blocked = false
    if (this.#terms.counting) {
      this.#pipe.unproven = this.#writer.untaken
      this.#pipe.relieve()
    }
    this.#send()
    this.#settle()
  }

  /** What comes next: the end, another turn, a look for more, or sleep. */
  #settle(): void {
    if (this.#state === "over") {
      if (!this.#trailing || this.#reader.readable) return
      this.#trailing = false
      this.#port.close()
      return
    }
    if (this.#parted() || this.#turning) return
    if (this.#listening && this.#reader.readable && this.#pipe.wantsMore) this.#turnSoon()
    else if (this.#busy && this.#mayLook()) this.#lookSoon()
    else this.#sleep()
  }

  /** Whether what the other end says of itself ends the connection. */
  #parted(): boolean {
    const theirs = this.#bells.theirs
    if (theirs === OPEN) return false
    this.#deaf = true
    if (theirs === OVER) this.#leave(undefined, this.#listening)
    // Two who part at the same time have nothing more to say to each other.
    else if (this.#state === "finishing") this.#leave(undefined, false)
    else if (theirs === FINISHED && !this.#reader.readable) this.#leave(undefined, false)
    return (this.#state as string) === "over"
  }

  #sleep(): void {
    this.#busy = false
    const forMessages = this.#listening && this.#pipe.wantsMore
    const out = forMessages ? "for messages" : "out"
    if (this.#bellOut === out) return
    this.#bellOut = out
    this.#bells.hangOut(forMessages)
    if (this.#reader.awaited === ALL_READ) this.#bells.ring()
    // What came before the bell was out has not rung it.
    const theirs = this.#bells.theirs
    const missed =
      (forMessages && this.#reader.readable) ||
      ((this.#blocked || this.#writer.occupied) && this.#writer.moved) ||
      (this.#terms.counting && this.#writer.untaken !== this.#pipe.unproven) ||
      (theirs !== OPEN && !this.#deaf) ||
      theirs === OVER ||
      (theirs === FINISHED && !this.#reader.readable)
    if (missed) this.#turnSoon()
  }

  #turnSoon(): void {
    if (this.#bellOut !== "in") {
      this.#bellOut = "in"
      this.#bells.takeIn()
    }
    if (this.#turning) return
    this.#turning = true
    nextTurn(this.#turn)
  }

  readonly #turn = (): void => {
    this.#turning = false
    if (this.#looking) this.#look()
    this.#work()
  }

  /** Where messages are answered at once, sleeping and being woken takes longer than anything else. */
  #mayLook(): boolean {
    this.#busy = false
    if (this.#leftOut++ < this.#toLeaveOut) return false
    return this.#listening
  }

  #lookSoon(): void {
    this.#looking = true
    this.#turnSoon()
  }

  #look(): void {
    this.#looking = false
    this.#leftOut = 0
    const end = now() + LOOK_MS
    do {
      for (let i = 0; i < 100; i++) {
        if (!this.#reader.readable) continue
        this.#toLeaveOut = 0
        return
      }
    } while (now() < end)
    this.#toLeaveOut = Math.min(Math.max(1, this.#toLeaveOut * 2), MOST_LEFT_OUT)
  }

  // ── outbound ───────────────────────────────────────────────────────────────────────────────────────────────────

  #send(): void {
    if (this.#sending || this.#state === "waiting" || this.#state === "over") return
    const { outbound } = this.#pipe
    const waiting = outbound.length
    // Taking a message out makes room, and room may bring the next: it must not overtake.
    this.#sending = true
    try {
      this.#writeAll()
    } finally {
      this.#sending = false
    }
    this.#writer.wait(this.#blocked ? ANY_READ : this.#writer.occupied ? ALL_READ : NOTHING)
    // What was read before the reader knew that somebody waits has rung no bell.
    if (this.#blocked && this.#writer.moved) this.#turnSoon()
    this.#publish()
    if (outbound.length !== waiting) this.#pipe.relieve()
    if (this.#state !== "finishing" || this.#finished || this.#blocked || outbound.length > 0) return
    this.#finished = true
    this.#bells.declare(FINISHED)
  }

  #writeAll(): void {
    const writer = this.#writer
    writer.look()
    for (let command = this.#commands.peek(); command !== undefined; command = this.#commands.peek()) {
      if (!writer.command(command)) {
        this.#blocked = true
        return
      }
      this.#commands.shift()
    }
    const { outbound } = this.#pipe
    while (outbound.length > 0 && !this.#deaf) {
      const message = outbound.at(0) as Message
      if (chargeOf(message) !== outbound.headCharge) {
        outbound.shift()
        this.#host.detached()
      } else if (writer.write(message)) {
        this.#wrote(message)
        outbound.shift()
      } else {
        this.#blocked = true
        return
      }
    }
  }

  #wrote(message: Message): void {
    this.#unsaid.messages++
    this.#unsaid.octets += sizeOf(message)
    if (this.#terms.counting) this.#pipe.unproven++
  }

  #publishSoon(): void {
    if (this.#publishing) return
    this.#publishing = true
    atEndOfTick(this.#publishAtEnd)
  }

  readonly #publishAtEnd = (): void => {
    this.#publishing = false
    if (this.#state === "over") return
    this.#publish()
    if (this.#bellOut === "for messages" && this.#busy && this.#mayLook()) this.#lookSoon()
  }

  #publish(): void {
    const { messages, octets } = this.#unsaid
    if (messages > 0) {
      this.#unsaid.messages = this.#unsaid.octets = 0
      this.#countSent(messages, octets)
    }
    if (!this.#writer.publish()) return
    this.#busy = true
    this.#bells.ringForMessages()
  }

  #countSent(messages: number, octets: number): void {
    for (const stats of this.#counters) {
      stats.messagesSent += messages
      stats.bytesSent += octets
    }
  }

  // ── inbound ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether messages reach the socket. Who parts reads no more; what is meant for it goes another way. */
  get #listening(): boolean {
    return this.#trailing || (this.#state === "open" && !this.#halted)
  }

  #receive(ending = false): void {
    if (this.#receiving) return
    const before = this.#reader.position
    this.#receiving = true
    try {
      let left = TURN
      // Nobody comes back for what is left after the end: then a turn has no end but that of the ring.
      while ((left > 0 || ending || this.#trailing) && this.#listening && this.#takesMore(ending)) {
        const messages = this.#reader.read(ending ? 1 : Math.min(this.#room, GO))
        if (messages.length > 0) this.#deliver(messages)
        else if (this.#reader.command !== undefined) this.#obey(this.#reader.command)
        else break
        left -= messages.length + 1
        // A writer that waits for room is told in time to fill it while the rest is being read.
        if (this.#reader.readSince >= TELL_OCTETS && this.#reader.awaited === ANY_READ) this.#tell()
      }
    } finally {
      this.#receiving = false
    }
    if (this.#reader.position === before) return
    this.#busy = true
    this.#tell()
  }

  /** At the end one is taken all the same: it holds the place of the others before those of the next connection. */
  #takesMore(ending: boolean): boolean {
    return this.#pipe.wantsMore || (ending && this.#pipe.inbound.length === 0)
  }

  /** How many messages the inbound queue takes before it is full; at least one, since it was asked. */
  get #room(): number {
    const { length, marks } = this.#pipe.inbound
    return Math.max(1, marks.messages - length)
  }

  #deliver(messages: readonly Message[]): void {
    const pipe = this.#pipe
    const count = messages.length
    let octets = 0
    let frames = 0
    for (let i = 0; i < count; i++) {
      const message = messages[i] as Message
      octets += sizeOf(message)
      frames += message.length
    }
    for (const stats of this.#counters) {
      stats.messagesReceived += count
      stats.bytesReceived += octets
    }
    this.#received = (this.#received + count) | 0
    this.#charge = (this.#charge + octets + frames * FRAME_CHARGE) | 0
    for (let i = 0; i < count; i++) pipe.deliver(messages[i] as Message)
  }

  #obey(command: Bytes): void {
    const subscription = parseSubscription(command)
    if (subscription === undefined || this.#pipe.state !== "ready") return
    this.#pipe.owner.pipeSubscribed(this.#pipe, subscription.kind, subscription.topic)
  }

  /** The application has taken a message. */
  #popped(): void {
    this.#untold++
    // Who is just reading tells of all of it at the end.
    if (this.#receiving) return
    if (this.#untold >= this.#tellEvery || this.#pipe.inbound.length === 0) this.#tell()
  }

  /** Tells the other end what the application has taken, and that there is room in the ring. */
  #tell(): void {
    const { inbound } = this.#pipe
    this.#untold = 0
    this.#reader.taken(this.#received - inbound.length, this.#charge - inbound.bytes)
    if (this.#terms.counted || this.#reader.awaited === ANY_READ) this.#bells.ring()
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** `trailing`: what is left in the ring is still to be read. */
  #leave(error: Error | undefined, trailing: boolean): void {
    if (trailing) this.#receive(true)
    if (this.#state === "over") return
    this.#state = "over"
    this.#deaf = true
    this.#bells.declare(OVER)
    this.#publish()
    this.#takeBack()
    this.#trailing = trailing && this.#reader.readable
    if (!this.#trailing) this.#port.close()
    this.#bells.forget()
    this.#host.left(error)
    this.#resolveDone()
  }

  /** What nobody has read was not sent after all. */
  #takeBack(): void {
    const unread = this.#writer.reclaim()
    if (unread.length === 0) return
    const { outbound } = this.#pipe
    const behind = outbound.drain()
    let octets = 0
    for (const message of unread) {
      octets += sizeOf(message)
      outbound.push(message)
    }
    for (const message of behind) outbound.push(message)
    this.#countSent(-unread.length, -octets)
  }

  get #counters(): readonly Stats[] {
    const peer = this.#pipe.peer
    return peer === undefined ? [this.#host.stats] : [this.#host.stats, peer.stats]
  }
}
