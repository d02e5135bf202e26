// B11: connections that come, shake hands and leave, a hundred thousand times. Nothing may be left of them.

import { setTimeout as sleep } from "node:timers/promises"
import { Pull } from "brokerless"
import { type MemoryReading, readMemory } from "../memory-reading.ts"
import { WorkerProcess } from "../worker-process.ts"
import { atMost, count, type Finding, octets, type Size } from "./finding.ts"

const AT_ONCE = 16
const GROWTH = 5 * 2 ** 20

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const cycles = size === "full" ? 100_000 : 3000
  const cycler = new WorkerProcess()
  try {
    await using pull = new Pull()
    let joined = 0
    pull.events.on("peer:join", () => joined++)
    const endpoint = await pull.bind("ipc://*")
    await cycler.ask("cycler", "cycle", [endpoint, 2000, AT_ONCE], 60_000)
    await sleep(300)
    const before = await readMemory()
    const resources = tally()
    joined = 0
    await cycler.ask("cycler", "cycle", [endpoint, cycles, AT_ONCE], 10 * 60_000)
    while (pull.peers.length > 0) await sleep(10)
    // What is gathered for events is told within this time.
    await sleep(300)
    const after = await readMemory()
    const what = `growth of the heap by ${count(cycles)} connect–handshake–close cycles over ipc`
    yield atMost("B11", what, own(after) - own(before), GROWTH, octets)
    yield atMost("B11", "cycles without a complete handshake", cycles - joined, 0, count)
    const left = tally() - resources
    yield atMost("B11", "handles, timers, requests and listeners left of them", left, 0, count)
  } finally {
    await cycler.stop()
  }
}

function own({ heap, external }: MemoryReading): number {
  return heap + external
}

/** Handles, timers and requests of the process, and those who listen to it. */
function tally(): number {
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
  return process.getActiveResourcesInfo().length + listeners
}
