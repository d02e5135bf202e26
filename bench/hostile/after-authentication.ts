// B4: what peers who have got in make this process hold, beside what it costs them: their octets, and 4 KiB a connection.

import { setTimeout as sleep } from "node:timers/promises"
import { Publisher, Pull, type Socket } from "brokerless"
import { command, frame, greeting, longHeader, message, property, ready } from "../../test/support/raw-peer.ts"
import { type MemoryReading, readMemory } from "../memory-reading.ts"
import { WorkerProcess } from "../worker-process.ts"
import { CONNECTION } from "./before-authentication.ts"
import { atMost, count, type Finding, type Size, times } from "./finding.ts"

const BOUND = 20
const MORE = 1

const type = property("Socket-Type", "PUSH")
/** As many properties as there may be, of the shortest names there are. */
const MANY_PROPERTIES = command(
  "READY",
  Buffer.concat([
    type,
    ...Array.from({ length: 63 }, (_, i) => property(String.fromCharCode(0x41 + (i % 26)) + i, "")),
  ]),
)

/** What peers say to a Pull that is not read, each connection the same. */
const SAYINGS: Readonly<Record<string, Buffer>> = {
  "say a message of one empty frame 900 times": Buffer.concat([
    greeting(),
    ready("PUSH"),
    ...Array.from({ length: 900 }, () => message("")),
  ]),
  "say a message of 1000 empty frames 20 times": Buffer.concat([
    greeting(),
    ready("PUSH"),
    ...Array.from({ length: 20 }, () => message(...Array.from({ length: 1000 }, () => ""))),
  ]),
  "say 1000 empty frames of a message without end": Buffer.concat([
    greeting(),
    ready("PUSH"),
    ...Array.from({ length: 1000 }, () => frame("", MORE)),
  ]),
  "announce 60 MiB and say one octet of them": Buffer.concat([
    greeting(),
    ready("PUSH"),
    longHeader(60 * 2 ** 20),
    Buffer.from("x"),
  ]),
  "announce 60 MiB and say 64 KiB and one octet of them": Buffer.concat([
    greeting(),
    ready("PUSH"),
    longHeader(60 * 2 ** 20),
    Buffer.alloc(64 * 1024 + 1),
  ]),
  "bring 64 properties": Buffer.concat([greeting(), MANY_PROPERTIES]),
}

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const peers = size === "full" ? 200 : 20
  for (const [what, octets] of Object.entries(SAYINGS)) {
    const spent = peers * (octets.length + CONNECTION)
    const held = await holding(new Pull(), async (crowd, endpoint) => {
      await crowd.ask("crowd", "open", [endpoint, peers, octets.toString("hex")], 60_000)
    })
    yield atMost("B4", `${count(peers)} peers ${what}`, held / spent, BOUND, times)
  }
  yield await beyondTheCharge(peers)
  const topics = size === "full" ? 100_000 : 5000
  for (const same of [false, true]) {
    const subscribers = 5
    let spent = subscribers * CONNECTION
    const publisher = new Publisher()
    const held = await holding(publisher, async (crowd, endpoint) => {
      const opening = Buffer.concat([greeting(), ready("SUB")]).toString("hex")
      await crowd.ask("crowd", "open", [endpoint, subscribers, opening])
      spent += await crowd.ask("crowd", "subscribe", [topics, same], 60_000)
      while (publisher.subscriptions.length < (same ? topics : topics * subscribers)) await sleep(500)
    })
    const what = `${subscribers} peers subscribe to ${count(topics)} ${same ? "and the same" : "topics"} of 3 octets each`
    yield atMost("B4", what, held / spent, BOUND, times)
  }
}

/** Frames of one octet are objects of some size: a queue is charged for them, and holds not much more than that. */
async function beyondTheCharge(peers: number): Promise<Finding> {
  const said = Array.from({ length: 20 }, () => message(...Array.from({ length: 1000 }, () => "x")))
  const pull = new Pull()
  let charged = 0
  const held = await holding(pull, async (crowd, endpoint) => {
    const octets = Buffer.concat([greeting(), ready("PUSH"), ...said])
    await crowd.ask("crowd", "open", [endpoint, peers, octets.toString("hex")], 60_000)
    while (pull.stats.queuedMessages < peers * 20) await sleep(50)
    charged = pull.stats.queuedBytes
  })
  const what = `${count(peers)} peers say a message of 1000 frames of one octet 20 times: memory beside what is charged`
  return atMost("B4", what, held / charged, 2, times)
}

/** What this process holds because of what is done to the socket. */
async function holding(
  socket: Socket,
  act: (crowd: WorkerProcess, endpoint: string) => Promise<void>,
): Promise<number> {
  const crowd = new WorkerProcess()
  try {
    const endpoint = await socket.bind("tcp://127.0.0.1:*")
    const opening = Buffer.concat([greeting(), ready(socket instanceof Pull ? "PUSH" : "SUB")]).toString("hex")
    const early = new WorkerProcess()
    await early.ask("crowd", "open", [endpoint, 50, opening])
    await socket.waitForPeers(50)
    await early.stop()
    while (socket.peers.length > 0) await sleep(10)
    const before = await settled()
    await act(crowd, endpoint)
    const after = await settled()
    return after.heap + after.external - before.heap - before.external
  } finally {
    await Promise.all([crowd.stop(), socket.close({ linger: 0 })])
  }
}

/** What there is once it changes no more: what others have left behind is cleared away in many turns. */
async function settled(): Promise<MemoryReading> {
  for (let last = await readMemory(); ; ) {
    await sleep(500)
    const next = await readMemory()
    if (Math.abs(next.heap + next.external - last.heap - last.external) < 64 * 1024) return next
    last = next
  }
}
