// What a subscriber is missing most, how it is asked for, and what becomes of the answers. No sockets and no time.

import { ProtocolError } from "brokerless"
import { Interest } from "./interest.ts"
import type { Question } from "./recovery.ts"
import type { Part } from "./recovery-client.ts"
import type { Replica } from "./replica.ts"
import type { Source } from "./source.ts"

/** Up to so many topics with gaps are asked for by name. */
const FEW = 100

/** What is to be asked. */
export interface Task {
  readonly question: Question
  readonly interest: Interest
  /** Of which topics answers are taken. */
  readonly covers: (topic: string) => boolean
  /** What is known afterwards: everything, or the state of some topics only. */
  readonly scope: "everything" | "topics" | "unknown"
}

/** What is missing most; nothing if nothing is, or nobody can be asked. */
export function mostMissing<T>(replica: Replica<T>, sources: readonly Source[], newestOnly: boolean): Task | undefined {
  const { interest, unknown, position, gaps } = replica
  const carrier = sources.find(({ carries }) => carries)
  if (interest === undefined || carrier?.epoch === undefined) return undefined
  const { epoch } = carrier
  const changes = (since: number): Question => ({ kind: "changes", epoch, since, newestOnly })
  const of = (question: Question, interest: Interest, scope: Task["scope"]): Task => {
    return { question, interest, covers: (topic) => interest.matches(topic), scope }
  }
  if (!replica.complete) return of({ kind: "snapshot" }, interest, "everything")
  if (unknown !== undefined) return of({ kind: "snapshot" }, unknown, "unknown")
  const newest = Math.max(0, ...sources.map(({ fresh, carries, sequence }) => (fresh && carries ? sequence : 0)))
  if (position < newest || gaps.size > FEW) return of(changes(position), interest, "everything")
  if (gaps.size === 0) return undefined
  // Topics that merely begin with the name of one of these may miss something that is older.
  const topics = new Set(gaps.keys())
  const question = changes(Math.min(...gaps.values()))
  return { question, interest: new Interest(topics), covers: (topic) => topics.has(topic), scope: "topics" }
}

/** The answers to one question, as they are taken. */
export class Retrieval<T> {
  /** Updates that were new. */
  updates = 0
  /** Whether the state came as a snapshot. */
  snapshot = false
  readonly #replica: Replica<T>
  readonly #task: Task
  readonly #before: number
  readonly #lost: number

  constructor(replica: Replica<T>, task: Task) {
    this.#replica = replica
    this.#task = task
    this.#before = replica.position
    this.#lost = replica.counts.lost
  }

  /** Updates that turned out to be lost. */
  get lost(): number {
    return this.#replica.counts.lost - this.#lost
  }

  /** Whether anything is missing no more. */
  get helped(): boolean {
    const { complete, position, unknown, gaps } = this.#replica
    if (this.#task.scope === "everything") return complete && position > this.#before
    return this.#task.scope === "unknown" ? unknown === undefined : gaps.size === 0 || this.updates > 0
  }

  /** @returns whether the part is of any use */
  take({ answer, updates: all }: Part): boolean {
    const replica = this.#replica
    const { question, interest, covers, scope } = this.#task
    const everything = scope === "everything"
    if (all.some(({ topic }) => !interest.matches(topic))) {
      throw new ProtocolError("The publisher answered with topics that nobody asked for")
    }
    const updates = everything ? all : all.filter(({ topic }) => covers(topic))
    if (answer.kind === "changes") {
      if (question.kind !== "changes") throw new ProtocolError("The publisher answered with changes of nothing")
      // A part may lack updates that newer ones in a later part have replaced: nothing is promised before the last.
      this.updates += replica.takeChanges(updates, everything && !answer.more ? answer.through : undefined)
      return true
    }
    // A replica that lags behind ours has nothing to tell.
    if (answer.sequence < (scope === "unknown" ? replica.floor : replica.position)) return false
    if (!this.snapshot) replica.beginSnapshot()
    this.snapshot = true
    this.updates += replica.takeSnapshotPart(updates, scope === "unknown")
    if (!answer.more) this.updates += replica.finishSnapshot(answer.sequence, covers, scope)
    return true
  }
}
