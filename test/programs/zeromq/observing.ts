// The events of a socket: which, in what order, with what; both ways of hearing them; and their end.

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
