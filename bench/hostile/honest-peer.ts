// B6: how an honest peer fares in quiet and during each attack, in turns, since other work on the machine comes and
// goes; the medians of all turns are compared. How long answers take is measured at a steady pace, and how many there
// are when it asks as much as it can.
//
// The processes stand for machines, each with cores enough. So the main threads of the town and of its peer have a
// core each; the attacker, and the threads that compile and collect, take what is left. Otherwise the scheduler lets
// the peer wait for a core, for a millisecond and more, as soon as anything third has work to do, whatever that is.
// That the attacker reached its rate all the same is a line too.

import { WorkerProcess } from "../worker-process.ts"
import { ATTACKS } from "./attacker.ts"
import { count, type Finding, milliseconds, type Size } from "./finding.ts"
import type { Places } from "./town.ts"

/** Of every turn. */
const QUESTIONS = { full: 5000, quick: 1000 }
const SECONDS = { full: 0.7, quick: 0.5 }
const TURNS = { full: 5, quick: 1 }

/** What an attack takes to be at its height, and to be over, s. */
const SETTLING = { full: 1, quick: 0.5 }

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
      const places = await town.ask("town", "open", [])
      await honest.ask("honest", "open", [places])
      town.settle(0)
      honest.settle(1)
      attacker.yield()
      const fare = async (): Promise<Fare> => {
        await honest.ask("honest", "rate", [SETTLING[size]], 60_000)
        return {
          p99: (await honest.ask("honest", "latency", [QUESTIONS[size]], 60_000)).p99,
          rate: await honest.ask("honest", "rate", [SECONDS[size]], 60_000),
        }
      }
      // Code is compiled before anything counts, also that which only an attack runs.
      await fare()
      await under(attacker, name, places, fare)
      const quiet: Fare[] = []
      const attacked: Fare[] = []
      let reached = 1
      for (let turn = 0; turn < TURNS[size]; turn++) {
        quiet.push(await fare())
        const part = await under(attacker, name, places, async () => {
          attacked.push(await fare())
        })
        reached = Math.min(reached, part)
      }
      const lost = await honest.ask("honest", "lost", [await town.ask("town", "hush", [])], 60_000)
      const missing = lost.answers + lost.news + lost.connections
      yield* findings(`${name}, ${what}`, quiet, attacked, reached, missing)
    } finally {
      await Promise.all([town, honest, attacker].map((process) => process.stop()))
    }
  }
}

/** What all turns came to: how the peer fared, what part of its rate the attacker reached, and how much was lost. */
function* findings(
  during: string,
  quiet: readonly Fare[],
  attacked: readonly Fare[],
  reached: number,
  lost: number,
): Generator<Finding, void, undefined> {
  const p99 = (fares: readonly Fare[]): number => median(fares.map((fare) => fare.p99))
  const rate = (fares: readonly Fare[]): number => median(fares.map((fare) => fare.rate))
  yield {
    id: "B6",
    what: `${during}: p99 of answers`,
    measured: `${milliseconds(p99(attacked))}, in quiet ${milliseconds(p99(quiet))}`,
    bound: "≤ 3 × quiet",
    holds: p99(attacked) <= 3 * p99(quiet),
  }
  yield {
    id: "B6",
    what: `${during}: answers`,
    measured: `${count(Math.round(rate(attacked)))} /s, in quiet ${count(Math.round(rate(quiet)))} /s`,
    bound: "≥ 50 % of quiet",
    holds: rate(attacked) >= rate(quiet) / 2,
  }
  yield {
    id: "B6",
    what: `${during}: of this the attacker reached`,
    measured: `${Math.floor(reached * 100)} %`,
    bound: `≥ ${REACHED * 100} %`,
    holds: reached >= REACHED,
  }
  yield {
    id: "B6",
    what: `${during}: lost answers, news and connections`,
    measured: String(lost),
    bound: "0",
    holds: lost === 0,
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
