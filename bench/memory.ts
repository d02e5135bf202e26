// What the library holds on to: the heap of an idle connection, and what a frame keeps alive that the application kept.
// Not a race: only our side has heap to look at. See README.md.

import { parseArgs } from "node:util"
import { columns } from "./columns.ts"
import type { MemoryReading } from "./memory-reading.ts"
import { machine } from "./report.ts"
import { WorkerProcess } from "./worker-process.ts"

const KIB = 1024
/** Octets: what each may cost at most. */
const CEILING = { idleConnection: 12 * KIB, keptFrame: 8 * KIB }
/** Connections made before the count begins, so that code being compiled is not taken for memory of a connection. */
const FIRST = 100
const FRAME_SIZES = [16, 64, 65, 100, 512]

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "1000" },
    frames: { type: "string", default: "1000" },
    interval: { type: "string", default: "500" },
  },
})
const connections = whole("--connections", values.connections)
const frames = whole("--frames", values.frames)
const interval = whole("--interval", values.interval)

interface Held {
  what: string
  /** Octets per connection or frame. */
  heap: number
  external: number
  resident: number
  /** What counts against the ceiling, and the ceiling. */
  counted: number
  ceiling?: number
}

console.log(machine())
const held = [...(await idleConnections(false)), ...(await idleConnections(true)), ...(await keptFrames())]
const heading = ["KiB each", "heap", "buffers", "resident", "at most", ""]
const rows = held.map(({ what, heap, external, resident, counted, ceiling }) => [
  what,
  kib(heap),
  kib(external),
  kib(resident),
  ceiling === undefined ? "" : kib(ceiling),
  ceiling === undefined ? "" : counted <= ceiling ? "✓" : "✗",
])
console.log(
  `\n${columns(
    [heading, ...rows],
    heading.map((_, column) => (column === 0 ? "left" : "right")),
  )}`,
)

/** Heap per connection at both ends, at rest after the handshake and again after some traffic. */
async function idleConnections(socketEach: boolean): Promise<Held[]> {
  const near = new WorkerProcess(["--expose-gc"])
  const far = new WorkerProcess(["--expose-gc"])
  let exchanged = 0
  try {
    const endpoints = await far.ask("hub", "open", [FIRST + connections])
    await near.ask("spokes", "open", [endpoints.slice(0, FIRST), socketEach])
    await far.ask("hub", "connected", [FIRST])
    await exchange(FIRST * 10)
    const before = await both()

    await near.ask("spokes", "open", [endpoints.slice(FIRST), socketEach], 60_000)
    await far.ask("hub", "connected", [FIRST + connections])
    const connected = await both()
    await exchange((FIRST + connections) * 10)
    const used = await both()

    const ends = socketEach ? (["connecting"] as const) : (["accepting", "connecting"] as const)
    return ends.flatMap((end) => {
      const what = socketEach ? `a socket with one tcp connection, ${end}` : `an idle tcp connection, ${end}`
      const ceiling = socketEach ? {} : { ceiling: CEILING.idleConnection }
      return (["", ", after traffic"] as const).map((when) => {
        const each = difference(before[end], (when === "" ? connected : used)[end], connections)
        return { what: what + when, ...each, counted: each.heap, ...ceiling }
      })
    })
  } finally {
    await Promise.all([near.stop(), far.stop()])
  }

  async function exchange(messages: number): Promise<void> {
    exchanged += messages
    await near.ask("spokes", "send", [messages])
    await far.ask("hub", "arrived", [exchanged])
  }

  async function both(): Promise<{ accepting: MemoryReading; connecting: MemoryReading }> {
    return { accepting: await far.ask("hub", "read", []), connecting: await near.ask("spokes", "read", []) }
  }
}

/** Memory that goes when the kept frames go. */
async function keptFrames(): Promise<Held[]> {
  const results: Held[] = []
  for (const size of FRAME_SIZES) {
    const near = new WorkerProcess()
    const far = new WorkerProcess(["--expose-gc"])
    try {
      const endpoint = await near.ask("source", "open", [
        {
          kind: "stream",
          contender: "brokerless",
          pattern: "pipeline",
          transport: "tcp",
          size,
          peers: 1,
          receive: "each",
        },
      ])
      await far.ask("keeper", "open", [endpoint])
      const messages = frames * interval
      const [kept] = await Promise.all([
        far.ask("keeper", "keep", [messages, interval], 120_000),
        near.ask("source", "lap", [messages], 120_000),
      ])
      const holding = await far.ask("keeper", "read", [])
      await far.ask("keeper", "release", [])
      const each = difference(await far.ask("keeper", "read", []), holding, kept)
      const what = `a kept frame of ${size} B, one of ${interval}`
      results.push({ what, ...each, counted: each.heap + each.external, ceiling: CEILING.keptFrame })
    } finally {
      await Promise.all([near.stop(), far.stop()])
    }
  }
  return results
}

function difference(before: MemoryReading, after: MemoryReading, count: number): MemoryReading {
  return {
    heap: (after.heap - before.heap) / count,
    external: (after.external - before.external) / count,
    resident: (after.resident - before.resident) / count,
  }
}

function kib(octets: number): string {
  return (octets / KIB).toFixed(2)
}

function whole(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new Error(`${name} must be a whole number above 0, got ${text}`)
  return number
}
