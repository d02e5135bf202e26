// REQ and REP: each answer to its own question, or the truth about why there is none.

import type { Message, Reply, Request } from "brokerless"
import { begin } from "./acts.ts"
import { describe } from "./ledger.ts"
import { isRefusal, type Plan, type Role, type Station } from "./station.ts"
import { meet, optionsOf } from "./topology.ts"
import type { World } from "./world.ts"

export function questions(world: World): Plan[] {
  const { random } = world
  const requests = random.list(1, 3, (n) => ({
    name: `request${n}`,
    role: requestRole(world),
    options: {
      ...optionsOf(world, true, true),
      immediate: random.once(4),
      correlate: !random.once(4),
      ...(random.once(3) && { balance: "least-loaded", window: random.pick([4, 256]) }),
    },
  }))
  const role = random.once(2) ? SERVING : ANSWERING
  const replies = random.list(1, 2, (n) => ({ name: `reply${n}`, role, options: optionsOf(world, true, true) }))
  return meet(world, requests, replies)
}

/** Several questions at once, or one after the other in lock step. */
function requestRole({ random }: World): Role {
  const lockStep = random.once(3)
  const atOnce = random.pick([1, 3, 8])
  const retries = random.pick([0, 0, 2])
  const timeout = random.pick([-1, 30, 500])
  const start = (station: Station): void => {
    const { world } = station
    for (let asker = lockStep ? 1 : atOnce; asker > 0; asker--) {
      station.act(async () => {
        for (let left = random.within(3, 15); left > 0 && world.phase === "turmoil" && station.open; left--) {
          if (lockStep) await askInStep(station)
          else await ask(station, timeout, retries)
          if (await station.rest()) await world.clock.sleep(random.below(3))
        }
      })
    }
  }
  return {
    create: ({ library }, options) => new library.Request(options),
    start,
    async call(station) {
      for (let n = 0; n < 3; n++) {
        const answered = lockStep ? await askInStep(station) : await ask(station, -1, 0)
        if (!answered) station.world.fail(`${station.name} got no answer though everybody was there`)
      }
    },
    inherits: true,
    counts: false,
  }
}

async function ask(station: Station, timeout: number, retries: number): Promise<boolean> {
  const { ledger } = station.world
  const question = begin(station, false)
  const socket = station.socket as unknown as Request
  question.tries = 1 + retries
  station.waiting++
  try {
    const frames = question.frames.map((frame) => Buffer.from(frame))
    heard(station, await socket.request(frames, { timeout, retries }), question.id)
    // Without an answer nobody can say whether it was sent.
    ledger.accepted(question)
    return true
  } catch (error) {
    if (!isRefusal(error)) throw error
    return false
  } finally {
    station.waiting--
  }
}

async function askInStep(station: Station): Promise<boolean> {
  const question = begin(station, false)
  if (!(await station.send(question, "wait"))) return false
  station.waiting++
  try {
    heard(station, await station.socket.receive(), question.id)
    return true
  } catch (error) {
    if (!isRefusal(error)) throw error
    return false
  } finally {
    station.waiting--
  }
}

function heard(station: Station, answer: Message, question: number): void {
  const { ledger, clock } = station.world
  // Answers overtake each other, since each has a caller of its own.
  const letter = ledger.received(station.name, answer, clock.now, { lane: String(question) })
  if (letter === undefined || letter.answers?.id === question) return
  station.world.fail(`${station.name} asked letter ${question} and got ${describe(letter)}`)
}

/** A letter that answers what was received. */
function answer(station: Station, message: Message): Buffer[] | undefined {
  const { ledger, clock, trace } = station.world
  station.received++
  station.checkBounds()
  const question = ledger.received(station.name, message, clock.now)
  if (question === undefined) return undefined
  const letter = begin(station, false, undefined, question)
  ledger.accepted(letter)
  trace.note(`${station.name} answers ${question.id} by ${letter.id}`)
  return letter.frames.map((frame) => Buffer.from(frame))
}

const SERVING: Role = {
  create: ({ library }, options) => new library.Reply(options),
  start(station) {
    const { world } = station
    const { random, clock } = world
    const socket = station.socket as unknown as Reply
    station.act(() =>
      socket.serve(
        async (message) => {
          const frames = answer(station, message) ?? []
          if (world.phase === "turmoil" && random.once(3)) await clock.sleep(random.below(50))
          station.accepted++
          return frames
        },
        { concurrency: random.pick([1, 4]) },
      ),
    )
  },
  inherits: false,
  counts: true,
}

const ANSWERING: Role = {
  create: ({ library }, options) => new library.Reply(options),
  start(station) {
    const { socket } = station
    station.act(async () => {
      while (await station.rest()) {
        const frames = answer(station, await socket.receive())
        if (frames === undefined) return
        await station.rest()
        if (!station.open) return
        await socket.send(frames)
        station.accepted++
      }
    })
  },
  inherits: false,
  counts: true,
}
