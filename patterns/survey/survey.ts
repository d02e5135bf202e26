// One survey: who was asked, who has answered, and when it is over. Answers are handed out as they come, and all at the
// end. It holds one answer of each who was asked at most.

import { AbortError, type Peer } from "brokerless"
import { onAbort } from "../aborts.ts"
import { LONGEST } from "../closing.ts"

/** What somebody answered. */
export interface SurveyAnswer<R> {
  readonly value: R
  /** Who answered; `peer.id` and `peer.routingId` tell them apart. */
  readonly peer: Peer
  /** Milliseconds from the question to the answer. */
  readonly after: number
}

/** Why a survey ended: all have spoken, enough have, the time is over, or the surveyor was closed. */
export type SurveyReason = "complete" | "count" | "deadline" | "closed"

/** What came of a survey. */
export interface SurveyOutcome<R> {
  /** In the order in which they came. */
  readonly answers: readonly SurveyAnswer<R>[]
  readonly reason: SurveyReason
  /** How many were asked. */
  readonly asked: number
  /** How many said that they have no answer. */
  readonly declined: number
  /** How many left before they had answered. */
  readonly left: number
  /** How many answers did not decode. */
  readonly invalid: number
  /** Who was asked and has said nothing. */
  readonly missing: readonly Peer[]
}

/** A survey under way: iterate over its answers as they come, or await `all` of them. Either, both, or neither. */
export interface Survey<R> extends AsyncIterable<SurveyAnswer<R>, undefined> {
  /**
   * All answers, once it is over. Rejects with AbortError when its signal is aborted. Nobody has to wait for it.
   */
  readonly all: Promise<SurveyOutcome<R>>
  /** How many were asked. */
  readonly asked: number
  /** How many have answered so far. */
  readonly answered: number
}

/** What the surveyor does with a survey. */
export interface SurveySetup {
  /** ms until it is over. */
  readonly timeout: number
  /** Answers that are enough. */
  readonly count: number
  readonly signal: AbortSignal | undefined
  /** It is over, and so many have not answered. */
  over(reason: SurveyReason | "aborted", missing: readonly Peer[]): void
}

export class RunningSurvey<R> implements Survey<R> {
  readonly all: Promise<SurveyOutcome<R>>
  readonly asked: number
  readonly #setup: SurveySetup
  readonly #begun: number = performance.now()
  /** Who was asked and has not spoken, by the id of the connection. */
  readonly #pending: Map<number, Peer>
  readonly #answers: SurveyAnswer<R>[] = []
  readonly #timer: NodeJS.Timeout
  readonly #forgo: () => void
  #declined = 0
  #left = 0
  #invalid = 0
  #over: SurveyReason | "aborted" | undefined
  #settle: () => void = () => {}
  /** Called at each answer, and at the end. */
  readonly #watchers = new Set<() => void>()

  constructor(asked: readonly Peer[], setup: SurveySetup) {
    this.asked = asked.length
    this.#setup = setup
    this.#pending = new Map(asked.map((peer) => [peer.id, peer]))
    this.all = new Promise((resolve, reject) => {
      this.#settle = () => {
        if (this.#over === "aborted") reject(new AbortError(setup.signal?.reason))
        else resolve(this.#outcome(this.#over as SurveyReason))
      }
    })
    // Who only iterates learns of the end there.
    this.all.catch(() => {})
    this.#timer = setTimeout(() => this.#end("deadline"), Math.min(setup.timeout, LONGEST))
    this.#forgo = onAbort(setup.signal, () => this.#end("aborted"))
  }

  get answered(): number {
    return this.#answers.length
  }

  /** Whether this peer was asked and has not spoken yet. */
  awaits(peer: Peer): boolean {
    return this.#over === undefined && this.#pending.has(peer.id)
  }

  answer(peer: Peer, value: R): void {
    this.#pending.delete(peer.id)
    this.#answers.push({ value, peer, after: performance.now() - this.#begun })
    this.#progress()
  }

  decline(peer: Peer): void {
    this.#pending.delete(peer.id)
    this.#declined++
    this.#progress()
  }

  /** What this peer answered does not decode; it will not answer again. */
  undecodable(peer: Peer): void {
    this.#pending.delete(peer.id)
    this.#invalid++
    this.#progress()
  }

  leave(peer: Peer): void {
    if (!this.#pending.delete(peer.id)) return
    this.#left++
    this.#progress()
  }

  /** Ends it if nobody is left to answer; called once all has been asked. */
  begin(): void {
    this.#progress(false)
  }

  close(): void {
    this.#end("closed")
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<SurveyAnswer<R>, undefined> {
    for (let i = 0; ; i++) {
      while (i >= this.#answers.length && this.#over === undefined) {
        await new Promise<void>((resolve) => {
          this.#watchers.add(resolve)
        })
      }
      const answer = this.#answers[i]
      if (answer !== undefined) yield answer
      else if (this.#over === "aborted") throw new AbortError(this.#setup.signal?.reason)
      else return undefined
    }
  }

  #progress(wake = true): void {
    if (wake) this.#wake()
    if (this.#answers.length >= this.#setup.count) this.#end("count")
    else if (this.#pending.size === 0) this.#end("complete")
  }

  #end(reason: SurveyReason | "aborted"): void {
    if (this.#over !== undefined) return
    this.#over = reason
    clearTimeout(this.#timer)
    this.#forgo()
    this.#setup.over(reason, [...this.#pending.values()])
    this.#settle()
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#watchers) wake()
    this.#watchers.clear()
  }

  #outcome(reason: SurveyReason): SurveyOutcome<R> {
    return {
      answers: [...this.#answers],
      reason,
      asked: this.asked,
      declined: this.#declined,
      left: this.#left,
      invalid: this.#invalid,
      missing: [...this.#pending.values()],
    }
  }
}
