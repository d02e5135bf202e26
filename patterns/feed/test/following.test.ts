// What a subscriber makes of what it hears and is answered, step by step, without sockets and time.

import { describe, expect, it } from "vitest"
import { Emitter } from "../../emitter.ts"
import { Following } from "../following.ts"
import { encodeHeartbeat } from "../heartbeat.ts"
import { Interest } from "../interest.ts"
import { Replica } from "../replica.ts"
import { mostMissing, Retrieval, type Task } from "../retrieval.ts"
import { Source } from "../source.ts"
import { type FeedSubscriberEvents, SUBSCRIBER_EVENTS } from "../subscriber-options.ts"
import { encodeHeader, topicFrame, type Update } from "../update.ts"

const EPOCH = Buffer.alloc(16, 1)
const OTHER_EPOCH = Buffer.alloc(16, 2)

/** Its value is its feed sequence; none if it is a deletion. */
function update(topic: string, feedSequence: number, previous: number, sequence: number): Update {
  return { topic, feedSequence, previous, sequence, payload: Buffer.from(String(feedSequence)) }
}

function deletion(topic: string, feedSequence: number, previous: number, sequence: number): Update {
  return { topic, feedSequence, previous, sequence, payload: undefined }
}

function message(of: Update, epoch = EPOCH): Buffer[] {
  const frames = [topicFrame(of.topic), encodeHeader(epoch, of)]
  return of.payload === undefined ? frames : [...frames, of.payload]
}

function heartbeat(interest: Interest, sequence: number, count: number, epoch = EPOCH): Buffer[] {
  return encodeHeartbeat(interest.id, { epoch, sequence, count, registration: 1, interval: 1, leaving: false })
}

class Scene {
  readonly told: string[] = []
  readonly invalid: string[] = []
  readonly replica = new Replica<number>({
    decode: (payload) => Number(payload.toString()),
    conflate: false,
    maxTopics: 100_000,
    maxHeld: 100,
    maxHeldBytes: 1_000_000,
    deliver: ({ topic, value }) => this.told.push(`${topic}=${value}`),
    gap: () => {},
    invalid: (error) => this.invalid.push(error.message),
    limit: () => {},
  })
  readonly sources = [new Source("first"), new Source("second")] as const
  readonly following = new Following<number>({
    replica: this.replica,
    sources: this.sources,
    events: new Emitter<FeedSubscriberEvents>(SUBSCRIBER_EVENTS),
    arbitrationDelay: 0,
    invalid: (_, error) => this.invalid.push(error.message),
    moot: () => {},
    wake: () => {},
  })

  /** Follows the first source, and has its state. */
  static at(sequence: number, interest: Interest, ...state: readonly Update[]): Scene {
    const scene = new Scene()
    scene.following.want(interest)
    scene.hear(0, heartbeat(interest, sequence, 100))
    scene.answer(sequence, state)
    scene.told.length = 0
    return scene
  }

  hear(source: 0 | 1, ...messages: readonly Buffer[][]): void {
    this.following.hear(this.sources[source])
    for (const each of messages) this.following.take(this.sources[source], each)
  }

  get task(): Task | undefined {
    return mostMissing(this.replica, this.sources, false)
  }

  /** A snapshot answers what is missing most. */
  answer(sequence: number, updates: readonly Update[]): void {
    const retrieval = this.retrieve()
    retrieval.take({ answer: this.snapshot(sequence, false), updates })
  }

  retrieve(): Retrieval<number> {
    return new Retrieval(this.replica, this.task as Task)
  }

  snapshot(sequence: number, more: boolean) {
    return { kind: "snapshot", epoch: EPOCH, sequence, snapshot: 1, offset: 1, more } as const
  }

  changes(through: number, more: boolean) {
    return { kind: "changes", epoch: EPOCH, through, more } as const
  }

  get state(): Record<string, number | undefined> {
    return Object.fromEntries([...this.replica.state()].map(({ topic, value }) => [topic, value]))
  }
}

const ALL = new Interest([""])
const A = new Interest(["a"])

describe("a heartbeat", () => {
  it("proves nothing of what is held back: the history may have what comes before", () => {
    const scene = Scene.at(10, ALL, update("a", 10, 0, 1))
    // In a queue that conflates, 13 has taken the place of 11, before the heartbeat that counts 11 and 12.
    scene.hear(0, message(update("a", 13, 11, 3)), message(update("b", 12, 0, 1)), heartbeat(ALL, 12, 102))
    expect(scene.replica.position).toBe(10)
    const retrieval = scene.retrieve()
    retrieval.take({ answer: scene.changes(13, false), updates: [update("a", 11, 10, 2), update("b", 12, 0, 1)] })
    expect(scene.told).toEqual(["b=12", "a=11", "a=13"])
    expect(scene.replica).toMatchObject({ position: 13, held: 0, counts: { lost: 0 } })
  })

  it("counts no update of topics that are no longer wanted, nor is any of them known", () => {
    const scene = Scene.at(10, ALL)
    scene.following.want(A)
    scene.hear(0, heartbeat(A, 10, 0))
    // 11 was on its way; 12 would have been of a, and is lost.
    scene.hear(0, message(update("b", 11, 0, 1)), heartbeat(A, 12, 1))
    expect(scene.replica.position).toBe(10)
    expect(scene.state).toEqual({})
  })

  it("proves nothing about other topics than it was sent for", () => {
    const scene = Scene.at(10, ALL)
    scene.following.want(A)
    scene.hear(0, heartbeat(ALL, 10, 100), heartbeat(A, 12, 100))
    expect(scene.replica.position).toBe(10)
    expect(scene.invalid).toEqual([])
  })

  it("proves nothing of what was heard before its epoch was followed", () => {
    const scene = Scene.at(10, ALL)
    scene.hear(1, heartbeat(ALL, 5, 0, OTHER_EPOCH), message(update("a", 6, 0, 1), OTHER_EPOCH))
    scene.following.abandon(scene.sources[0])
    // Another one of that epoch, which lags, answers.
    scene.retrieve().take({ answer: scene.snapshot(5, false), updates: [] })
    scene.hear(1, heartbeat(ALL, 6, 1, OTHER_EPOCH))
    expect(scene.replica).toMatchObject({ complete: true, position: 5 })
  })
})

describe("changes that come in parts", () => {
  it("promise nothing before the last, because what a part lacks may be replaced in a later one", () => {
    const scene = Scene.at(10, ALL, update("a", 9, 0, 1))
    scene.hear(0, heartbeat(ALL, 14, 104))
    const retrieval = scene.retrieve()
    // The history has one update of each topic: of a 11, 13 and 15 were there, and 16 is.
    retrieval.take({ answer: scene.changes(15, true), updates: [update("b", 12, 0, 1)] })
    scene.hear(0, message(update("a", 15, 13, 4)), message(update("a", 16, 15, 5)), heartbeat(ALL, 16, 106))
    expect(scene.replica.position).toBe(10)
    retrieval.take({ answer: scene.changes(16, false), updates: [update("a", 16, 15, 5)] })
    expect(scene.state).toEqual({ a: 16, b: 12 })
    expect(scene.told).toEqual(["b=12", "a=16"])
    expect(scene.replica).toMatchObject({ position: 16, held: 0, counts: { lost: 3 } })
  })
})

describe("what is lost", () => {
  it("is counted by the numbers of a topic, also from a deletion on", () => {
    const scene = Scene.at(10, ALL, update("a", 9, 0, 1))
    scene.hear(0, message(deletion("a", 11, 9, 2)), heartbeat(ALL, 11, 101), heartbeat(ALL, 20, 110))
    expect(scene.replica.position).toBe(11)
    // 12 to 20 were of a, the last a deletion, of which a snapshot tells nothing.
    scene.answer(20, [])
    scene.hear(0, message(update("a", 21, 20, 12)))
    expect(scene.told).toEqual(["a=undefined", "a=21"])
    expect(scene.replica.counts.lost).toBe(9)
  })

  it("is no deletion of which a snapshot told", () => {
    const scene = Scene.at(10, ALL, update("a", 9, 0, 1))
    scene.hear(0, heartbeat(ALL, 20, 110))
    scene.answer(20, [])
    scene.hear(0, message(update("a", 21, 15, 3)))
    expect(scene.told).toEqual(["a=undefined", "a=21"])
    expect(scene.replica.counts.lost).toBe(0)
  })

  it("is not what a topic had before it was known", () => {
    const scene = Scene.at(10, ALL)
    scene.hear(0, message(update("a", 11, 8, 7)), heartbeat(ALL, 20, 110))
    scene.answer(20, [update("a", 11, 8, 7), update("b", 19, 10, 5)])
    expect(scene.told).toEqual(["a=11", "b=19"])
    expect(scene.replica.counts.lost).toBe(0)
  })
})

describe("a snapshot", () => {
  it("deletes also what came live while it was on its way, if it is older", () => {
    const scene = Scene.at(10, ALL)
    scene.hear(0, heartbeat(ALL, 15, 105))
    const retrieval = scene.retrieve()
    retrieval.take({ answer: scene.snapshot(15, true), updates: [update("b", 14, 0, 1)] })
    // Its deletion, 13, is lost.
    scene.hear(0, message(update("a", 12, 0, 1)))
    retrieval.take({ answer: scene.snapshot(15, false), updates: [update("c", 15, 0, 1)] })
    expect(scene.state).toEqual({ b: 14, c: 15 })
  })

  it("brings back nothing that was deleted while it was on its way, however much was", () => {
    const scene = Scene.at(10, new Interest(["b"]))
    scene.following.want(ALL)
    scene.hear(0, heartbeat(ALL, 10, 0), message(update("a", 11, 0, 1)))
    const retrieval = scene.retrieve()
    const messages = [message(deletion("a", 12, 11, 2))]
    for (let i = 0; i < 10_001; i++) messages.push(message(deletion(`b/${i}`, 13 + i, 5, 2)))
    const last = 13 + 10_000
    scene.hear(0, ...messages, heartbeat(ALL, last, last - 10))
    expect(scene.replica.position).toBe(last)
    retrieval.take({ answer: scene.snapshot(11, false), updates: [update("a", 11, 0, 1)] })
    expect(scene.replica.isWhole).toBe(true)
    expect(scene.state).toEqual({})
  })

  it("is asked for also for a part of what was wanted and had not come", () => {
    const scene = Scene.at(10, A)
    scene.following.want(ALL)
    scene.following.want(new Interest(["a", "b"]))
    expect(scene.replica.isWhole).toBe(false)
    expect(scene.task?.interest.matches("b")).toBe(true)
    scene.answer(10, [update("b", 7, 0, 1)])
    expect(scene.state).toEqual({ b: 7 })
  })
})
