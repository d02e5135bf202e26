// One run of one setup, in fresh processes: warm up until a lap is long enough to know the speed, then measure one lap
// of as many messages as fill the time. Between laps everything has arrived, so no lap begins with a full queue.

import type { ExchangeSetup, Setup, StreamSetup, TransportName } from "./setup.ts"
import { WorkerProcess } from "./worker-process.ts"

/** What one run found. */
export interface Trial {
  /** Messages (deliveries, round trips) per second, or the median round trip in microseconds. */
  figure: number
  /** The round trip that one in a hundred exceeds, in microseconds. */
  p99?: number
  messagesPerWrite?: number
}

/** Where the two processes run: where the kernel likes, both on one core, or each on a core of its own. */
export type Placement = "free" | "together" | "apart"

interface Lap {
  seconds: number
  messagesPerWrite?: number
}

/** Seconds a warm-up lap must last before its speed is believed. */
const WARM = 0.25
/** Round trips that warm up, and that are measured. */
const ROUNDS = { warm: 5000, measured: 20_000 }

/** Runs a setup once, for about that many seconds. */
export async function runTrial(setup: Setup, seconds: number, placement: Placement): Promise<Trial> {
  const near = new WorkerProcess()
  const far = farFrom(near, setup.transport)
  try {
    // Before the library is loaded, so that every thread it starts inherits the core.
    if (placement !== "free") {
      near.pin(0)
      if (far instanceof WorkerProcess && far !== near) far.pin(placement === "together" ? 0 : 1)
    }
    return setup.kind === "stream"
      ? await streamTrial(setup, seconds, near, far)
      : await exchangeTrial(setup, seconds, near, far)
  } finally {
    await Promise.all([near.stop(), far instanceof WorkerProcess ? far.stop() : undefined])
  }
}

/** A process or thread that plays roles. */
type Asked = Pick<WorkerProcess, "ask">

function farFrom(near: WorkerProcess, transport: TransportName): Asked {
  if (transport === "inproc") return near
  return transport === "threads" ? near.thread() : new WorkerProcess()
}

async function streamTrial(setup: StreamSetup, seconds: number, near: Asked, far: Asked): Promise<Trial> {
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

  const { messages, measured } = await fill(seconds, lap)
  await Promise.all([far.ask("sinks", "close", []), near.ask("source", "close", [])])
  return { ...measured, figure: (messages * copies) / measured.seconds }
}

async function exchangeTrial(setup: ExchangeSetup, seconds: number, near: Asked, far: Asked): Promise<Trial> {
  await near.ask("caller", "open", [setup, await far.ask("echo", "open", [setup])])
  let trial: Trial
  if (setup.window === 1) {
    await near.ask("caller", "lap", [ROUNDS.warm])
    const { p50, p99 } = await near.ask("caller", "lap", [ROUNDS.measured])
    if (p50 === undefined || p99 === undefined) throw new Error("The round trips were not measured")
    trial = { figure: p50, p99 }
  } else {
    const { messages, measured } = await fill(seconds, (questions) => near.ask("caller", "lap", [questions]))
    trial = { figure: messages / measured.seconds }
  }
  await Promise.all([near.ask("caller", "close", []), far.ask("echo", "close", [])])
  return trial
}

/**
 * Runs ever longer laps to warm up, then one that fills the time. If something slowed the warm-up down, that one is
 * over too soon to mean anything; it is then one more lap of warm-up, whatever its figure.
 */
async function fill<L extends Lap>(
  seconds: number,
  lap: (messages: number) => Promise<L>,
): Promise<{ messages: number; measured: L }> {
  let messages = 64
  let measured = await lap(messages)
  while (measured.seconds < WARM) {
    messages *= 4
    measured = await lap(messages)
  }
  do {
    messages = Math.max(2, Math.round((messages * seconds) / measured.seconds))
    measured = await lap(messages)
  } while (measured.seconds < seconds / 2)
  return { messages, measured }
}
