// Sockets as versions 4 and 5 of the package had them: they emit what they receive. Messages go over tcp, because over
// inproc zeromq never hears of one for which a receive waited before there was a peer, as it does here.

import { once } from "node:events"
import type { Socket, SocketType } from "zeromq/v5-compat.js"
import { freeAddress, type Scenario, type Stage, sleep } from "./stage.ts"

const TYPES: readonly SocketType[] = [
  "pair",
  "req",
  "rep",
  "pub",
  "sub",
  "dealer",
  "xreq",
  "router",
  "xrep",
  "pull",
  "push",
  "xpub",
  "xsub",
  "stream",
]

/** A pair of sockets, the first of which is bound. */
function wired({ compat }: Stage, bound: SocketType, connected: SocketType): [Socket, Socket] {
  const [one, other] = [compat.socket(bound), compat.socket(connected)]
  one.bindSync("tcp://127.0.0.1:*")
  other.connect(one.last_endpoint)
  return [one, other]
}

/** The next message. */
function message(socket: Socket): Promise<Buffer[]> {
  return once(socket, "message") as Promise<Buffer[]>
}

function close(...sockets: Socket[]): void {
  for (const socket of sockets) socket.close()
}

export const names: Scenario = async ({ compat, say }) => {
  for (const [name, value] of Object.entries(compat).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (["default", "module.exports", "__esModule"].includes(name)) continue
    say(name, typeof value === "number" ? value : typeof value)
  }
  say(compat.options)
  say(compat.socket === compat.createSocket, compat.version)
}

export const typesOfSockets: Scenario = async ({ compat, say, tell }) => {
  for (const type of TYPES) {
    const socket = compat.socket(type)
    say(type, socket.type, socket instanceof compat.Socket, socket.closed, socket.getsockopt(compat.ZMQ_TYPE))
    say(socket.close() === socket, socket.closed)
  }
  await tell("no such type", () => compat.socket("constructor" as SocketType))
  await tell("none", () => new compat.Socket(undefined as unknown as SocketType))
  await tell("context", () => new compat.Context())
}

export const asked: Scenario = async (stage) => {
  const [rep, req] = wired(stage, "rep", "req")
  rep.on("message", (...frames) => rep.send(frames.map((frame) => `${frame}!`)))
  for (const question of ["one", ["two", "parts"], Buffer.from("three"), 4, null, ""]) {
    const answer = message(req)
    req.send(question)
    stage.say(await answer)
  }
  close(rep, req)
}

export const pipelined: Scenario = async (stage) => {
  const [push, pull] = wired(stage, "push", "pull")
  const came: string[] = []
  const all = new Promise<void>((resolve) => {
    pull.on("message", (...frames) => {
      came.push(frames.join())
      if (came.length === 100) resolve()
    })
  })
  const told: number[] = []
  for (let i = 0; i < 100; i++) push.send(String(i), undefined, () => told.push(i))
  stage.say("passed on", told.length)
  await all
  stage.say(came, told.length)
  close(push, pull)
}

export const inParts: Scenario = async (stage) => {
  const { compat, say } = stage
  const [push, pull] = wired(stage, "push", "pull")
  const first = message(pull)
  say(push.send("a", compat.ZMQ_SNDMORE) === push)
  push.send(["b", "c"], compat.ZMQ_SNDMORE)
  push.send("d", 0)
  say(await first)
  const second = message(pull)
  push.send("e", null)
  say(await second)
  const third = message(pull)
  push.send("f", compat.ZMQ_SNDMORE, () => say("told of a part"))
  push.send([], 4, (...given) => say("told", given))
  say(await third)
  close(push, pull)
}

export const published: Scenario = async (stage) => {
  const [pub, sub] = wired(stage, "xpub", "sub")
  const subscribed = message(pub)
  stage.say(sub.subscribe("a") === sub, await subscribed)
  pub.send("b is not wanted").send(["a is", "wanted"])
  stage.say(await message(sub))
  const ended = message(pub)
  stage.say(sub.unsubscribe("a") === sub, await ended)
  const again = message(pub)
  sub._subscribe = "ü"
  stage.say(await again)
  const over = message(pub)
  sub.setsockopt(stage.compat.ZMQ_UNSUBSCRIBE, Buffer.from("ü"))
  stage.say(await over)
  await stage.tell("xpub subscribes", () => pub.subscribe("x"))
  await stage.tell("xpub unsubscribes", () => pub.unsubscribe("x"))
  close(pub, sub)
}

export const bound: Scenario = async ({ compat, say, tell }) => {
  const [one, other] = [compat.socket("pull"), compat.socket("pull")]
  const told = new Promise<void>((resolve) => {
    one.on("bind", (...given) => say("emitted", given))
    say(one.bind("tcp://127.0.0.1:*", (...given) => resolve(say("called", given))) === one)
  })
  await told
  const address = one.last_endpoint as string
  await new Promise<void>((resolve) => other.bind(address, (...given) => resolve(say("refused", given))))
  const failed = once(other, "error")
  other.bind(address)
  say("refused", await failed)
  await tell("at once", () => other.bindSync(address))
  one.on("unbind", (...given) => say("emitted", given))
  await new Promise<void>((resolve) => one.unbind(address, (...given) => resolve(say("called", given))))
  await new Promise<void>((resolve) => one.unbind(address, (...given) => resolve(say("refused", given))))
  const notBound = once(one, "error")
  one.unbind(address)
  say("refused", await notBound)
  await tell("connect nowhere", () => one.connect("nowhere"))
  await tell("disconnect", () => one.disconnect("tcp://127.0.0.1:5555"))
  await tell("no address", () => one.bind(undefined as unknown as string))
  say(one.connect("inproc://compat") === one, one.disconnect("inproc://compat") === one)
  close(one, other)
  await tell("closed", () => one.connect("inproc://compat"))
  await tell("closed, bind", () => one.bind("inproc://compat"))
  await tell("closed, monitor", () => one.monitor())
  await tell("closed, close", () => one.close() === one)
  await tell("closed, send", () => one.send("x") === one)
}

export const whileBinding: Scenario = async ({ compat, say }) => {
  const push = compat.socket("push")
  const refused = new Promise((resolve) => {
    push.bind("tcp://127.0.0.1:*")
    push.send("x", 0, resolve)
  })
  say(await refused)
  const failed = once(push, "error")
  await once(push, "bind")
  push.bind("inproc://while-binding")
  push.send("y")
  say(await failed)
  close(push)
}

export const paused: Scenario = async (stage) => {
  const [push, pull] = wired(stage, "push", "pull")
  const came: string[] = []
  pull.on("message", (frame) => came.push(String(frame)))
  push.pause()
  push.send("one", 0, () => stage.say("passed on"))
  await sleep(20)
  stage.say("paused", came.length)
  const first = message(pull)
  push.resume()
  await first
  pull.pause()
  push.send("two").send("three")
  await sleep(50)
  stage.say("paused", came)
  const rest = new Promise<void>((resolve) => {
    pull.on("message", () => came.length === 3 && resolve())
  })
  pull.resume()
  await rest
  stage.say(came)
  close(push, pull)
}

export const refused: Scenario = async ({ compat, say, tell }) => {
  const unhandled = (): Promise<Error> => new Promise((resolve) => process.once("unhandledRejection", resolve))
  for (const type of ["pull", "sub"] as const) {
    const socket = compat.socket(type)
    const fault = unhandled()
    say(type, socket.send("x") === socket, await fault)
    close(socket)
  }
  const router = compat.socket("router", { linger: 0 })
  router.setsockopt(compat.ZMQ_ROUTER_MANDATORY, 1)
  router.bindSync("tcp://127.0.0.1:*")
  const dealer = compat.socket("dealer", { linger: 0 })
  dealer.connect(router.last_endpoint)
  const hello = message(router)
  dealer.send("hello")
  await hello
  await new Promise<void>((resolve) => router.send(["nobody", "x"], 0, (...given) => resolve(say("told", given))))
  const failed = once(router, "error")
  router.send(["nobody", "x"])
  say("emitted", await failed)
  const fault = unhandled()
  router.send(["nobody", "x"])
  say("nobody hears of it", await fault)
  const brief = compat.socket("push")
  brief.setsockopt(compat.ZMQ_SNDTIMEO, 10)
  await new Promise<void>((resolve) => brief.send("x", 0, (...given) => resolve(say("in time", given))))
  brief.setsockopt(compat.ZMQ_SNDTIMEO, -1)
  await sleep(20)
  const never = new Promise<void>((resolve) => brief.send("x", 0, (...given) => resolve(say("closed", given))))
  brief.send("y", 0, () => say("is never told"))
  brief.close()
  await never
  const silent = compat.socket("pull")
  silent.setsockopt(compat.ZMQ_RCVTIMEO, 10)
  // The receive that waits was begun before.
  const push = compat.socket("push")
  silent.bindSync("tcp://127.0.0.1:*")
  push.connect(silent.last_endpoint)
  push.send("x")
  await message(silent)
  say("nothing came", await once(silent, "error"))
  close(router, dealer, silent, push)
  await tell("read", () => router.read())
}

export const options: Scenario = async ({ compat, say, tell }) => {
  for (const type of ["dealer", "router", "xpub", "sub", "push"] as const) {
    const socket = compat.socket(type)
    for (const name of Object.keys(compat.options)) {
      await tell(`${type}.${name}`, () => socket[name])
      for (const value of [7, true, "text"]) {
        await tell(`${type}.${name} = ${value}`, () => {
          try {
            socket[name] = value
          } catch (error) {
            // Whose methods are missing is not said in the same words.
            return (error as { code?: string }).code ?? (error as Error).name
          }
          return socket[name]
        })
      }
    }
    for (let number = 0; number <= 80; number++) {
      await tell(`${type} ${number}`, () => socket.getsockopt(number))
      await tell(`${type} ${number} = 1`, () => {
        try {
          socket.setsockopt(number, 1)
        } catch (error) {
          const { code, name: kind, message: text } = error as Error & { code?: string }
          return code ?? (kind === "TypeError" ? kind : text)
        }
        return "set"
      })
    }
    say(type, socket.setsockopt("linger", 5) === socket, socket.getsockopt("linger"), socket.linger)
    await tell("no such option", () => socket.setsockopt("nothing" as "linger", 1))
    await tell("no such option", () => socket.getsockopt("constructor" as "linger"))
    await tell("no such option", () => socket.getsockopt(1000))
    close(socket)
    await tell("closed", () => socket.linger)
  }
}

export const givenAtOnce: Scenario = async ({ compat, say, tell }) => {
  const socket = compat.createSocket("dealer", { identity: "me", linger: 7, anything: { else: true } })
  say(socket.identity, socket.linger, socket.anything)
  say(Object.keys(compat.Socket.prototype).length, "linger" in socket, Object.hasOwn(socket, "linger"))
  await tell("what cannot be set", () => compat.socket("dealer", { last_endpoint: "x" }))
  await tell("what cannot be set", () => compat.socket("dealer", { closed: true }))
  await tell("no options", () => compat.socket("dealer", undefined).close().closed)
  close(socket)
}

export const secured: Scenario = async (stage) => {
  const { compat, say } = stage
  const [server, client] = [compat.curveKeypair(), compat.curveKeypair()]
  say(Object.keys(server), server.public.length, server.secret.length)
  const rep = compat.socket("rep", {
    curve_server: 1,
    curve_publickey: server.public,
    curve_secretkey: server.secret,
  })
  const req = compat.socket("req", {
    curve_serverkey: server.public,
    curve_publickey: client.public,
    curve_secretkey: client.secret,
  })
  say(rep.mechanism, req.mechanism, rep.curve_server, req.curve_server)
  rep.bindSync("tcp://127.0.0.1:*")
  req.connect(rep.last_endpoint)
  rep.on("message", (frame) => rep.send(`${frame}!`))
  req.send("secret")
  say(await message(req))
  close(rep, req)
}

export const watched: Scenario = async ({ compat, say, tell }) => {
  const [pull, push] = [compat.socket("pull"), compat.socket("push", { linger: 0, reconnect_ivl: 5 })]
  const warned = once(process, "warning")
  await tell("with arguments", () => pull.monitor(10, 0) === pull)
  say((await warned)[0].message)
  push.monitor()
  const listen = once(pull, "listen")
  pull.bindSync("tcp://127.0.0.1:*")
  say("listen", await listen)
  const [accept, connect] = [once(pull, "accept"), once(push, "connect")]
  push.connect(pull.last_endpoint)
  say("accept", await accept, "connect", await connect)
  const shaken = message(pull)
  push.send("hands were shaken")
  await shaken
  const [disconnect, retry] = [once(push, "disconnect"), once(push, "connect_retry")]
  const closed = once(pull, "close")
  pull.close()
  say("close", await closed)
  say("disconnect", await disconnect)
  const [interval, address, ...rest] = await retry
  say("connect_retry", typeof interval, address, rest)
  push.close()
  const busy = compat.socket("pull")
  const first = compat.socket("pull")
  first.bindSync("tcp://127.0.0.1:*")
  busy.monitor()
  const failed = once(busy, "bind_error")
  await tell("taken", () => busy.bindSync(first.last_endpoint))
  const [errno, , error] = await failed
  say("bind_error", errno, error)
  busy.on("listen", () => {
    throw new Error("a listener's own")
  })
  const fault = once(busy, "error")
  busy.bindSync("tcp://127.0.0.1:*")
  say("error", await fault)
  close(busy, first)
}

export const delayed: Scenario = async ({ compat, say }) => {
  const dealer = compat.socket("dealer", { linger: 0 })
  dealer.monitor()
  const told = once(dealer, "connect_delay")
  const address = await freeAddress()
  dealer.connect(address)
  say("connect_delay", await told)
  close(dealer)
}

export const proxied: Scenario = async (stage) => {
  const { compat, say, tell } = stage
  for (const [front, back, asker, answerer] of [
    ["router", "dealer", "req", "rep"],
    ["xrep", "xreq", "req", "rep"],
  ] as const) {
    const [frontend, backend, capture] = [compat.socket(front), compat.socket(back), compat.socket("push")]
    const [client, server, sink] = [compat.socket(asker), compat.socket(answerer), compat.socket("pull")]
    frontend.bindSync("tcp://127.0.0.1:*")
    backend.bindSync("tcp://127.0.0.1:*")
    capture.bindSync("tcp://127.0.0.1:*")
    sink.connect(capture.last_endpoint)
    say(compat.proxy(frontend, backend, capture))
    client.connect(frontend.last_endpoint)
    server.connect(backend.last_endpoint)
    server.on("message", (...frames) => server.send(["answer", ...frames]))
    const captured = message(sink)
    const answer = message(client)
    client.send(["a", "question"])
    say(front, await answer, "captured", await captured)
    close(frontend, backend, capture, client, server, sink)
  }
  const [pull, push] = [compat.socket("pull"), compat.socket("push")]
  pull.bindSync("tcp://127.0.0.1:*")
  push.bindSync("tcp://127.0.0.1:*")
  compat.proxy(pull, push)
  const [source, sink] = [compat.socket("push"), compat.socket("pull")]
  source.connect(pull.last_endpoint)
  sink.connect(push.last_endpoint)
  source.send(["work", "in parts"])
  say(await message(sink))
  close(pull, push, source, sink)
  const [dealer, router] = [compat.socket("dealer"), compat.socket("router")]
  await tell("the other way round", () => compat.proxy(dealer, router))
  await tell("the same", () => compat.proxy(dealer, dealer))
  close(dealer, router)
}

export const subscriptionsThroughAProxy: Scenario = async ({ compat, say }) => {
  const [xpub, xsub] = [compat.socket("xpub"), compat.socket("xsub")]
  xpub.bindSync("tcp://127.0.0.1:*")
  xsub.bindSync("tcp://127.0.0.1:*")
  compat.proxy(xpub, xsub)
  const [pub, sub] = [compat.socket("xpub"), compat.socket("sub")]
  pub.connect(xsub.last_endpoint)
  sub.connect(xpub.last_endpoint)
  const subscribed = message(pub)
  sub.subscribe("news")
  say(await subscribed)
  pub.send(["news", "of today"])
  say(await message(sub))
  close(xpub, xsub, pub, sub)
}

export const contextOfAll: Scenario = async ({ compat, zmq, say, tell }) => {
  const { Context } = compat
  say(Context.getMaxSockets() === zmq.context.maxSockets, Context.getMaxThreads())
  await tell("sockets", () => Context.setMaxSockets(100))
  await tell("threads", () => Context.setMaxThreads(2))
  say(Context.getMaxSockets(), Context.getMaxThreads(), zmq.context.maxSockets)
}

export const withBothApis: Scenario = async ({ compat, zmq, say }) => {
  const pull = compat.socket("pull")
  const push = new zmq.Push()
  pull.bindSync("tcp://127.0.0.1:*")
  push.connect(pull.last_endpoint)
  await push.send(["x", "y"])
  say(await message(pull))
  push.close()
  close(pull)
}
