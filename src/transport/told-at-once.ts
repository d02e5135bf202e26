// What Node.js tells only later, for those who cannot wait for a promise: a thread of its own asks, and this one sleeps
// until it has been told. It takes some ten milliseconds, so it is for what is asked once in a while.

import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads"

/** What that thread runs. It is text, so that it can be started wherever this library has been bundled into. */
const PROGRAM = `
const { workerData: { question, bell, port } } = require("node:worker_threads")
const tell = (answer) => {
  port.postMessage(answer)
  Atomics.store(bell, 0, 1)
  Atomics.notify(bell, 0)
}
if ("name" in question) {
  const { name, family } = question
  require("node:dns").lookup(name, { family, order: "ipv4first" }, (error, address) =>
    tell(error ? { code: error.code } : { address }))
} else {
  const socket = require("node:net").connect(question.path)
  socket.on("connect", () => tell({}))
  socket.on("error", ({ code }) => tell({ code }))
}
`

/** How long is waited, ms: resolvers take what they take, and a thread that never starts must not hold up this one. */
const PATIENCE = 30_000

interface Told {
  readonly address?: string
  /** Of the system's error, if that is the answer. */
  readonly code?: string
}

/** The first address of a host, IPv4 before IPv6; throws the resolver's error. */
export function addressAtOnce(name: string, family: 0 | 4): string {
  const { address, code } = told({ name, family })
  if (address === undefined) throw Object.assign(new Error(`${name} has no address`), { code })
  return address
}

/** Connects to a path and parts at once: the code of the system's error, or undefined if somebody listens there. */
export function refusalAtOnce(path: string): string | undefined {
  return told({ path }).code
}

function told(question: object): Told {
  const bell = new Int32Array(new SharedArrayBuffer(4))
  const { port1, port2 } = new MessageChannel()
  const workerData = { question, bell, port: port2 }
  const worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData, transferList: [port2] })
  worker.unref()
  Atomics.wait(bell, 0, 0, PATIENCE)
  const received = receiveMessageOnPort(port1) as { readonly message: Told } | undefined
  port1.close()
  void worker.terminate()
  return received?.message ?? { code: "ETIMEDOUT" }
}
