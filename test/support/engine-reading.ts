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

/** An engine, and what it has made so far of what it was fed. */
export class EngineReader {
  readonly meanings: string[] = []
  ends: Verdict | undefined
  readonly #engine: Engine
  readonly #encoder = new Encoder()
  readonly #habits: Habits
  #asked = false

  constructor(type: SocketType, mechanism: Mechanism, limits: ModelLimits, habits: Habits) {
    this.#engine = new Engine(type, mechanism, limits)
    this.#habits = habits
  }

  /** Feeds chunks: into memory that the engine names, else in memory that is used again afterwards. */
  feed(chunks: readonly Buffer[]): void {
    this.#dare(() => {
      for (const chunk of chunks) this.#take(chunk)
    })
  }

  /** There is no more to come. */
  finish(): void {
    this.#dare(() => {
      this.#listen(Number.POSITIVE_INFINITY)
      if (this.#asked && this.#habits.slowly) this.#engine.admit()
      this.#listen(Number.POSITIVE_INFINITY)
    })
  }

  /** What it says in return to what it was fed. */
  said(): Buffer {
    this.#engine.output(this.#encoder)
    const batch = this.#encoder.finish()
    if (batch === undefined) return Buffer.alloc(0)
    const octets = Buffer.concat(batch.chunks)
    releaseBatch(batch)
    return octets
  }

  #take(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) {
      const place = this.#engine.destination()
      const size = Math.min(place?.length ?? rest.length, rest.length)
      const lent = Buffer.from(rest.subarray(0, size))
      if (place === undefined) {
        this.#engine.push(lent)
      } else {
        lent.copy(place)
        this.#engine.filled(size)
      }
      this.#listen(this.#habits.patience)
      lent.fill(0xee)
      rest = rest.subarray(size)
    }
  }

  #listen(most: number): void {
    for (let left = most; left > 0; left--) {
      const meaning = this.#engine.next()
      if (meaning === NOTHING) break
      this.meanings.push(tell(this.#engine, meaning))
      if (meaning === ASK) {
        this.#asked = true
        if (!this.#habits.slowly) this.#engine.admit()
      }
    }
    this.#engine.keep()
  }

  /** Nothing more is done once it has ended. */
  #dare(act: () => void): void {
    if (this.ends !== undefined) return
    try {
      act()
    } catch (error) {
      this.ends = verdictOf(error)
    }
  }
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
