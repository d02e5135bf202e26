// Feeds the engine as a session does, and writes down what it makes of the octets, in the words of the model.

import { HandshakeError, ProtocolError } from "../../src/errors.ts"
import type { SocketType } from "../../src/socket-type.ts"
import { LimitError } from "../../src/zmtp/decoder.ts"
import { Encoder, releaseBatch } from "../../src/zmtp/encoder.ts"
import {
  ASK,
  CANCEL,
  Engine,
  MESSAGE,
  type Meaning,
  NOTHING,
  PING,
  PONG,
  READY,
  SUBSCRIBE,
} from "../../src/zmtp/engine.ts"
import type { Mechanism } from "../../src/zmtp/mechanism.ts"
import { inShort, type ModelLimits, type Verdict } from "./zmtp-model.ts"

/** How the application behaves. */
export interface Habits {
  /** How many meanings are asked for per chunk; what is left is asked for at the end. */
  readonly patience: number
  /** Whether it takes until the end to find out whether a peer may come in. */
  readonly slowly: boolean
}

export interface EngineReading {
  readonly meanings: string[]
  readonly ends: Verdict | undefined
  /** What it said in its handshake. */
  readonly said: Buffer
}

/**
 * Feeds chunks one after the other: into memory that the engine names, else in memory that is used again afterwards.
 *
 */
export function readByEngine(
  chunks: readonly Buffer[],
  type: SocketType,
  mechanism: Mechanism,
  limits: ModelLimits,
  { patience, slowly }: Habits,
): EngineReading {
  const engine = new Engine(type, mechanism, limits)
  const encoder = new Encoder()
  const meanings: string[] = []
  const said: Buffer[] = []
  let asked = false
  const speak = (): void => {
    engine.output(encoder)
    const batch = encoder.finish()
    if (batch === undefined) return
    for (const chunk of batch.chunks) said.push(Buffer.from(chunk))
    releaseBatch(batch)
  }
  const listen = (most: number): void => {
    for (let left = most; left > 0; left--) {
      const meaning = engine.next()
      if (meaning === NOTHING) break
      meanings.push(tell(engine, meaning))
      if (meaning === ASK) {
        asked = true
        if (!slowly) engine.admit()
      }
    }
    engine.keep()
  }
  speak()
  let ends: Verdict | undefined
  try {
    for (const chunk of chunks) {
      for (let rest = chunk; rest.length > 0; ) {
        const place = engine.destination()
        const size = Math.min(place?.length ?? rest.length, rest.length)
        const lent = Buffer.from(rest.subarray(0, size))
        if (place === undefined) {
          engine.push(lent)
        } else {
          lent.copy(place)
          engine.filled(size)
        }
        listen(patience)
        speak()
        lent.fill(0xee)
        rest = rest.subarray(size)
      }
    }
    listen(Number.POSITIVE_INFINITY)
    if (asked && slowly) engine.admit()
    listen(Number.POSITIVE_INFINITY)
    speak()
  } catch (error) {
    ends = verdictOf(error)
  }
  return { meanings, ends, said: Buffer.concat(said) }
}

function tell(engine: Engine, meaning: Meaning): string {
  switch (meaning) {
    case READY: {
      const { socketType, routingId, metadata } = engine.peer as NonNullable<Engine["peer"]>
      return `ready ${socketType} ${routingId.toString("hex")} ${[...metadata.keys()].join(",")}`
    }
    case MESSAGE:
      return `message ${engine.message.map(inShort).join("|")}`
    case SUBSCRIBE:
      return `subscribe ${inShort(engine.topic)}`
    case CANCEL:
      return `cancel ${inShort(engine.topic)}`
    case PING:
      return `ping ${engine.timeToLive} ${engine.context.toString("hex")}`
    case PONG:
      return `pong ${inShort(engine.context)}`
    case ASK: {
      const { username, password, publicKey } = engine.credentials
      return `ask ${[username, password, publicKey].flatMap((each) => each?.toString("hex") ?? []).join(" ")}`
    }
    default:
      throw new Error(`The engine found ${meaning}`)
  }
}

/** The only errors that may come of what a peer sends; anything else is thrown on. */
export function verdictOf(error: unknown): Verdict {
  if (error instanceof LimitError) return `limit ${error.limit}`
  if (error instanceof HandshakeError) return "handshake"
  if (error instanceof ProtocolError) return "protocol"
  throw error
}
