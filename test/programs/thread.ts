// A thread that tests start: it plays one role, by the published entry point, and tells its parent what happens.

import { createHash } from "node:crypto"
import { parentPort, threadId, workerData } from "node:worker_threads"
import {
  Dealer,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type Socket,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "brokerless"
import type { Role, TalkingType } from "../support/thread.ts"

const role = workerData as Role
const tell = (what: unknown): void => parentPort?.postMessage(what)

/** What each role does; those that end close what they have opened. */
const ROLES: { readonly [Name in Role["name"]]: (role: Extract<Role, { readonly name: Name }>) => Promise<void> } = {
  /** Receives `count` messages, telling of each, or goes on for ever. */
  async pull({ endpoint, options, count, bind }) {
    const pull = new Pull(options ?? {})
    if (bind === true) await pull.bind(endpoint)
    else pull.connect(endpoint)
    await pull.waitForPeers(1)
    tell("ready")
    let taken = 0
    for await (const message of pull) {
      tell(message.map((frame) => (frame.length > 64 ? digest(frame) : String(frame))))
      if (++taken === count) break
    }
    await pull.close()
  },

  /** Tells how many messages it got once its peer has left. */
  async count({ endpoint, options }) {
    const pull = new Pull(options ?? {})
    pull.events.once("peer:leave", () => pull.drain())
    pull.connect(endpoint)
    let count = 0
    for await (const _ of pull) count++
    tell(count)
  },

  /** Has a peer and reads nothing. */
  async idle({ endpoint, options }) {
    const pull = new Pull(options ?? {})
    pull.connect(endpoint)
    await pull.waitForPeers(1)
    tell("ready")
  },

  /** Takes a message, and then the thread does nothing else any more. */
  async busy({ endpoint, options }) {
    const pull = new Pull(options ?? {})
    pull.connect(endpoint)
    await pull.receive()
    tell("busy")
    for (;;);
  },

  /** Sends messages of several frames that belong together, as fast as it can, until it is ended. */
  async flood({ endpoint, frames, octets }) {
    const push = new Push()
    push.connect(endpoint)
    for (let number = 0; ; number++) {
      const body = Buffer.alloc(octets, number & 255)
      await push.send([`${threadId}`, `${number}`, ...Array.from({ length: frames }, () => body)])
    }
  },

  /** Sends numbers, and then closes in good order. */
  async push({ endpoint, count }) {
    const push = new Push()
    push.connect(endpoint)
    for (let number = 0; number < count; number++) await push.send(`${number}`)
    await push.close()
    tell("closed")
  },

  /** Answers questions with what they said, in capitals. */
  async reply({ endpoint, bind }) {
    const reply = new Reply()
    if (bind) await reply.bind(endpoint)
    else reply.connect(endpoint)
    tell("ready")
    await reply.serve(([question]) => String(question).toUpperCase())
  },

  /** Binds a name if it can, tells whether, and when told so gives it back. */
  async claim({ endpoint }) {
    const pull = new Pull()
    const bound = await pull.bind(endpoint).then(
      () => true,
      (error: { code: string }) => error.code,
    )
    tell(bound)
    await new Promise((resolve) => parentPort?.once("message", resolve))
    await pull.close()
    tell("closed")
  },

  /** Ends in the way that is asked for, with a peer and something unread. */
  async end({ endpoint, how }) {
    const pull = new Pull({ receiveHighWaterMark: 1 })
    pull.connect(endpoint)
    await pull.waitForPeers(1)
    tell("ready")
    await new Promise((resolve) => parentPort?.once("message", resolve))
    if (how === "exit") process.exit(0)
    if (how === "throw") throw new Error("on purpose")
    if (how === "return") pull.unref()
  },

  /** A socket of some type that speaks first, or hears and answers if it can. */
  async talk({ endpoint, type, bind, first }) {
    const socket = make(type)
    if (bind) await socket.bind(endpoint)
    else socket.connect(endpoint)
    if (socket instanceof Subscriber) socket.subscribe()
    if (socket instanceof XSubscriber) await socket.send(Buffer.from([1]))
    if (socket instanceof Publisher) await socket.waitForSubscribers("news")
    if (socket instanceof XPublisher) await socket.receive()
    if (first) await (socket as unknown as Push).send(type === "Dealer" ? ["", "question"] : "question")
    const hears = !(socket instanceof Push || socket instanceof Publisher || socket instanceof XPublisher)
    if (hears) {
      const message = await (socket as unknown as Dealer).receive()
      tell(String(message.at(-1)))
      const answers = !first && ANSWERING.includes(type)
      if (answers) await (socket as unknown as Dealer).send([...message.slice(0, -1), "answer"])
    }
    await socket.close()
    tell("closed")
  },
}

const ANSWERING: readonly TalkingType[] = ["Reply", "Router", "Dealer", "Pair"]

function make(type: TalkingType): Socket {
  switch (type) {
    case "Dealer":
      return new Dealer()
    case "Pair":
      return new Pair()
    case "Publisher":
      return new Publisher()
    case "Pull":
      return new Pull()
    case "Push":
      return new Push()
    case "Reply":
      return new Reply()
    case "Request":
      return new Request()
    case "Router":
      return new Router()
    case "Subscriber":
      return new Subscriber()
    case "XPublisher":
      return new XPublisher()
    case "XSubscriber":
      return new XSubscriber()
  }
}

function digest(frame: Buffer): string {
  return createHash("sha256").update(frame).digest("hex")
}

void (ROLES[role.name] as (role: Role) => Promise<void>)(role)
