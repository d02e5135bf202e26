// A process that plays roles: it does what its parent asks, one order after the other or several at once, and ends
// with it. Roles that are to be played in another thread it hands on to one.

import { isMainThread, parentPort, Worker } from "node:worker_threads"
import { Caller, Echo } from "./exchange.ts"
import { Attacker } from "./hostile/attacker.ts"
import { Crowd } from "./hostile/crowd.ts"
import { Cycler } from "./hostile/cycler.ts"
import { Honest } from "./hostile/honest.ts"
import { Town } from "./hostile/town.ts"
import { Hub, Spokes } from "./idle.ts"
import { Keeper } from "./keeper.ts"
import { Sinks, Source } from "./stream.ts"

/** The roles a worker can play. */
export interface Roles {
  source: Source
  sinks: Sinks
  caller: Caller
  echo: Echo
  hub: Hub
  spokes: Spokes
  keeper: Keeper
  crowd: Crowd
  cycler: Cycler
  town: Town
  honest: Honest
  attacker: Attacker
}

/** Parent to worker. */
export interface Order {
  id: number
  role: keyof Roles
  task: string
  arguments: unknown[]
  /** Whether the role is played in a second thread. */
  thread: boolean
}

/** Worker to parent. */
export interface Report {
  id: number
  result?: unknown
  error?: string
}

const roles: Roles = {
  source: new Source(),
  sinks: new Sinks(),
  caller: new Caller(),
  echo: new Echo(),
  hub: new Hub(),
  spokes: new Spokes(),
  keeper: new Keeper(),
  crowd: new Crowd(),
  cycler: new Cycler(),
  town: new Town(),
  honest: new Honest(),
  attacker: new Attacker(),
}

let second: Worker | undefined

if (isMainThread) {
  process.on("message", (order: Order) => {
    if (order.thread) thread().postMessage(order)
    else void carryOut(order).then((report) => process.send?.(report))
  })
  process.on("disconnect", () => process.exit())
} else {
  parentPort?.on("message", (order: Order) => {
    void carryOut(order).then((report) => parentPort?.postMessage(report))
  })
}

function thread(): Worker {
  if (second === undefined) {
    second = new Worker(new URL(import.meta.url))
    second.on("message", (report: Report) => process.send?.(report))
  }
  return second
}

async function carryOut(order: Order): Promise<Report> {
  const role = roles[order.role] as unknown as Record<string, (...values: unknown[]) => unknown>
  try {
    return { id: order.id, result: await role[order.task]?.(...order.arguments) }
  } catch (error) {
    return { id: order.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
