// A process: listens to the foreman, and once it knows all settings, assesses one flight after the other.

import { setTimeout as rest } from "node:timers/promises"
import { Pull, Push } from "brokerless"
import { json } from "brokerless/codec"
import { now } from "../clock.ts"
import { readAirports } from "../flights.ts"
import { Latency } from "../latency.ts"
import { play } from "../role.ts"
import { assess } from "./assessment.ts"
import { Allowances, type Setting, Told } from "./settings.ts"
import type { Result, Task } from "./task.ts"

export interface WorkerBrief {
  readonly name: string
  readonly settings: string
  readonly tasks: string
  readonly results: string
  /** How many tasks may wait in this process. */
  readonly receiveHighWaterMark: number
  /** What a slow worker rests after each task, in ms; 0 for the others. */
  readonly rest: number
}

export type WorkerReport = {
  readonly is: "dismissed"
  /** What it heard of each telling, by its number. */
  readonly told: ReadonlyMap<number, { readonly count: number; readonly checksum: number }>
  readonly latencies: Uint32Array
}

play<WorkerBrief, WorkerReport>(async (brief, director) => {
  const settings = new Pull({ codec: json<Setting>() })
  const allowances = new Allowances()
  const told = new Map<number, Told>()
  const latency = new Latency()
  // When the foreman is gone, what has arrived is still read.
  settings.events.once("peer:leave", () => settings.drain())
  settings.connect(brief.settings)

  let informed = () => {}
  const ready = new Promise<void>((resolve) => {
    informed = resolve
  })
  const listening = (async () => {
    for await (const setting of settings) {
      latency.add(now() - setting.sentAt)
      const telling = told.get(setting.telling) ?? new Told()
      told.set(setting.telling, telling)
      telling.add(setting)
      allowances.learn(setting)
      if (setting.last) informed()
    }
  })()

  await ready
  await work(brief, allowances)
  await listening
  const heard = new Map([...told].map(([telling, { count, checksum }]) => [telling, { count, checksum }]))
  director.tell({ is: "dismissed", told: heard, latencies: latency.counts })
})

/** Works until the ventilator has left and nothing is left to do. */
async function work(brief: WorkerBrief, allowances: Allowances): Promise<void> {
  const places = readAirports()
  const results = new Push({ codec: json<Result>() })
  results.connect(brief.results)
  const tasks = new Pull({
    codec: json<Task>(),
    receiveHighWaterMark: brief.receiveHighWaterMark,
    metadata: { "X-Worker": brief.name },
  })
  tasks.events.once("peer:leave", () => tasks.drain())
  tasks.connect(brief.tasks)

  for await (const { id, flight, sentAt } of tasks) {
    const assessment = assess(flight, places, allowances)
    await results.send({ worker: brief.name, id, assessment, sentAt })
    if (brief.rest > 0) await rest(brief.rest)
  }
  await results.send({ worker: brief.name, done: true })
  await results.close()
}
