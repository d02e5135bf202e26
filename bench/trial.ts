// One run of one setup, in fresh processes: warm up until a lap is long enough to know the speed, then measure one lap
// of as many messages as fill the time. Between laps everything has arrived, so no lap begins with a full queue.

import type { ExchangeSetup, Setup, StreamSetup } from "./setup.ts"
import { WorkerProcess } from "./worker-process.ts"

/** What one run found. */
export interface Trial {
  /** Messages (deliveries, round trips) per second, or the median round trip in microseconds. */
  figure: number
  /** The round trip that one in a hundred exceeds, in microseconds. */
  p99?: number
  messagesPerWrite?: number
}

interface Lap {
  seconds: number
  messagesPerWrite?: number
}

/** Seconds a warm-up lap must last before its speed is believed. */
const WARM = 0.25
/** Round trips that warm up, and that are measured. */
const ROUNDS = { warm: 5000, measured: 20_000 }

/** Runs a setup once, for about that many seconds. */
export async function runTrial(setup: Setup, seconds: number): Promise<Trial> {
  const near = new WorkerProcess()
  const far = setup.transport === "inproc" ? near : new WorkerProcess()
  try {
    return setup.kind === "stream"
      ? await streamTrial(setup, seconds, near, far)
      : await exchangeTrial(setup, seconds, near, far)
  } finally {
    await Promise.all([near.stop(), far.stop()])
  }
}

async function streamTrial(
  setup: StreamSetup,
  seconds: number,
  near: WorkerProcess,
  far: WorkerProcess,
): Promise<Trial> {
  const copies = setup.pattern === "pubsub" ? setup.peers : 1
  await far.ask("sinks", "open", [setup, await near.ask("source", "open", [setup])])
  await near.ask("source", "greet", [])
  await far.ask("sinks", "greeted", [])

  const lap = async (messages: number): Promise<Lap> => {
    await far.ask("sinks", "expect", [messages * copies])
    const arrived = far.ask("sinks", "arrival", [])
    const [arrival, written] = await Promise.all([arrived, near.ask("source", "lap", [messages])]).catch(
      async (error: Error) => {
        const seen = await far.ask("sinks", "seen", [], 2000).catch(() => "an unknown number")
        throw new Error(`${error.message}; ${seen} of ${messages * copies} messages arrived`)
      },
    )
    if (written === undefined || written.writes === 0) return { seconds: arrival.seconds }
    return { seconds: arrival.seconds, messagesPerWrite: written.messages / written.writes }
  }

  const messages = await warmUp(seconds, async (count) => (await lap(count)).seconds)
  const measured = await lap(messages)
  await Promise.all([far.ask("sinks", "close", []), near.ask("source", "close", [])])
  return { ...measured, figure: (messages * copies) / measured.seconds }
}

async function exchangeTrial(
  setup: ExchangeSetup,
  seconds: number,
  near: WorkerProcess,
  far: WorkerProcess,
): Promise<Trial> {
  await near.ask("caller", "open", [setup, await far.ask("echo", "open", [setup])])
  let trial: Trial
  if (setup.window === 1) {
    await near.ask("caller", "lap", [ROUNDS.warm])
    const { p50, p99 } = await near.ask("caller", "lap", [ROUNDS.measured])
    if (p50 === undefined || p99 === undefined) throw new Error("The round trips were not measured")
    trial = { figure: p50, p99 }
  } else {
    const questions = await warmUp(seconds, async (count) => (await near.ask("caller", "lap", [count])).seconds)
    trial = { figure: questions / (await near.ask("caller", "lap", [questions])).seconds }
  }
  await Promise.all([near.ask("caller", "close", []), far.ask("echo", "close", [])])
  return trial
}

/** Runs ever longer laps; resolves to how many messages fill the time. */
async function warmUp(seconds: number, lap: (count: number) => Promise<number>): Promise<number> {
  for (let count = 64; ; count *= 4) {
    const taken = await lap(count)
    if (taken >= WARM) return Math.max(2, Math.round((count * seconds) / taken))
  }
}
