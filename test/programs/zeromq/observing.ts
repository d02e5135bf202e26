// The events of a socket: which, in what order, with what; both ways of hearing them; and their end.

import { connect, createServer } from "node:net"
import type { Event, EventOfType } from "zeromq"
import { event, freeAddress, type Scenario, sleep, until } from "./stage.ts"

export const connection: Scenario = async ({ zmq, say }) => {
  const [pull, push] = [new zmq.Pull(), new zmq.Push()]
  const observers = [pull.events, push.events]
  const heard: { pull: string[]; push: string[] } = { pull: [], push: [] }
  for (const type of ["bind", "accept", "handshake", "close", "end", "disconnect"] as const) {
    pull.events.on(type, (each) => heard.pull.push(line(each)))
  }
  for (const type of ["connect:delay", "connect", "handshake", "end", "disconnect"] as const) {
    push.events.on(type, (each) => heard.push.push(line(each)))
  }
  say(pull.events === observers[0])
  await pull.bind("tcp://127.0.0.1:*")
  push.connect(pull.lastEndpoint as string)
  await push.send("x")
  await pull.receive()
  await until(() => heard.push.length === 3 && heard.pull.length === 3)
  push.close()
  await until(() => heard.push.length === 4 && heard.pull.length === 4)
  pull.close()
  await until(() => heard.pull.some((each) => each.startsWith("end")))
  say("pull", heard.pull)
  say("push", heard.push)
  say(observers.map(({ closed }) => closed))
}

function line({ type, ...details }: Event): string {
  return `${type} ${Object.keys(details).sort()}`
}

export const nobodyThere: Scenario = async ({ zmq, say }) => {
  const address = await freeAddress()
  const push = new zmq.Push({ linger: 0, reconnectInterval: 5 })
  const { events } = push
  push.connect(address)
  const seen: string[] = []
  while (seen.length < 6) {
    const next = await events.receive()
    seen.push(next.type === "connect:retry" ? `${next.type} ${typeof next.interval}` : next.type)
  }
  say(seen)
  push.close()
}

export const failedBind: Scenario = async ({ zmq, say }) => {
  const [one, two] = [new zmq.Pull(), new zmq.Pull()]
  await one.bind("tcp://127.0.0.1:*")
  const failed = event(two.events, "bind:error")
  await two.bind(one.lastEndpoint as string).catch(() => {})
  const { type, error } = (await failed) as EventOfType<"bind:error">
  say(type, error)
  one.close()
  two.close()
}

export const reading: Scenario = async ({ zmq, say, tell }) => {
  const pull = new zmq.Pull()
  const { events } = pull
  const first = events.receive()
  await tell("a second", () => events.receive())
  await pull.bind("tcp://127.0.0.1:*")
  say(await first)
  pull.close()
  const rest: string[] = []
  for await (const { type } of events) rest.push(type)
  say(rest, events.closed)
  await tell("after the end", () => events.receive())
}

export const emitterMode: Scenario = async ({ zmq, say, tell }) => {
  const pull = new zmq.Pull()
  const { events } = pull
  const heard: string[] = []
  const listener = (): void => {
    heard.push("off")
  }
  events.on("end", ({ type }) => heard.push(type))
  events.on("bind", listener)
  events.off("bind", listener)
  await tell("receive", () => events.receive())
  await pull.bind("tcp://127.0.0.1:*")
  pull.close()
  await until(() => heard.length > 0)
  say(heard, events.closed)
}

export const overInproc: Scenario = async ({ zmq, say }) => {
  const [pull, push] = [new zmq.Pull(), new zmq.Push()]
  const { events } = pull
  await pull.bind("inproc://over-inproc")
  push.connect("inproc://over-inproc")
  await push.send("x")
  await pull.receive()
  pull.close()
  push.close()
  const heard: string[] = []
  for await (const { type } of events) heard.push(type)
  say(heard)
}

export const constructing: Scenario = async ({ zmq, tell }) => {
  const { Observer } = zmq as unknown as Record<string, new (...parameters: unknown[]) => unknown>
  if (Observer === undefined) return
  await tell("without", () => new Observer())
  await tell("of what is none", () => new Observer({}))
  const pull = new zmq.Pull()
  pull.close()
  await tell("of a closed socket", () => pull.events)
}

export const reconnection: Scenario = async ({ zmq, say }) => {
  const push = new zmq.Push({ linger: 0, reconnectInterval: 5 })
  const heard: string[] = []
  for (const type of ["connect", "handshake", "disconnect"] as const) push.events.on(type, () => heard.push(type))
  const first = new zmq.Pull({ linger: 0 })
  await first.bind("tcp://127.0.0.1:*")
  const endpoint = first.lastEndpoint as string
  push.connect(endpoint)
  await until(() => heard.includes("handshake"))
  first.close()
  await until(() => heard.includes("disconnect"))
  await sleep(20)
  const second = new zmq.Pull({ linger: 0 })
  await second.bind(endpoint)
  await until(() => heard.filter((each) => each === "handshake").length === 2)
  say(heard)
  push.close()
  second.close()
}

export const nobodyAtThePath: Scenario = async ({ zmq, say }) => {
  const push = new zmq.Push({ linger: 0, reconnectInterval: 5 })
  const { events } = push
  push.connect("ipc:///tmp/nobody-is-at-this-path")
  const seen: string[] = []
  while (seen.length < 6) seen.push((await events.receive()).type)
  say(seen)
  push.close()
}

export const ownDoing: Scenario = async ({ zmq, say }) => {
  const [push, pull] = [new zmq.Push({ linger: 0 }), new zmq.Pull()]
  const heard: { push: string[]; pull: string[] } = { push: [], pull: [] }
  for (const type of ["handshake", "disconnect", "end"] as const) {
    push.events.on(type, () => heard.push.push(type))
    pull.events.on(type, () => heard.pull.push(type))
  }
  await pull.bind("tcp://127.0.0.1:*")
  const endpoint = pull.lastEndpoint as string
  push.connect(endpoint)
  await until(() => heard.push.length === 1 && heard.pull.length === 1)
  push.disconnect(endpoint)
  await sleep(20)
  push.connect(endpoint)
  await until(() => heard.push.filter((each) => each === "handshake").length === 2)
  push.close()
  await until(() => heard.push.includes("end"))
  say("push", heard.push)
  await pull.unbind(endpoint)
  pull.close()
}

export const neverAgain: Scenario = async ({ zmq, say }) => {
  for (const reconnectInterval of [-1, 0]) {
    const push = new zmq.Push({ linger: 0, reconnectInterval })
    const seen: string[] = []
    for (const type of ["connect:delay", "close", "connect:retry", "connect"] as const) {
      push.events.on(type, () => seen.push(type))
    }
    push.connect(await freeAddress())
    await until(() => seen.length === 2)
    await sleep(100)
    say(reconnectInterval, seen)
    push.close()
  }
}

export const failedHandshakes: Scenario = async ({ zmq, say }) => {
  const types = ["accept", "connect", "connect:retry", "handshake:error:other", "disconnect"] as const
  const server = createServer((peer) =>
    peer
      .on("error", () => {})
      .resume()
      .end(),
  )
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const push = new zmq.Push({ linger: 0, reconnectInterval: 5000 })
  const seen: unknown[] = []
  for (const type of types) push.events.on(type, (each) => seen.push("error" in each ? [type, each.error] : type))
  push.connect(`tcp://127.0.0.1:${(server.address() as { port: number }).port}`)
  await until(() => seen.includes("connect:retry"))
  say("who is met leaves", seen)
  push.close()
  server.close()
  const pull = new zmq.Pull({ handshakeInterval: 50 })
  const told: unknown[] = []
  for (const type of types) pull.events.on(type, (each) => told.push("error" in each ? [type, each.error] : type))
  await pull.bind("tcp://127.0.0.1:*")
  const port = Number(pull.lastEndpoint?.split(":").at(-1))
  const silent = connect(port, "127.0.0.1").on("error", () => {})
  silent.resume()
  await until(() => told.includes("disconnect"))
  say("who comes is silent", told)
  silent.destroy()
  told.length = 0
  const leaving = connect(port, "127.0.0.1", () => leaving.end()).on("error", () => {})
  leaving.resume()
  await until(() => told.includes("disconnect"))
  say("who comes leaves", told)
  leaving.destroy()
  pull.close()
}

export const throwingListener: Scenario = async ({ zmq, say }) => {
  const pull = new zmq.Pull()
  const heard: string[] = []
  process.once("uncaughtException", ({ message }) => heard.push(message))
  pull.events.on("bind", () => {
    throw new Error("of the listener")
  })
  await pull.bind("tcp://127.0.0.1:*")
  await until(() => heard.length > 0)
  say(heard)
  pull.close()
}
