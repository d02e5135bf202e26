// Every legal pair of socket types, ours with theirs, over lines of every kind: whatever the network does to the stream
// as long as the connection lives, and wherever it breaks before the handshake is complete, the two say everything that
// they would say in fine weather, and nothing is lost, torn or doubled.

import type { Socket, SocketType } from "brokerless"
import { describe, expect, it } from "vitest"
import type * as zmq from "zeromq"
import { OURS, THEIRS } from "../support/every-type.ts"
import { exchange, PAIRS, type TypePair } from "../support/exchanges.ts"
import { type Direction, type Fault, FaultProxy, type FaultyConnection, type Weather } from "../support/fault-proxy.ts"
import { type Anyone, type End, Meeting, type Transport } from "../support/meeting.ts"
import { turns } from "../support/sockets.ts"

type Binder = "ours" | "theirs"
const BINDERS: readonly Binder[] = ["ours", "theirs"]
const EITHER: readonly Direction[] = ["forth", "back"]

/** Our socket and theirs, and the line between them. */
class Line implements AsyncDisposable {
  readonly ours: Socket
  readonly theirs: zmq.Socket
  readonly types: TypePair
  readonly #meeting = new Meeting()
  #proxy: FaultProxy | undefined

  constructor(types: TypePair) {
    this.types = types
    this.ours = this.#meeting.ours(OURS[types.ours]({ reconnectInterval: 1, reconnectMaxInterval: 0 }))
    this.theirs = this.#meeting.theirs(THEIRS[types.theirs]())
    this.theirs.reconnectInterval = 1
  }

  get proxy(): FaultProxy {
    return this.#proxy as FaultProxy
  }

  /** Resolves when the first connection that no fault is planned for has completed its handshake, as ours sees it. */
  async open(
    binder: Binder,
    { transport = "tcp", weather = {}, faults = [] }: { transport?: Transport; weather?: Weather; faults?: Fault[] },
  ): Promise<FaultyConnection> {
    const meeting = this.#meeting
    const [binding, connecting]: Anyone[] = binder === "ours" ? [this.ours, this.theirs] : [this.theirs, this.ours]
    const endpoint = await meeting.bind(binding as Anyone, await meeting.wildcard(transport))
    this.#proxy = meeting.use(await FaultProxy.before(endpoint, weather))
    this.#proxy.plan(...faults)
    connecting?.connect(this.#proxy.endpoint)
    const connection = await this.#attending(this.#proxy.connection(faults.length))
    const octets = { ours: handshakeOf(this.types.ours, "ours"), theirs: handshakeOf(this.types.theirs, "theirs") }
    await connection.forwarded("forth", binder === "ours" ? octets.theirs : octets.ours)
    await connection.forwarded("back", octets[binder])
    await this.ours.waitForPeers()
    return connection
  }

  async exchange(): Promise<void> {
    await exchange(this.types, this.ours as Socket & End, this.theirs as zmq.Socket & End)
  }

  /** Theirs notices who has come and gone only while something is asked of it. */
  async #attending<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    promise.then(settle, settle)
    while (!settled) {
      void this.theirs.writable
      await turns(1)
    }
    return promise
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#meeting[Symbol.asyncDispose]()
  }
}

/** Octets of greeting and READY: its name, the socket type, and the routing id of those that announce one. */
function handshakeOf(type: SocketType, name: string): number {
  const routingId = type === "REQ" ? "" : type === "DEALER" || type === "ROUTER" ? name : undefined
  return 64 + 2 + 6 + (1 + 11 + 4 + type.length) + (routingId === undefined ? 0 : 1 + 8 + 4 + routingId.length)
}

/** Stops the stream for a moment, every few octets, either way. */
function stutter(connection: FaultyConnection, step: number): void {
  for (const direction of EITHER) {
    const stop = async (): Promise<void> => {
      for (let octets = connection.octets(direction) + 1; ; octets += step) {
        await connection.forwarded(direction, octets)
        connection.stall(direction)
        await turns(5)
        connection.resume(direction)
      }
    }
    void stop()
  }
}

const WEATHERS: readonly (readonly [string, Weather])[] = [
  ["slices of 1 octet", { slices: 1 }],
  ["slices of 1 to 9 octets, with jitter", { slices: [1, 9], delay: 1, jitter: 2, seed: 7 }],
  ["64 KiB a second", { bandwidth: 64 * 1024 }],
]

describe.each(WEATHERS)("ZMTP-37: over a line of %s", (_, weather) => {
  describe.each(PAIRS)("our $ours and their $theirs", (types) => {
    it.each(BINDERS)("talk when %s binds", async (binder) => {
      await using line = new Line(types)
      await line.open(binder, { weather })
      await line.exchange()
      expect(line.ours.stats.handshakeFailures).toBe(0)
      expect(line.proxy.connections).toHaveLength(1)
    })
  })
})

describe("over a line that stops and goes on", () => {
  describe.each(PAIRS)("our $ours and their $theirs", (types) => {
    it.each(BINDERS)("talk when %s binds", async (binder) => {
      await using line = new Line(types)
      // It stands still in the middle of the handshake, either way, until the other half has passed.
      const opening = line.open(binder, {})
      while (line.proxy === undefined) await turns(1)
      const connection = await line.proxy.connection(0)
      stutter(connection, 17)
      await opening
      await line.exchange()
      expect(line.ours.stats.handshakeFailures).toBe(0)
      expect(line.proxy.connections).toHaveLength(1)
    })
  })
})

describe.each<Transport>(["tcp", "ipc"])(
  "ZMTP-66, OPT-16: over %s, reset at every stage before it is open",
  (transport) => {
    describe.each(PAIRS)("our $ours and their $theirs", (types) => {
      it.each(BINDERS)("come together and talk when %s binds", async (binder) => {
        await using line = new Line(types)
        const { ours, theirs } = types
        // The last octet of a handshake first: what follows it gives either side the time to notice.
        const last = Math.min(handshakeOf(ours, "ours"), handshakeOf(theirs, "theirs")) - 1
        const places = [last, 80, 66, 65, 64, 63, 32, 11, 10, 1, 0]
        const faults = places.flatMap((after) =>
          EITHER.map((direction): Fault => ({ blow: "reset", direction, after })),
        )
        await line.open(binder, { transport, faults })
        await line.exchange()
        expect(line.proxy.connections).toHaveLength(faults.length + 1)
        expect(line.ours.peers).toHaveLength(1)
      })
    })
  },
)
