// What the classes look like from outside: iterators, and methods that are called on something else.

import type { Pull } from "zeromq"
import type { Scenario } from "./stage.ts"

export const iterators: Scenario = async ({ zmq, say, tell }) => {
  const pull = new zmq.Pull()
  for (const iterable of [pull, pull.events]) {
    const iterator = iterable[Symbol.asyncIterator]()
    say(Object.keys(iterator), Object.getPrototypeOf(iterator) === Object.prototype, iterator.next.constructor.name)
    say("return" in iterator, "throw" in iterator, Symbol.asyncIterator in iterator)
  }
  const [iterator, events] = [pull[Symbol.asyncIterator](), pull.events[Symbol.asyncIterator]()]
  const [message, event] = [iterator.next(), events.next()]
  await tell("a second next", () => iterator.next())
  await tell("a second event", () => events.next())
  pull.close()
  say("messages", JSON.stringify(await message), JSON.stringify(await iterator.next()))
  const { next } = events
  say("events", JSON.stringify([await event, await events.next(), await next()]))
  const request = new zmq.Request()
  await tell("out of turn", () => {
    request.receiveTimeout = 0
    return request[Symbol.asyncIterator]().next()
  })
  request.close()
}

export const iteratedOverOtherwise: Scenario = async ({ zmq, say }) => {
  class Counting extends zmq.Pull {
    override receive(): Promise<Buffer[]> {
      return Promise.resolve([Buffer.from("mine")])
    }
  }
  const counting = new Counting()
  for await (const [frame] of counting) {
    say(String(frame))
    counting.close()
  }
  const failing = { closed: false, receive: () => Promise.reject(Object.assign(new Error("no"), { code: "EAGAIN" })) }
  const iterate = zmq.Socket.prototype as unknown as Pull
  const iterator = iterate[Symbol.asyncIterator].call(failing as unknown as Pull)
  say(await iterator.next().catch((error) => error))
  failing.closed = true
  say(await iterator.next())
}

export const calledOnSomethingElse: Scenario = async ({ zmq, tell }) => {
  const methods = {
    Socket: ["bind", "bindSync", "unbind", "connect", "disconnect", "close", "send", "receive", "join", "leave"],
    Context: ["getBoolOption", "setBoolOption", "getInt32Option", "setInt32Option"],
    Observer: ["close", "receive", "on", "off"],
    Proxy: ["run", "pause", "resume", "terminate"],
  }
  const properties = {
    Socket: ["closed", "readable", "writable", "context", "events", "linger", "affinity", "curveServer"],
    Context: ["ioThreads", "blocky"],
    Observer: ["closed"],
    Proxy: ["frontEnd", "backEnd"],
  }
  for (const name of ["Socket", "Context", "Observer", "Proxy"] as const) {
    const { prototype } = zmq[name] as unknown as { prototype: Record<string, (...values: unknown[]) => unknown> }
    for (const self of [undefined, 5, {}, Object.create(zmq.Pull.prototype) as object]) {
      for (const method of methods[name]) {
        await tell(`${name} ${method}`, () => prototype[method]?.call(self))
        await tell(`${name} ${method}`, () => prototype[method]?.call(self, 1, 2, 3))
      }
      for (const property of properties[name]) {
        const { get, set } = Object.getOwnPropertyDescriptor(prototype, property) as PropertyDescriptor
        await tell(`${name} ${property}`, () => get?.call(self))
        await tell(`${name} ${property} =`, () => set?.call(self, "x"))
      }
    }
  }
  const { send } = new zmq.Push()
  await tell("send by itself", () => send("x"))
}

export const listeningInAChain: Scenario = async ({ zmq, say }) => {
  const pull = new zmq.Pull()
  const heard: string[] = []
  const ended = new Promise<void>((resolve) => {
    const chained = pull.events.on("bind", ({ type }) => heard.push(type)).on("end", ({ type }) => heard.push(type))
    ;(chained as unknown as NodeJS.EventEmitter).once("end", resolve)
  })
  const found: string[] = []
  for (const key in pull.events) found.push(key)
  say(found)
  await pull.bind("tcp://127.0.0.1:*")
  pull.close()
  await ended
  say(heard)
}
