// Proof that the peer's engine has read what was written to it, for sockets that balance by load.
//
// A queue says little about a peer, because the operating system swallows megabytes first. So the stream is marked: a
// PING with a number goes along every so often, and its PONG proves that everything before it was read (RFC 37).

import { allocate, type Bytes } from "../bytes.ts"
import type { Pipe } from "../pipe/pipe.ts"

/** A mark follows after this many messages or octets, or a quarter of the window, whichever comes first. */
const MESSAGES = 64
const OCTETS = 16 * 1024

interface Mark {
  readonly number: number
  readonly messages: number
}

export class ReadingProof {
  readonly #pipe: Pipe
  #marks: Mark[] = []
  #count = 0
  #messages = 0
  #octets = 0

  constructor(pipe: Pipe) {
    this.#pipe = pipe
  }

  /** A message goes out. */
  wrote(octets: number): void {
    this.#pipe.unproven++
    this.#messages++
    this.#octets += octets
  }

  /** Whether a mark has to follow here; `last`: nothing more is queued, so that the tail would stay unproven. */
  due(last: boolean): boolean {
    const every = Math.min(MESSAGES, this.#pipe.window / 4)
    if (this.#messages >= every || this.#octets >= OCTETS) return true
    return last && this.#messages > 0 && this.#marks.length === 0
  }

  /** The number of a mark set now. */
  mark(): number {
    // Numbers begin again where four octets end; far fewer marks than that are ever unanswered.
    this.#count = (this.#count + 1) >>> 0
    const number = this.#count
    this.#marks.push({ number, messages: this.#messages })
    this.#messages = this.#octets = 0
    return number
  }

  /** The peer has answered the mark of that number, and thereby all before it; false if there is no such mark. */
  answered(number: number): boolean {
    let read = 0
    let answered = 0
    for (const mark of this.#marks) {
      read += mark.messages
      answered++
      if (mark.number !== number) continue
      this.#marks = this.#marks.slice(answered)
      this.#pipe.unproven -= read
      this.#pipe.relieve()
      return true
    }
    return false
  }
}

/** Whose PING a context belongs to: both kinds are numbered. */
export const PROOF = 0x50
export const HEARTBEAT = 0x48

/** The context of a PING of ours: its kind and number, in five octets. */
export function pingContext(kind: typeof PROOF | typeof HEARTBEAT, number: number): Bytes {
  const context = allocate(5)
  context[0] = kind
  context.writeUInt32BE(number >>> 0, 1)
  return context
}

/** The number in the context of a PONG, if it is of that kind. */
export function pongNumber(kind: typeof PROOF | typeof HEARTBEAT, context: Bytes): number | undefined {
  return context.length === 5 && context[0] === kind ? context.readUInt32BE(1) : undefined
}
