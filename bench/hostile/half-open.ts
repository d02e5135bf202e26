// B2 and B5: connections that say a little and then nothing, 10 000 of them with the cap raised. What each holds, what is
// left of it 5 s after the deadline, and how precisely the deadline comes.

import { setTimeout as sleep } from "node:timers/promises"
import { Pull } from "brokerless"
import { greeting } from "../../test/support/raw-peer.ts"
import { type MemoryReading, readMemory } from "../memory-reading.ts"
import { WorkerProcess } from "../worker-process.ts"
import { atMost, count, type Finding, milliseconds, octets, type Size } from "./finding.ts"

const EACH = 16 * 1024
/** ms; of a deadline of 30 s the tenth that is allowed would be more. */
const PRECISION = 250

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const connections = size === "full" ? 10_000 : 500
  // Long enough for all of them to come in before the first has to go.
  const deadline = size === "full" ? 30_000 : 1000
  const crowd = new WorkerProcess()
  await using pull = new Pull({ maxPendingHandshakes: 20_000, handshakeInterval: deadline })
  const endpoint = await pull.bind("tcp://127.0.0.1:*")
  const accepted = new Map<string, number>()
  const lived: number[] = []
  pull.events.on("accept", ({ address }) => accepted.set(address, performance.now()))
  pull.events.on("handshake:error", ({ address = "" }) => {
    lived.push(performance.now() - (accepted.get(address) ?? 0))
    accepted.delete(address)
  })
  // A greeting, and a READY of which the end does not come.
  const said = Buffer.concat([greeting(), Buffer.from([4, 200]), Buffer.from("\x05READY")]).toString("hex")
  try {
    // Code that is being compiled and tables that grow are not memory of a connection.
    for (let round = 0; round < 3; round++) await warmUp(crowd, said, size === "full" ? 3000 : 300)
    const before = await readMemory()
    await crowd.ask("crowd", "open", [endpoint, connections, said], 120_000)
    await until(() => accepted.size === connections || lived.length > 0)
    if (lived.length > 0) throw new Error("The first were gone before the last had come")
    const held = await readMemory()
    const each = (own(held) - own(before)) / connections
    const what = `memory of each of ${count(connections)} half-open connections`
    yield atMost("B2", what, each, EACH, octets)
    yield atMost("B2", `${what}, as the system counts`, (held.resident - before.resident) / connections, EACH, octets)
    await until(() => lived.length === connections)
    await sleep(5000)
    accepted.clear()
    const worst = lived.reduce((most, ms) => Math.max(most, Math.abs(ms - deadline)), 0)
    lived.length = 0
    const after = await readMemory()
    const left = own(after) / own(before) - 1
    yield atMost("B2", "what is left of it 5 s after the deadline", left * 100, 5, (n) => `${n.toFixed(1)} %`)
    const late = `deadlines of ${milliseconds(deadline)} at ${count(connections)} connections, off by`
    yield atMost("B5", late, worst, PRECISION, milliseconds)
  } finally {
    await crowd.stop()
  }
}

/** The same in small, with a socket of its own. */
async function warmUp(crowd: WorkerProcess, said: string, connections: number): Promise<void> {
  await using pull = new Pull({ maxPendingHandshakes: 20_000, handshakeInterval: 1000 })
  let gone = 0
  pull.events.on("handshake:error", () => gone++)
  await crowd.ask("crowd", "open", [await pull.bind("tcp://127.0.0.1:*"), connections, said], 60_000)
  await until(() => gone === connections)
  // What the other side has ended, this one has.
  await crowd.ask("crowd", "close", [])
  await sleep(200)
}

function own({ heap, external }: MemoryReading): number {
  return heap + external
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await sleep(5)
}
