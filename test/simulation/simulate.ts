// One simulated world from its seed to its end: turmoil, then order, then everything is closed and the books are
// balanced. The same seed and the same library give the same world, down to the last octet.

import { Random } from "../support/random.ts"
import { addressed } from "./addressed.ts"
import { fanout } from "./fanout.ts"
import { Ledger } from "./ledger.ts"
import { pairs } from "./pairs.ts"
import { pipeline } from "./pipeline.ts"
import { converge, pubsub } from "./pubsub.ts"
import { questions } from "./questions.ts"
import { SimulatedClock } from "./simulated-clock.ts"
import { SimulatedNetwork } from "./simulated-network.ts"
import { type Plan, Station } from "./station.ts"
import { Trace } from "./trace.ts"
import type { Library, World } from "./world.ts"

/** The library under test, and how its transport is told where to go. */
export interface Subject {
  readonly library: Library
  /** From now on the library's tcp transport is this. */
  plug(network: SimulatedNetwork): void
}

/** What came of one seed. */
export interface Outcome {
  readonly seed: number
  readonly scenario: string
  /** Stands for everything that happened. */
  readonly hash: string
  readonly letters: number
  readonly steps: number
  /** Simulated ms. */
  readonly time: number
  /** What was not as it has to be, the first first; nothing if all is well. */
  readonly failures: readonly string[]
  /** What happened last, before the first failure. */
  readonly trace: readonly string[]
}

const SCENARIOS: Readonly<Record<string, (world: World) => Plan[]>> = {
  pipeline,
  fanout,
  pubsub,
  addressed,
  questions,
  pairs,
}

/** Where all installed copies of the library keep the names of inproc. */
const INPROC: unique symbol = Symbol.for("brokerless.inproc.1")

/** One failure brings others; more than these tell nothing. */
const MOST_FAILURES = 8
/** For how long what must happen by itself may take, simulated ms. */
const PATIENCE = 120_000

export async function simulate(seed: number, subject: Subject, listener?: (line: string) => void): Promise<Outcome> {
  const random = new Random(seed)
  const clock = new SimulatedClock(new Random(random.word()))
  const trace = new Trace(() => clock.now, listener)
  const network = new SimulatedNetwork(clock, new Random(random.word()), trace)
  const failures: string[] = []
  let lines: readonly string[] = []
  const fail = (what: string): void => {
    if (failures.length === 0) lines = [...trace.lines]
    if (failures.length < MOST_FAILURES) failures.push(`at ${clock.now.toFixed(3)} ms: ${what}`)
    trace.note(`FAILURE ${what}`)
  }
  const scenario = random.pick([
    "pipeline",
    "pipeline",
    "fanout",
    "pubsub",
    "pubsub",
    "addressed",
    "questions",
    "pairs",
  ])
  const world: World = {
    library: subject.library,
    clock,
    random,
    trace,
    network,
    ledger: new Ledger(random, fail),
    peaceful: random.once(4),
    wired: !random.once(8),
    phase: "turmoil",
    fail,
  }
  const restore = clock.install()
  const strays = catchStrays(fail)
  try {
    subject.plug(network)
    await new Play(world, scenario).run()
  } catch (error) {
    fail((error as Error)?.stack ?? String(error))
  } finally {
    strays()
    restore()
  }
  const { steps, now: time } = clock
  return { seed, scenario, hash: trace.hash, letters: world.ledger.letters.length, steps, time, failures, trace: lines }
}

/** The course of a world. */
class Play {
  readonly #world: World
  readonly #scenario: string
  readonly #stations: Station[] = []
  #count = 0

  constructor(world: World, scenario: string) {
    this.#world = world
    this.#scenario = scenario
  }

  async run(): Promise<void> {
    const world = this.#world
    const { random, clock, network, trace } = world
    const plans = (SCENARIOS[this.#scenario] as (world: World) => Plan[])(world)
    trace.note(`${this.#scenario}, ${world.peaceful ? "peaceful" : "hostile"}, ${world.wired ? "tcp" : "inproc"}`)
    if (!world.peaceful) network.mischief = random.pick([0, 3, 10])
    for (const plan of [...plans].sort(() => random.within(-1, 1))) {
      await this.#settle(this.#open(plan).setUp(), "is set up")
      await clock.run(() => false, clock.now + random.below(30))
    }
    const turmoil = clock.now + random.pick([100, 500, 1500])
    await this.#upheaval(turmoil)
    // Some worlds end in the middle of it.
    const abrupt = !world.peaceful && random.once(4)
    if (!abrupt) await this.#order()
    await this.#end(abrupt)
  }

  #open(plan: Plan): Station {
    const station = new Station(this.#world, plan, ++this.#count)
    this.#stations.push(station)
    const { binds, connects, options } = plan
    this.#world.trace.note(`${station.name} binds ${binds}, connects ${connects}, ${JSON.stringify(options)}`)
    return station
  }

  async #upheaval(until: number): Promise<void> {
    const { random, clock, network, peaceful } = this.#world
    while (clock.now < until) {
      await clock.run(() => false, clock.now + random.within(1, 80))
      if (peaceful) continue
      await random.choose<void | Promise<void>>(
        [8, () => network.disturb()],
        [2, () => this.#expel()],
        [2, () => this.#renew()],
        [1, () => this.#rebind()],
        [1, () => this.#reconnect()],
      )
    }
  }

  /** A peer is shown the door. */
  #expel(): void {
    const { random, trace } = this.#world
    const station = random.pick(this.#living)
    if (station.socket.peers.length === 0) return
    const peer = random.pick(station.socket.peers)
    trace.note(`${station.name} expels a peer`)
    peer.disconnect()
  }

  /** A socket is closed, and another comes in its place. */
  async #renew(): Promise<void> {
    const { random } = this.#world
    const station = random.pick(this.#living)
    await this.#settle(station.close(random.pick([0, 30, 300])), `${station.name} is closed`)
    await this.#settle(this.#open(station.plan).setUp(), "is set up again")
  }

  async #rebind(): Promise<void> {
    const { random, clock, trace } = this.#world
    const station = random.pick(this.#living)
    for (const endpoint of station.plan.binds) {
      trace.note(`${station.name} unbinds`)
      station.disturbed()
      await this.#settle(station.socket.unbind(endpoint), `${station.name} is unbound`)
      await clock.run(() => false, clock.now + random.below(100))
      await this.#settle(station.socket.bind(endpoint), `${station.name} is bound again`)
    }
  }

  async #reconnect(): Promise<void> {
    const { random, clock, trace } = this.#world
    const station = random.pick(this.#living)
    for (const endpoint of station.plan.connects) {
      trace.note(`${station.name} disconnects from ${endpoint}`)
      station.disturbed()
      station.socket.disconnect(endpoint)
      if (random.once(2)) await clock.run(() => false, clock.now + random.below(100))
      station.disturbed()
      station.socket.connect(endpoint)
    }
  }

  /** Nothing goes wrong any more: whatever waits must come to an end by itself, and whoever calls be heard. */
  async #order(): Promise<void> {
    const world = this.#world
    const { clock, network, trace } = world
    network.mischief = 0
    world.phase = "order"
    trace.note("order")
    // Longer than the longest stall, and than anybody takes to notice that a connection is lost.
    await clock.run(() => false, clock.now + 2000)
    const living = this.#living
    await this.#await(() => living.every(isConnected), "everybody is connected")
    await this.#await(() => network.quiet && living.every(({ settled }) => settled), "nothing waits")
    world.phase = "calm"
    if (this.#scenario === "pubsub") await this.#settle(converge(world, living), "subscriptions converge")
    for (const station of living) {
      await this.#settle(station.plan.role.call?.(station) ?? Promise.resolve(), `${station.name} is heard`)
    }
    await this.#await(() => network.quiet && living.every(({ settled }) => settled), "nothing waits in the end")
    if (world.peaceful) this.#expectAll()
  }

  /** In peace, each letter that was accepted and that nothing made superfluous has been received. */
  #expectAll(): void {
    const { ledger, fail } = this.#world
    let dropped = 0
    for (const { socket } of this.#living) for (const count of Object.values(socket.stats.dropped)) dropped += count
    if (this.#scenario === "pubsub" || dropped > 0) return
    for (const { id, state, receivers } of ledger.letters) {
      if (state === "accepted" && receivers.size === 0) fail(`Letter ${id} was accepted and never came, in peace`)
    }
  }

  async #end(abrupt: boolean): Promise<void> {
    const world = this.#world
    const { random, clock, network, trace } = world
    world.phase = "closing"
    trace.note("closing")
    const closing: Promise<void>[] = []
    for (const station of [...this.#living].sort(() => random.within(-1, 1))) {
      closing.push(station.close(random.pick(abrupt ? [0, 50, 1000] : [0, 50, 1000, -1])))
      await clock.run(() => false, clock.now + random.below(20))
    }
    await this.#settle(Promise.all(closing), "everybody is closed")
    network.mischief = 0
    // Whatever is under way comes to its end.
    await clock.run(() => clock.events === 0, clock.now + 1000)
    if (network.open.length > 0) world.fail(`Left open: ${network.open.join(", ")}`)
    const names = inprocNames()
    if (names.length > 0) world.fail(`Left open: ${names.join(", ")}`)
    if (clock.timers > 0) world.fail(`Timers are left: ${clock.pending.join("; ")}`)
  }

  get #living(): Station[] {
    return this.#stations.filter(({ open }) => open)
  }

  async #settle(promise: Promise<unknown>, what: string): Promise<void> {
    let settled = false
    const done = (): void => {
      settled = true
    }
    promise.then(done, done)
    await this.#await(() => settled, what)
    await promise
  }

  async #await(condition: () => boolean, what: string): Promise<void> {
    const { clock } = this.#world
    if (await clock.run(condition, clock.now + PATIENCE)) return
    const states = this.#living.map(
      ({ name, waiting, socket }) =>
        `${name}: ${socket.peers.length} peers, ${waiting} calls wait, ${socket.stats.queuedMessages} queued`,
    )
    throw new Error(`It never comes to pass that ${what} (${states.join("; ")})`)
  }
}

/** Names of inproc that somebody has bound or waits for. */
function inprocNames(): string[] {
  return (globalThis as { [INPROC]?: { known: string[] } })[INPROC]?.known ?? []
}

function isConnected({ socket, plan }: Station): boolean {
  return plan.connects.every((endpoint) => socket.peers.some((peer) => peer.endpoint === endpoint))
}

/** What nobody caught is a failure of the world in which it happened. Returns the function that ends that. */
function catchStrays(fail: (what: string) => void): () => void {
  const stray = (error: unknown): void => fail(`Nobody caught ${(error as Error)?.stack ?? String(error)}`)
  const kinds = ["unhandledRejection", "uncaughtException"] as const
  const others = kinds.map((kind) => process.rawListeners(kind))
  for (const kind of kinds) {
    process.removeAllListeners(kind)
    process.on(kind, stray)
  }
  return () => {
    for (const [at, kind] of kinds.entries()) {
      process.removeListener(kind, stray)
      for (const other of others[at] ?? []) process.on(kind, other as (error: unknown) => void)
    }
  }
}
