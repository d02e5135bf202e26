// How a publisher answers those who missed something: from its history if it reaches back far enough, else with a
// snapshot. An answer is the work of a moment, so it is of one state of the feed.

import { randomInt } from "node:crypto"
import { Interest } from "./interest.ts"
import type { Entry, Ledger } from "./ledger.ts"
import { ANSWER_SIZE, type Answer, decodeQuestion, encodeAnswer, type Question, type Refusal } from "./recovery.ts"
import { pack, packedSize } from "./update.ts"

/** Updates that are looked at for one answer, so that a question about little of a long history is no burden. */
const LOOKED_AT = 20_000
/** A snapshot that is being fetched is kept so long after the last question about it, in ms. */
const KEPT_FOR = 10_000
/** For so long a snapshot is given to others who want the same, in ms. */
const SHARED_FOR = 1000

interface Snapshot {
  readonly id: number
  readonly list: string
  readonly sequence: number
  readonly entries: readonly Entry[]
  readonly taken: number
  used: number
}

/** What was answered. */
export interface ServiceCounts {
  questions: number
  /** Answers from the history. */
  changes: number
  snapshots: number
  refused: number
}

export class RecoveryService {
  readonly counts: ServiceCounts = { questions: 0, changes: 0, snapshots: 0, refused: 0 }
  readonly #limited: () => void
  readonly #ledger: Ledger
  readonly #epoch: () => Buffer
  readonly #most: number
  readonly #answerSize: number
  readonly #snapshots = new Map<number, Snapshot>()
  /** Begins anywhere, because a publisher that takes the place of another must not seem to go on with its snapshots. */
  #ids = randomInt(2 ** 47)

  /** `limited` is called when there are too many snapshots on their way. */
  constructor(
    ledger: Ledger,
    epoch: () => Buffer,
    mostSnapshots: number,
    limited: () => void,
    answerSize: number = ANSWER_SIZE,
  ) {
    this.#ledger = ledger
    this.#limited = limited
    this.#epoch = epoch
    this.#most = mostSnapshots
    this.#answerSize = answerSize
  }

  /** The answer to a message, whatever it says. */
  answer(message: readonly Buffer[]): Buffer[] {
    this.counts.questions++
    const [header, list] = message
    const question = header === undefined || message.length !== 2 ? undefined : decodeQuestion(header)
    const interest = list === undefined ? undefined : Interest.parse(list)
    if (question === undefined || interest === undefined) return this.#refuse("malformed")
    return this.#answerTo(question, interest)
  }

  /** Forgets snapshots that nobody fetches any more. */
  expire(now: number): void {
    for (const [id, { used }] of this.#snapshots) if (now - used > KEPT_FOR) this.#snapshots.delete(id)
  }

  #answerTo(question: Question, interest: Interest): Buffer[] {
    if (question.kind === "more") return this.#more(question)
    const { floor, sequence } = this.#ledger
    if (question.kind === "changes" && question.epoch.equals(this.#epoch())) {
      // A replica that lags has nothing to say yet.
      if (question.since >= sequence) return this.#changes([], sequence, false)
      if (question.since >= floor) return this.#changesSince(question.since, question.newestOnly, interest)
    }
    return this.#snapshot(interest)
  }

  #changesSince(since: number, newestOnly: boolean, interest: Interest): Buffer[] {
    const entries: Entry[] = []
    let size = 0
    let looked = 0
    let through = since
    for (const entry of this.#ledger.since(since)) {
      if (looked++ === LOOKED_AT || size >= this.#answerSize) return this.#changes(entries, through, true)
      through = entry.feedSequence
      if ((newestOnly && entry.owner.last !== entry) || !interest.matches(entry.topic)) continue
      entries.push(entry)
      size += packedSize(entry.owner.frame.length, entry)
    }
    return this.#changes(entries, this.#ledger.sequence, false)
  }

  #changes(entries: readonly Entry[], through: number, more: boolean): Buffer[] {
    this.counts.changes++
    return [encodeAnswer({ kind: "changes", epoch: this.#epoch(), through, more }), pack(entries)]
  }

  #snapshot(interest: Interest): Buffer[] {
    const now = performance.now()
    this.expire(now)
    const list = interest.list.toString("latin1")
    for (const kept of this.#snapshots.values()) {
      if (kept.list !== list || now - kept.taken > SHARED_FOR || kept.sequence < this.#ledger.floor) continue
      return this.#part(kept, 0)
    }
    const entries: Entry[] = []
    for (const entry of this.#ledger.state()) if (interest.matches(entry.topic)) entries.push(entry)
    const { sequence } = this.#ledger
    const snapshot = { id: ++this.#ids, list, sequence, entries, taken: now, used: now }
    // A small one is answered at once, and need not be kept.
    if (this.#endOf(entries, 0) < entries.length) {
      if (this.#snapshots.size >= this.#most) return this.#refuse("busy")
      this.#snapshots.set(snapshot.id, snapshot)
    }
    return this.#part(snapshot, 0)
  }

  #more({ epoch, snapshot: id, offset }: Extract<Question, { kind: "more" }>): Buffer[] {
    const snapshot = this.#snapshots.get(id)
    if (snapshot === undefined || !epoch.equals(this.#epoch()) || offset > snapshot.entries.length) {
      return this.#refuse("gone")
    }
    snapshot.used = performance.now()
    return this.#part(snapshot, offset)
  }

  #part({ id, sequence, entries }: Snapshot, from: number): Buffer[] {
    const offset = this.#endOf(entries, from)
    const more = offset < entries.length
    if (!more) this.counts.snapshots++
    const answer: Answer = { kind: "snapshot", epoch: this.#epoch(), sequence, snapshot: id, offset, more }
    return [encodeAnswer(answer), pack(entries.slice(from, offset))]
  }

  #refuse(reason: Refusal): Buffer[] {
    this.counts.refused++
    if (reason === "busy") this.#limited()
    return [encodeAnswer({ kind: "refused", reason })]
  }

  /** How far one answer goes. */
  #endOf(entries: readonly Entry[], from: number): number {
    let size = 0
    let at = from
    while (at < entries.length && size < this.#answerSize) {
      const entry = entries[at++] as Entry
      size += packedSize(entry.owner.frame.length, entry)
    }
    return at
  }
}
