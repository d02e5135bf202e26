// A relay before an endpoint of tcp or ipc that does to the stream what networks do: it delays, slices, narrows,
// stalls, cuts, resets. It knows nothing of what passes. What it does is commanded by the test, or planned for the
// connections to come; chance comes from a seed. Whatever happens can be waited for.

import { once } from "node:events"
import { mkdtempSync, rmSync, unlinkSync } from "node:fs"
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { LOOPBACK } from "./loopback.ts"

/** `forth` goes from who connected to the proxy to the endpoint behind it. */
export type Direction = "forth" | "back"

/** What every octet goes through, either way. */
export interface Weather {
  /** ms that everything takes at least. */
  readonly delay?: number
  /** ms that it may take longer, at random; nothing overtakes. */
  readonly jitter?: number
  /** Octets per second. */
  readonly bandwidth?: number
  /** Octets passed on at a time, each time in a turn of its own: always so many, or at random between two numbers. */
  readonly slices?: number | readonly [least: number, most: number]
  readonly seed?: number
}

/**
 * - `reset`: both connections are reset; over ipc, where nothing of the kind exists, they are closed with nothing read
 * - `finish`: both peers read the end of the stream, and what they still say goes nowhere
 * - `half-close`: who was to read reads the end of the stream; the other direction goes on
 * - `stall`: nothing passes any more in this direction
 */
export type Blow = "reset" | "finish" | "half-close" | "stall"

/** A blow at an exact place of the stream: what comes before has been passed on, and not one octet more. */
export interface Fault {
  readonly blow: Blow
  /** Default: `forth`. */
  readonly direction?: Direction
  /** Behind the first passing of these octets, or else from the beginning of the stream. */
  readonly behind?: string | Buffer
  /** So many octets later; default: 0. */
  readonly after?: number
}

/** As much as waits in the proxy, per direction, before it reads no more; octets. */
const CAPACITY = 256 * 1024

/** One connection through the proxy: two sockets, and a lane each way. */
export class FaultyConnection {
  /** Resolves when the planned fault has struck. */
  readonly struck: Promise<void>
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<void>
  readonly #near: Socket
  readonly #far: Socket
  readonly #lanes: Readonly<Record<Direction, Lane>>
  readonly #ipc: boolean

  /** @internal */
  constructor(near: Socket, far: Socket, ipc: boolean, weather: Weather, chance: () => number, fault?: Fault) {
    this.#near = near
    this.#far = far
    this.#ipc = ipc
    const planned = (direction: Direction): Fault | undefined =>
      fault !== undefined && (fault.direction ?? "forth") === direction ? fault : undefined
    let strike: () => void = () => {}
    this.struck = new Promise((resolve) => {
      strike = resolve
    })
    const lane = (direction: Direction, from: Socket, to: Socket): Lane =>
      new Lane(from, to, weather, chance, planned(direction), (blow) => {
        this.#blow(blow, direction)
        strike()
      })
    this.#lanes = { forth: lane("forth", near, far), back: lane("back", far, near) }
    far.once("connect", () => {
      for (const each of this.#chosen(undefined)) each.open()
    })
    this.closed = Promise.all(
      [near, far].map(async (socket) => {
        const lost = await new Promise<boolean>((resolve) => socket.once("close", resolve))
        // Who broke off does so to the other as well; who left in good order has said so by the end of his stream.
        if (lost) this.reset()
      }),
    ).then(() => {})
  }

  /** Octets passed on so far. */
  octets(direction: Direction): number {
    return this.#lanes[direction].passed
  }

  /** Resolves when so many octets have been passed on; never, if the connection ends before. */
  forwarded(direction: Direction, octets: number): Promise<void> {
    return this.#lanes[direction].reaches(octets)
  }

  /** Nothing passes any more, in one direction or in both, not even an end; until `resume`. */
  stall(direction?: Direction): void {
    for (const lane of this.#chosen(direction)) lane.stall(true)
  }

  resume(direction?: Direction): void {
    for (const lane of this.#chosen(direction)) lane.stall(false)
  }

  reset(): void {
    this.#blow("reset", "forth")
  }

  finish(): void {
    this.#blow("finish", "forth")
  }

  halfClose(direction: Direction): void {
    this.#blow("half-close", direction)
  }

  #chosen(direction: Direction | undefined): Lane[] {
    return direction === undefined ? [this.#lanes.forth, this.#lanes.back] : [this.#lanes[direction]]
  }

  #blow(blow: Blow, direction: Direction): void {
    switch (blow) {
      case "reset":
        for (const lane of this.#chosen(undefined)) lane.abandon()
        for (const socket of [this.#near, this.#far]) {
          if (this.#ipc) socket.destroy()
          else if (socket.connecting) socket.once("connect", () => destroyByReset(socket))
          else destroyByReset(socket)
        }
        break
      case "finish":
        for (const lane of this.#chosen(undefined)) lane.finish()
        break
      case "half-close":
        this.#lanes[direction].finish()
        break
      case "stall":
        this.#lanes[direction].stall(true)
    }
  }
}

/** Octets on their way in one direction. */
class Lane {
  passed = 0
  readonly #to: Socket
  readonly #open: () => void
  readonly #weather: Weather
  readonly #chance: () => number
  readonly #waiting: { readonly octets: Buffer; readonly due: number }[] = []
  /** Octets that wait. */
  #held = 0
  #arrived = 0
  /** The last octets that arrived, in which a place may begin that is looked for. */
  #tail: Buffer = Buffer.alloc(0)
  #fault: Fault | undefined
  /** Where the fault strikes, once that is known. */
  #place = Number.POSITIVE_INFINITY
  #stalled = false
  #ended = false
  #over = false
  /** When the next octet may leave, by the bandwidth. */
  #free = 0
  #wake: () => void = () => {}
  readonly #counting: { readonly octets: number; readonly resolve: () => void }[] = []

  constructor(
    from: Socket,
    to: Socket,
    weather: Weather,
    chance: () => number,
    fault: Fault | undefined,
    strike: (blow: Blow) => void,
  ) {
    this.#to = to
    this.#open = () => void this.#run(strike, () => from.resume())
    this.#weather = weather
    this.#chance = chance
    this.#fault = fault
    if (fault !== undefined && fault.behind === undefined) this.#place = fault.after ?? 0
    from.on("error", () => {})
    from.on("data", (chunk: Buffer) => {
      // Read and thrown away: a peer that is not read from is stuck, which is another fault.
      if (this.#over) return
      this.#arrive(chunk)
      if (this.#held >= CAPACITY) from.pause()
      this.#wake()
    })
    from.once("end", () => {
      this.#ended = true
      this.#wake()
    })
    // What has arrived before an end in good order is still passed on.
    from.once("close", (lost) => {
      if (lost || !this.#ended) this.abandon()
    })
  }

  /** Both ends are connected. */
  open(): void {
    this.#open()
  }

  stall(stalled: boolean): void {
    this.#stalled = stalled
    this.#wake()
  }

  /** The reader reads the end, and nothing more. */
  finish(): void {
    if (!this.#over) this.#to.end()
    this.abandon()
  }

  abandon(): void {
    this.#over = true
    this.#waiting.length = 0
    this.#wake()
  }

  reaches(octets: number): Promise<void> {
    if (this.passed >= octets) return Promise.resolve()
    return new Promise((resolve) => this.#counting.push({ octets, resolve }))
  }

  #arrive(octets: Buffer): void {
    const { delay = 0, jitter = 0 } = this.#weather
    const earliest = this.#waiting.at(-1)?.due ?? 0
    this.#waiting.push({ octets, due: Math.max(earliest, performance.now() + delay + jitter * this.#chance()) })
    this.#held += octets.length
    this.#look(octets)
    this.#arrived += octets.length
  }

  /** Whether the place of the fault has arrived. */
  #look(octets: Buffer): void {
    const { behind, after = 0 } = this.#fault ?? {}
    if (behind === undefined || this.#place !== Number.POSITIVE_INFINITY) return
    const wanted = Buffer.from(behind as string)
    const seen = Buffer.concat([this.#tail, octets])
    const at = seen.indexOf(wanted)
    if (at >= 0) this.#place = this.#arrived - this.#tail.length + at + wanted.length + after
    this.#tail = seen.subarray(Math.max(0, seen.length - wanted.length + 1))
  }

  async #run(strike: (blow: Blow) => void, readOn: () => void): Promise<void> {
    while (!this.#over) {
      const head = this.#waiting[0]
      if (this.#fault !== undefined && this.passed === this.#place) {
        const { blow } = this.#fault
        this.#fault = undefined
        // A reset takes from the reader what he has not read yet, or is read as an end behind it: he reads first.
        for (let turn = 0; turn < 5 && blow === "reset"; turn++) await nextTurn()
        strike(blow)
      } else if (this.#stalled) {
        await this.#change()
      } else if (head === undefined) {
        if (this.#ended) return this.finish()
        await this.#change()
      } else {
        const wait = Math.max(head.due, this.#free) - performance.now()
        // A timer cannot tell less than a millisecond; what is due in less leaves now, and the next pays for it.
        if (wait >= 1) await this.#change(wait)
        else await this.#pass(head, readOn)
      }
    }
  }

  async #pass(head: { readonly octets: Buffer; readonly due: number }, readOn: () => void): Promise<void> {
    const { bandwidth, slices } = this.#weather
    const room = this.#fault === undefined ? Number.POSITIVE_INFINITY : this.#place - this.passed
    const slice = head.octets.subarray(0, Math.min(this.#slice(), room))
    if (slice.length === head.octets.length) this.#waiting.shift()
    else this.#waiting[0] = { octets: head.octets.subarray(slice.length), due: head.due }
    this.#held -= slice.length
    if (this.#held < CAPACITY) readOn()
    if (bandwidth !== undefined) {
      this.#free = Math.max(this.#free, performance.now() - 1) + (slice.length / bandwidth) * 1000
    }
    await new Promise<void>((resolve) => this.#to.write(slice, () => resolve()))
    if (this.#over) return
    this.passed += slice.length
    for (const each of this.#counting.splice(0)) {
      if (each.octets <= this.passed) each.resolve()
      else this.#counting.push(each)
    }
    // Whoever is read from in this process reads this slice before the next comes.
    if (slices !== undefined) await nextTurn()
  }

  #slice(): number {
    const { slices } = this.#weather
    if (typeof slices === "number") return slices
    // A narrow line carries little at a time.
    if (slices === undefined) return this.#weather.bandwidth === undefined ? Number.POSITIVE_INFINITY : 64
    return slices[0] + Math.floor(this.#chance() * (slices[1] - slices[0] + 1))
  }

  /** Until something has happened, or that time is over. */
  async #change(ms?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (ms !== undefined) timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
  }
}

export class FaultProxy implements AsyncDisposable {
  /** Where to connect instead; it stays the same. */
  readonly endpoint: string
  readonly connections: FaultyConnection[] = []
  readonly #target: string
  readonly #weather: Weather
  readonly #chance: () => number
  readonly #directory: string | undefined
  readonly #sockets = new Set<Socket>()
  readonly #plans: (Fault | undefined)[] = []
  #waiting: { readonly index: number; readonly resolve: (connection: FaultyConnection) => void }[] = []
  #server: Server

  private constructor(target: string, endpoint: string, server: Server, weather: Weather, directory?: string) {
    this.endpoint = endpoint
    this.#target = target
    this.#weather = weather
    this.#chance = chanceFrom(weather.seed ?? 1)
    this.#directory = directory
    this.#server = server
    server.on("connection", this.#relay)
  }

  /** Listens before `endpoint`, over the same transport. */
  static async before(endpoint: string, weather: Weather = {}): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true })
    if (endpoint.startsWith("ipc://")) {
      const directory = mkdtempSync(join(tmpdir(), "faults-"))
      const path = join(directory, "proxy")
      await listen(server, { path })
      return new FaultProxy(endpoint, `ipc://${path}`, server, weather, directory)
    }
    await listen(server, { host: LOOPBACK, port: 0 })
    const { port } = server.address() as AddressInfo
    return new FaultProxy(endpoint, `tcp://${LOOPBACK}:${port}`, server, weather)
  }

  /** A fault for each of the next connections that have none yet, in their order; `undefined` leaves one in peace. */
  plan(...faults: (Fault | undefined)[]): void {
    while (this.#plans.length < this.connections.length) this.#plans.push(undefined)
    this.#plans.push(...faults)
  }

  /** The connection of that number, the first being 0, as soon as it is there. */
  connection(index: number): Promise<FaultyConnection> {
    const there = this.connections[index]
    return there ? Promise.resolve(there) : new Promise((resolve) => this.#waiting.push({ index, resolve }))
  }

  /** Nobody listens any more: who connects is refused. Connections that are there stay. */
  refuse(): void {
    this.#server.close()
  }

  /** Listens again, where it did. */
  async admit(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, this.#relay)
    const where = this.endpoint.slice("ipc://".length)
    if (this.#directory === undefined) await listen(server, addressOf(this.endpoint))
    else await listen(server, { path: where })
    this.#server = server
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.connections.map(({ closed }) => closed))
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  readonly #relay = (near: Socket): void => {
    const ipc = this.#directory !== undefined
    const options = ipc ? { path: this.#target.slice("ipc://".length) } : addressOf(this.#target)
    const far = dial({ ...options, allowHalfOpen: true })
    for (const socket of [near, far]) {
      if (!ipc) socket.setNoDelay(true)
      this.#sockets.add(socket)
      socket.once("close", () => this.#sockets.delete(socket))
    }
    const index = this.connections.length
    const fault = this.#plans[index]
    const connection = new FaultyConnection(near, far, ipc, this.#weather, this.#chance, fault)
    this.connections.push(connection)
    const met = this.#waiting.filter((one) => one.index === index)
    this.#waiting = this.#waiting.filter((one) => one.index !== index)
    for (const { resolve } of met) resolve(connection)
  }
}

/** `resetAndDestroy` says FIN before it resets, and a peer that reads the end first never hears of the reset. */
function destroyByReset(socket: Socket): void {
  // While an end is being said, the system refuses to reset, and Node.js would never tell that the socket is closed.
  if (socket.writableEnded && !socket.writableFinished && !socket.destroyed) {
    socket.once("finish", () => destroyByReset(socket))
    return
  }
  ;(socket as Socket & { resetAndClosing: boolean }).resetAndClosing = true
  socket.destroy()
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function listen(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  if ("path" in where) {
    try {
      unlinkSync(where.path)
    } catch {
      // Nothing was left there.
    }
  }
  server.listen({ ...where, exclusive: true })
  await once(server, "listening")
}

function addressOf(endpoint: string): { host: string; port: number } {
  const { hostname, port } = new URL(endpoint.replace("tcp:", "http:"))
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) }
}

/** Numbers in [0, 1) that are always the same for a seed (a generator after Marsaglia, of period 2^32 - 1). */
function chanceFrom(seed: number): () => number {
  let state = (seed | 0) === 0 ? 1 : seed | 0
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
