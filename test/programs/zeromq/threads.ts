// The default context spans the threads of a process: names, and handlers of ZAP.

import { once } from "node:events"
import { Worker } from "node:worker_threads"
import type { Push } from "zeromq"
import { answering } from "./answering.ts"
import { from, type Scenario, type Stage } from "./stage.ts"
import type { Part } from "./thread.ts"

class Thread {
  readonly #worker: Worker
  readonly #heard: string[] = []
  #waiting: ((line: string) => void) | undefined

  constructor(role: Part["role"]) {
    this.#worker = new Worker(new URL("./thread.js", import.meta.url), { workerData: { from, role } })
    this.#worker.on("message", (line: string) => {
      if (this.#waiting === undefined) this.#heard.push(line)
      else this.#waiting(line)
      this.#waiting = undefined
    })
  }

  /** What it tells next. */
  async next(): Promise<string> {
    return (
      this.#heard.shift() ??
      new Promise((resolve) => {
        this.#waiting = resolve
      })
    )
  }

  tell(what: string): void {
    this.#worker.postMessage(what)
  }

  async ended(): Promise<void> {
    await once(this.#worker, "exit")
  }
}

/** A client that knows the password, or does not. */
function client({ zmq }: Stage, endpoint: string, plainPassword: string): Push {
  const push = new zmq.Push({ plainUsername: "somebody", plainPassword, linger: 0 })
  push.connect(endpoint)
  return push
}

/** A friend and a stranger come to a server in another thread. */
async function visits(stage: Stage, server: Thread, endpoint: string): Promise<void> {
  const friend = client(stage, endpoint, "secret")
  await friend.send("hello")
  stage.say(await server.next())
  friend.close()
  const ended = server.ended()
  const stranger = client(stage, endpoint, "guess")
  stage.say(await server.next())
  stranger.close()
  await ended
}

export const handlerHereServerThere: Scenario = async (stage) => {
  const zap = await answering(stage.zmq, stage.say, (texts) => (texts.at(-1) === "secret" ? "200" : "400"))
  const server = new Thread("server")
  await visits(stage, server, await server.next())
  zap.close()
}

export const handlerThereServerHere: Scenario = async (stage) => {
  const { zmq, say } = stage
  const handler = new Thread("handler")
  say(await handler.next())
  const pull = new zmq.Pull({ plainServer: true, zapDomain: "test" })
  await pull.bind("tcp://127.0.0.1:*")
  const friend = client(stage, pull.lastEndpoint as string, "secret")
  await friend.send("hello")
  say(await handler.next())
  say(String((await pull.receive())[0]))
  const refused = new Promise((resolve) => pull.events.on("handshake:error:auth", resolve))
  const stranger = client(stage, pull.lastEndpoint as string, "guess")
  say(await refused)
  say(await handler.next())
  stranger.close()
  // Without its handler, nobody is let in.
  const ended = handler.ended()
  const unjudged = new Promise<void>((resolve) => pull.events.on("handshake:error:other", () => resolve()))
  handler.tell("go")
  await ended
  const late = client(stage, pull.lastEndpoint as string, "secret")
  await unjudged
  say("nobody judges")
  for (const socket of [pull, friend, late]) socket.close()
}

export const handlerAndServerThere: Scenario = async (stage) => {
  const handler = new Thread("handler")
  stage.say(await handler.next())
  const server = new Thread("server")
  await visits(stage, server, await server.next())
  for (let i = 0; i < 2; i++) stage.say(await handler.next())
  const ended = handler.ended()
  handler.tell("go")
  await ended
}

export const handlerOfAnotherContext: Scenario = async (stage) => {
  const { zmq, say } = stage
  const handler = new Thread("handler")
  say(await handler.next())
  const pull = new zmq.Pull({ plainServer: true, context: new zmq.Context() })
  await pull.bind("tcp://127.0.0.1:*")
  const unjudged = new Promise<void>((resolve) => pull.events.on("handshake:error:other", () => resolve()))
  const push = client(stage, pull.lastEndpoint as string, "secret")
  await unjudged
  say("nobody judges")
  pull.close()
  push.close()
  const ended = handler.ended()
  handler.tell("go")
  await ended
}

export const namesOfAllThreads: Scenario = async ({ zmq, say, tell }) => {
  const pull = new zmq.Pull()
  await tell("at once", () => pull.bindSync("inproc://claimed"))
  for (const _ of ["bound", "unbound"]) {
    const claimer = new Thread("claim")
    const ended = claimer.ended()
    say(await claimer.next())
    await ended
    await tell("given back", () => pull.unbind("inproc://claimed"))
  }
  pull.close()
}
