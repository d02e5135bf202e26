// Whole conversations of CURVE between our two sides, in which one bit of one command is flipped on its way. Chance and
// keys are the same in all of them, so that each differs from the others in that bit alone.

import { HandshakeError, ProtocolError } from "../../src/errors.ts"
import { CurveClient } from "../../src/zmtp/curve/client.ts"
import type { Primitives } from "../../src/zmtp/curve/primitives.ts"
import { CurveServer } from "../../src/zmtp/curve/server.ts"
import type { Mechanism, Protection } from "../../src/zmtp/mechanism.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { SteadyPrimitives } from "./watched-primitives.ts"

/** What is said, in its order: a handshake, then a message each way. */
export const STEPS = ["HELLO", "WELCOME", "INITIATE", "READY", "MESSAGE to server", "MESSAGE to client"] as const
export type Step = (typeof STEPS)[number]

/** What became of the flips of one command. */
export interface Flips {
  /** How many there were: eight for every octet. */
  readonly bits: number
  /** Bits whose flip the reader of the command did not notice, and by which step it was refused all the same. */
  readonly late: readonly { readonly bit: number; readonly refused: Step }[]
  /** Bits whose flip nobody ever noticed. */
  readonly unnoticed: readonly number[]
}

const LIMITS = { maxProperties: 64, maxBytes: 8192 }

export class FlippedConversations {
  readonly #primitives: Primitives
  readonly #pairs: readonly ReturnType<Primitives["keyPair"]>[]
  readonly #agreed = new Map<string, Buffer | undefined>()

  constructor(primitives: Primitives) {
    this.#primitives = primitives
    this.#pairs = Array.from({ length: 4 }, () => primitives.keyPair())
  }

  /** Flips every bit of one command, each in a conversation of its own. */
  flip(step: Step): Flips {
    const late: { bit: number; refused: Step }[] = []
    const unnoticed: number[] = []
    const bits = 8 * (this.#run(undefined, 0).sizes[STEPS.indexOf(step)] as number)
    for (let bit = 0; bit < bits; bit++) {
      const { refused } = this.#run(step, bit)
      if (refused === undefined) unnoticed.push(bit)
      else if (refused !== step) late.push({ bit, refused })
    }
    return { bits, late, unnoticed }
  }

  /** How far a conversation comes, and how long its commands were. */
  #run(flipped: Step | undefined, bit: number): { refused: Step | undefined; sizes: number[] } {
    const [clientKeys, serverKeys, ...transients] = this.#pairs as [Pair, Pair, Pair, Pair]
    const steady = (pair: Pair | undefined): Primitives =>
      new SteadyPrimitives(this.#primitives, [pair as Pair], this.#agreed)
    const ours = { ...clientKeys, serverKey: serverKeys.publicKey }
    const client = new CurveClient(metadata("DEALER"), steady(transients[0]), ours)
    const server = new CurveServer(metadata("ROUTER"), steady(transients[1]), serverKeys)
    const sizes: number[] = []
    const carry = (step: Step, body: Buffer): Buffer => {
      sizes.push(body.length)
      if (step === flipped) body[bit >> 3] = (body[bit >> 3] as number) ^ (1 << (bit & 7))
      return body
    }
    let step: Step = "HELLO"
    try {
      server.consume(carry(step, said(client)))
      step = "WELCOME"
      client.consume(carry(step, said(server)))
      step = "INITIATE"
      server.consume(carry(step, said(client)))
      server.admit()
      step = "READY"
      client.consume(carry(step, said(server)))
      for (step of ["MESSAGE to server", "MESSAGE to client"] as const) {
        const [from, to] = step === "MESSAGE to server" ? [client, server] : [server, client]
        const opened = protectionOf(to).open(carry(step, sealed(protectionOf(from))))
        if (opened.toString() !== CONTENT || protectionOf(to).openedFlags !== 1) throw new Error("It was altered")
      }
      return { refused: undefined, sizes }
    } catch (error) {
      // Anything else is no refusal but a fault.
      if (!(error instanceof ProtocolError) && !(error instanceof HandshakeError)) throw error
      return { refused: step, sizes }
    }
  }
}

type Pair = ReturnType<Primitives["keyPair"]>

const CONTENT = "what passes between the two"

function metadata(socketType: string): { metadata: Buffer; limits: typeof LIMITS } {
  return { metadata: encodeMetadata([["Socket-Type", socketType]]), limits: LIMITS }
}

function said(mechanism: Mechanism): Buffer {
  const body = mechanism.produce()
  if (body === undefined) throw new Error("There is nothing to be said")
  return body
}

function protectionOf(mechanism: Mechanism): Protection {
  if (mechanism.protection === undefined) throw new Error("There is no protection yet")
  return mechanism.protection
}

function sealed(protection: Protection): Buffer {
  const target = Buffer.alloc(protection.overhead + CONTENT.length)
  protection.seal(1, Buffer.from(CONTENT), target, 0)
  return target
}
