// The threads of threads.ts and living.ts: each plays one role, tells what it does, and is over.

import { parentPort, workerData } from "node:worker_threads"
import type { Event } from "zeromq"
import { answering } from "./answering.ts"
import type { Zmq } from "./stage.ts"

/** What a thread is told when it starts. */
export interface Part {
  readonly from: string
  readonly role: keyof typeof roles
}

const { from, role } = workerData as Part
const zmq = (await import(from)) as Zmq
const tell = (...words: unknown[]): void => parentPort?.postMessage(words.map(String).join(" "))
const told = (): Promise<unknown> => new Promise((resolve) => parentPort?.once("message", resolve))

const roles = {
  /** Sends three words over inproc. */
  async push(): Promise<void> {
    const push = new zmq.Push()
    push.connect("inproc://threads")
    for (const word of ["one", "two", "three"]) await push.send(word)
    push.close()
  },
  /** A server of PLAIN: tells its address, what it receives, and whom it refuses. */
  async server(): Promise<void> {
    const pull = new zmq.Pull({ plainServer: true, zapDomain: "test" })
    const refused = new Promise<Event>((resolve) => pull.events.on("handshake:error:auth", resolve))
    await pull.bind("tcp://127.0.0.1:*")
    tell(pull.lastEndpoint)
    tell("received", (await pull.receive())[0])
    tell("refused", (await refused).type)
    pull.close()
  },
  /** A handler of ZAP until it is told to go: it lets in who knows the password. */
  async handler(): Promise<void> {
    const router = await answering(zmq, tell, (texts) => (texts.at(-1) === "secret" ? "200" : "400"))
    tell("handling")
    await told()
    router.close()
  },
  /** Binds a name that somebody else has, at once. */
  claim(): void {
    const pull = new zmq.Pull()
    try {
      pull.bindSync("inproc://claimed")
      tell("bound")
    } catch (error) {
      tell((error as { code: string }).code)
    }
    pull.close()
  },
}

await roles[role]()
parentPort?.unref()
