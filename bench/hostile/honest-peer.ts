// B6: how an honest peer fares in quiet and during each attack, in turns, since other work on the machine comes and
// goes; the medians of all turns are compared. How long answers take is measured at a steady pace, and how many there
// are when it asks as much as it can.
//
// The attacker stands for machines elsewhere, whose work the town and its peers do not share a processor with. So it
// takes what they leave of the processors; that it reached its rate all the same is a line too.

import { WorkerProcess } from "../worker-process.ts"
import { ATTACKS } from "./attacker.ts"
import { count, type Finding, milliseconds, type Size } from "./finding.ts"
import type { Places } from "./town.ts"

/** Of every turn. */
const QUESTIONS = { full: 5000, quick: 1000 }
const SECONDS = { full: 0.7, quick: 0.5 }
const TURNS = { full: 3, quick: 1 }

/** An attack that reaches less of its rate was not the attack. */
const REACHED = 0.95

interface Fare {
  readonly p99: number
  readonly rate: number
}

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  for (const [name, { what }] of Object.entries(ATTACKS)) {
    const [town, honest, attacker] = [new WorkerProcess(), new WorkerProcess(), new WorkerProcess()]
    try {
      attacker.yield()
      const places = await town.ask("town", "open", [])
      await honest.ask("honest", "open", [places])
      const fare = async (): Promise<Fare> => ({
        p99: (await honest.ask("honest", "latency", [QUESTIONS[size]], 60_000)).p99,
        rate: await honest.ask("honest", "rate", [SECONDS[size]], 60_000),
      })
      // Code is compiled before anything counts, also that which only an attack runs.
      await fare()
      await under(attacker, name, places, () => honest.ask("honest", "rate", [0.5], 60_000))
      const quiet: Fare[] = []
      const attacked: Fare[] = []
      const reached: number[] = []
      for (let turn = 0; turn < TURNS[size]; turn++) {
        quiet.push(await fare())
        reached.push(
          await under(attacker, name, places, async () => {
            // It takes a while to be at its height.
            await honest.ask("honest", "rate", [0.5], 60_000)
            attacked.push(await fare())
          }),
        )
      }
      const lost = await honest.ask("honest", "lost", [await town.ask("town", "hush", [])], 60_000)
      const during = `${name}, ${what}`
      const of = (fares: readonly Fare[], what: keyof Fare): number => median(fares.map((fare) => fare[what]))
      const latency = { quiet: of(quiet, "p99"), attacked: of(attacked, "p99") }
      const rate = { quiet: of(quiet, "rate"), attacked: of(attacked, "rate") }
      yield {
        id: "B6",
        what: `${during}: of this the attacker reached`,
        measured: `${Math.floor(Math.min(...reached) * 100)} %`,
        bound: `≥ ${REACHED * 100} %`,
        holds: Math.min(...reached) >= REACHED,
      }
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

/** Does something during an attack; the part of its rate that the attack reached. */
async function under(
  attacker: WorkerProcess,
  name: string,
  places: Places,
  task: () => Promise<unknown>,
): Promise<number> {
  await attacker.ask("attacker", "start", [name, places])
  await task()
  const { reached, octets, connections } = await attacker.ask("attacker", "stop", [])
  if (octets + connections === 0) throw new Error(`${name} did nothing`)
  return reached
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] as number
}
