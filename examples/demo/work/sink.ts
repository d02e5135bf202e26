// A process: gathers the results, until everybody who is still alive has said its last word.

import { Pull } from "brokerless"
import { json } from "brokerless/codec"
import { now } from "../clock.ts"
import { Latency } from "../latency.ts"
import { play } from "../role.ts"
import { type Assessment, nothing, sum } from "./assessment.ts"
import type { Result } from "./task.ts"

export interface SinkBrief {
  readonly tasks: number
  /** Whose last words it waits for. */
  readonly survivors: readonly string[]
}

export type SinkReport =
  | { readonly is: "open"; readonly endpoint: string }
  | { readonly is: "half" }
  | {
      readonly is: "gathered"
      readonly total: Assessment
      /** Tasks of which no result came. */
      readonly missing: readonly number[]
      /** Results that came a second time. */
      readonly repeated: number
      /** How many tasks each worker has done. */
      readonly done: ReadonlyMap<string, number>
      readonly latencies: Uint32Array
      readonly endedAt: number
    }

play<SinkBrief, SinkReport>(async ({ tasks, survivors }, director) => {
  const results = new Pull({ codec: json<Result>() })
  director.tell({ is: "open", endpoint: await results.bind("tcp://127.0.0.1:*") })

  const latency = new Latency()
  const seen = new Set<number>()
  const done = new Map<string, number>()
  const working = new Set(survivors)
  let total = nothing
  let repeated = 0
  director.showProgress(() => seen.size)

  function take(result: Result): void {
    if ("done" in result) {
      working.delete(result.worker)
      return
    }
    latency.add(now() - result.sentAt)
    done.set(result.worker, (done.get(result.worker) ?? 0) + 1)
    if (seen.has(result.id)) repeated++
    seen.add(result.id)
    total = sum(total, result.assessment)
    if (seen.size === Math.floor(tasks / 2)) director.tell({ is: "half" })
  }

  while (working.size > 0) take(await results.receive())
  // Whatever the dead worker managed to send is here by now.
  for (let left = results.tryReceive(); left !== undefined; left = results.tryReceive()) take(left)
  const endedAt = now()
  await results.close()

  const missing = Array.from({ length: tasks }, (_, id) => id).filter((id) => !seen.has(id))
  director.tell({ is: "gathered", total, missing, repeated, done, latencies: latency.counts, endedAt })
})
