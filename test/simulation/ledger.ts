// The model that the library is judged by: every letter, what became of sending it, and who received it. It knows what
// was promised and nothing of how it is kept: messages come whole, not twice, in order, and not if they were refused.

import type { Random } from "../support/random.ts"
import { compose, difference, idOf, type Letter } from "./letter.ts"

/** How a letter is made. */
export interface LetterSetup {
  readonly origin: string
  readonly begun: number
  /** In one frame, for sockets that conflate. */
  readonly single?: boolean
  readonly topic?: string | undefined
  readonly answers?: Letter | undefined
}

/** What may be expected of the way that a letter came. */
export interface Expectations {
  /** Whether others may have received it as well. */
  readonly shared?: boolean
  /** Order is promised only among letters with the same lane. */
  readonly lane?: string
}

export class Ledger {
  readonly letters: Letter[] = []
  readonly #random: Random
  readonly #fail: (what: string) => void
  /** Letters begun, by origin. */
  readonly #numbers = new Map<string, number>()
  /** The last letter that came, by origin, receiver and lane. */
  readonly #last = new Map<string, Letter>()
  /** When the order of what they had sent, or were sent, last changed for a reason that is no fault. */
  readonly #senders = new Map<string, number>()
  readonly #receivers = new Map<string, number>()

  constructor(random: Random, fail: (what: string) => void) {
    this.#random = random
    this.#fail = fail
  }

  begin(setup: LetterSetup): Letter {
    const { origin, begun, answers } = setup
    const number = (this.#numbers.get(origin) ?? 0) + 1
    this.#numbers.set(origin, number)
    const id = this.letters.length
    const frames = compose(this.#random, id, setup.single ?? false, setup.topic)
    const letter: Letter = {
      id,
      origin,
      number,
      begun,
      frames,
      answers,
      tries: 1,
      state: "offered",
      receivers: new Map(),
    }
    this.letters.push(letter)
    return letter
  }

  accepted(letter: Letter): void {
    letter.state = "accepted"
  }

  /** The call that was to send it failed, so it was not sent. */
  refused(letter: Letter): void {
    letter.state = "refused"
    if (letter.receivers.size > 0) this.#fail(`${describe(letter)} was refused and had been delivered`)
  }

  /** Something was received; returns the letter that it is. */
  received(
    receiver: string,
    message: readonly Uint8Array[],
    now: number,
    expectations: Expectations = {},
  ): Letter | undefined {
    const id = idOf(message)
    const letter = id === undefined ? undefined : this.letters[id]
    if (letter === undefined) {
      this.#fail(`${receiver} received ${message.length} frames that nobody sent: ${shown(message)}`)
      return undefined
    }
    const { shared = false, lane = "" } = expectations
    const flaw = difference(letter, message)
    if (flaw !== undefined) this.#fail(`${receiver} received ${describe(letter)} torn: ${flaw}`)
    if (letter.state === "refused") this.#fail(`${receiver} received ${describe(letter)}, which had been refused`)
    const before = letter.receivers.get(receiver) ?? 0
    letter.receivers.set(receiver, before + 1)
    let times = before + 1
    if (!shared) {
      times = 0
      for (const each of letter.receivers.values()) times += each
    }
    if (times > letter.tries) this.#fail(`${describe(letter)} was received ${times} times, now by ${receiver}`)
    if (letter.tries === 1) this.#checkOrder(receiver, letter, lane, now)
    return letter
  }

  /** What this one has sent so far may come in another order from now on. */
  senderDisturbed(name: string, now: number): void {
    this.#senders.set(name, now)
  }

  /** What this one was sent so far may come to it in another order from now on. */
  receiverDisturbed(name: string, now: number): void {
    this.#receivers.set(name, now)
  }

  #checkOrder(receiver: string, letter: Letter, lane: string, now: number): void {
    const key = `${letter.origin} ${receiver} ${lane}`
    const last = this.#last.get(key)
    if (last === undefined || last.number < letter.number) {
      this.#last.set(key, letter)
      return
    }
    const disturbed = Math.max(this.#senders.get(letter.origin) ?? -1, this.#receivers.get(receiver) ?? -1)
    if (disturbed >= letter.begun && disturbed <= now) return
    this.#fail(`${receiver} received ${describe(letter)} after ${describe(last)}`)
  }
}

export function describe({ id, origin, number, begun }: Letter): string {
  return `letter ${id} (${origin}'s number ${number}, begun at ${begun.toFixed(3)})`
}

function shown(message: readonly Uint8Array[]): string {
  return message.map((frame) => Buffer.from(frame.subarray(0, 24)).toString("hex")).join(" ")
}
