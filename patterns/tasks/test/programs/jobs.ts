// What the workers of the tests can be asked to do, and the codec for it.

import { appendFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import type { Codec } from "brokerless"
import type { TaskContext } from "brokerless/patterns/tasks"

export interface Order {
  /** `die`: the thread or process; `hang`: lets the event loop have no turn any more; `forget`: never answers. */
  readonly do: "square" | "sleep" | "throw" | "die" | "hang" | "forget"
  readonly n: number
  /** How long it sleeps; `n` if it is not said. */
  readonly ms?: number
  /** A file in which a line is written when it begins, and one when it is done, so that they outlive their writer. */
  readonly log?: string
}

export interface Report {
  readonly n: number
  readonly square: number
  readonly attempt: number
  readonly id: number
  readonly key: string | undefined
  readonly pid: number
}

export function json<S, R = S>(): Codec<S, R> {
  return { encode: (value) => JSON.stringify(value), decode: (frame) => JSON.parse(frame.toString()) }
}

export async function carryOut(order: Order, { id, attempt, key }: TaskContext): Promise<Report> {
  const { n, ms = n, log } = order
  const write = (what: string): void => {
    if (log !== undefined) appendFileSync(log, `${what} ${n} ${attempt}\n`)
  }
  write("begun")
  switch (order.do) {
    case "sleep":
      await sleep(ms)
      break
    case "throw":
      throw Object.assign(new RangeError(`no ${n}`), { code: "ENONE" })
    case "die":
      process.kill(process.pid, "SIGKILL")
      break
    case "hang":
      for (;;);
    case "forget":
      await new Promise(() => {})
  }
  write("done")
  return { n, square: n * n, attempt, id, key, pid: process.pid }
}
