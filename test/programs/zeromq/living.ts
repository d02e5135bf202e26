// Whole programs, each a process of its own: what keeps one alive, what is sent before it ends, what is collected.
//
//   node build/test/programs/zeromq/living.js brokerless/zeromq idle

import { fork } from "node:child_process"
import { Worker } from "node:worker_threads"
import { type Draft, freeAddress, sleep, type Zmq } from "./stage.ts"

const [from = "zeromq", part = "", endpoint = ""] = process.argv.slice(2)
const zmq = (await import(from)) as Zmq

async function drafts(): Promise<Draft> {
  return (await import(`${from}/draft.js`)) as Draft
}

const parts: Record<string, () => unknown> = {
  /** Open, bound and connected, but nobody waits for anything. */
  async idle() {
    const [push, pull] = [new zmq.Push(), new zmq.Pull()]
    await pull.bind("tcp://127.0.0.1:*")
    push.connect(pull.lastEndpoint as string)
    await push.send("x")
    await pull.receive()
    console.log("idle")
  },
  /** A receive that waits until a timer ends it. */
  async waiting() {
    const pull = new zmq.Pull({ receiveTimeout: 100 })
    await pull.receive().catch(({ code }) => console.log(code))
  },
  /** Ends with a message that nobody has taken yet. */
  async leaver() {
    const push = new zmq.Push()
    push.connect(endpoint)
    await push.send("last words")
    console.log("left")
  },
  /** As above, having closed the socket. */
  async closer() {
    const push = new zmq.Push()
    push.connect(endpoint)
    await push.send("last words")
    push.close()
    console.log("left")
  },
  /** Leaves by `process.exit`. */
  async exiter() {
    const push = new zmq.Push()
    push.connect(endpoint)
    await push.send("last words")
    process.exit()
  },
  /** As above, without patience. */
  async brief() {
    const push = new zmq.Push({ linger: 0 })
    push.connect("tcp://127.0.0.1:1")
    await push.send("never")
    console.log("left")
  },
  async unblocking() {
    const push = new zmq.Push({ context: new zmq.Context({ blocky: false }) })
    push.connect("tcp://127.0.0.1:1")
    await push.send("never")
    console.log("left")
  },
  /** Ends once a process has that exits with something to send, and nobody there to take it. */
  async exiting() {
    const address = await freeAddress()
    const child = fork(process.argv[1] as string, [from, "exiter", address], { stdio: "ignore" })
    await new Promise((resolve) => child.once("exit", resolve))
    console.log("gone")
  },
  /** Receives what processes send that end at once. */
  async heir() {
    for (const kind of ["leaver", "closer"]) {
      const pull = new zmq.Pull({ receiveTimeout: 10_000 })
      const address = await freeAddress()
      const child = fork(process.argv[1] as string, [from, kind, address], { stdio: "ignore" })
      await sleep(200)
      await pull.bind(address)
      console.log(kind, String((await pull.receive())[0]))
      await new Promise((resolve) => child.once("exit", resolve))
      pull.close()
    }
  },
  /** A bound socket that nobody holds gives its address back. */
  async forgotten() {
    const { gc } = globalThis as { gc?: () => void }
    const address = await bindAndForget()
    const taken = new zmq.Pull()
    for (let tries = 0; tries < 200; tries++) {
      gc?.()
      await sleep(10)
      try {
        await taken.bind(address)
        console.log("collected")
        process.exit(0)
      } catch {}
    }
    console.log("kept")
    process.exit(0)
  },
  /** A socket on which a receive waits is not forgotten. */
  async remembered() {
    const { gc } = globalThis as { gc?: () => void }
    const address = await receiveAndForget()
    for (let i = 0; i < 20; i++) {
      gc?.()
      await sleep(10)
    }
    const push = new zmq.Push()
    push.connect(address)
    await push.send("still there")
  },
  /** inproc between threads, through the default context. */
  async threads() {
    const pull = new zmq.Pull()
    await pull.bind("inproc://threads")
    const worker = new Worker(new URL("./thread.js", import.meta.url), { workerData: { from, role: "push" } })
    for (let i = 0; i < 3; i++) console.log(String((await pull.receive())[0]))
    await new Promise((resolve) => worker.once("exit", resolve))
    console.log("over")
    process.exit(0)
  },
  /** The same for types of drafts: a Dish and a Client in the other thread. */
  async draftThreads() {
    const { Radio, Server } = await drafts()
    const [radio, server] = [new Radio(), new Server()]
    await radio.bind("inproc://threads-radio")
    await server.bind("inproc://threads-server")
    const worker = new Worker(new URL("./draft-thread.js", import.meta.url), { workerData: { from } })
    const [hello, routing] = await server.receive()
    console.log(String(hello))
    // It has joined; that the Radio has heard of it takes a moment.
    const telling = setInterval(() => void radio.send("news", { group: "threads" }), 5)
    console.log(String((await server.receive())[0]))
    clearInterval(telling)
    await server.send("bye", routing)
    await new Promise((resolve) => worker.once("exit", resolve))
    console.log("over")
    process.exit(0)
  },
  /** Bound and connected over udp, but nobody waits for anything. */
  async idleDatagrams() {
    const { Dish, Radio, Datagram } = await drafts()
    const [dish, radio, datagram] = [new Dish(), new Radio(), new Datagram()]
    await dish.bind(endpoint)
    await datagram.bind("udp://127.0.0.1:*")
    radio.connect(endpoint)
    await radio.send("x", { group: "g" })
    console.log("idle")
  },
  /** A Dish that waits for a datagram keeps the process alive until it comes. */
  async waitingDatagrams() {
    const { Dish, Radio } = await drafts()
    const [dish, radio] = [new Dish(), new Radio()]
    dish.join("g")
    await dish.bind(endpoint)
    radio.connect(endpoint)
    setTimeout(() => void radio.send("came", { group: "g" }), 200).unref()
    console.log(String((await dish.receive())[0]))
  },
  /** Ends with datagrams that were just sent. */
  async lastDatagrams() {
    const { Radio } = await drafts()
    const radio = new Radio()
    radio.connect(endpoint)
    for (const word of ["last", "words"]) await radio.send(word, { group: "g" })
    console.log("left")
  },
}

async function bindAndForget(): Promise<string> {
  const pull = new zmq.Pull()
  await pull.bind("tcp://127.0.0.1:*")
  return pull.lastEndpoint as string
}

async function receiveAndForget(): Promise<string> {
  const pull = new zmq.Pull()
  await pull.bind("tcp://127.0.0.1:*")
  const address = pull.lastEndpoint as string
  void pull.receive().then(([frame]) => console.log(String(frame)))
  return address
}

await parts[part]?.()
