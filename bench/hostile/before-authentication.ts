// B3: what strangers make this process hold, beside what it costs them: their octets, and 4 KiB a connection.

import { setTimeout as sleep } from "node:timers/promises"
import { Pull } from "brokerless"
import { command, greeting, longHeader, property } from "../../test/support/raw-peer.ts"
import { readMemory } from "../memory-reading.ts"
import { WorkerProcess } from "../worker-process.ts"
import { atMost, count, type Finding, type Size, times } from "./finding.ts"

/** What a connection costs the attacker's own system. */
export const CONNECTION = 4096
const BOUND = 10

const READY = command("READY", Buffer.concat(Array.from({ length: 64 }, (_, i) => property(`X-${i}`, "v".repeat(100)))))

/** What strangers say, none of it a whole handshake. */
const OPENINGS: Readonly<Record<string, Buffer>> = {
  "say nothing": Buffer.alloc(0),
  "say one octet": Buffer.from([0xff]),
  "say half a greeting": greeting().subarray(0, 40),
  "say a greeting": greeting(),
  "announce a command of 8 KiB": Buffer.concat([greeting(), longHeader(8192, 4)]),
  "say one octet of a command of 8 KiB": Buffer.concat([greeting(), longHeader(8192, 4), Buffer.from([5])]),
  "say almost all of a READY of 64 properties": Buffer.concat([greeting(), READY.subarray(0, -1)]),
}

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const connections = size === "full" ? 4000 : 300
  for (const [what, octets] of Object.entries(OPENINGS)) {
    const crowd = new WorkerProcess()
    const pull = new Pull({ maxPendingHandshakes: 20_000 })
    try {
      let accepted = 0
      pull.events.on("accept", () => accepted++)
      const endpoint = await pull.bind("tcp://127.0.0.1:*")
      await crowd.ask("crowd", "open", [endpoint, 300, octets.toString("hex")], 60_000)
      const before = await readMemory()
      await crowd.ask("crowd", "open", [endpoint, connections, octets.toString("hex")], 60_000)
      while (accepted < connections + 300) await sleep(5)
      await sleep(100)
      const after = await readMemory()
      const held = after.heap + after.external - before.heap - before.external
      const spent = connections * (CONNECTION + octets.length)
      yield atMost("B3", `${count(connections)} strangers ${what}`, held / spent, BOUND, times)
    } finally {
      await Promise.all([crowd.stop(), pull.close()])
    }
  }
}
