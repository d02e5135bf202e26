// Every option: what it is at first, what it takes, what it refuses, and what can be set when.

import type { Scenario } from "./stage.ts"

const NAMES = [
  "affinity",
  "rate",
  "recoveryInterval",
  "type",
  "linger",
  "reconnectInterval",
  "backlog",
  "reconnectMaxInterval",
  "maxMessageSize",
  "lastEndpoint",
  "tcpKeepalive",
  "tcpKeepaliveCount",
  "tcpKeepaliveIdle",
  "tcpKeepaliveInterval",
  "tcpAcceptFilter",
  "immediate",
  "ipv6",
  "securityMechanism",
  "plainServer",
  "plainUsername",
  "plainPassword",
  "curveServer",
  "curvePublicKey",
  "curveSecretKey",
  "curveServerKey",
  "gssapiServer",
  "zapDomain",
  "typeOfService",
  "handshakeInterval",
  "socksProxy",
  "heartbeatInterval",
  "heartbeatTimeToLive",
  "heartbeatTimeout",
  "connectTimeout",
  "tcpMaxRetransmitTimeout",
  "threadSafe",
  "multicastMaxTransportDataUnit",
  "vmciBufferSize",
  "vmciConnectTimeout",
  "interface",
  "zapEnforceDomain",
  "loopbackFastPath",
  "sendBufferSize",
  "sendHighWaterMark",
  "sendTimeout",
  "multicastHops",
  "receiveBufferSize",
  "receiveHighWaterMark",
  "receiveTimeout",
  "routingId",
  "mandatory",
  "probeRouter",
  "correlate",
  "relaxed",
  "conflate",
  "handover",
  "noDrop",
  "manual",
  "welcomeMessage",
  "invertMatching",
  "verbosity",
  "events",
  "context",
  "closed",
] as const

const CLASSES = [
  "Pair",
  "Publisher",
  "Subscriber",
  "Request",
  "Reply",
  "Dealer",
  "Router",
  "Pull",
  "Push",
  "XPublisher",
  "XSubscriber",
  "Stream",
] as const

type Loose = Record<string, unknown> & { close(): void }

export const atFirst: Scenario = async ({ zmq, tell, say }) => {
  for (const name of CLASSES) {
    const socket = new zmq[name]() as unknown as Loose
    say(name, Object.keys(socket), Object.isSealed(socket))
    for (const option of NAMES) {
      if (option === "events" || option === "context") continue
      await tell(`${name}.${option}`, () => socket[option])
    }
    socket.close()
  }
}

const VALUES: readonly unknown[] = [
  -2,
  -1,
  0,
  1,
  2,
  1.9,
  65_536,
  6_553_600,
  2 ** 40,
  true,
  null,
  "",
  "abc",
  "x".repeat(256),
]

export const values: Scenario = async ({ zmq, tell }) => {
  for (const name of ["Dealer", "Router", "XPublisher", "Request"] as const) {
    for (const option of NAMES) {
      if (option === "events" || option === "context" || option.startsWith("vmci") || option === "tcpAcceptFilter")
        continue
      if (name !== "Dealer" && !OWN[name]?.includes(option)) continue
      for (const value of VALUES) {
        const socket = new zmq[name]() as unknown as Loose
        await tell(`${name}.${option} = ${JSON.stringify(value)?.slice(0, 20)}`, () => {
          socket[option] = value
          return READABLE_ALWAYS.includes(option) ? "" : socket[option]
        })
        socket.close()
      }
    }
  }
}

const OWN: Readonly<Record<string, readonly string[]>> = {
  Router: ["mandatory", "handover", "probeRouter", "routingId"],
  XPublisher: ["noDrop", "manual", "welcomeMessage", "invertMatching", "verbosity"],
  Request: ["correlate", "relaxed", "probeRouter"],
}

/** Cannot be read back, which `atFirst` shows. */
const READABLE_ALWAYS: readonly string[] = ["mandatory", "curvePublicKey", "curveSecretKey", "curveServerKey"]

export const constructors: Scenario = async ({ zmq, tell, say }) => {
  const { Dealer, Context, Socket } = zmq as unknown as Record<string, new (...parameters: unknown[]) => Loose>
  if (Dealer === undefined || Context === undefined || Socket === undefined) return
  await tell("unknown", () => new Dealer({ foo: 1 }))
  await tell("of another type", () => new Dealer({ correlate: true }))
  await tell("read only", () => new Dealer({ type: 1 }))
  await tell("ill-typed", () => new Dealer({ linger: "x" }))
  await tell("ill-typed", () => new Dealer({ immediate: 1 }))
  await tell("ill-typed", () => new Dealer({ routingId: 1 }))
  await tell("no object", () => new Dealer(5))
  await tell("null", () => new Dealer(null))
  await tell("no type", () => new Socket())
  await tell("no type that exists", () => new Socket(37))
  await tell("too many", () => new Socket(5, {}, 3))
  await tell("no context", () => new Dealer({ context: {} }))
  await tell("context", () => new Context(5))
  await tell("context", () => new Context({ foo: 5 }))
  await tell("context", () => new Context({ maxSockets: 0 }))
  await tell("context", () => new Context({ maxSockets: "x" }))
  await tell("context", () => new Context({ maxSocketsLimit: 5 }))
  const socket = new Dealer({ linger: 5 })
  await tell("a property of one's own", () => {
    socket.mine = 1
  })
  say(socket.linger)
  socket.close()
  const options = { context: new Context(), linger: 7 }
  const own = new Dealer(options)
  say(Object.keys(options), own.context === options.context, own.linger)
  own.close()
}

export const contexts: Scenario = async ({ zmq, say }) => {
  const { context } = zmq
  const all = (each: typeof context): unknown[] => [
    each.ioThreads,
    each.maxSockets,
    each.maxSocketsLimit,
    each.threadPriority,
    each.threadSchedulingPolicy,
    each.maxMessageSize,
    each.ipv6,
    each.blocky,
  ]
  say(all(context))
  const own = new zmq.Context({ ioThreads: 3, maxSockets: 5, maxMessageSize: 4, ipv6: true, blocky: false })
  say(all(own))
  own.threadPriority = 4
  own.threadSchedulingPolicy = 1
  own.blocky = true
  say(all(own))
  const socket = new zmq.Dealer({ context: own })
  say(socket.linger, socket.ipv6)
  socket.close()
  own.blocky = false
  const brief = new zmq.Dealer({ context: own })
  say(brief.linger)
  brief.close()
}

export const byNumber: Scenario = async ({ zmq, tell }) => {
  class Mine extends zmq.Dealer {
    get mark(): number {
      return this.getInt32Option(23)
    }
    set mark(value: number) {
      this.setInt32Option(23, value)
    }
    read(layout: "Bool" | "Int32" | "Uint32" | "Int64" | "Uint64" | "String", option: unknown): unknown {
      return (this as unknown as Record<string, (option: unknown) => unknown>)[`get${layout}Option`]?.(option)
    }
  }
  const mine = new Mine({ mark: 456, linger: 0 } as object)
  await tell("mark", () => [mine.mark, mine.sendHighWaterMark])
  await tell("a string for a number", () => mine.read("Int32", "x"))
  for (const option of [17, 33, 999, 22, 4, 16, 39]) {
    for (const layout of ["Bool", "Int32", "Uint32", "Int64", "Uint64"] as const) {
      await tell(`${layout} ${option}`, () => mine.read(layout, option))
    }
  }
  mine.close()
}

export const warnings: Scenario = async ({ zmq, say }) => {
  const heard: string[] = []
  process.on("warning", ({ name, message }) => heard.push(`${name}: ${message}`))
  const dealer = new zmq.Dealer({ linger: 0 })
  dealer.immediate = true
  await new Promise((resolve) => setImmediate(resolve))
  say("before", heard)
  await dealer.bind("inproc://warnings")
  dealer.linger = 0
  dealer.sendHighWaterMark = 5
  dealer.sendTimeout = 0
  await new Promise((resolve) => setImmediate(resolve))
  say("at any time", heard)
  dealer.immediate = false
  await new Promise((resolve) => setImmediate(resolve))
  say("after", heard)
  dealer.close()
}
