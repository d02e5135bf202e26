// Connections between ours and theirs that break while messages pass: in the middle of a header, of a body, between
// frames, between messages. What arrives is whole, once, and in order; what is missing was under way when the
// connection broke, or nobody was there to whom the type promises it; and either side goes on by itself.
//
// Takes longer than others: five hundred connections break here, and theirs takes its time to come again.

import { Request, Socket, type SocketType } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { OURS, THEIRS } from "../support/every-type.ts"
import { PAIRS, type TypePair, wantAll } from "../support/exchanges.ts"
import { type Blow, type Direction, type Fault, FaultProxy } from "../support/fault-proxy.ts"
import { type End, frames, Meeting, type Transport } from "../support/meeting.ts"
import { turns } from "../support/sockets.ts"

const SOON = { reconnectInterval: 1, reconnectMaxInterval: 0 }
/** After this time an asker asks the next question: the network has lost the last, or its answer. */
const PATIENCE = 30

/** Octets of the second frame, whose header is a long one. */
const BODY = 300

function numbered(n: number): Buffer[] {
  return frames(`#${String(n).padStart(6, "0")}|`, String.fromCharCode(97 + (n % 26)).repeat(BODY), "the end")
}

/** Behind the first frame of every tenth message, and so many octets later. */
const PLACES: Readonly<Record<string, number>> = {
  "between two frames": 0,
  "inside a long header": 4,
  "behind a long header": 9,
  "inside a body": 9 + BODY / 2,
  "behind a body": 9 + BODY,
  "inside a short header": 9 + BODY + 1,
  "behind a message": 9 + BODY + 2 + "the end".length,
  "inside the header of the next message": 9 + BODY + 2 + "the end".length + 1,
}

const BLOWS: readonly Blow[] = ["reset", "finish"]

/** One who says numbered messages, and one who hears them; an asker hears his own. */
class Flow {
  /** Messages said. */
  said = 0
  readonly heard: number[] = []
  readonly #speaker: End
  readonly #listener: End
  readonly #wrap: (message: Buffer[]) => Buffer[]
  readonly #unwrap: (message: Buffer[]) => Buffer[] | undefined
  readonly #seen = new Set<number>()
  /** Whether messages come in the order in which they were said. */
  ordered = true
  /** When this one has been heard, all is well. */
  #goal = Number.POSITIVE_INFINITY
  #over = false

  constructor(
    speaker: End,
    listener: End,
    wrap: (message: Buffer[]) => Buffer[] = (message) => message,
    unwrap: (message: Buffer[]) => Buffer[] | undefined = (message) => message,
  ) {
    this.#speaker = speaker
    this.#listener = listener
    this.#wrap = wrap
    this.#unwrap = unwrap
  }

  /** From now on everything passes: resolves when what is said from now on is heard. */
  passes(): void {
    this.#goal = this.said + 20
  }

  get over(): boolean {
    return this.#over
  }

  isSaidBy(end: unknown): boolean {
    return this.#speaker === end
  }

  async speak(): Promise<void> {
    while (!this.#over) {
      const sending = this.#speaker.send(this.#wrap(numbered(this.said)))
      this.said++
      await sending.catch((error: NodeJS.ErrnoException) => {
        // Theirs takes back a message whose peer leaves between two of its frames, and says so.
        if (this.#speaker instanceof Socket || error.code !== "EAGAIN") throw error
      })
      await turns(1)
    }
  }

  async listen(): Promise<void> {
    while (!this.#over) this.#hear(await this.#listener.receive())
  }

  /** Says and hears in lock step; gives up what is not answered in time. */
  async ask(): Promise<void> {
    while (!this.#over) {
      try {
        await this.#speaker.send(this.#wrap(numbered(this.said++)))
        this.#hear(await this.#speaker.receive())
      } catch (error) {
        if (!["EAGAIN", "EHOSTUNREACH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error
      }
    }
  }

  /** How often something is missing. */
  get gaps(): number {
    const sorted = this.heard.toSorted((a, b) => a - b)
    return sorted.filter((n, i) => n !== (i === 0 ? 0 : (sorted[i - 1] as number) + 1)).length
  }

  #hear(arrived: Buffer[]): void {
    const message = this.#unwrap(arrived)
    if (message === undefined) return
    const number = Number(message[0]?.toString("latin1", 1, 7))
    expect(message).toEqual(numbered(number))
    if (this.ordered) expect(number).toBeGreaterThan(this.heard.at(-1) ?? -1)
    expect(this.#seen).not.toContain(number)
    this.#seen.add(number)
    this.heard.push(number)
    if (number >= this.#goal) this.#over = true
  }
}

/** Answers whatever comes with itself. */
async function echo(end: End): Promise<void> {
  for (;;) await end.send(await end.receive())
}

const notSubscription = (message: Buffer[]): Buffer[] | undefined => (message.length === 1 ? undefined : message)
const behindEnvelope = (message: Buffer[]): Buffer[] => message.slice(1)

/** Who talks to whom, where `one` is of the type named first. Also what is to run beside it. */
const TALKS: Readonly<
  Record<string, (one: End, other: End, names: [string, string]) => { flows: Flow[]; echo?: End }>
> = {
  "PAIR PAIR": (one, other) => ({ flows: [new Flow(one, other), new Flow(other, one)] }),
  "PUSH PULL": (one, other) => ({ flows: [new Flow(one, other)] }),
  "PUB SUB": (one, other) => ({ flows: [new Flow(one, other)] }),
  "PUB XSUB": (one, other) => ({ flows: [new Flow(one, other)] }),
  "XPUB SUB": (one, other) => ({ flows: [new Flow(one, other)] }),
  "XPUB XSUB": (one, other) => ({
    flows: [new Flow(one, other), new Flow(other, one, undefined, notSubscription)],
  }),
  "REQ REP": (one, other) => ({ flows: [new Flow(one, one)], echo: other }),
  "REQ ROUTER": (one, other) => ({ flows: [new Flow(one, one)], echo: other }),
  "DEALER REP": (one, other) => ({
    flows: [new Flow(one, one, (message) => [...frames(""), ...message], behindEnvelope)],
    echo: other,
  }),
  "DEALER DEALER": (one, other) => ({ flows: [new Flow(one, other), new Flow(other, one)] }),
  "DEALER ROUTER": (one, other) => ({ flows: [new Flow(one, one)], echo: other }),
  "ROUTER ROUTER": (one, other, [own, others]) => ({
    flows: [
      new Flow(one, other, (message) => [...frames(others), ...message], behindEnvelope),
      new Flow(other, one, (message) => [...frames(own), ...message], behindEnvelope),
    ],
  }),
}

function ours(type: SocketType): Socket {
  return type === "REQ" ? new Request({ ...SOON, relaxed: true, receiveTimeout: PATIENCE }) : OURS[type](SOON)
}

function theirs(type: SocketType): zmq.Socket {
  const socket =
    type === "REQ"
      ? new zmq.Request({ relaxed: true, correlate: true, receiveTimeout: PATIENCE })
      : // Theirs may hear of a connection's end after its successor has come, and would not listen to a known name.
        type === "ROUTER"
        ? new zmq.Router({ routingId: "theirs", handover: true })
        : THEIRS[type]()
  socket.reconnectInterval = 1
  return socket
}

/** Talks until every planned fault has struck and what is said afterwards is heard. */
async function talk(types: TypePair, binder: "ours" | "theirs", transport: Transport) {
  await using meeting = new Meeting()
  const our = meeting.ours(ours(types.ours)) as Socket & End
  const their = meeting.theirs(theirs(types.theirs)) as zmq.Socket & End
  const [binding, connecting] = binder === "ours" ? [our, their] : [their, our]
  const straight = TALKS[`${types.ours} ${types.theirs}`]
  const reversed = TALKS[`${types.theirs} ${types.ours}`]
  const conversation = straight?.(our, their, ["ours", "theirs"]) ?? reversed?.(their, our, ["theirs", "ours"])
  if (conversation === undefined) throw new Error("Nobody knows what these two say to each other")
  const { flows, echo: echoing } = conversation
  for (const [end, type] of [
    [our, types.ours],
    [their, types.theirs],
  ] as const) {
    // Theirs asks only once it is connected, and remembers it.
    if (type === "SUB" || type === "XSUB") void wantAll(end)
  }

  const proxy = meeting.use(await FaultProxy.before(await meeting.bind(binding, await meeting.wildcard(transport))))
  const speaksForth = flows.some((flow) => flow.isSaidBy(connecting))
  const both = flows.length > 1 || echoing !== undefined
  const directions: Direction[] = both ? ["forth", "back"] : speaksForth ? ["forth"] : ["back"]
  // Every place, in turns either way and with either blow; what is a reset over tcp is an end over ipc.
  const faults = Object.values(PLACES).map((after, i): Fault => {
    const blow = BLOWS[(transport === "tcp" ? i >> 1 : (i >> 1) + 1) % 2] as Blow
    return { blow, direction: directions[i % directions.length] as Direction, behind: "0|", after }
  })
  proxy.plan(...faults)
  if (types.ours === "PAIR" && binder === "theirs") void breakWhileUnheard(proxy, flows)
  connecting.connect(proxy.endpoint)

  // One of theirs that binds takes the same peer, come again, for another, and reads from the two in turns.
  if (binder === "theirs") {
    for (const flow of flows) flow.ordered = echoing === undefined ? flow.isSaidBy(their) : echoing === our
  }

  const lockStep = types.ours === "REQ" || types.theirs === "REQ"
  const speaking = flows.map((flow) => (lockStep ? flow.ask() : flow.speak()))
  // Ended by the closing of its socket.
  if (echoing !== undefined) echo(echoing).catch(() => {})
  const listening = lockStep ? speaking : flows.map((flow) => flow.listen())
  await Promise.race([proxy.connection(faults.length), ...speaking, ...listening])
  for (const flow of flows) flow.passes()
  await Promise.all(listening)
  // Who still wants to say something is told that the socket is closed.
  for (const each of speaking) each.catch(() => {})
  // A break takes one run of messages with it, at most; of questions and of answers one each; of theirs, which keeps
  // its queue but not its subscribers, perhaps two. Who asks in lock step loses what he gives up, one by one.
  const two = echoing !== undefined || flows.some((flow) => flow.isSaidBy(their))
  const runsPerBreak = lockStep ? Number.POSITIVE_INFINITY : two ? 2 : 1
  return { flows, runsPerBreak, connections: proxy.connections.length, faults: faults.length }
}

/**
 * A PAIR of theirs that has not noticed the end of its peer takes no successor, whom it leaves without a word on a
 * connection that stays open. There the line breaks once more, until somebody is heard.
 */
async function breakWhileUnheard(proxy: FaultProxy, flows: readonly Flow[]): Promise<void> {
  const heard = (): number => flows.reduce((sum, flow) => sum + flow.heard.length, 0)
  for (let patience = 300; flows.some((flow) => !flow.over); ) {
    const before = heard()
    await turns(patience)
    if (heard() === before) {
      proxy.connections.at(-1)?.reset()
      // A machine that is busy needs longer to hear of it.
      patience = Math.min(patience * 2, 20_000)
    } else {
      patience = 300
    }
  }
}

describe.each<Transport>(["tcp", "ipc"])(
  "ZMTP-66, ZMTP-33: over %s, a stream that breaks in every place",
  (transport) => {
    describe.each(PAIRS)("of our $ours and their $theirs", (types) => {
      const binders = transport === "tcp" ? (["ours", "theirs"] as const) : (["ours"] as const)
      // On a busy machine about one talk of several thousand falls silent for good: a bound PAIR of theirs, however often
      // the line is broken for it, and once an XSUB of theirs. Whose fault the latter was is not known: it did not come
      // again in a hundred talks. What falls silent again and again still fails.
      const retry = 2
      it.each(binders)("tears and doubles nothing, and both go on: %s binds", { retry }, async (binder) => {
        const { flows, runsPerBreak, connections, faults } = await talk(types, binder, transport)
        expect(connections).toBeGreaterThan(faults)
        for (const flow of flows) {
          // Each break takes a run of them, and how long that is, is the system's affair.
          expect(flow.heard.length).toBeGreaterThan(5)
          // What was said before the first subscription is a run as well.
          expect(flow.gaps).toBeLessThanOrEqual(1 + runsPerBreak * (connections - 1))
        }
      })
    })
  },
)

describe.each<Transport>(["tcp", "ipc"])("PIPE-4, over %s: what ours accepts while the line is down", (transport) => {
  const LOSSLESS = PAIRS.filter(({ ours: type }) => ["PUSH", "PAIR", "DEALER"].includes(type)).filter(
    ({ theirs: type }) => ["PULL", "PAIR", "DEALER"].includes(type),
  )

  it.each(LOSSLESS)("arrives when it is up again, whole and in order: our $ours, their $theirs", async (types) => {
    await using meeting = new Meeting()
    const our = meeting.ours(ours(types.ours)) as Socket & End
    const their = meeting.theirs(theirs(types.theirs)) as zmq.Socket & End
    const proxy = meeting.use(await FaultProxy.before(await meeting.bind(their, await meeting.wildcard(transport))))
    our.connect(proxy.endpoint)
    const line = await proxy.connection(0)
    await our.waitForPeers()
    // These are with the system, and go no further.
    line.stall("forth")
    for (let n = 0; n < 10; n++) await our.send(numbered(n))
    await turns(5)
    const written = our.stats.messagesSent
    const left = our.events.once("peer:leave")
    proxy.refuse()
    line.reset()
    await left
    for (let n = 10; n < 60; n++) await our.send(numbered(n))
    // Theirs has time to notice: a PAIR of theirs takes no successor before.
    await our.events.once("connect:retry")
    await proxy.admit()
    for (let n = written; n < 60; n++) expect(await their.receive()).toEqual(numbered(n))
    expect(written).toBe(10)
    expect(our.stats.messagesSent + our.stats.queuedMessages).toBe(60)
    expect(Object.values(our.stats.dropped).every((count) => count === 0)).toBe(true)
  })
})
