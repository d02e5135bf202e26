// B13: 10 000 clients of one server, which goes down for 10 s, on a simulated clock: the connectors and sessions of the
// library with only time and the network replaced. How many try at once when it is back, and when the last is back.

import { parseEndpoint } from "../../src/endpoint.ts"
import { Connector } from "../../src/session/connector.ts"
import type { AttemptHandler, StreamTransport } from "../../src/transport/transport.ts"
import { MemoryStream } from "../../test/support/memory-stream.ts"
import { greeting, ready } from "../../test/support/raw-peer.ts"
import { nullOf, RecordingHub } from "../../test/support/session-rig.ts"
import { atMost, count, type Finding, milliseconds, type Size } from "./finding.ts"

const DOWN = 10_000
const WINDOW = 100
const PART = 0.05
const BACK = 60_000
/** How long the server was there before, ms. */
const BEFORE = 30_000

const WELCOME = Buffer.concat([greeting(), ready("PULL")])

/** Timers of the library, run in the order of the times at which they are due. Nothing else of the process is held up. */
class SimulatedTime implements Disposable {
  now = 0
  readonly #due = new Map<number, Set<() => void>>()
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: performance.now }

  constructor() {
    const later = (action: () => void, ms = 0): object => this.after(ms, action)
    globalThis.setTimeout = later as unknown as typeof setTimeout
    globalThis.clearTimeout = ((timer: { cancel?(): void } | undefined) => timer?.cancel?.()) as typeof clearTimeout
    performance.now = () => this.now
  }

  after(ms: number, action: () => void): { cancel(): void; unref(): void } {
    const at = this.now + Math.max(1, Math.ceil(ms))
    const actions = this.#due.get(at) ?? new Set()
    // The same action may be due twice.
    const once = (): void => action()
    this.#due.set(at, actions.add(once))
    return { cancel: () => actions.delete(once), unref() {} }
  }

  /** Lets so many milliseconds pass. */
  async pass(ms: number): Promise<void> {
    for (const end = this.now + ms; this.now < end; ) {
      this.now++
      const actions = this.#due.get(this.now)
      if (actions === undefined) continue
      this.#due.delete(this.now)
      for (const action of actions) action()
      // Ticks, promises and turns of what these have begun.
      for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#real.setTimeout
    globalThis.clearTimeout = this.#real.clearTimeout
    performance.now = this.#real.now
  }
}

/** The way to the one server there is. */
class Network implements StreamTransport {
  readonly name = "tcp"
  up = true
  /** When attempts were made. */
  readonly attempts: number[] = []
  readonly #time: SimulatedTime
  #streams: MemoryStream[] = []

  constructor(time: SimulatedTime) {
    this.#time = time
  }

  listen(): never {
    throw new Error("Nobody listens in this simulation")
  }

  connect(_endpoint: object, _options: object, handler: AttemptHandler): { cancel(): void; hold(): void } {
    this.attempts.push(this.#time.now)
    const answer = this.#time.after(1, () => {
      if (!this.up) {
        handler.failed(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }))
        return
      }
      const stream = new MemoryStream()
      this.#streams.push(stream)
      handler.connected(stream)
      this.#time.after(1, () => stream.receive(WELCOME))
    })
    return { cancel: () => answer.cancel(), hold() {} }
  }

  goDown(): void {
    this.up = false
    for (const stream of this.#streams.splice(0)) stream.reset()
  }
}

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const clients = size === "full" ? 10_000 : 1000
  using time = new SimulatedTime()
  using hub = new RecordingHub("Push", { heartbeatInterval: 0 })
  const network = new Network(time)
  const endpoint = parseEndpoint("tcp://127.0.0.1:5555", "connect")
  for (let i = 0; i < clients; i++) new Connector(network, endpoint, hub, undefined, () => nullOf("PUSH"), undefined)
  await time.pass(BEFORE)
  if (hub.peers.length !== clients) throw new Error(`${hub.peers.length} clients were connected at the beginning`)

  network.goDown()
  await time.pass(DOWN)
  if (hub.peers.length > 0) throw new Error(`${hub.peers.length} clients are connected to nobody`)
  network.up = true
  network.attempts.length = 0
  const returned = time.now
  let all = Number.POSITIVE_INFINITY
  for (let ms = 0; ms < BACK && all > BACK; ms += 10) {
    await time.pass(10)
    if (hub.peers.length === clients) all = time.now - returned
  }
  const what = `${count(clients)} clients, server down for ${milliseconds(DOWN)}`
  const most = densest(network.attempts, WINDOW) / clients
  yield atMost("B13", `${what}: most attempts in any ${WINDOW} ms`, most * 100, PART * 100, (n) => `${n.toFixed(1)} %`)
  yield atMost("B13", `${what}: all are back after`, all, BACK, milliseconds)
}

/** How many of the times, which are in order, lie in the window that has the most of them. */
function densest(times: readonly number[], window: number): number {
  let most = 0
  let first = 0
  for (const [last, time] of times.entries()) {
    while ((times[first] as number) <= time - window) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}
