// One session between a hub and a stream of memory: the hub is a real one, with a pattern that only writes down what it
// is told, and the test speaks for the peer.

import type { Event } from "../../src/events.ts"
import type { Message } from "../../src/message.ts"
import { type ResolvedOptions, resolveOptions } from "../../src/options.ts"
import type { Pipe } from "../../src/pipe/pipe.ts"
import { Session, type SessionEnd } from "../../src/session/session.ts"
import type { SharedBatch } from "../../src/session/shared-batch.ts"
import { Hub, type Pattern } from "../../src/socket/hub.ts"
import type { SocketType } from "../../src/socket-type.ts"
import type { Mechanism } from "../../src/zmtp/mechanism.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { nullMechanism } from "../../src/zmtp/null.ts"
import { MemoryStream } from "./memory-stream.ts"
import { greeting, ready } from "./raw-peer.ts"

export type RigClass = "Push" | "Pull" | "Pair" | "Dealer" | "Router" | "Publisher" | "Subscriber"

const TYPES: Readonly<Record<RigClass, SocketType>> = {
  Push: "PUSH",
  Pull: "PULL",
  Pair: "PAIR",
  Dealer: "DEALER",
  Router: "ROUTER",
  Publisher: "PUB",
  Subscriber: "SUB",
}

/** A hub that keeps account of what its pattern and its listeners hear. */
export class RecordingHub extends Hub implements Disposable {
  readonly events: Event[] = []
  readonly joined: Pipe[] = []
  readonly left: Pipe[] = []
  /** Messages that a pipe gave back when it was left. */
  readonly returned: Message[] = []
  readonly subscriptions: string[] = []

  constructor(cls: RigClass, options: object = {}, pattern: Partial<Pattern> = {}) {
    super(TYPES[cls], resolveOptions(cls, options) as Readonly<ResolvedOptions>)
    this.follow({
      joined: (pipe) => this.joined.push(pipe),
      left: (pipe) => {
        this.left.push(pipe)
        this.returned.push(...pipe.outbound.drain())
      },
      subscribed: (_, kind, topic) => this.subscriptions.push(`${kind} ${topic}`),
      ...pattern,
    })
    for (const type of EVENTS) this.monitor.on(type, (event) => this.events.push(event as Event))
  }

  get eventTypes(): string[] {
    return this.events.map(({ type }) => type)
  }

  [Symbol.dispose](): void {
    this.monitor.close()
  }
}

const EVENTS = [
  "accept",
  "accept:error",
  "close",
  "connect",
  "connect:delay",
  "connect:retry",
  "disconnect",
  "handshake",
  "handshake:error",
  "limit",
  "message:dropped",
  "peer:join",
  "peer:leave",
  "peer:slow",
] as const

export interface RigSetup {
  readonly cls?: RigClass
  readonly options?: object
  readonly pattern?: Partial<Pattern>
  /** Our side connected, and its pipe waits already. */
  readonly connecting?: boolean
  readonly hub?: RecordingHub
  readonly shared?: SharedBatch
  readonly mechanism?: () => Mechanism
  /** The first write does not leave at once. */
  readonly blocked?: boolean
}

export class SessionRig {
  readonly hub: RecordingHub
  readonly stream: MemoryStream = new MemoryStream()
  readonly session: Session
  readonly ends: SessionEnd[] = []
  established = 0
  readonly #waiting: Pipe | undefined

  constructor(setup: RigSetup = {}) {
    const cls = setup.cls ?? "Push"
    const endpoint = "tcp://127.0.0.1:5555"
    this.hub = setup.hub ?? new RecordingHub(cls, setup.options, setup.pattern)
    this.#waiting = setup.connecting ? this.hub.createPipe(endpoint, true) : undefined
    this.stream.blocked = setup.blocked ?? false
    this.session = new Session({
      stream: this.stream,
      mechanism: (setup.mechanism ?? (() => nullOf(TYPES[cls])))(),
      host: this.hub,
      endpoint,
      pipe: this.#waiting,
      shared: setup.shared,
      established: () => this.established++,
      ended: (end) => this.ends.push(end),
    })
  }

  /** A session whose handshake with a peer of this type is complete, and whose writes so far are forgotten. */
  static ready(theirs: SocketType, setup: RigSetup = {}, minor = 1): SessionRig {
    const rig = new SessionRig(setup)
    rig.greet(theirs, minor)
    rig.stream.takeWritten()
    return rig
  }

  /** The peer's half of the handshake arrives. */
  greet(theirs: SocketType, minor = 1): void {
    this.stream.receive(Buffer.concat([greeting({ minor }), ready(theirs)]))
  }

  get pipe(): Pipe {
    const pipe = this.#waiting ?? this.hub.joined[0]
    if (pipe === undefined) throw new Error("The peer has no pipe yet")
    return pipe
  }

  get end(): SessionEnd {
    const [end] = this.ends
    if (end === undefined) throw new Error("The session has not ended")
    return end
  }

  /** Queues messages for the peer, each of one frame. */
  push(...texts: string[]): void {
    for (const text of texts) this.pipe.push([Buffer.from(text)])
  }

  /** Everything received that waits to be read. */
  read(): string[] {
    const all: string[] = []
    for (let each = this.pipe.pop(); each !== undefined; each = this.pipe.pop()) all.push(each.join("|"))
    return all
  }

  /** What was written since the last time: messages by their frames, commands by their name and data. */
  said(): string[] {
    return saidIn(this.stream.takeWritten())
  }
}

/** What some octets of traffic say: `a|b` for a message of two frames, `/PING data` for a command. */
export function saidIn(octets: Buffer): string[] {
  const said: string[] = []
  let frames: string[] = []
  for (let at = 0; at < octets.length; ) {
    const flags = octets[at] as number
    const long = (flags & 2) !== 0
    const size = long ? Number(octets.readBigUInt64BE(at + 1)) : (octets[at + 1] as number)
    const start = at + (long ? 9 : 2)
    const body = octets.toString("latin1", start, start + size)
    at = start + size
    if (at > octets.length) throw new Error("The octets end in the middle of a frame")
    if ((flags & 4) !== 0) {
      const end = 1 + body.charCodeAt(0)
      said.push(`/${body.slice(1, end)} ${body.slice(end)}`)
    } else {
      frames.push(body)
      if ((flags & 1) !== 0) continue
      said.push(frames.join("|"))
      frames = []
    }
  }
  return said
}

export function nullOf(type: SocketType): Mechanism {
  const limits = { maxProperties: 64, maxBytes: 8192 }
  return nullMechanism({ metadata: encodeMetadata([["Socket-Type", type]]), limits })
}

/** The end of this tick, and everything that was to happen then. */
export function endOfTick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
