// Worker processes, a ventilator for them, and what they wrote down. They run from build/: `npm run build && npm run
// build:programs` comes first.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Ventilator, type VentilatorOptions } from "brokerless/patterns/tasks"
import { afterAll, expect } from "vitest"
import { Program } from "../../../test/support/program.ts"
import { Random } from "../../../test/support/random.ts"
import { json, type Order, type Report } from "./programs/jobs.ts"

const folder = mkdtempSync(join(tmpdir(), "tasks-"))
afterAll(() => rmSync(folder, { recursive: true }))
let logs = 0

/** What workers wrote down, which outlives them. */
export class Log {
  readonly path: string = join(folder, `log-${++logs}`)

  constructor() {
    writeFileSync(this.path, "")
  }

  /** How often each task was begun, or done. */
  count(what: "begun" | "done"): Map<number, number> {
    const counts = new Map<number, number>()
    for (const line of readFileSync(this.path, "utf8").split("\n")) {
      const [word, n] = line.split(" ")
      if (word === what) counts.set(Number(n), (counts.get(Number(n)) ?? 0) + 1)
    }
    return counts
  }
}

/** A worker process that has met its ventilator. */
export async function worker(endpoint: string, concurrency = 1, sink = ""): Promise<Program<string>> {
  const program = new Program<string>("../../patterns/tasks/test/programs/worker", endpoint, concurrency, sink)
  expect(await program.next()).toBe("ready")
  return program
}

export function open(options: VentilatorOptions<Order> = {}): Ventilator<Order, Report> {
  return new Ventilator<Order, Report>({ codec: json(), ...options })
}

/** A seed of its own each time, shown when something fails. */
export function chances(): { readonly seed: number; readonly chance: () => number } {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = new Random(seed)
  return { seed, chance: () => random.word() / 2 ** 32 }
}
