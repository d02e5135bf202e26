// What calls take and refuse: messages and their conversions, order, one at a time, timeouts, closing.

import { type Scenario, sleep, until } from "./stage.ts"

export const conversions: Scenario = async ({ zmq, say, tell }) => {
  const [one, two] = [new zmq.Pair(), new zmq.Pair()]
  await one.bind("inproc://conversions")
  two.connect("inproc://conversions")
  const odd = one as unknown as { send(message: unknown): Promise<void> }
  const values: unknown[] = [
    "text",
    "ünïcödé",
    null,
    Buffer.from("buffer"),
    Buffer.alloc(300, "x"),
    new Uint8Array([97, 98, 99]),
    new Uint16Array([0x6161, 0x6262]),
    new Uint8Array([49, 50, 51]).buffer,
    5,
    -0.5,
    Number.NaN,
    true,
    {},
    () => 1,
    Symbol.iterator.description,
    new Date(0).getTime(),
    [1, null, "a", Buffer.from("b")],
    [undefined],
  ]
  for (const value of values) {
    await odd.send(value)
    say(await two.receive())
  }
  const memory = new ArrayBuffer(4)
  const transferred = [memory, new Uint8Array(memory), Buffer.from(memory)]
  structuredClone(memory, { transfer: [memory] })
  for (const value of transferred) {
    await odd.send(value)
    say("transferred", await two.receive())
  }
  await tell("an empty list", () => odd.send([]))
  await tell("nothing", () => (one as unknown as { send(): unknown }).send())
  await tell("undefined", () => odd.send(undefined))
  await tell("too much", () => (one as unknown as { send(a: string, b: string): unknown }).send("a", "b"))
  await tell("a symbol", () => odd.send(Symbol("x")))
  one.close()
  two.close()
}

export const ownMemory: Scenario = async ({ zmq, say }) => {
  const [one, two] = [new zmq.Pair(), new zmq.Pair()]
  await one.bind("inproc://own-memory")
  two.connect("inproc://own-memory")
  const counter = Buffer.alloc(4)
  for (let i = 0; i < 3; i++) {
    counter.writeUInt32BE(i)
    await one.send(counter)
  }
  for (let i = 0; i < 3; i++) say((await two.receive())[0]?.readUInt32BE())
  one.close()
  two.close()
}

export const oneAtATime: Scenario = async ({ zmq, say, tell }) => {
  const dealer = new zmq.Dealer({ linger: 0 })
  const sending = dealer.send("x")
  const receiving = dealer.receive()
  await tell("a second send", () => dealer.send("y"))
  await tell("a second receive", () => dealer.receive())
  dealer.close()
  await tell("the first send", () => sending)
  await tell("the first receive", () => receiving)
  say(dealer.closed)
}

export const blocked: Scenario = async ({ zmq, say, tell }) => {
  const dealer = new zmq.Dealer({ linger: 0 })
  const binding = dealer.bind("tcp://127.0.0.1:*")
  await tell("send", () => dealer.send("x"))
  await tell("receive", () => dealer.receive())
  await tell("bind", () => dealer.bind("tcp://127.0.0.1:*"))
  await tell("unbind", () => dealer.unbind("tcp://127.0.0.1:1"))
  await tell("connect", () => dealer.connect("tcp://127.0.0.1:1"))
  await tell("disconnect", () => dealer.disconnect("tcp://127.0.0.1:1"))
  dealer.close()
  say("closed meanwhile", dealer.closed)
  await binding
  say("closed afterwards", dealer.closed)
}

export const closed: Scenario = async ({ zmq, tell }) => {
  const dealer = new zmq.Dealer()
  dealer.close()
  dealer.close()
  for (const name of ["closed", "readable", "writable"] as const) await tell(name, () => dealer[name])
  for (const name of ["linger", "lastEndpoint", "type", "routingId", "events"] as const) {
    await tell(name, () => dealer[name])
  }
  await tell("context", () => dealer.context)
  await tell("set", () => {
    dealer.linger = 5
  })
  await tell("send", () => dealer.send("x"))
  await tell("receive", () => dealer.receive())
  await tell("bind", () => dealer.bind("tcp://127.0.0.1:*"))
  await tell("bindSync", () => dealer.bindSync("tcp://127.0.0.1:*"))
  await tell("unbind", () => dealer.unbind("tcp://127.0.0.1:1"))
  await tell("connect", () => dealer.connect("tcp://127.0.0.1:1"))
  await tell("disconnect", () => dealer.disconnect("tcp://127.0.0.1:1"))
}

export const timeouts: Scenario = async ({ zmq, say, tell }) => {
  for (const timeout of [0, 200]) {
    const dealer = new zmq.Dealer({ sendTimeout: timeout, receiveTimeout: timeout, linger: 0 })
    const began = Date.now()
    await tell(`send ${timeout}`, () => dealer.send("x"))
    await tell(`receive ${timeout}`, () => dealer.receive())
    say("in time", Date.now() - began >= timeout)
    dealer.close()
  }
  const pub = new zmq.Publisher()
  await tell("a publisher", () => pub.send("x"))
  pub.close()
}

export const outOfTurn: Scenario = async ({ zmq, say, tell }) => {
  const request = new zmq.Request({ sendTimeout: 0, receiveTimeout: 0, linger: 0 })
  const reply = new zmq.Reply({ sendTimeout: 0, receiveTimeout: 0, linger: 0 })
  await reply.bind("inproc://out-of-turn")
  request.connect("inproc://out-of-turn")
  say(request.readable, request.writable, reply.readable, reply.writable)
  await tell("answer without a question", () => reply.send("x"))
  await tell("answer before the question", () => request.receive())
  await tell("a question", () => request.send("one"))
  await tell("another question", () => request.send("two"))
  await until(() => reply.readable)
  say(request.readable, request.writable, reply.readable, reply.writable)
  await tell("the question", () => reply.receive())
  await tell("the next question", () => reply.receive())
  await tell("the answer", () => reply.send("answer"))
  await tell("another answer", () => reply.send("answer"))
  await tell("the answer", () => request.receive())
  await tell("another answer", () => request.receive())
  request.close()
  reply.close()
}

export const waitingOutOfTurn: Scenario = async ({ zmq, say, tell }) => {
  const request = new zmq.Request({ linger: 0 })
  const reply = new zmq.Reply({ linger: 0 })
  await reply.bind("inproc://waiting-out-of-turn")
  request.connect("inproc://waiting-out-of-turn")
  const answer = request.receive()
  await request.send("one")
  const second = request.send("two")
  say(String((await reply.receive())[0]))
  await reply.send("to one")
  say(String((await answer)[0]))
  await second
  say(String((await reply.receive())[0]))
  await reply.send("to two")
  await request.receive()
  const never = request.receive()
  request.close()
  await tell("a receive out of turn", () => never)
  reply.close()
}

export const timedOutOfTurn: Scenario = async ({ zmq, tell }) => {
  const request = new zmq.Request({ sendTimeout: 20, receiveTimeout: 20, linger: 0 })
  request.connect("inproc://timed-out-of-turn")
  await tell("a receive", () => request.receive())
  await request.send("x")
  await tell("a send", () => request.send("y"))
  await tell("a receive", () => request.receive())
  request.close()
}

export const lostPeer: Scenario = async ({ zmq, say, tell }) => {
  const request = new zmq.Request({ receiveTimeout: 150, linger: 0, reconnectInterval: 10 })
  const reply = new zmq.Reply({ linger: 0 })
  await reply.bind("tcp://127.0.0.1:*")
  request.connect(reply.lastEndpoint as string)
  await request.send("x")
  await reply.receive()
  reply.close()
  await tell("an answer of a peer that left", () => request.receive())
  say(request.readable, request.writable)
  request.close()
}

export const unroutable: Scenario = async ({ zmq, say, tell }) => {
  const router = new zmq.Router({ mandatory: true, sendTimeout: 0, linger: 0 })
  await router.bind("tcp://127.0.0.1:*")
  say(router.writable)
  await tell("to nobody", () => router.send(["nobody", "x"]))
  const dealer = new zmq.Dealer({ routingId: "somebody", linger: 0 })
  dealer.connect(router.lastEndpoint as string)
  await dealer.send("x")
  await router.receive()
  say(router.writable)
  await tell("to nobody else", () => router.send(["nobody", "x"]))
  router.sendTimeout = -1
  await tell("to nobody, patiently", () => router.send(["nobody", "x"]))
  await tell("to somebody", () => router.send(["somebody", "x"]))
  router.close()
  dealer.close()
  const lenient = new zmq.Router()
  await tell("without a peer", () => lenient.send(["nobody", "x"]))
  lenient.close()
}

export const waitingForRoom: Scenario = async ({ zmq, say, tell }) => {
  const router = new zmq.Router({ mandatory: true, sendTimeout: 0, sendHighWaterMark: 1, linger: 0 })
  await router.bind("inproc://waiting-for-room")
  const dealer = new zmq.Dealer({ routingId: "somebody", receiveHighWaterMark: 1, linger: 0 })
  dealer.connect("inproc://waiting-for-room")
  await until(() => router.writable)
  for (let i = 0; i < 2; i++) await tell("with room", () => router.send(["somebody", String(i)]))
  say(router.writable)
  await tell("without", () => router.send(["somebody", "x"]))
  router.sendTimeout = 20
  await tell("for a while", () => router.send(["somebody", "x"]))
  router.sendTimeout = -1
  const waiting = router.send(["somebody", "2"])
  await tell("a busy router", () => router.send(["somebody", "x"]))
  for (let i = 0; i < 3; i++) say(await dealer.receive())
  await tell("for ever", () => waiting)
  router.close()
  dealer.close()
}

export const waitingForSomebody: Scenario = async ({ zmq, tell }) => {
  const router = new zmq.Router({ mandatory: true, linger: 0 })
  await router.bind("tcp://127.0.0.1:*")
  const sending = router.send(["nobody", "x"])
  const receiving = router.receive()
  const dealer = new zmq.Dealer({ linger: 0 })
  await tell("a busy router", () => router.send(["nobody", "x"]))
  const endpoint = router.lastEndpoint as string
  dealer.connect(endpoint)
  await tell("the send", () => sending)
  await dealer.send("x")
  await receiving
  router.close()
  dealer.close()
}

export const highWaterMarks: Scenario = async ({ zmq, say, tell }) => {
  const push = new zmq.Push({ sendHighWaterMark: 2, sendTimeout: 0, linger: 0 })
  const pull = new zmq.Pull({ receiveHighWaterMark: 3 })
  await push.bind("inproc://high-water-marks")
  pull.connect("inproc://high-water-marks")
  let sent = 0
  while (push.writable && sent < 100) {
    await push.send(String(sent))
    sent++
  }
  say("sent", sent)
  await tell("one more", () => push.send("x"))
  for (let i = 0; i < sent; i++) await pull.receive()
  say("readable", pull.readable)
  await until(() => push.writable)
  await tell("again", () => push.send("x"))
  push.close()
  pull.close()
}

export const noDrop: Scenario = async ({ zmq, say, tell }) => {
  const pub = new zmq.XPublisher({ noDrop: true, sendHighWaterMark: 1, linger: 0 })
  const sub = new zmq.Subscriber({ receiveHighWaterMark: 1 })
  await pub.bind("inproc://no-drop")
  sub.subscribe()
  sub.connect("inproc://no-drop")
  await pub.receive()
  let sent = 0
  for (let refused = false; !refused && sent < 100; ) {
    await pub.send("x").then(
      () => sent++,
      () => {
        refused = true
      },
    )
  }
  say("sent", sent)
  await tell("one more", () => pub.send("x"))
  pub.close()
  sub.close()
}

export const whatCannotBeDone: Scenario = async ({ zmq, tell }) => {
  const sub = new zmq.Subscriber() as unknown as { send(x: unknown): Promise<void>; close(): void; readable: boolean }
  const sending = sub.send("x")
  sub.close()
  await tell("a subscriber that sends", () => sending)
  const pub = new zmq.Publisher() as unknown as { receive(): Promise<unknown>; close(): void; join(x: string): void }
  const receiving = pub.receive()
  await tell("join", () => pub.join("x"))
  pub.close()
  await tell("a publisher that receives", () => receiving)
}

export const iteration: Scenario = async ({ zmq, say }) => {
  const [push, pull] = [new zmq.Push(), new zmq.Pull()]
  await push.bind("inproc://iteration")
  pull.connect("inproc://iteration")
  for (let i = 0; i < 4; i++) await push.send(String(i))
  for await (const [frame] of pull) {
    say(String(frame))
    if (String(frame) === "1") break
  }
  say("still open", !pull.closed)
  for await (const [frame] of pull) {
    say(String(frame))
    if (String(frame) === "3") pull.close()
  }
  say("ended", pull.closed)
  push.close()
}

export const closingWhileIterating: Scenario = async ({ zmq, say }) => {
  const pull = new zmq.Pull()
  await pull.bind("inproc://closing-while-iterating")
  setTimeout(() => pull.close(), 10)
  for await (const message of pull) say(message)
  say("ended")
}

export const ownReceive: Scenario = async ({ zmq, say }) => {
  class Shouting extends zmq.Pull {
    override async receive(): Promise<Buffer[]> {
      return (await super.receive()).map((frame) => Buffer.from(String(frame).toUpperCase()))
    }
  }
  const [push, pull] = [new zmq.Push(), new Shouting()]
  await push.bind("inproc://own-receive")
  pull.connect("inproc://own-receive")
  await push.send("quiet")
  for await (const message of pull) {
    say(message)
    pull.close()
  }
  push.close()
}

export const fairness: Scenario = async ({ zmq, say }) => {
  const [push, pull] = [new zmq.Push(), new zmq.Pull()]
  await push.bind("inproc://fairness")
  pull.connect("inproc://fairness")
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  for (let i = 0; i < 100_000 && ticks < 3; i++) {
    await push.send("x")
    await pull.receive()
  }
  clearInterval(timer)
  say("timers ran", ticks >= 3)
  push.close()
  pull.close()
}

export const unroutableWhileAllAreFull: Scenario = async ({ zmq, say, tell }) => {
  const router = new zmq.Router({ mandatory: true, sendHighWaterMark: 1, sendTimeout: 0, linger: 0 })
  await router.bind("inproc://unroutable-while-all-are-full")
  const dealer = new zmq.Dealer({ routingId: "somebody", receiveHighWaterMark: 1, linger: 0 })
  dealer.connect("inproc://unroutable-while-all-are-full")
  await until(() => router.writable)
  while (router.writable) await router.send(["somebody", "x"])
  await tell("to nobody, at once", () => router.send(["nobody", "x"]))
  router.sendTimeout = 20
  await tell("to nobody, for a while", () => router.send(["nobody", "x"]))
  router.sendTimeout = -1
  let told = false
  const waiting = router.send(["nobody", "x"]).finally(() => {
    told = true
  })
  await sleep(20)
  say("told before there is room", told)
  await dealer.receive()
  await dealer.receive()
  await tell("to nobody, when there is room", () => waiting)
  while (router.writable) await router.send(["somebody", "x"])
  const closing = router.send(["nobody", "x"])
  router.close()
  await tell("to nobody, when it is closed", () => closing)
  dealer.close()
}
