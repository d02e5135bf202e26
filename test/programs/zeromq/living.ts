// Whole programs, each a process of its own: what keeps one alive, what is sent before it ends, what is collected.
//
//   node build/test/programs/zeromq/living.js brokerless/zeromq idle

import { fork } from "node:child_process"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { type Draft, freeAddress, sleep, type Zmq } from "./stage.ts"

const [from = "zeromq", part = "", endpoint = "", more = ""] = process.argv.slice(2)
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
  /** Leaves by `process.exit` at once after many sends. */
  async hasty() {
    const push = new zmq.Push({ linger: Number(more) })
    push.connect(endpoint)
    await push.send("connected")
    process.once("message", async () => {
      for (let i = 0; i < 100; i++) await push.send("x")
      process.exit(0)
    })
  },
  /** What was given to a connection arrives, whatever `linger` says. */
  async hastyHeir() {
    for (const linger of ["0", "500", "-1"]) {
      const pull = new zmq.Pull({ receiveTimeout: 20_000 })
      await pull.bind("tcp://127.0.0.1:*")
      const child = fork(process.argv[1] as string, [from, "hasty", pull.lastEndpoint as string, linger])
      await pull.receive()
      child.send("go")
      let count = 0
      while (count < 100) count += (await pull.receive()).length
      console.log("linger", linger, count)
      pull.close()
    }
  },
  /** Ends with a message for nobody, in the way that it is told. */
  async ender() {
    const [linger, how, where, state] = more.split(",")
    const context = where === "blocky" ? zmq.context : new zmq.Context({ blocky: false })
    const push = new zmq.Push({ context, linger: Number(linger) })
    push.connect("tcp://127.0.0.1:1")
    await push.send("never")
    console.log(Date.now())
    if (state === "closed") push.close()
    if (how === "exits") process.exit(3)
    if (how === "throws") throw new Error("thrown")
  },
  /** How processes end that have something to send, and nobody to take it: their code, their patience, their words. */
  async endings() {
    const ways: string[] = []
    for (const state of ["open", "closed"]) {
      for (const linger of [0, 3000]) ways.push(`${linger},returns,blocky,${state}`, `${linger},returns,not,${state}`)
      for (const linger of [0, 30_000, -1]) ways.push(`${linger},exits,blocky,${state}`)
      ways.push(`-1,throws,blocky,${state}`)
    }
    while (ways.length > 0) for (const line of await Promise.all(ways.splice(0, 4).map(ending))) console.log(line)
  },
  /** What a process says last that waits for its messages. */
  async lastWords() {
    const push = new zmq.Push({ linger: 3000 })
    push.connect("tcp://127.0.0.1:1")
    await push.send("never")
    const began = Date.now()
    process.once("exit", () => console.log("exit before it waited", Date.now() - began < 2000))
  },
  /** A socket goes on whose observer was closed; it ends by force, because theirs does not by itself. */
  async observedNoMore() {
    const pull = new zmq.Pull()
    pull.events.close()
    // Theirs stands still from when it has heard that the observer is gone.
    const binding = (async () => {
      for (let i = 0; i < 5; i++) {
        await sleep(50)
        await pull.bind("tcp://127.0.0.1:*")
      }
      return "bound"
    })()
    const said = await Promise.race([binding, sleep(4000).then(() => "stands still")])
    process.stdout.write(`${said}\n`, () => process.kill(process.pid, "SIGKILL"))
  },
  /** A proxy of a socket with itself; theirs ends the process. */
  async proxyOfOne() {
    const pair = new zmq.Pair()
    await pair.bind("inproc://proxy-of-one")
    try {
      await new zmq.Proxy(pair, pair).run()
    } catch (error) {
      console.log((error as { code: string }).code)
    }
  },
  /** A datagram whose group is long; it ends by itself or by force. */
  async longGroup() {
    const { Dish } = await drafts()
    const dish = new Dish({ receiveTimeout: 10_000 })
    await dish.bind(endpoint)
    dish.join("g".repeat(200))
    const socket = createSocket("udp4")
    const datagram = Buffer.concat([Buffer.of(200), Buffer.alloc(200, "g"), Buffer.from("came")])
    const putting = setInterval(() => socket.send(datagram, Number(endpoint.split(":").at(-1)), "127.0.0.1"), 20)
    console.log(String((await dish.receive())[0]))
    clearInterval(putting)
    process.exit(0)
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
    console.log((await comesFree(await bindAndForget())) ? "collected" : "kept")
    process.exit(0)
  },
  /** As above, with a context that nobody holds, either. */
  async forgottenContext() {
    console.log((await comesFree(await bindInAContextAndForget())) ? "collected" : "kept")
    process.exit(0)
  },
  /** As above, of one on which something waits. */
  async forgottenWhileItWaits() {
    for (const operation of ["send", "receive"] as const) {
      const address = await waitAndForget(operation)
      console.log(operation, (await comesFree(address)) ? "collected" : "kept")
    }
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

/** Ends a process in this way, and says how that was. */
async function ending(way: string): Promise<string> {
  const child = fork(process.argv[1] as string, [from, "ender", "", way], { stdio: "pipe", execArgv: [] })
  let said = ""
  let began = ""
  child.stdout?.on("data", (octets) => {
    began += octets
  })
  child.stderr?.on("data", (octets) => {
    said += octets
  })
  const [code] = (await once(child, "close")) as [number]
  const patient = Date.now() - Number(began) >= Number.parseInt(way, 10)
  const words = said.match(/WARNING.*|Error: thrown/g) ?? []
  return `${way}: ${code} ${patient ? "in its time" : "at once"} ${words.join()}`
}

/** Whether an address can be bound that nobody holds the socket of. */
async function comesFree(address: string): Promise<boolean> {
  const { gc } = globalThis as { gc?: () => void }
  const taken = new zmq.Pull()
  for (let tries = 0; tries < 100; tries++) {
    gc?.()
    await sleep(10)
    try {
      await taken.bind(address)
      taken.close()
      return true
    } catch {}
  }
  return false
}

async function waitAndForget(operation: "send" | "receive"): Promise<string> {
  const dealer = new zmq.Dealer({ linger: 0 })
  await dealer.bind("tcp://127.0.0.1:*")
  const waiting: Promise<unknown> = operation === "send" ? dealer.send("x") : dealer.receive()
  waiting.catch(() => {})
  return dealer.lastEndpoint as string
}

async function bindInAContextAndForget(): Promise<string> {
  const pull = new zmq.Pull({ context: new zmq.Context() })
  await pull.bind("tcp://127.0.0.1:*")
  return pull.lastEndpoint as string
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
