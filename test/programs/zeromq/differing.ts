// What `brokerless/zeromq` does otherwise than `zeromq` on purpose, each in a scenario of its own: the lines that
// differ are listed in test/zeromq/differences.ts.

import { mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { isAbsolute, join } from "node:path"
import { inspect } from "node:util"
import type { Event, EventOfType, Observer, Pair } from "zeromq"
import { event, freeAddress, type Scenario, sleep, until } from "./stage.ts"

export const withoutNew: Scenario = async ({ zmq, tell }) => {
  for (const name of ["Socket", "Context", "Proxy", "Observer", "Dealer"] as const) {
    await tell(name, () => (zmq[name] as unknown as () => unknown)())
  }
}

export const ports: Scenario = async ({ zmq, tell }) => {
  const dealer = new zmq.Dealer({ linger: 0 })
  await tell("connect to 65537", () => dealer.connect("tcp://127.0.0.1:65537"))
  await tell("connect to 0", () => dealer.connect("tcp://127.0.0.1:0"))
  dealer.close()
}

export const unbindSync: Scenario = async ({ zmq, say, tell }) => {
  const dealer = new zmq.Dealer()
  dealer.bindSync("tcp://127.0.0.1:*")
  const endpoint = dealer.lastEndpoint as string
  await tell("unbindSync", () => dealer.unbindSync(endpoint))
  const other = new zmq.Dealer()
  say("free", !(await refused(() => other.bindSync(endpoint))))
  await tell("what was never bound", () => dealer.unbindSync("inproc://never-bound"))
  dealer.close()
  other.close()
}

async function refused(call: () => unknown): Promise<string | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

export const pathOfALivingServer: Scenario = async ({ zmq, tell }) => {
  const directory = mkdtempSync(join(tmpdir(), "unbinding-"))
  const [one, two] = [new zmq.Pull(), new zmq.Pull()]
  await one.bind(`ipc://${directory}/socket`)
  await tell("bind", () => two.bind(`ipc://${directory}/socket`))
  await tell("bindSync", () => two.bindSync(`ipc://${directory}/socket`))
  one.close()
  two.close()
  rmSync(directory, { recursive: true })
}

export const chosenPath: Scenario = async ({ zmq, say }) => {
  const directory = mkdtempSync(join(tmpdir(), "chosen-"))
  const before = process.cwd()
  const { TMPDIR, TEMPDIR, TMP } = process.env
  for (const name of ["TMPDIR", "TEMPDIR", "TMP"]) delete process.env[name]
  process.chdir(directory)
  const pull = new zmq.Pull()
  await pull.bind("ipc://*")
  say("absolute", isAbsolute(pull.lastEndpoint?.slice(6) as string))
  await pull.unbind(pull.lastEndpoint as string)
  pull.close()
  process.chdir(before)
  Object.assign(process.env, Object.fromEntries(Object.entries({ TMPDIR, TEMPDIR, TMP }).filter(([, it]) => it)))
  rmSync(directory, { recursive: true })
}

/** Intervals before the next attempts, one after the other. */
async function intervals(events: Observer, count: number): Promise<number[]> {
  const found: number[] = []
  while (found.length < count)
    found.push(((await event(events, "connect:retry")) as EventOfType<"connect:retry">).interval)
  return found
}

export const waitBeforeReconnecting: Scenario = async ({ zmq, say }) => {
  const push = new zmq.Push({ linger: 0, reconnectInterval: 20 })
  push.connect(await freeAddress())
  const found = await intervals(push.events, 12)
  say(
    "at least the interval",
    found.every((each) => each >= 20),
  )
  say(
    "at most the interval",
    found.every((each) => each <= 20),
  )
  push.close()
}

// Scenarios run in the order of their names; after the one with missing keys, zeromq never gets this message.
export const afterALimitWasSet: Scenario = async ({ zmq, tell }) => {
  const pull = new zmq.Pull({ receiveTimeout: 1000, reconnectInterval: 5 })
  const first = new zmq.Push({ linger: 0 })
  await first.bind("tcp://127.0.0.1:*")
  const endpoint = first.lastEndpoint as string
  const lost = new Promise((resolve) => pull.events.on("disconnect", resolve))
  pull.connect(endpoint)
  await first.send("x")
  await pull.receive()
  pull.maxMessageSize = 5
  pull.connect("inproc://limit-set-later")
  first.close()
  await lost
  await sleep(50)
  const second = new zmq.Push({ linger: 0 })
  await second.bind(endpoint)
  await second.send("longer than that")
  await tell("over the limit", () => pull.receive())
  pull.close()
  second.close()
}

export const correlateSetLater: Scenario = async ({ zmq, say }) => {
  const [request, router] = [new zmq.Request({ linger: 0 }), new zmq.Router({ linger: 0 })]
  await router.bind("inproc://correlate-set-later")
  request.connect("inproc://correlate-set-later")
  await request.send("one")
  const [id, ...envelope] = await router.receive()
  say("frames", envelope.length)
  await router.send([id as Buffer, "", "answer"])
  await request.receive()
  request.correlate = true
  await request.send("two")
  say("frames", (await router.receive()).length)
  request.close()
  router.close()
}

export const invertedLater: Scenario = async ({ zmq, say }) => {
  const pub = new zmq.XPublisher()
  await pub.bind("inproc://inverted-later")
  const sub = new zmq.XSubscriber()
  sub.connect("inproc://inverted-later")
  await sub.send("\u0001x")
  await pub.receive()
  pub.invertMatching = true
  await pub.send("x matches")
  await pub.send("does not")
  say("first", await sub.receive())
  pub.close()
  sub.close()
}

export const keysThatAreMissing: Scenario = async ({ zmq, tell }) => {
  const server = new zmq.Pull({ curveServer: true })
  await tell("bind without a secret key", () => server.bind("tcp://127.0.0.1:*"))
  const client = new zmq.Push({ curveServerKey: zmq.curveKeyPair().publicKey, linger: 0 })
  await tell("connect without own keys", () => client.connect("tcp://127.0.0.1:1"))
  const [one, other] = [zmq.curveKeyPair(), zmq.curveKeyPair()]
  const mixed = new zmq.Push({
    curveServerKey: one.publicKey,
    curvePublicKey: one.publicKey,
    curveSecretKey: other.secretKey,
    linger: 0,
  })
  await tell("connect with keys of two pairs", () => mixed.connect("tcp://127.0.0.1:1"))
  for (const socket of [server, client, mixed]) socket.close()
}

export const filtersAndDetours: Scenario = async ({ zmq, tell }) => {
  const dealer = new zmq.Dealer({ linger: 0 })
  await tell("tcpAcceptFilter", () => {
    dealer.tcpAcceptFilter = "127.0.0.1"
  })
  await tell("socksProxy", () => {
    dealer.socksProxy = "127.0.0.1:1"
    return dealer.socksProxy
  })
  await tell("connect by way of it", () => dealer.connect("tcp://127.0.0.1:1"))
  dealer.close()
  const bound = new zmq.Dealer({ interface: "lo" })
  await tell("bind", () => bound.bind("tcp://127.0.0.1:*"))
  bound.close()
}

export const twoObservers: Scenario = async ({ zmq, say }) => {
  const pull = new zmq.Pull()
  const first = new zmq.Observer(pull)
  const second = new zmq.Observer(pull)
  await pull.bind("tcp://127.0.0.1:*")
  say("first", (await first.receive()).type)
  say("second", (await second.receive()).type)
  pull.close()
}

export const failedBind: Scenario = async ({ zmq, say }) => {
  const [one, two] = [new zmq.Pull(), new zmq.Pull()]
  await one.bind("tcp://127.0.0.1:*")
  const failed = event(two.events, "bind:error")
  await two.bind(one.lastEndpoint as string).catch(() => {})
  const { address } = (await failed) as EventOfType<"bind:error">
  say("with its protocol", address.startsWith("tcp://"))
  one.close()
  two.close()
}

export const manySendsInATurn: Scenario = async ({ zmq, say }) => {
  const pub = new zmq.Publisher()
  await pub.bind("inproc://many-sends-in-a-turn")
  let sent = 0
  const code = await refused(() => {
    for (; sent < 2000; sent++) void pub.send("x")
  })
  say(code, "after 512", sent === 512)
  await sleep(20)
  pub.close()
}

export const oddMemory: Scenario = async ({ zmq, tell }) => {
  const [one, two] = [new zmq.Pair(), new zmq.Pair({ receiveTimeout: 0 })]
  await one.bind("inproc://odd-memory")
  two.connect("inproc://odd-memory")
  const shared = new SharedArrayBuffer(2)
  new Uint8Array(shared).fill(97)
  await tell("a DataView", () => one.send(new DataView(Uint8Array.of(97, 98).buffer)))
  await tell("is", () => two.receive())
  await one.send(shared)
  await tell("a SharedArrayBuffer is", () => two.receive())
  one.close()
  two.close()
}

export const oddLayout: Scenario = async ({ zmq, tell }) => {
  class Odd extends zmq.Dealer {
    get eventsInEight(): number {
      return this.getInt64Option(15)
    }
  }
  const odd = new Odd()
  await tell("events in eight octets", () => odd.eventsInEight)
  odd.close()
}

export const pausedProxy: Scenario = async ({ zmq, say }) => {
  const proxy = new zmq.Proxy(new zmq.Pull(), new zmq.Push({ linger: 0 }))
  proxy.frontEnd.bindSync("tcp://127.0.0.1:*")
  proxy.backEnd.bindSync("tcp://127.0.0.1:*")
  const [push, pull] = [new zmq.Push({ linger: 0 }), new zmq.Pull({ receiveTimeout: 300 })]
  push.connect(proxy.frontEnd.lastEndpoint as string)
  pull.connect(proxy.backEnd.lastEndpoint as string)
  const running = proxy.run()
  await push.send("one")
  await pull.receive()
  proxy.pause()
  await sleep(20)
  await push.send("two")
  say("paused", await refused(() => pull.receive()))
  proxy.terminate()
  await running
  push.close()
  pull.close()
}

export const causes: Scenario = async ({ zmq, say }) => {
  const dealer = new zmq.Dealer({ linger: 0 })
  await dealer.bind("tcp://8.8.8.8:*").catch(({ cause }) => say(cause === undefined ? "no cause" : "a cause"))
  dealer.close()
}

export const capabilities: Scenario = async ({ zmq, say }) => {
  say(Object.keys(zmq.capability).sort(), zmq.version)
}

export const otherTransports: Scenario = async ({ zmq, say, tell }) => {
  say("tipc", zmq.capability.tipc)
  const dealer = new zmq.Dealer({ linger: 0 })
  for (const transport of ["ws", "wss", "tipc", "vmci", "epgm", "norm"]) {
    await tell(transport, () => dealer.connect(`${transport}://127.0.0.1:1`))
  }
  dealer.close()
}

export const closedObserver: Scenario = async ({ zmq, say }) => {
  const faults: string[] = []
  const unhandled = (error: Error): void => {
    faults.push(error.message)
  }
  process.on("unhandledRejection", unhandled)
  process.on("uncaughtException", unhandled)
  const pull = new zmq.Pull()
  const reading: Promise<string> = pull.events.receive().then(
    ({ type }: Event) => type,
    ({ code }: { code: string }) => code,
  )
  pull.events.close()
  say("the read", await Promise.race([reading, sleep(200).then(() => "goes on")]))
  await sleep(20)
  say("nobody handled", faults)
  process.off("unhandledRejection", unhandled)
  process.off("uncaughtException", unhandled)
  pull.close()
}

export const severalFramesConflated: Scenario = async ({ zmq, say }) => {
  const [push, pull] = [new zmq.Push({ linger: 0 }), new zmq.Pull({ conflate: true })]
  await push.bind("inproc://several-frames-conflated")
  pull.connect("inproc://several-frames-conflated")
  await push.send(["one", "two", "three"])
  say("kept", await pull.receive())
  push.close()
  pull.close()
}

export const markRaisedWhileFull: Scenario = async ({ zmq, say, tell }) => {
  const push = new zmq.Push({ linger: 0, sendHighWaterMark: 1, sendTimeout: 0 })
  push.connect(await freeAddress())
  await push.send("x")
  say(push.writable)
  push.sendHighWaterMark = 2
  await tell("with a higher mark", () => push.send("x"))
  push.close()
}

export const roomAfterReading: Scenario = async ({ zmq, say, tell }) => {
  const push = new zmq.Push({ linger: 0, sendHighWaterMark: 4, sendTimeout: 0 })
  const pull = new zmq.Pull({ receiveHighWaterMark: 4 })
  await push.bind("inproc://room-after-reading")
  pull.connect("inproc://room-after-reading")
  for (let i = 0; i < 8; i++) await push.send("x")
  say(push.writable)
  await pull.receive()
  await sleep(20)
  await tell("after one was read", () => push.send("x"))
  push.close()
  pull.close()
}

export const arrayBehindAProxy: Scenario = async ({ zmq, say }) => {
  const [one, two] = [new zmq.Pair(), new zmq.Pair()]
  await one.bind("inproc://array-behind-a-proxy")
  two.connect("inproc://array-behind-a-proxy")
  await one.send(new Proxy(["a", "b"], {}))
  say("sent", await two.receive())
  one.close()
  two.close()
}

export const refusedForGood: Scenario = async ({ zmq, tell }) => {
  const push = new zmq.Push({ linger: 0, reconnectInterval: -1, sendTimeout: 0 })
  const closed = event(push.events, "close")
  push.connect(await freeAddress())
  await closed
  await sleep(20)
  await tell("to whom nobody will connect", () => push.send("x"))
  push.close()
}

export const anotherLanguage: Scenario = async ({ zmq, say }) => {
  const pull = new zmq.Pull()
  const failed = Promise.race(
    ["handshake:error:protocol", "handshake:error:other"].map((type) => {
      return new Promise<string>((resolve) =>
        pull.events.on(type as "handshake:error:other", (each) => resolve(each.type)),
      )
    }),
  )
  await pull.bind("tcp://127.0.0.1:*")
  const stranger = connect(Number(pull.lastEndpoint?.split(":").at(-1)), "127.0.0.1")
  stranger.on("error", () => {}).resume()
  stranger.write("GET / HTTP/1.1\r\n\r\n")
  say("at once", await Promise.race([failed, sleep(150).then(() => "nothing")]))
  stranger.destroy()
  await failed
  pull.close()
}

export const sentAway: Scenario = async ({ zmq, say }) => {
  const pairs = [1, 2, 3].map(() => new zmq.Pair({ linger: 0, reconnectInterval: 5000 }))
  const [first, second, third] = pairs as [Pair, Pair, Pair]
  const heard: string[] = []
  for (const type of ["handshake", "handshake:error:other", "disconnect"] as const) {
    first.events.on(type, () => heard.push(type))
  }
  await first.bind("tcp://127.0.0.1:*")
  second.connect(first.lastEndpoint as string)
  await until(() => heard.length > 0)
  third.connect(first.lastEndpoint as string)
  await until(() => heard.length > 1)
  await sleep(50)
  say("events", heard)
  for (const each of pairs) each.close()
}

export const lastValueByNumber: Scenario = async ({ zmq, tell }) => {
  class LastValue extends zmq.XPublisher {
    set manualLastValue(value: boolean) {
      this.setBoolOption(98, value)
    }
  }
  const pub = new LastValue()
  await tell("last value", () => {
    pub.manualLastValue = true
  })
  pub.close()
}

export const answersThatAreNone: Scenario = async ({ zmq, say }) => {
  const [request, router] = [new zmq.Request({ linger: 0 }), new zmq.Router({ linger: 0 })]
  await router.bind("inproc://answers-that-are-none")
  request.connect("inproc://answers-that-are-none")
  await request.send("question")
  const [id] = await router.receive()
  await router.send([id as Buffer, "no delimiter", "x"])
  await sleep(20)
  say("readable", request.readable)
  request.close()
  router.close()
}

export const replacedMethods: Scenario = async ({ zmq, say, tell }) => {
  const { prototype } = zmq.Socket as unknown as { prototype: Record<string, unknown> }
  await tell("replace bind", () => {
    prototype.bind = prototype.bind as unknown
    return "done"
  })
  say("parameters of Socket", zmq.Socket.length)
  say("printed", inspect(zmq.Socket))
}

export const uselessProxies: Scenario = async ({ zmq, draft, say, tell }) => {
  const idle = new zmq.Proxy(new zmq.Pull(), new zmq.Pull())
  await idle.frontEnd.bind("inproc://useless-proxies-front")
  await idle.backEnd.bind("inproc://useless-proxies-back")
  let idling: Promise<void> | undefined
  await tell("between two that receive", () => {
    idling = idle.run()
    return "runs"
  })
  if (idling !== undefined) idle.terminate()
  await idling
  const proxy = new zmq.Proxy(new draft.Server(), new draft.Client())
  await proxy.frontEnd.bind("inproc://useless-proxies-server")
  await proxy.backEnd.bind("inproc://useless-proxies-client")
  const running = proxy.run().catch(({ code }) => code)
  const [client, server] = [new draft.Client({ linger: 0 }), new draft.Server({ linger: 0, receiveTimeout: 500 })]
  server.connect("inproc://useless-proxies-client")
  client.connect("inproc://useless-proxies-server")
  await client.send("question")
  const question = await server.receive().catch(({ code }) => [code] as const)
  say("the question", question[0])
  if (question[1] !== undefined) await server.send("answer", question[1])
  say("the proxy ends with", await running)
  client.close()
  server.close()
}

export const streamsWithinTheProcess: Scenario = async ({ zmq, tell }) => {
  const stream = new zmq.Stream()
  await tell("bind", () => stream.bind("inproc://streams-within-the-process"))
  stream.close()
}

export const heartbeatsToABusyPeer: Scenario = async ({ zmq, say }) => {
  const push = new zmq.Push({ linger: 0, sendHighWaterMark: 10, heartbeatInterval: 30, heartbeatTimeout: 200 })
  const pull = new zmq.Pull({ receiveHighWaterMark: 1 })
  const ended = new Promise<string>((resolve) => push.events.on("disconnect", () => resolve("is ended")))
  await push.bind("tcp://127.0.0.1:*")
  pull.connect(push.lastEndpoint as string)
  await push.send("x")
  const message = Buffer.alloc(100_000)
  while (push.writable) await push.send(message)
  say("who has much to read", await Promise.race([ended, sleep(2000).then(() => "stays")]))
  push.close()
  pull.close()
}

export const oddHosts: Scenario = async ({ zmq, tell }) => {
  for (const host of ["127.1", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1.5"]) {
    const dealer = new zmq.Dealer({ linger: 0 })
    await tell(`bind ${host}`, () => dealer.bind(`tcp://${host}:*`))
    await tell(`connect ${host}`, () => dealer.connect(`tcp://${host}:5555`))
    dealer.close()
  }
}

export const momentsOfSettling: Scenario = async ({ zmq, say }) => {
  const [one, two] = [new zmq.Pair(), new zmq.Pair()]
  await one.bind("inproc://moments-of-settling")
  two.connect("inproc://moments-of-settling")
  const order: string[] = []
  const received = two.receive().then(() => order.push("received"))
  process.nextTick(() => order.push("tick"))
  await one.send("x")
  await received
  await sleep(5)
  say("what came", order)
  order.length = 0
  two.receive().catch(() => order.push("refused"))
  two.close()
  Promise.resolve().then(() => order.push("next"))
  await sleep(5)
  say("what never came", order)
  one.close()
}

export const fieldsOfOldSockets: Scenario = async ({ compat, say }) => {
  const push = compat.socket("push")
  say(
    "own fields",
    Object.keys(push)
      .filter((name) => !/^_(events|eventsCount|maxListeners)$/.test(name))
      .sort(),
  )
  push.close()
}

export const callbacksOfOldSockets: Scenario = async ({ compat, say }) => {
  const [request, reply] = [compat.socket("req"), compat.socket("rep")]
  const heard: string[] = []
  reply.on("message", () => reply.send("answer"))
  reply.bindSync("tcp://127.0.0.1:*")
  request.connect(reply.last_endpoint as string)
  const answered = new Promise<void>((resolve) => {
    request.on("message", () => {
      if (heard.push("answer") >= 4) resolve()
    })
  })
  request.send("one", 0, () => heard.push("sent"))
  request.send("two", 0, () => heard.push("sent"))
  await answered
  say("heard", heard)
  request.close()
  reply.close()
}
