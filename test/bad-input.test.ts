// Whatever an application gets wrong is told to it at once, by a typed error that says what was wrong and what is
// accepted; and nothing has changed afterwards: the socket goes on as if it had not been asked.

import {
  AbortError,
  ClosedError,
  CodecError,
  Dealer,
  EndpointError,
  Fanout,
  MessageError,
  MessagingError,
  merge,
  OptionError,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type Socket,
  StateError,
  Subscriber,
  TimeoutError,
  XPublisher,
  XSubscriber,
} from "brokerless"
import { describe, expect, it } from "vitest"
import { applicableOptions, OPTIONS, type OptionName, type OptionRow, type SocketClass } from "../src/options.ts"
import { json } from "./support/json.ts"
import { link, turns } from "./support/sockets.ts"
import { TRANSPORTS, transport } from "./support/transports.ts"

type AnySocketClass = new (...options: never) => Socket

const CLASSES: Readonly<Record<SocketClass, AnySocketClass>> = {
  Pair,
  Push,
  Pull,
  Publisher,
  Subscriber,
  XPublisher,
  XSubscriber,
  Request,
  Reply,
  Dealer,
  Router,
  Fanout,
}
const NAMES = Object.keys(CLASSES) as SocketClass[]
const INPROC = transport("inproc")

/** A socket whose every method takes anything, as plain JavaScript sees it. */
type Loose = Socket & Record<string, (...args: unknown[]) => unknown>

function make(name: SocketClass, options?: object): Loose {
  return Reflect.construct(CLASSES[name], [options]) as Loose
}

/** What a call fails of, whether it throws or rejects. Anything but an error of this library is a failure of the test. */
async function failure(act: () => unknown): Promise<MessagingError> {
  try {
    await act()
  } catch (error) {
    if (error instanceof MessagingError) return error
    throw new Error(`Not a typed error: ${String(error)}`, { cause: error })
  }
  throw new Error("Nothing was refused")
}

/** A Push and a Pull that know each other, and proof that they still do. */
async function working(): Promise<AsyncDisposable & { push: Push; pull: Pull; check(): Promise<void> }> {
  const push = new Push()
  const pull = new Pull({ receiveTimeout: 30_000 })
  await link(pull, push, INPROC.any())
  return {
    push,
    pull,
    async check() {
      await push.send(["still", "working"])
      expect((await pull.receive()).map(String)).toEqual(["still", "working"])
      expect([push.stats.queuedMessages, pull.stats.queuedMessages]).toEqual([0, 0])
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([push.close({ linger: 0 }), pull.close()])
    },
  }
}

describe.each(NAMES)("the options of a %s", (name) => {
  const options = applicableOptions(name)

  it("each refuse what they do not take, by name, and say what they take", () => {
    for (const option of options) {
      const row = OPTIONS[option] as OptionRow<unknown>
      const { accepts } = row.kindOn?.[name] ?? row.kind
      for (const wrong of [Symbol("wrong"), new Date(0), Number.NaN, Number.POSITIVE_INFINITY, () => {}, -7]) {
        // A function is a strategy of its own.
        if (option === "balance" && typeof wrong === "function") continue
        let refused: unknown
        try {
          make(name, { [option]: wrong })
        } catch (error) {
          refused = error
        }
        expect([option, refused instanceof OptionError]).toEqual([option, true])
        expect(refused).toMatchObject({ option, code: "EINVAL", name: "OptionError" })
        expect((refused as OptionError).message).toContain(`"${option}" of ${name} must be ${accepts}`)
      }
    }
  })

  it("are refused where they belong to another class, or to none", async () => {
    for (const option of (Object.keys(OPTIONS) as OptionName[]).filter((each) => !options.includes(each))) {
      const error = await failure(() => make(name, { [option]: 1 }))
      expect(error).toMatchObject({ option, code: "EINVAL" })
      expect(error.message).toContain(`${name} does not take the option "${option}"`)
    }
    expect(await failure(() => make(name, { lingr: 1 }))).toMatchObject({ option: "lingr" })
    expect((await failure(() => make(name, { lingr: 1 }))).message).toContain('did you mean "linger"?')
    for (const wrong of [null, 5, "linger", [], () => {}]) {
      expect(await failure(() => make(name, wrong as never))).toMatchObject({ option: "options" })
    }
  })

  it("are frozen, all there, and no longer those that were given", async () => {
    const given = { linger: 5, metadata: { "X-Name": "a" } }
    await using socket = make(name, given)
    given.linger = 6
    expect(socket.options.linger).toBe(5)
    expect(Object.isFrozen(socket.options)).toBe(true)
    expect(Object.keys(socket.options)).toEqual(options)
    expect(() => {
      ;(socket.options as { linger: number }).linger = 7
    }).toThrow(TypeError)
    expect(() => {
      ;(socket as unknown as { options: object }).options = {}
    }).toThrow(TypeError)
    expect(socket.options.linger).toBe(5)
  })
})

describe("endpoints", () => {
  const NEITHER = [
    "",
    "tcp",
    "tcp:",
    "://",
    "tcp://",
    "tcp://127.0.0.1",
    "tcp://127.0.0.1:",
    "tcp://127.0.0.1:65536",
    "tcp://127.0.0.1:-1",
    "tcp://127.0.0.1:port",
    "tcp://:5555",
    "tcp://::1:5555",
    "tcp://[::1:5555",
    "tcp://256.1.1.1:5555",
    "TCP://127.0.0.1:5555",
    "http://127.0.0.1:5555",
    "udp://127.0.0.1:5555",
    "ipc://",
    "ipc://@",
    `ipc:///${"x".repeat(108)}`,
    "ipc:///a\0b",
    "inproc://",
    `inproc://${"x".repeat(257)}`,
    " tcp://127.0.0.1:5555",
    undefined,
    null,
    5,
    {},
    ["tcp://127.0.0.1:5555"],
  ]
  const NOT_BOUND = ["tcp://127.0.0.1:5555;127.0.0.1:5556"]
  const NOT_CONNECTED = ["tcp://a b:5555", "tcp://*:5555", "tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "ipc://*"]

  it("are judged at once, and leave no trace", async () => {
    await using all = await working()
    const { push } = all
    const before = [...push.endpoints]
    for (const endpoint of [...NEITHER, ...NOT_BOUND]) {
      const error = await failure(() => push.bind(endpoint as string))
      expect(error).toBeInstanceOf(EndpointError)
      expect(["EINVAL", "EPROTONOSUPPORT"]).toContain(error.code)
      expect(error.message).toMatch(/accepted: |An endpoint is a string such as/)
    }
    for (const endpoint of [...NEITHER, ...NOT_CONNECTED]) {
      let thrown: unknown
      try {
        push.connect(endpoint as string)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(EndpointError)
      expect((thrown as Error).message).toMatch(/accepted: |An endpoint is a string such as/)
    }
    expect(push.endpoints).toEqual(before)
    await all.check()
  })

  it.each(TRANSPORTS)("OPT-13: cannot be bound twice, over $name, by the same socket or another", async (over) => {
    await using first = new Pull({ receiveTimeout: 30_000 })
    await using second = new Pull()
    await using push = new Push()
    const endpoint = await link(first, push, await over.named())
    for (const socket of [first, second]) {
      const announced = socket.events.once("bind:error")
      expect(await failure(() => socket.bind(endpoint))).toMatchObject({ code: "EADDRINUSE", endpoint })
      expect(await announced).toMatchObject({ endpoint, error: { code: "EADDRINUSE" } })
    }
    expect([first.endpoints, second.endpoints]).toEqual([[endpoint], []])
    await push.send("still working")
    expect(String(await first.receive())).toBe("still working")
    // Free again, it can be had.
    await first.unbind(endpoint)
    expect(await second.bind(endpoint)).toBe(endpoint)
  })

  it("cannot be unbound or disconnected if they are not there: ENOENT, and what is there", async () => {
    await using all = await working()
    const endpoint = all.pull.endpoints[0] as string
    for (const [socket, call] of [
      [all.pull, () => all.pull.unbind("tcp://127.0.0.1:1")],
      [all.pull, () => all.pull.unbind(5 as never)],
      [all.pull, () => all.pull.disconnect(endpoint)],
      [all.push, () => all.push.unbind(endpoint)],
      [all.push, () => all.push.disconnect("inproc://another")],
      [all.push, () => all.push.disconnect(undefined as never)],
    ] as const) {
      const error = await failure(call)
      expect(error).toBeInstanceOf(EndpointError)
      expect(error.code).toBe("ENOENT")
      expect(error.message).toContain(endpoint)
      expect(socket.endpoints).toEqual([endpoint])
    }
    await all.check()
    all.push.disconnect(endpoint)
    expect((await failure(() => all.push.disconnect(endpoint))).message).toContain("it has none")
  })
})

describe("messages", () => {
  const WRONG = [
    undefined,
    5,
    5n,
    true,
    {},
    [],
    [5],
    ["fine", undefined],
    [["nested"]],
    Symbol("s"),
    () => {},
    new Date(0),
  ]
  const SENDING: SocketClass[] = [
    "Pair",
    "Push",
    "Publisher",
    "XPublisher",
    "XSubscriber",
    "Request",
    "Dealer",
    "Router",
    "Fanout",
  ]

  it.each(SENDING)("of a %s must be frames, and what is not is not sent", async (name) => {
    await using socket = make(name, { linger: 0 })
    socket.connect(INPROC.any())
    for (const wrong of WRONG) {
      const error = await failure(() => socket.send?.(wrong))
      expect(error).toBeInstanceOf(MessageError)
      expect(error.code).toBe("EINVAL")
      expect(error.message).toMatch(/must be a string, a Buffer|needs at least one frame/)
      expect(await failure(() => socket.trySend?.(wrong))).toMatchObject({ code: "EINVAL" })
    }
    expect(socket.stats).toMatchObject({ messagesSent: 0, queuedMessages: 0 })
    expect(Object.values(socket.stats.dropped).some((count) => count > 0)).toBe(false)
  })

  it("with a codec must be what the class carries", async () => {
    const codec = json<number>()
    await using publisher = new Publisher({ codec }) as unknown as Loose
    for (const wrong of ["topic", ["topic"], ["topic", 1, 2], [5, 1], [null, 1], {}, undefined]) {
      expect(await failure(() => publisher.send?.(wrong))).toMatchObject({ name: "MessageError", code: "EINVAL" })
    }
    await using router = new Router({ codec }) as unknown as Loose
    for (const wrong of ["id", ["id"], ["id", 1, 2], [5, 1], {}, undefined]) {
      expect(await failure(() => router.send?.(wrong))).toMatchObject({ name: "MessageError", code: "EINVAL" })
    }
    for (const name of ["Push", "Pair", "Dealer", "Fanout", "Request"] as const) {
      await using socket = make(name, { codec, linger: 0 })
      socket.connect(INPROC.any())
      const error = await failure(() => socket.send?.(undefined))
      expect(error).toBeInstanceOf(CodecError)
      expect(error).toMatchObject({ code: "EBADMSG", cause: expect.any(TypeError) })
      expect(await failure(() => socket.trySend?.(() => {}))).toMatchObject({ code: "EBADMSG" })
      expect(socket.stats.queuedMessages).toBe(0)
    }
  })

  it("that a codec makes of a value must be a frame", async () => {
    await using push = new Push<number>({ codec: { encode: () => 5 as never, decode: () => 0 }, linger: 0 })
    push.connect(INPROC.any())
    expect(await failure(() => push.send(1))).toMatchObject({ code: "EBADMSG" })
    expect(push.stats.queuedMessages).toBe(0)
  })
})

describe("subscriptions", () => {
  it("are strings or octets; with one that is not, none of the call takes effect", async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber({ receiveTimeout: 30_000 })
    await link(publisher, subscriber, INPROC.any())
    subscriber.subscribe("kept")
    for (const wrong of [undefined, 5, {}, [], ["A"], true, Symbol("s")]) {
      const error = await failure(() => subscriber.subscribe("A", wrong as string))
      expect(error).toMatchObject({ name: "MessageError", code: "EINVAL" })
      expect(error.message).toContain("must be a string")
      await failure(() => subscriber.unsubscribe("kept", wrong as string))
      expect(await failure(() => publisher.waitForSubscribers(wrong as string))).toMatchObject({ code: "EINVAL" })
    }
    expect(publisher.subscriptions.map(String)).toEqual(["kept"])
    await publisher.send("kept 1")
    expect(String(await subscriber.receive())).toBe("kept 1")
  })

  it("that an XPublisher decides upon are judged alike", async () => {
    await using publisher = new XPublisher({ manual: true, receiveTimeout: 30_000 })
    await using subscriber = new Subscriber({ receiveTimeout: 30_000 })
    await link(publisher, subscriber, INPROC.any())
    subscriber.subscribe("")
    await publisher.receive()
    expect(await failure(() => publisher.subscribe("A", 5 as never))).toMatchObject({ code: "EINVAL" })
    publisher.subscribe("B")
    for (const topic of ["A", "B"]) await publisher.send(topic)
    expect(String(await subscriber.receive())).toBe("B")
  })
})

describe("calls that may wait", () => {
  const WRONG_WAITS = [
    { timeout: -2 },
    { timeout: Number.NaN },
    { timeout: "5" },
    { timeout: null },
    { signal: {} },
    { signal: null },
    { signal: "stop" },
    null,
    5,
    "5",
  ]

  const CALLS: readonly [name: SocketClass, method: string, before: readonly unknown[]][] = [
    ["Push", "send", ["message"]],
    ["Publisher", "send", ["message"]],
    ["Router", "send", [["id", "message"]]],
    ["Fanout", "send", ["message"]],
    ["Request", "send", ["message"]],
    ["Request", "request", ["message"]],
    ["Pull", "receive", []],
    ["Pull", "receiveFrom", []],
    ["Pull", "receiveMany", [5]],
    ["Dealer", "receive", []],
    ["Push", "waitForPeers", [1]],
    ["Publisher", "waitForSubscribers", ["topic", 1]],
  ]

  it.each(CALLS)("%s.%s: refuses a wrong timeout or signal, and acts upon neither", async (name, method, before) => {
    await using socket = make(name, { linger: 0 })
    for (const wrong of WRONG_WAITS) {
      const error = await failure(() => socket[method]?.(...before, wrong))
      expect(error).toBeInstanceOf(OptionError)
      expect(["timeout", "signal", "options"]).toContain((error as OptionError).option)
    }
    const stopped = AbortSignal.abort("enough")
    const error = await failure(() => socket[method]?.(...before, { signal: stopped }))
    expect(error).toBeInstanceOf(AbortError)
    expect(error).toMatchObject({ code: "ABORT_ERR", cause: "enough" })
    expect(socket.stats).toMatchObject({ messagesSent: 0, queuedMessages: 0 })
    expect(Object.values(socket.stats.dropped).some((count) => count > 0)).toBe(false)
  })

  it("receiveMany takes at least one", async () => {
    await using all = await working()
    for (const wrong of [0, -1, 0.5, Number.NaN, "5", null, {}]) {
      const error = await failure(() => all.pull.receiveMany(wrong as number))
      expect(error).toMatchObject({ name: "OptionError", option: "max" })
      expect(error.message).toContain("at least 1")
    }
    await all.check()
  })

  it("waitForPeers and waitForSubscribers take a whole number", async () => {
    await using publisher = new Publisher()
    for (const wrong of [-1, 0.5, Number.NaN, "5", null, {}]) {
      const forPeers = await failure(() => publisher.waitForPeers(wrong as number, { timeout: 0 }))
      expect(forPeers).toMatchObject({ name: "OptionError", option: "count" })
      const forSubscribers = await failure(() => publisher.waitForSubscribers("", wrong as number, { timeout: 0 }))
      expect(forSubscribers).toMatchObject({ name: "OptionError", option: "count" })
    }
    await publisher.waitForPeers(0)
    await publisher.waitForSubscribers("", 0)
  })

  it("request takes retries that are a whole number", async () => {
    await using request = new Request({ linger: 0 })
    for (const wrong of [-1, 0.5, Number.NaN, "1", null]) {
      const error = await failure(() => request.request("question", { retries: wrong as number }))
      expect(error).toMatchObject({ name: "OptionError", option: "retries" })
    }
    expect(request.stats.queuedMessages).toBe(0)
  })

  it("serve takes a handler, and options that are some", async () => {
    await using reply = new Reply()
    await using request = new Request({ receiveTimeout: 30_000 })
    await link(reply, request, INPROC.any())
    const serve = reply.serve.bind(reply) as (...args: unknown[]) => Promise<void>
    const handler = (question: Buffer[]): Buffer[] => question
    for (const wrong of [undefined, null, 5, "handler", {}]) {
      expect(await failure(() => serve(wrong))).toMatchObject({ name: "OptionError", option: "handler" })
    }
    for (const wrong of [0, -1, 1.5, Number.NaN, "5", null]) {
      const error = await failure(() => serve(handler, { concurrency: wrong }))
      expect(error).toMatchObject({ name: "OptionError", option: "concurrency" })
    }
    expect(await failure(() => serve(handler, { onError: 5 }))).toMatchObject({ option: "onError" })
    expect(await failure(() => serve(handler, { signal: 5 }))).toMatchObject({ option: "signal" })
    for (const wrong of [null, 5])
      expect(await failure(() => serve(handler, wrong))).toMatchObject({ option: "options" })
    const serving = reply.serve(handler)
    expect(String(await request.request("question"))).toBe("question")
    await reply.close()
    await serving
  })

  it("close takes a linger that is a time", async () => {
    await using all = await working()
    for (const wrong of [-2, Number.NaN, "5", null, {}]) {
      expect(await failure(() => all.push.close({ linger: wrong as number }))).toMatchObject({ option: "linger" })
    }
    for (const wrong of [null, 5]) {
      expect(await failure(() => all.push.close(wrong as never))).toMatchObject({ option: "options" })
    }
    expect(all.push.closed).toBe(false)
    await all.check()
  })

  it("a Router names only what can be a routing id", async () => {
    await using router = new Router()
    await using dealer = new Dealer({ receiveTimeout: 30_000 })
    const endpoint = await dealer.bind(INPROC.any())
    for (const wrong of ["", "\0id", "x".repeat(256), 5, null, {}, []]) {
      const error = await failure(() => router.connect(endpoint, { routingId: wrong as string }))
      expect(error).toMatchObject({ name: "OptionError", option: "routingId" })
      expect(error.message).toContain("1 to 255 octets")
    }
    for (const wrong of [null, 5]) {
      expect(await failure(() => router.connect(endpoint, wrong as never))).toMatchObject({ option: "options" })
    }
    expect(router.endpoints).toEqual([])
    router.connect(endpoint, { routingId: "name" })
    expect(await failure(() => router.connect(endpoint, { routingId: "name" }))).toMatchObject({ option: "routingId" })
    expect(router.endpoints).toEqual([endpoint])
    await router.send(["name", "message"])
    expect(String(await dealer.receive())).toBe("message")
  })

  it("events are those there are", async () => {
    await using push = new Push()
    for (const wrong of ["", "connected", "toString", undefined, 5]) {
      expect(await failure(() => push.events.on(wrong as "bind", () => {}))).toMatchObject({ option: "type" })
      expect(await failure(() => push.events.once(wrong as "bind"))).toMatchObject({ option: "type" })
    }
    for (const wrong of [undefined, null, 5, {}]) {
      expect(await failure(() => push.events.on("bind", wrong as never))).toMatchObject({ option: "listener" })
    }
  })
})

describe("the order of calls", () => {
  it("REQREP-5: a Request sends and receives in turn", async () => {
    await using reply = new Reply({ receiveTimeout: 30_000 })
    await using request = new Request({ receiveTimeout: 30_000 })
    await link(reply, request, INPROC.any())
    expect(await failure(() => request.receive())).toBeInstanceOf(StateError)
    expect(await failure(() => request.tryReceive())).toMatchObject({ code: "EFSM" })
    await request.send("question")
    expect(await failure(() => request.send("another"))).toBeInstanceOf(StateError)
    expect(await failure(() => request.trySend("another"))).toMatchObject({ code: "EFSM" })
    expect(String(await reply.receive())).toBe("question")
    await reply.send("answer")
    expect(String(await request.receive())).toBe("answer")
    expect(await failure(() => request.receive())).toBeInstanceOf(StateError)
  })

  it("REQREP-12: a Reply receives and sends in turn, or serves", async () => {
    await using reply = new Reply({ receiveTimeout: 30_000 })
    await using request = new Request({ receiveTimeout: 30_000 })
    await link(reply, request, INPROC.any())
    expect(await failure(() => reply.send("answer"))).toBeInstanceOf(StateError)
    expect(await failure(() => reply.trySend("answer"))).toMatchObject({ code: "EFSM" })
    await request.send("question")
    await reply.receive()
    expect(await failure(() => reply.receive())).toBeInstanceOf(StateError)
    expect(await failure(() => reply.tryReceive())).toMatchObject({ code: "EFSM" })
    expect(await failure(() => reply.serve(() => "answer"))).toBeInstanceOf(StateError)
    await reply.send("answer")
    expect(String(await request.receive())).toBe("answer")
    const stop = new AbortController()
    const serving = reply.serve(() => "served", { signal: stop.signal })
    expect(await failure(() => reply.receive())).toBeInstanceOf(StateError)
    expect(await failure(() => reply.send("answer"))).toBeInstanceOf(StateError)
    expect(await failure(() => reply.serve(() => "answer"))).toBeInstanceOf(StateError)
    expect(String(await request.request("question"))).toBe("served")
    stop.abort()
    await serving
    await request.send("question")
    expect(String(await reply.receive())).toBe("question")
  })

  it("merge takes sockets that receive, and says so at once", async () => {
    await using all = await working()
    for (const wrong of [{ push: all.push }, { jobs: all.pull, nothing: undefined }, { text: "socket" }, { a: {} }]) {
      expect(await failure(() => merge(wrong as never))).toMatchObject({ name: "OptionError", option: "sockets" })
    }
    for (const wrong of [null, undefined, 5]) {
      expect(await failure(() => merge(wrong as never))).toMatchObject({ name: "OptionError", option: "sockets" })
    }
    await all.check()
    for await (const _ of merge({})) throw new Error("There was nothing to merge")
  })
})

describe.each(NAMES)("a %s that is closed", (name) => {
  const ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
    bind: ["tcp://127.0.0.1:*"],
    connect: ["tcp://127.0.0.1:5555"],
    unbind: ["tcp://127.0.0.1:5555"],
    disconnect: ["tcp://127.0.0.1:5555"],
    drain: [],
    waitForPeers: [],
    waitForSubscribers: [""],
    send: [["message", "body"]],
    trySend: [["message", "body"]],
    receive: [],
    receiveFrom: [],
    tryReceive: [],
    receiveMany: [],
    subscribe: ["A"],
    unsubscribe: ["A"],
    request: ["question"],
    serve: [() => "answer"],
  }

  it("refuses every call with EBADF, and closes again without complaint", async () => {
    const socket = make(name)
    const endpoint = await socket.bind(INPROC.any())
    const first = socket.close()
    expect(socket.closed).toBe(true)
    expect(socket.close()).toBe(first)
    const methods = Object.keys(ARGUMENTS).filter((method) => method in socket)
    expect(methods.length).toBeGreaterThanOrEqual(7)
    // While it is being closed, and afterwards.
    for (const await_ of [() => undefined, () => first]) {
      await await_()
      for (const method of methods) {
        const error = await failure(() => socket[method]?.(...(ARGUMENTS[method] as unknown[])))
        expect([method, error instanceof ClosedError, error.code]).toEqual([method, true, "EBADF"])
      }
    }
    await socket.close()
    await socket[Symbol.asyncDispose]?.()
    expect([socket.closed, socket.endpoints, socket.peers]).toEqual([true, [], []])
    expect([socket.readable, socket.writable]).toEqual([false, false])
    expect(await failure(() => socket.events.once("bind"))).toBeInstanceOf(ClosedError)
    if (Symbol.asyncIterator in socket) {
      for await (const _ of socket as unknown as AsyncIterable<unknown>) throw new Error("There was a message")
    }
    // What it had bound is free.
    await using other = new Pair()
    expect(await other.bind(endpoint)).toBe(endpoint)
  })

  it("refuses those who wait", async () => {
    const socket = make(name, { linger: 0 })
    const waiting = [socket.waitForPeers(), socket.events.once("peer:join")]
    if ("receive" in socket && name !== "Request") {
      waiting.push(socket.receive?.() as never, socket.receiveMany?.() as never, socket.receiveFrom?.() as never)
    }
    if (name === "Push" || name === "Pair" || name === "Dealer" || name === "Fanout" || name === "Request") {
      waiting.push(socket.send?.("message") as never)
    }
    if (name === "Request") waiting.push(socket.request?.("question") as never)
    const outcomes = Promise.allSettled(waiting)
    await turns(1)
    await socket.close()
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(ClosedError) })
    }
  })
})

describe("closing", () => {
  it.each(TRANSPORTS)("during a bind refuses it, over $name, and leaves the endpoint free", async (over) => {
    const endpoint = await over.named()
    const socket = new Pull()
    const binding = failure(() => socket.bind(endpoint))
    await socket.close()
    const error = await binding
    expect(error).toBeInstanceOf(ClosedError)
    await using other = new Pull()
    expect(await other.bind(endpoint)).toBe(endpoint)
  })

  it("during a drain ends that too", async () => {
    await using all = await working()
    await all.push.send("unread")
    const draining = all.pull.drain()
    await all.pull.close()
    await draining
    expect(all.pull.closed).toBe(true)
  })

  it("a timeout of 0 fails at once, and leaves nobody in the line", async () => {
    await using all = await working()
    expect(await failure(() => all.pull.receive({ timeout: 0 }))).toBeInstanceOf(TimeoutError)
    expect(await failure(() => all.pull.receiveMany(5, { timeout: 0 }))).toMatchObject({ code: "EAGAIN" })
    await all.check()
  })
})
