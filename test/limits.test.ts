// Every limit of docs/tables/limits.md: met with a small value of its option, it bites and is told of by the events
// that its row names. What a limit does in detail is tested where it is enforced.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { networkInterfaces, tmpdir } from "node:os"
import { join } from "node:path"
import { type Event, Publisher, Pull, Push, Router, type Socket } from "brokerless"
import { describe, expect, it } from "vitest"
import { OPTIONS, type OptionName } from "../src/options.ts"
import { command, greeting, longHeader, message, property, RawPeer, ready } from "./support/raw-peer.ts"
import { turns } from "./support/sockets.ts"

/** One limit: the option with the value at which it is met, and whoever meets it. */
interface Trial {
  /** The requirement. */
  readonly id: string
  readonly limit: OptionName
  open(): Socket
  /** Meets the limit. What is opened is handed to `keep`, which clears it away. */
  meet(socket: Socket, endpoint: string, keep: <D extends Disposable>(opened: D) => D): Promise<unknown>
}

const type = property("Socket-Type", "PUSH")
const outside = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === "IPv4" && !each.internal)?.address

/** Publishes to somebody who reads nothing until something happens. */
async function overrun(socket: Socket, endpoint: string, keep: <D extends Disposable>(opened: D) => D): Promise<void> {
  const publisher = socket as Publisher
  const peer = keep(await RawPeer.join(endpoint, "SUB"))
  peer.socket.pause()
  peer.send(command("SUBSCRIBE", ""))
  await publisher.waitForSubscribers("")
  while (publisher.stats.dropped["high-water-mark"] === 0) {
    publisher.trySend(Buffer.alloc(1 << 20))
    await turns(1)
  }
}

const TRIALS: readonly Trial[] = [
  {
    id: "LIMIT-9",
    limit: "sendHighWaterMark",
    open: () => new Publisher({ sendHighWaterMark: 2, linger: 0 }),
    meet: overrun,
  },
  {
    id: "LIMIT-9",
    limit: "sendHighWaterMarkBytes",
    open: () => new Publisher({ sendHighWaterMarkBytes: 1000, sendHighWaterMark: 0, linger: 0 }),
    meet: overrun,
  },
  {
    id: "LIMIT-9",
    limit: "receiveHighWaterMark",
    open: () => new Pull({ receiveHighWaterMark: 2 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.join(endpoint, "PUSH")).send(message("1"), message("2"), message("3"))
    },
  },
  {
    id: "LIMIT-9",
    limit: "receiveHighWaterMarkBytes",
    open: () => new Pull({ receiveHighWaterMarkBytes: 1000 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.join(endpoint, "PUSH")).send(message(Buffer.alloc(900)), message(Buffer.alloc(900)))
    },
  },
  {
    // Empty frames are charged as well.
    id: "LIMIT-5, LIMIT-9",
    limit: "maxBufferedBytes",
    open: () => new Pull({ maxBufferedBytes: 1000, receiveHighWaterMark: 0 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.join(endpoint, "PUSH")).send(...Array.from({ length: 17 }, () => message("")))
    },
  },
  {
    id: "LIMIT-3",
    limit: "handshakeInterval",
    open: () => new Pull({ handshakeInterval: 10 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.connect(endpoint)).send(greeting())
    },
  },
  {
    id: "HB-5",
    limit: "heartbeatTimeout",
    open: () => new Pull({ heartbeatInterval: 10, heartbeatTimeout: 10 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.join(endpoint, "PUSH"))
    },
  },
  {
    id: "T14",
    limit: "stallTimeout",
    open: () => new Push({ stallTimeout: 10, linger: 0 }),
    async meet(socket, endpoint, keep) {
      const peer = keep(await RawPeer.join(endpoint, "PULL"))
      peer.socket.pause()
      await (socket as Push).send(Buffer.alloc(32 << 20))
    },
  },
  {
    id: "LIMIT-5",
    limit: "maxMessageSize",
    open: () => new Pull({ maxMessageSize: 1000 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.join(endpoint, "PUSH")).send(longHeader(1001))
    },
  },
  {
    id: "LIMIT-5",
    limit: "maxMessageFrames",
    open: () => new Pull({ maxMessageFrames: 2 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.join(endpoint, "PUSH")).send(message("", "", ""))
    },
  },
  {
    id: "LIMIT-2",
    limit: "maxConnections",
    open: () => new Pull({ maxConnections: 1 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.join(endpoint, "PUSH"))
      keep(await RawPeer.connect(endpoint))
    },
  },
  {
    id: "LIMIT-10",
    limit: "maxOpenFiles",
    open: () => new Pull({ maxOpenFiles: 1 }),
    async meet(socket, endpoint, keep) {
      const peer = keep(await RawPeer.connect(endpoint))
      await peer.closed
      expect(socket.stats.handshakeFailures).toBe(0)
    },
  },
  {
    id: "LIMIT-2",
    limit: "maxPendingHandshakes",
    open: () => new Pull({ maxPendingHandshakes: 1 }),
    async meet(_, endpoint, keep) {
      const first = keep(await RawPeer.connect(endpoint))
      keep(await RawPeer.connect(endpoint))
      await first.closed
    },
  },
  {
    id: "LIMIT-1",
    limit: "maxHandshakeBytes",
    open: () => new Pull({ maxHandshakeBytes: 100 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.connect(endpoint)).send(greeting(), Buffer.from([4, 90]), Buffer.alloc(50, "x"))
    },
  },
  {
    id: "LIMIT-1",
    limit: "maxHandshakeFrameSize",
    open: () => new Pull({ maxHandshakeFrameSize: 100 }),
    async meet(_, endpoint, keep) {
      // The announcement is enough.
      keep(await RawPeer.connect(endpoint)).send(greeting(), Buffer.from([4, 101]))
    },
  },
  {
    id: "LIMIT-8",
    limit: "maxMetadataProperties",
    open: () => new Pull({ maxMetadataProperties: 1 }),
    async meet(_, endpoint, keep) {
      const properties = command("READY", Buffer.concat([type, property("X-A", "")]))
      keep(await RawPeer.connect(endpoint)).send(greeting(), properties)
    },
  },
  {
    id: "LIMIT-8",
    limit: "maxMetadataBytes",
    open: () => new Pull({ maxMetadataBytes: type.length - 1 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.connect(endpoint)).send(greeting(), ready("PUSH"))
    },
  },
  {
    id: "LIMIT-6",
    limit: "maxSubscriptionsPerPeer",
    open: () => new Publisher({ maxSubscriptionsPerPeer: 2 }),
    async meet(_, endpoint, keep) {
      // The second A takes nothing.
      const topics = ["A", "A", "B", "C"].map((topic) => command("SUBSCRIBE", topic))
      keep(await RawPeer.join(endpoint, "SUB")).send(...topics)
    },
  },
  {
    id: "LIMIT-6",
    limit: "maxSubscriptions",
    open: () => new Publisher({ maxSubscriptions: 2 }),
    async meet(_, endpoint, keep) {
      // In the form of messages they count the same.
      keep(await RawPeer.join(endpoint, "SUB")).send(message("\x01A"))
      keep(await RawPeer.join(endpoint, "SUB")).send(message("\x01A"), command("SUBSCRIBE", "B"))
    },
  },
  {
    id: "LIMIT-6",
    limit: "maxTopicSize",
    open: () => new Publisher({ maxTopicSize: 3 }),
    async meet(_, endpoint, keep) {
      keep(await RawPeer.join(endpoint, "SUB")).send(command("SUBSCRIBE", "ABC"), command("SUBSCRIBE", "ABCD"))
    },
  },
  {
    id: "T17",
    limit: "ipcMode",
    open: () => new Pull(),
    async meet(socket) {
      const folder = mkdtempSync(join(tmpdir(), "limits-"))
      try {
        writeFileSync(join(folder, "taken"), "")
        await expect(socket.bind(`ipc://${folder}/taken`)).rejects.toMatchObject({ code: "EADDRINUSE" })
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  },
  {
    id: "T6",
    limit: "handover",
    open: () => new Router(),
    async meet(socket, endpoint, keep) {
      for (let i = 0; i < 2; i++) {
        const named = Buffer.concat([property("Socket-Type", "DEALER"), property("Identity", "same")])
        keep(await RawPeer.connect(endpoint)).send(greeting(), command("READY", named))
        await socket.waitForPeers(1)
      }
    },
  },
]

/** The limit is met, and every event that its row names comes. */
async function tell(trial: Trial, wildcard = "tcp://127.0.0.1:*"): Promise<void> {
  const names = [...(OPTIONS[trial.limit].bites ?? "").matchAll(/`([a-z:]+)`/g)].map(([, name]) => name)
  await using socket = trial.open()
  const opened: Disposable[] = []
  const keep = <D extends Disposable>(each: D): D => {
    opened.push(each)
    return each
  }
  const told: Event[] = []
  const listen = (async () => {
    for await (const event of socket.events) told.push(event)
  })()
  const missing = (): (string | undefined)[] => names.filter((name) => !told.some((event) => event.type === name))
  try {
    await trial.meet(socket, await socket.bind(wildcard), keep)
    while (missing().length > 0) await turns(1)
    for (const event of told) if (event.type === "limit") expect(event.limit).toBe(trial.limit)
    expect(names).not.toEqual([])
  } finally {
    for (const each of opened) each[Symbol.dispose]()
    await socket.close({ linger: 0 })
    await listen
  }
}

describe("every limit is told of when it is met", () => {
  it.each(TRIALS)("$id: $limit", (trial) => tell(trial))

  const perAddress: Trial = {
    id: "LIMIT-2",
    limit: "maxPendingHandshakesPerAddress",
    open: () => new Pull({ maxPendingHandshakesPerAddress: 1 }),
    async meet(_, endpoint, keep) {
      const there = endpoint.replace("0.0.0.0", outside as string)
      const first = keep(await RawPeer.connect(there))
      keep(await RawPeer.connect(there))
      await first.closed
    },
  }

  // Loopback is exempt from it.
  it.skipIf(outside === undefined)("LIMIT-2: maxPendingHandshakesPerAddress", () => tell(perAddress, "tcp://0.0.0.0:*"))

  it("of all that are in the table of limits", () => {
    const tried = [...TRIALS, perAddress].map(({ limit }) => limit)
    const rows = Object.entries(OPTIONS).filter(([, { bites }]) => bites !== undefined)
    expect(tried.sort()).toEqual(rows.map(([name]) => name).sort())
  })
})
