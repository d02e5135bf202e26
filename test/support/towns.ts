// Sockets of every class that can be under attack, each with an honest peer, and how that one shows that it is served.

import {
  Dealer,
  Pair,
  Publisher,
  Pull,
  Push,
  plain,
  plainServer,
  type Readable,
  Reply,
  Request,
  Router,
  type Security,
  type Socket,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "brokerless"
import { curve, curveServer } from "brokerless/curve"
import {
  type Conversation,
  curveConversation,
  plainClientConversation,
  plainServerConversation,
} from "./conversation.ts"
import { same } from "./fuzzing.ts"
import type { Random } from "./random.ts"
import { rawKeys } from "./raw-curve.ts"
import { turns } from "./sockets.ts"
import { until } from "./until.ts"

/** A socket, its honest peer, and what passes between them. */
export interface Town {
  /** The socket under attack. */
  readonly ours: Socket
  readonly honest: Socket
  /** Something new passes between the two: what a stranger has sent meanwhile does not matter. */
  serve(number: number): Promise<void>
}

export interface TownPlan {
  /** What strangers have to be for the socket to talk to them. */
  readonly strangers: readonly string[]
  /** How a stranger of such a type talks. */
  says?(random: Random, socketType: string): Conversation
  found(): Town
}

const SERVER_KEYS = rawKeys(Buffer.alloc(32, 7))
const CLIENT_KEYS = rawKeys(Buffer.alloc(32, 9))

/** A Pull and a Push behind a mechanism, whose honest peer is let in after a moment. */
function secured(ours: Security, honest: Security): Town {
  const [pull, push] = [new Pull({ ...TIGHT, security: ours }), new Push({ ...TIGHT, security: honest })]
  const serve = async (number: number): Promise<void> => {
    await push.send(pushing(number), WAIT)
    await find(pull, pushing(number))
  }
  return { ours: pull, honest: push, serve }
}

function plainOnServers(): Security {
  return plainServer({
    async authorize({ username, password }) {
      await turns(2)
      return username === "admin" && password === "secret"
    },
  })
}

function plainOnClients(): Security {
  return plain({ username: "admin", password: "secret" })
}

function curveOnServers(): Security {
  return curveServer({ ...SERVER_KEYS, allow: [CLIENT_KEYS.publicKey] })
}

function curveOnClients(): Security {
  return curve({ ...CLIENT_KEYS, serverKey: SERVER_KEYS.publicKey })
}

const WAIT = { timeout: Number(process.env.FUZZ_PATIENCE ?? 10_000) }
const TIGHT = { linger: 0, reconnectInterval: 1, maxMessageSize: 1 << 20, maxMessageFrames: 100 }

/** Reads on until it comes. */
async function find(socket: Readable<Buffer[]>, text: string): Promise<Buffer[]> {
  for (;;) {
    const message = await socket.receive(WAIT)
    if (String(message.at(-1)) === text) return message
  }
}

function pushing(number: number): string {
  return `honest ${number}`
}

export const TOWNS: Readonly<Record<string, TownPlan>> = {
  Pull: {
    strangers: ["PUSH"],
    found() {
      const [ours, honest] = [new Pull(TIGHT), new Push(TIGHT)]
      const serve = async (number: number): Promise<void> => {
        await honest.send(pushing(number), WAIT)
        await find(ours, pushing(number))
      }
      return { ours, honest, serve }
    },
  },
  Push: {
    strangers: ["PULL"],
    found() {
      const [ours, honest] = [new Push(TIGHT), new Pull(TIGHT)]
      const serve = async (number: number): Promise<void> => {
        // Strangers get their share.
        let found: string | undefined
        let wait = 0
        await until(() => {
          if (wait-- <= 0) {
            ours.trySend(pushing(number))
            wait = 10
          }
          found = honest.tryReceive()?.map(String)[0]
          return found === pushing(number)
        }, `an honest peer got ${number}`)
      }
      return { ours, honest, serve }
    },
  },
  Publisher: {
    strangers: ["SUB", "XSUB"],
    found() {
      const [ours, honest] = [new Publisher(TIGHT), new Subscriber(TIGHT)]
      honest.subscribe("honest")
      const serve = async (number: number): Promise<void> => {
        await until(() => ours.subscriptions.some((topic) => String(topic) === "honest"), "a subscription was known")
        await ours.send(pushing(number))
        same((await honest.receive(WAIT)).map(String), [pushing(number)], "What a subscriber got")
      }
      return { ours, honest, serve }
    },
  },
  XPublisher: {
    strangers: ["SUB", "XSUB"],
    found() {
      const [ours, honest] = [new XPublisher(TIGHT), new Subscriber(TIGHT)]
      const serve = async (number: number): Promise<void> => {
        const topic = pushing(number)
        honest.subscribe(topic)
        let told = false
        await until(() => {
          for (let found = ours.tryReceive(); found !== undefined; found = ours.tryReceive()) {
            told ||= String(found[0]) === `\x01${topic}`
          }
          return told
        }, "a subscription was told of")
        await ours.send(topic)
        same((await honest.receive(WAIT)).map(String), [topic], "What a subscriber got")
        honest.unsubscribe(topic)
      }
      return { ours, honest, serve }
    },
  },
  Subscriber: {
    strangers: ["PUB", "XPUB"],
    found() {
      const [ours, honest] = [new Subscriber(TIGHT), new Publisher(TIGHT)]
      ours.subscribe("")
      const serve = async (number: number): Promise<void> => {
        await until(() => honest.subscriptions.length > 0, "a subscription was known")
        await honest.send(pushing(number))
        await find(ours, pushing(number))
      }
      return { ours, honest, serve }
    },
  },
  XSubscriber: {
    strangers: ["PUB", "XPUB"],
    found() {
      const [ours, honest] = [new XSubscriber(TIGHT), new Publisher(TIGHT)]
      const serve = async (number: number): Promise<void> => {
        if (number === 0) await ours.send("\x01")
        await until(() => honest.subscriptions.length > 0, "a subscription was known")
        await honest.send(pushing(number))
        await find(ours, pushing(number))
      }
      return { ours, honest, serve }
    },
  },
  Reply: {
    strangers: ["REQ", "DEALER"],
    found() {
      const [ours, honest] = [new Reply(TIGHT), new Request(TIGHT)]
      void ours.serve((question) => question)
      const serve = async (number: number): Promise<void> => {
        same((await honest.request(pushing(number), WAIT)).map(String), [pushing(number)], "The answer to a question")
      }
      return { ours, honest, serve }
    },
  },
  Router: {
    strangers: ["REQ", "DEALER", "ROUTER"],
    found() {
      const [ours, honest] = [new Router(TIGHT), new Dealer({ ...TIGHT, routingId: "honest" })]
      const serve = async (number: number): Promise<void> => {
        await honest.send(pushing(number), WAIT)
        const [name, ...rest] = await find(ours, pushing(number))
        same(String(name), "honest", "Who asked")
        await ours.send([name as Buffer, ...rest])
        same((await honest.receive(WAIT)).map(String), [pushing(number)], "The answer to a question")
      }
      return { ours, honest, serve }
    },
  },
  Dealer: {
    strangers: ["REP", "DEALER", "ROUTER"],
    found() {
      const [ours, honest] = [new Dealer(TIGHT), new Dealer(TIGHT)]
      const serve = async (number: number): Promise<void> => {
        await honest.send(pushing(number), WAIT)
        await find(ours, pushing(number))
      }
      return { ours, honest, serve }
    },
  },
  Pair: {
    strangers: ["PAIR"],
    found() {
      const [ours, honest] = [new Pair(TIGHT), new Pair(TIGHT)]
      const serve = async (number: number): Promise<void> => {
        await honest.send(pushing(number), WAIT)
        await ours.send(await find(ours, pushing(number)), WAIT)
        same((await honest.receive(WAIT)).map(String), [pushing(number)], "What came back to a Pair")
      }
      return { ours, honest, serve }
    },
  },
  "a server of PLAIN": {
    strangers: ["PUSH"],
    says: plainClientConversation,
    found: () => secured(plainOnServers(), plainOnClients()),
  },
  "a client of PLAIN": {
    strangers: ["PUSH"],
    says: plainServerConversation,
    found: () => secured(plainOnClients(), plainOnServers()),
  },
  "a server of CURVE": {
    strangers: ["PUSH"],
    says: (random) => curveConversation(random, "client", SERVER_KEYS.publicKey),
    found: () => secured(curveOnServers(), curveOnClients()),
  },
  "a client of CURVE": {
    strangers: ["PUSH"],
    says: (random) => curveConversation(random, "server", SERVER_KEYS.publicKey),
    found: () => secured(curveOnClients(), curveOnServers()),
  },
}

/** The connections and files that the process has open, and the timers that run, by kind. */
export function openResources(): Map<string, number> {
  const found = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (/TCP|Pipe|Timeout/.test(kind)) found.set(kind, (found.get(kind) ?? 0) + 1)
  }
  return found
}

/** Resolves when no more is open than there was; rejects, and says what, when that does not come about. */
export async function untilClosed(before: ReadonlyMap<string, number>): Promise<void> {
  const excess = (): string[] =>
    [...openResources()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map((each) => each.join(" "))
  for (let i = 0; i < 5; i++) await turns(10)
  try {
    await until(() => excess().length === 0, "everything was closed")
  } catch (error) {
    throw new Error(`Left open: ${excess().join(", ")}`, { cause: error })
  }
}
