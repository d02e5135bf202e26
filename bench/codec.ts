// What the codec `msgpack()` costs beside msgpackr's own pack and unpack with the same settings, for a typed object of
// about 100 octets and for others. Alternating runs in one process; the ratio is that of the medians.
//
//   npm run bench:codec
//   npm run bench:codec -- --runs 21 --milliseconds 50

import { parseArgs } from "node:util"
import { json, msgpack } from "brokerless/codec"
import { Packr } from "msgpackr/pack"
import { columns } from "./columns.ts"
import { machine } from "./report.ts"
import { summarize } from "./statistics.ts"

/** The most that the first case may cost beside msgpackr alone. */
const FLOOR = 1.5

const { values: given } = parseArgs({
  options: { runs: { type: "string", default: "21" }, milliseconds: { type: "string", default: "100" } },
})
const runs = Number(given.runs)
const milliseconds = Number(given.milliseconds)

interface Trade {
  readonly id: number
  readonly symbol: string
  readonly price: number
  readonly size: number
  readonly side: "buy" | "sell"
  readonly venue: string
  readonly at: number
  readonly flags: readonly string[]
  readonly final: boolean
}

const TRADE: Trade = {
  id: 184_467,
  symbol: "ACME.N",
  price: 128.375,
  size: 42_000,
  side: "buy",
  venue: "XNYS",
  at: 1_795_775_259_123,
  flags: ["block", "odd"],
  final: true,
}

interface Case {
  readonly name: string
  readonly value: unknown
}

const CASES: readonly Case[] = [
  { name: "an object of 100 octets", value: TRADE },
  { name: "a number", value: 7 },
  { name: "a string of 1000", value: "x".repeat(1000) },
  { name: "100 such objects", value: Array.from({ length: 100 }, () => TRADE) },
  { name: "64 KiB of octets", value: { name: "blob", octets: Buffer.alloc(65_536, 7) } },
]

/** The settings of the codec, given to msgpackr itself. */
const theirs = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  moreTypes: false,
  structuredClone: false,
  variableMapSize: true,
  skipValues: [undefined],
  encodeUndefinedAsNil: true,
  copyBuffers: true,
  int64AsType: "bigint",
})
const ours = msgpack()
const text = json()

/** Nanoseconds that one there and back takes. */
type Side = (value: unknown, times: number) => unknown

// A loop each, so that none is compiled for what another one does.
const SIDES: Readonly<Record<string, Side>> = {
  msgpackr(value, times) {
    let last: unknown
    for (let i = 0; i < times; i++) last = theirs.unpack(theirs.pack(value))
    return last
  },
  "msgpack()": (value, times) => {
    let last: unknown
    for (let i = 0; i < times; i++) last = ours.decode(ours.encode(value) as Buffer)
    return last
  },
  "json()": (value, times) => {
    let last: unknown
    for (let i = 0; i < times; i++) last = text.decode(text.encode(value) as Buffer)
    return last
  },
}

function nanoseconds(side: Side, value: unknown, times: number): number {
  const start = process.hrtime.bigint()
  side(value, times)
  return Number(process.hrtime.bigint() - start) / times
}

/** How often a case fits into a run, after warming up. */
function timesOf(side: Side, value: unknown): number {
  let times = 64
  for (;;) {
    const each = nanoseconds(side, value, times)
    if (each * times > milliseconds * 1e6) return Math.max(1, Math.round((milliseconds * 1e6) / each))
    times *= 4
  }
}

console.log(machine())
console.log(
  `${runs} runs of about ${milliseconds} ms on each side, alternating; medians of encoding and decoding, ns\n`,
)
const rows: string[][] = [["", "octets", ...Object.keys(SIDES), "ratio"]]
let first: number | undefined
for (const { name, value } of CASES) {
  const times = Math.min(...Object.values(SIDES).map((side) => timesOf(side, value)))
  const found: Record<string, number[]> = Object.fromEntries(Object.keys(SIDES).map((side) => [side, []]))
  for (let run = 0; run < runs; run++) {
    const order = Object.entries(SIDES)
    for (const [side, go] of run % 2 === 0 ? order : order.reverse()) found[side]?.push(nanoseconds(go, value, times))
  }
  const medians = Object.keys(SIDES).map((side) => summarize(found[side] as number[]).median)
  const ratio = (medians[1] as number) / (medians[0] as number)
  first ??= ratio
  const size = (ours.encode(value) as Buffer).length
  rows.push([name, `${size}`, ...medians.map((median) => median.toFixed(0)), `${ratio.toFixed(2)} ×`])
}
console.log(columns(rows, ["left", "right", "right", "right", "right", "right"]))
console.log(`\n${CASES[0]?.name}: ${first?.toFixed(2)} ×, at most ${FLOOR} × ${(first as number) <= FLOOR ? "✓" : "✗"}`)
