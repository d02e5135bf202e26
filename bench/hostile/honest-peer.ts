// B6: how an honest peer fares in quiet and during each attack, in turns, since other work on the machine comes and goes;
// the medians are compared. The town, the honest peer and the attacker are three processes; where they share two cores,
// some of what is measured is that sharing.

import { WorkerProcess } from "../worker-process.ts"
import { ATTACKS } from "./attacker.ts"
import { count, type Finding, milliseconds, type Size } from "./finding.ts"
import type { Fare } from "./honest.ts"

/** How long an honest peer is watched at a time. */
const SECONDS = 1.5

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const rounds = size === "full" ? 5 : 1
  for (const [name, { what }] of Object.entries(ATTACKS)) {
    const [town, honest, attacker] = [new WorkerProcess(), new WorkerProcess(), new WorkerProcess()]
    try {
      const places = await town.ask("town", "open", [])
      await honest.ask("honest", "open", [places])
      // Code is compiled before anything counts.
      await honest.ask("honest", "fare", [2])
      const quiet: Fare[] = []
      const attacked: Fare[] = []
      let spent = 0
      for (let round = 0; round < rounds; round++) {
        quiet.push(await honest.ask("honest", "fare", [SECONDS]))
        await attacker.ask("attacker", "start", [name, places])
        // It takes a while to be at its height.
        await honest.ask("honest", "fare", [0.5])
        attacked.push(await honest.ask("honest", "fare", [SECONDS], 60_000))
        const { octets, connections } = await attacker.ask("attacker", "stop", [])
        spent += octets + connections
      }
      if (spent === 0) throw new Error(`${name} did nothing`)
      const lost = await honest.ask("honest", "lost", [await town.ask("town", "hush", [])], 60_000)
      const during = `${name}, ${what}`
      const latency = { quiet: median(quiet, "p99"), attacked: median(attacked, "p99") }
      const rate = { quiet: median(quiet, "rate"), attacked: median(attacked, "rate") }
      yield {
        id: "B6",
        what: `${during}: p99 of answers`,
        measured: `${milliseconds(latency.attacked)}, in quiet ${milliseconds(latency.quiet)}`,
        bound: "≤ 3 × quiet",
        holds: latency.attacked <= 3 * latency.quiet,
      }
      yield {
        id: "B6",
        what: `${during}: answers`,
        measured: `${count(Math.round(rate.attacked))} /s, in quiet ${count(Math.round(rate.quiet))} /s`,
        bound: "≥ 50 % of quiet",
        holds: rate.attacked >= rate.quiet / 2,
      }
      const all = lost.answers + lost.news + lost.connections
      yield {
        id: "B6",
        what: `${during}: lost answers, news and connections`,
        measured: String(all),
        bound: "0",
        holds: all === 0,
      }
    } finally {
      await Promise.all([town.stop(), honest.stop(), attacker.stop()])
    }
  }
}

function median(fares: readonly Fare[], of: "p99" | "rate"): number {
  const sorted = fares.map((fare) => fare[of]).sort((a, b) => a - b)
  return sorted[sorted.length >> 1] as number
}
