// Every type of socket, over every transport: who gets what, in what order, in which frames.

import { freeAddress, type Scenario, type Stage, until } from "./stage.ts"

let names = 0

/** One after the other. libzmq gives a name of inproc back a moment after its socket was closed, so each has its own. */
async function everyTransport(run: (address: string) => Promise<void>): Promise<void> {
  for (const address of ["tcp://127.0.0.1:*", "ipc://*", `inproc://patterns-${++names}`]) await run(address)
}

function texts(frames: readonly Buffer[]): string[] {
  return frames.map(String)
}

export const pair: Scenario = async ({ zmq, say }) => {
  await everyTransport(async (address) => {
    const [one, two] = [new zmq.Pair(), new zmq.Pair()]
    await one.bind(address)
    two.connect(one.lastEndpoint as string)
    await one.send("hello")
    say(address, texts(await two.receive()))
    await two.send(["to", "", "you"])
    say(address, texts(await one.receive()))
    one.close()
    two.close()
  })
}

export const pipeline: Scenario = async ({ zmq, say }) => {
  await everyTransport(async (address) => {
    const push = new zmq.Push()
    const pulls = [new zmq.Pull(), new zmq.Pull()]
    await push.bind(address)
    for (const pull of pulls) pull.connect(push.lastEndpoint as string)
    const counts = [0, 0]
    const total = 100
    const ends = pulls.map(async (pull, i) => {
      for await (const [frame] of pull) {
        if (frame === undefined) continue
        counts[i] = (counts[i] as number) + 1
      }
    })
    for (let i = 0; i < total; i++) await push.send(String(i))
    await until(() => (counts[0] as number) + (counts[1] as number) === total)
    for (const pull of pulls) pull.close()
    await Promise.all(ends)
    say(address, "all of", total)
    push.close()
  })
}

export const publishing: Scenario = async ({ zmq, say }) => {
  await everyTransport(async (address) => {
    const pub = new zmq.XPublisher()
    const sub = new zmq.Subscriber()
    await pub.bind(address)
    sub.subscribe("a", Buffer.from("bc"))
    sub.connect(pub.lastEndpoint as string)
    const subscriptions = [await pub.receive(), await pub.receive()].map(texts).sort()
    say(address, JSON.stringify(subscriptions))
    for (const topic of ["apple", "b", "bcd", "c", "a"]) await pub.send([topic, "!"])
    for (let i = 0; i < 3; i++) say(address, texts(await sub.receive()))
    sub.unsubscribe("a")
    say(address, JSON.stringify(texts(await pub.receive())))
    await pub.send(["apple"])
    await pub.send(["bc"])
    say(address, texts(await sub.receive()))
    sub.close()
    pub.close()
  })
}

export const everything: Scenario = async ({ zmq, say }) => {
  const pub = new zmq.Publisher()
  const sub = new zmq.Subscriber()
  await pub.bind("tcp://127.0.0.1:*")
  sub.subscribe()
  sub.connect(pub.lastEndpoint as string)
  let got = false
  const first = sub.receive().then((frames) => {
    got = true
    return frames
  })
  while (!got) {
    await pub.send("any")
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  say(texts(await first))
  sub.close()
  pub.close()
}

export const lockStep: Scenario = async ({ zmq, say }) => {
  await everyTransport(async (address) => {
    const reply = new zmq.Reply()
    const request = new zmq.Request()
    await reply.bind(address)
    request.connect(reply.lastEndpoint as string)
    const served = (async () => {
      for await (const frames of reply) await reply.send([...frames, "!"])
    })()
    for (const question of ["4", "", "many words"]) {
      await request.send(question)
      say(address, texts(await request.receive()))
    }
    await request.send(["two", "frames"])
    say(address, texts(await request.receive()))
    reply.close()
    await served
    request.close()
  })
}

export const routing: Scenario = async ({ zmq, say }) => {
  await everyTransport(async (address) => {
    const router = new zmq.Router()
    const dealers = ["one", "two"].map((routingId) => new zmq.Dealer({ routingId }))
    await router.bind(address)
    for (const dealer of dealers) {
      dealer.connect(router.lastEndpoint as string)
      await dealer.send(["from", dealer.routingId])
    }
    const came = [await router.receive(), await router.receive()].map(texts).sort()
    say(address, JSON.stringify(came))
    await router.send(["two", "for two"])
    await router.send(["nobody", "lost"])
    await router.send(["one", "for one"])
    for (const dealer of dealers) say(address, texts(await dealer.receive()))
    for (const socket of [router, ...dealers]) socket.close()
  })
}

export const namelessPeers: Scenario = async ({ zmq, say }) => {
  const router = new zmq.Router()
  const dealer = new zmq.Dealer()
  await router.bind("tcp://127.0.0.1:*")
  dealer.connect(router.lastEndpoint as string)
  await dealer.send("who am I")
  const [id, frame] = await router.receive()
  say(id?.length, id?.[0], String(frame))
  await router.send([id as Buffer, "you are"])
  say(texts(await dealer.receive()))
  router.close()
  dealer.close()
}

export const requestsToRouters: Scenario = async ({ zmq, say }) => {
  const router = new zmq.Router()
  const request = new zmq.Request({ routingId: "asker" })
  await router.bind("tcp://127.0.0.1:*")
  request.connect(router.lastEndpoint as string)
  await request.send("what")
  const frames = await router.receive()
  say(texts(frames))
  await router.send([...frames.slice(0, 2), "that"])
  say(texts(await request.receive()))
  request.close()
  router.close()
}

export const dealersToReplies: Scenario = async ({ zmq, say }) => {
  const reply = new zmq.Reply()
  const dealer = new zmq.Dealer()
  await reply.bind("tcp://127.0.0.1:*")
  dealer.connect(reply.lastEndpoint as string)
  await dealer.send(["envelope", "", "body"])
  say(texts(await reply.receive()))
  await reply.send("answer")
  say(texts(await dealer.receive()))
  reply.close()
  dealer.close()
}

export const routersToRouters: Scenario = async ({ zmq, say }) => {
  const [bound, connected] = [new zmq.Router({ routingId: "b", mandatory: true }), new zmq.Router({ routingId: "c" })]
  await bound.bind("tcp://127.0.0.1:*")
  connected.connect(bound.lastEndpoint as string, { routingId: "the other" })
  await connected.send(["the other", "hi"])
  say(texts(await bound.receive()))
  await bound.send(["c", "hello"])
  say(texts(await connected.receive()))
  bound.close()
  connected.close()
}

export const byHand: Scenario = async ({ zmq, say }) => {
  const pub = new zmq.XPublisher()
  const sub = new zmq.XSubscriber()
  await pub.bind("tcp://127.0.0.1:*")
  sub.connect(pub.lastEndpoint as string)
  await sub.send("\u0001A")
  say(JSON.stringify(texts(await pub.receive())))
  await sub.send("upstream")
  say(texts(await pub.receive()))
  await pub.send("B")
  await pub.send("AB")
  say(texts(await sub.receive()))
  await sub.send("\u0000A")
  say(JSON.stringify(texts(await pub.receive())))
  sub.close()
  pub.close()
}

async function subscriptions({ zmq, say }: Stage, verbosity: null | "allSubs" | "allSubsUnsubs"): Promise<void> {
  const pub = new zmq.XPublisher({ verbosity })
  const subs = [new zmq.Subscriber(), new zmq.Subscriber()]
  await pub.bind("tcp://127.0.0.1:*")
  for (const sub of subs) sub.connect(pub.lastEndpoint as string)
  const heard: string[] = []
  const hearing = (async () => {
    for await (const [frame] of pub) heard.push(JSON.stringify(String(frame)))
  })()
  for (const sub of subs) {
    const before = heard.length
    sub.subscribe("x")
    if (before === 0 || verbosity !== null) await until(() => heard.length > before)
    sub.subscribe(`only-${subs.indexOf(sub)}`)
    await until(() => heard.some((text) => text.includes(`1only-${subs.indexOf(sub)}`)))
  }
  for (const sub of subs) {
    sub.unsubscribe("x")
    sub.unsubscribe(`only-${subs.indexOf(sub)}`)
    await until(() => heard.some((text) => text.includes(`0only-${subs.indexOf(sub)}`)))
  }
  say(verbosity, ...heard)
  for (const sub of subs) sub.close()
  pub.close()
  await hearing
}

export const verbosity: Scenario = async (stage) => {
  for (const each of [null, "allSubs", "allSubsUnsubs"] as const) await subscriptions(stage, each)
}

export const inverted: Scenario = async ({ zmq, say }) => {
  const pub = new zmq.XPublisher({ invertMatching: true })
  const sub = new zmq.Subscriber({ invertMatching: true })
  await pub.bind("tcp://127.0.0.1:*")
  sub.subscribe("a")
  sub.connect(pub.lastEndpoint as string)
  await pub.receive()
  await pub.send("abc")
  await pub.send("bcd")
  say(texts(await sub.receive()))
  sub.close()
  pub.close()
}

export const probing: Scenario = async ({ zmq, say }) => {
  const router = new zmq.Router()
  const dealer = new zmq.Dealer({ routingId: "probe", probeRouter: true })
  await router.bind("tcp://127.0.0.1:*")
  dealer.connect(router.lastEndpoint as string)
  say(texts(await router.receive()))
  dealer.close()
  router.close()
}

export const conflation: Scenario = async ({ zmq, say }) => {
  const push = new zmq.Push({ conflate: true })
  const pull = new zmq.Pull()
  const endpoint = await freeAddress()
  push.connect(endpoint)
  for (let i = 0; i < 10; i++) await push.send(String(i))
  await pull.bind(endpoint)
  say(texts(await pull.receive()))
  push.close()
  pull.close()
}

export const relaxed: Scenario = async ({ zmq, say }) => {
  const request = new zmq.Request({ relaxed: true, correlate: true })
  const reply = new zmq.Reply()
  await reply.bind("tcp://127.0.0.1:*")
  request.connect(reply.lastEndpoint as string)
  await request.send("first")
  await request.send("second")
  // The first may be lost on the way: libzmq parts with the peer that it was sent to.
  for (let asked = ""; asked !== "second"; ) {
    asked = String((await reply.receive())[0])
    await reply.send(`to ${asked}`).catch(() => {})
  }
  say(texts(await request.receive()))
  request.close()
  reply.close()
}

export const relaxedAlone: Scenario = async ({ zmq, say, tell }) => {
  for (const address of ["tcp://127.0.0.1:*", "inproc://relaxed-alone"]) {
    const request = new zmq.Request({ linger: 0, relaxed: true, sendTimeout: 2000 })
    const router = new zmq.Router({ linger: 0 })
    const heard: string[] = []
    request.events.on("disconnect", ({ type }) => heard.push(type))
    await router.bind(address)
    request.connect(router.lastEndpoint as string)
    await request.send("one")
    const [id] = await router.receive()
    const answer = (text: string): Promise<void> => router.send([id as Buffer, "", text])
    await tell("before the answer", () => request.send("two"))
    say(texts(await router.receive()).slice(1))
    await answer("to one")
    await tell("a late answer", () => request.receive())
    await tell("the next request", () => request.send("three"))
    await router.receive()
    const receiving = request.receive()
    await tell("while a receive waits", () => request.send("four"))
    await router.receive()
    await answer("to four")
    await tell("the receive", () => receiving)
    say(heard)
    request.close()
    router.close()
  }
}

export const relaxedBeforeAnybodyComes: Scenario = async ({ zmq, say, tell }) => {
  const request = new zmq.Request({
    linger: 0,
    relaxed: true,
    sendTimeout: 0,
    sendHighWaterMark: 2,
    reconnectInterval: 5,
  })
  const address = await freeAddress()
  request.connect(address)
  for (const question of ["one", "two", "three"]) {
    await tell(question, () => request.send(question))
    say(request.readable, request.writable)
  }
  request.receiveTimeout = 300
  const began = Date.now()
  await tell("an answer to the refused", () => request.receive())
  // Theirs counts from when its loop last looked at the clock.
  say("in time", Date.now() - began >= 100)
  const router = new zmq.Router({ linger: 0 })
  await router.bind(address)
  for (let i = 0; i < 2; i++) say(texts(await router.receive()).slice(1))
  request.close()
  router.close()
}

export const connectFirst: Scenario = async ({ zmq, say }) => {
  for (const address of [await freeAddress(), "inproc://connect-first"]) {
    const push = new zmq.Push({ sendHighWaterMark: 3, reconnectInterval: 10 })
    const pull = new zmq.Pull()
    say(push.writable)
    push.connect(address)
    say(push.writable)
    for (let i = 0; i < 3; i++) await push.send(String(i))
    const fourth = push.send("3")
    await pull.bind(address)
    for (let i = 0; i < 4; i++) say(texts(await pull.receive()))
    await fourth
    push.close()
    pull.close()
  }
}

export const welcome: Scenario = async ({ zmq, say }) => {
  for (const address of ["tcp://127.0.0.1:*", "inproc://welcome"]) {
    const pub = new zmq.XPublisher({ welcomeMessage: "welcome" })
    await pub.bind(address)
    const sub = new zmq.Subscriber()
    sub.subscribe("w")
    sub.connect(pub.lastEndpoint as string)
    say(await pub.receive())
    say("a subscriber", await sub.receive())
    const xsub = new zmq.XSubscriber()
    xsub.connect(pub.lastEndpoint as string)
    await xsub.send("\u0001x")
    say(await pub.receive())
    say("an XSubscriber", await xsub.receive())
    await pub.send("xyz")
    say("what follows", await xsub.receive())
    for (const each of [pub, sub, xsub]) each.close()
  }
}

export const welcomeSetLater: Scenario = async ({ zmq, say }) => {
  const pub = new zmq.XPublisher()
  await pub.bind("inproc://welcome-set-later")
  pub.welcomeMessage = "welcome"
  const sub = new zmq.XSubscriber()
  sub.connect("inproc://welcome-set-later")
  await sub.send("\u0001")
  await pub.receive()
  await pub.send("news")
  say("first", await sub.receive())
  pub.close()
  sub.close()
}
