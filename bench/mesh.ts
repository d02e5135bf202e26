// What a call in a mesh costs, beside a request of NATS through its server, and a REQ/REP of the npm package `zeromq`
// with msgpackr by hand. Server and client are processes of their own, afresh for each run; runs alternate.
//
//   npm run bench:mesh -- [--runs 3] [--seconds 1]

import { type ChildProcess, fork, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { MeshNode } from "brokerless/patterns/mesh"
import { Packr } from "msgpackr"
import { connect, JSONCodec } from "nats"
import * as zmq from "zeromq"
import { columns } from "./columns.ts"
import { disturbance, machine } from "./report.ts"
import { quantile, summarize } from "./statistics.ts"

interface Question {
  readonly symbol: string
  readonly amount: number
}

interface Quote {
  readonly symbol: string
  readonly price: number
}

interface Pricing {
  quote(question: Question): Promise<Quote>
}

type Ask = (question: Question) => Promise<Quote>

/** One way to ask: its server, which says where it is, and its client, which has so many in flight at most. */
interface Contender {
  readonly name: string
  serve(at: string): Promise<string>
  ask(at: string, inFlight: number): Promise<{ readonly ask: Ask; close(): Promise<unknown> }>
}

const SUBJECT = "mesh"
const NATS = "nats, through nats-server"
const ZEROMQ = "zeromq REQ/REP, msgpackr"
const IN_FLIGHT = 64
/** Until the code of all contenders is compiled: p99 tells of compiling long after p50 is settled. */
const WARM_UP = 20_000
const ROUND_TRIPS = 4000

const answer = ({ symbol, amount }: Question): Quote => ({ symbol, price: amount * 2 })

const CONTENDERS: readonly Contender[] = [
  {
    name: SUBJECT,
    async serve() {
      const node = new MeshNode()
      node.offer<Pricing>("pricing", { quote: (_, question) => answer(question) })
      return node.bind("tcp://127.0.0.1:*")
    },
    async ask(at) {
      const node = new MeshNode({ seeds: [at] })
      await node.events.once("node:join")
      const pricing = node.service<Pricing>("pricing")
      return { ask: (question) => pricing.quote(question), close: () => node.close() }
    },
  },
  {
    name: NATS,
    async serve(at) {
      const connection = await connect({ servers: at })
      const codec = JSONCodec<unknown>()
      connection.subscribe("pricing.quote", {
        callback: (_, message) => message.respond(codec.encode(answer(codec.decode(message.data) as Question))),
      })
      await connection.flush()
      return at
    },
    async ask(at) {
      const connection = await connect({ servers: at })
      const codec = JSONCodec<unknown>()
      return {
        ask: async (question) =>
          codec.decode((await connection.request("pricing.quote", codec.encode(question))).data) as Quote,
        close: () => connection.close(),
      }
    },
  },
  {
    name: ZEROMQ,
    async serve() {
      const reply = new zmq.Reply()
      await reply.bind("tcp://127.0.0.1:*")
      const packr = new Packr({ useRecords: false })
      void (async () => {
        for await (const [frame] of reply) await reply.send(packr.pack(answer(packr.unpack(frame as Buffer))))
      })()
      return reply.lastEndpoint as string
    },
    async ask(at, inFlight) {
      const packr = new Packr({ useRecords: false })
      // A REQ has one question at a time: as many sockets as there are to be in flight.
      const idle = Array.from({ length: inFlight }, () => {
        const request = new zmq.Request()
        request.connect(at)
        return request
      })
      const all = [...idle]
      return {
        ask: async (question) => {
          const request = idle.pop() as zmq.Request
          await request.send(packr.pack(question))
          const [frame] = await request.receive()
          idle.push(request)
          return packr.unpack(frame as Buffer) as Quote
        },
        close: async () => {
          for (const request of all) request.close()
        },
      }
    },
  },
]

interface Figures {
  /** µs. */
  readonly p50: number
  /** µs. */
  readonly p99: number
  /** Calls per second. */
  readonly rate: number
}

const [role, index, at = "", seconds = ""] = process.argv.slice(2)
if (role === "serve") {
  process.send?.(await contender(index).serve(at))
  process.once("disconnect", () => process.exit(0))
} else if (role === "ask") {
  process.send?.(await measure(contender(index), at, Number(seconds)))
  process.disconnect()
} else {
  await main()
}

function contender(at: string | undefined): Contender {
  return CONTENDERS[Number(at)] as Contender
}

async function measure({ ask: open }: Contender, at: string, seconds: number): Promise<Figures> {
  const alone = await open(at, 1)
  for (let i = 0; i < WARM_UP; i++) await checked(alone.ask, i)
  const times: number[] = []
  for (let i = 0; i < ROUND_TRIPS; i++) {
    const begun = performance.now()
    await checked(alone.ask, i)
    times.push((performance.now() - begun) * 1000)
  }
  await alone.close()

  const many = await open(at, IN_FLIGHT)
  let count = 0
  let end = performance.now() + 300
  const lane = async (): Promise<void> => {
    while (performance.now() < end) await checked(many.ask, count++)
  }
  const lanes = async (): Promise<void> => {
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  }
  await lanes()
  count = 0
  const begun = performance.now()
  end = begun + seconds * 1000
  await lanes()
  const rate = count / ((performance.now() - begun) / 1000)
  await many.close()
  times.sort((a, b) => a - b)
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), rate }
}

async function checked(ask: Ask, amount: number): Promise<void> {
  const { price } = await ask({ symbol: "ACME", amount })
  if (price !== amount * 2) throw new Error(`The price of ${amount} came out as ${price}`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { runs: { type: "string", default: "3" }, seconds: { type: "string", default: "1" } },
  })
  const runs = Number(values.runs)
  if (!(runs >= 1 && Number(values.seconds) > 0)) throw new Error("--runs and --seconds must be positive numbers")
  const warning = disturbance()
  console.log(machine())
  console.log(`${runs} runs, taking turns; medians, lowest – highest`)
  if (warning !== undefined) console.log(warning)
  const nats = await startNats()
  if (nats === undefined) console.log("nats-server is not installed: its line is left out")
  const figures = new Map<string, Figures[]>()
  try {
    for (let run = 0; run < runs; run++) {
      for (let i = 0; i < CONTENDERS.length; i++) {
        // Everybody is first, and last, as often as the others.
        const each = CONTENDERS[(i + run) % CONTENDERS.length] as Contender
        if (each.name === NATS && nats === undefined) continue
        const figure = await runOnce(CONTENDERS.indexOf(each), nats?.at ?? "", values.seconds)
        figures.set(each.name, [...(figures.get(each.name) ?? []), figure])
      }
    }
  } finally {
    nats?.process.kill()
  }
  console.log(`\n${report(figures)}`)
}

async function runOnce(index: number, broker: string, seconds: string): Promise<Figures> {
  const file = fileURLToPath(import.meta.url)
  const server = fork(file, ["serve", String(index), broker])
  const [at] = (await once(server, "message")) as [string]
  const client = fork(file, ["ask", String(index), at, seconds])
  const figures = await Promise.race([
    once(client, "message").then(([said]) => said as Figures),
    once(client, "exit").then(() => Promise.reject(new Error(`${CONTENDERS[index]?.name} could not be measured`))),
  ])
  const ended = once(server, "exit")
  server.disconnect()
  await ended
  return figures
}

function report(figures: ReadonlyMap<string, readonly Figures[]>): string {
  const own = figures.get(SUBJECT) ?? []
  const of = (all: readonly Figures[], key: keyof Figures) => summarize(all.map((each) => each[key]))
  const spread = (all: readonly Figures[], key: keyof Figures): string => {
    const { lowest, highest } = of(all, key)
    return `${lowest.toFixed(0)} – ${highest.toFixed(0)}`
  }
  const rows = [...figures].map(([name, all]) => [
    name,
    of(all, "p50").median.toFixed(0),
    spread(all, "p50"),
    (of(own, "p50").median / of(all, "p50").median).toFixed(2),
    of(all, "p99").median.toFixed(0),
    of(all, "rate").median.toFixed(0),
    spread(all, "rate"),
    (of(own, "rate").median / of(all, "rate").median).toFixed(2),
  ])
  const heading = [
    "",
    "p50 µs",
    "spread",
    "mesh : it",
    "p99 µs",
    `calls/s, ${IN_FLIGHT} in flight`,
    "spread",
    "mesh : it",
  ]
  return columns(
    [heading, ...rows],
    heading.map((_, column) => (column === 0 ? "left" : "right")),
  )
}

/** Starts a nats-server of its own, or finds that there is none. */
async function startNats(): Promise<{ readonly at: string; readonly process: ChildProcess } | undefined> {
  const port = await freePort()
  for (const program of ["nats-server", "/usr/sbin/nats-server"]) {
    const server = spawn(program, ["-a", "127.0.0.1", "-p", String(port)], { stdio: "ignore" })
    const failed = once(server, "error").then(
      () => true,
      () => true,
    )
    if (await Promise.race([failed, once(server, "spawn").then(() => false)])) continue
    for (let attempt = 0; attempt < 50; attempt++) {
      try {
        await (await connect({ servers: `127.0.0.1:${port}`, reconnect: false })).close()
        return { at: `127.0.0.1:${port}`, process: server }
      } catch {
        await sleep(100)
      }
    }
    server.kill()
  }
  return undefined
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, "close")
  return port
}
