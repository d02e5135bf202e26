// A subscriber of a feed and its publishers in memory, without sockets and time: whatever can happen next is one step,
// and what may happen in which order is all that is true of it. After each step it is compared with what was written.

import { expect } from "vitest"
import type { Random } from "../../../test/support/random.ts"
import { Emitter } from "../../emitter.ts"
import { Following } from "../following.ts"
import { Interest } from "../interest.ts"
import { decodeAnswer, encodeQuestion, followUp, type Question } from "../recovery.ts"
import { Replica } from "../replica.ts"
import { mostMissing, Retrieval, type Task } from "../retrieval.ts"
import { Source } from "../source.ts"
import { type FeedSubscriberEvents, type FeedUpdate, SUBSCRIBER_EVENTS } from "../subscriber-options.ts"
import { unpack } from "../update.ts"
import {
  Connection,
  type PublisherTraits,
  prefixesOf,
  SimulatedPublisher,
  someTraits,
  Written,
} from "./simulated-publisher.ts"

const TOPICS = ["a/1", "a/2", "a/11", "b/1", "b/2", "c"]
const INTERESTS = [[""], ["a/"], ["a/1"], ["b/", "a/1"], ["a/", "b/"], ["b/1", "c"], ["c"]].map(
  (prefixes) => new Interest(prefixes),
)

const PREFIXES = new Map(INTERESTS.map((interest) => [interest, prefixesOf(interest)]))
const NOTHING = new Written()

/** One publisher, and what the subscriber has of it. */
interface Link {
  readonly publisher: SimulatedPublisher
  readonly source: Source
  connection: Connection
  /** What the socket has received, over all connections, in order. */
  inbound: Buffer[][]
  /** What was taken from the socket in one go, and is looked at one by one. */
  batch: Buffer[][]
}

/** A question under way. */
interface Asked {
  readonly link: Link
  readonly task: Task
  readonly retrieval: Retrieval<number>
  readonly question: Question
  answer: Buffer[] | undefined
}

/** What the listener was told last of a topic. */
interface Told {
  readonly update: FeedUpdate<number>
  readonly era: number
}

/** Something that can happen next, to one of the publishers. */
type Happening = (world: World, link: Link) => void

/** One publisher; two that are given the same; two that have nothing to do with each other. */
export type Cast = "one" | "replicas" | "others"

export class World {
  static readonly #OFTEN: readonly Happening[] = [
    (world, { publisher }) => world.#write(publisher, world.#random.below(4)),
    (_, { publisher }) => publisher.beat(),
    (world, link) => world.#carryForth(link, world.#some()),
    (world, link) => world.#carryBack(link, world.#some()),
    (world, link) => world.#read(link),
    (world, link) => world.#take(link, world.#some()),
    (world) => world.#ask(),
    (world) => world.#answer(),
    (world) => world.#takeAnswer(),
    (world, link) => world.#connect(link),
  ]
  static readonly #SELDOM: readonly Happening[] = [
    (world) => world.#giveUp(),
    (_, { publisher }) => publisher.expire(),
    (world, link) => world.#cut(link),
    (world, { publisher }) => world.#notice(publisher),
    (world) => world.#want(world.#random.once(6) ? undefined : world.#random.pick(INTERESTS)),
    (world, { publisher }) => publisher.other(world.#random.pick(INTERESTS), world.#random.once(2)),
    (world, link) => world.#silence(link),
    (world, link) => (world.#random.once(6) ? world.#restart(link) : undefined),
  ]
  readonly replica: Replica<number>
  readonly following: Following<number>
  readonly links: readonly Link[]
  readonly #log: string[] | undefined
  readonly #random: Random
  readonly #cast: Cast
  readonly #conflate: boolean
  readonly #topics: readonly string[]
  readonly #happenings: readonly Happening[]
  readonly #epochs = new Map<string, Written>()
  readonly #told = new Map<string, Told>()
  #interest: Interest | undefined
  #asked: Asked | undefined
  #value = 0
  #events = 0
  #deliveries = 0
  /** Updates that the listener was certainly, and perhaps, not told between two that it was. */
  #skipped = 0
  #perhaps = 0

  constructor(random: Random, log?: string[]) {
    this.#log = log
    this.#random = random
    this.#cast = random.pick(["one", "replicas", "others"])
    this.#conflate = random.once(4)
    this.#topics = random.pick([TOPICS, TOPICS.slice(0, 2), TOPICS.slice(2, 5)])
    // Each history has its own idea of what happens often, and of what never does.
    const often = (happening: Happening): Happening[] => Array(random.pick([3, 6, 12])).fill(happening)
    const seldom = (happening: Happening): Happening[] => Array(random.pick([0, 0, 1, 1, 2])).fill(happening)
    this.#happenings = [...World.#OFTEN.flatMap(often), ...World.#SELDOM.flatMap(seldom)]
    const events = new Emitter<FeedSubscriberEvents>(SUBSCRIBER_EVENTS)
    this.replica = new Replica<number>({
      decode: (payload) => Number(payload.toString()),
      conflate: this.#conflate,
      maxTopics: 1000,
      maxHeld: random.pick([2, 1000]),
      maxHeldBytes: 1_000_000,
      deliver: (update) => this.#hear(update),
      gap: () => {},
      invalid: (error) => expect.unreachable(String(error)),
      limit: () => {},
    })
    const shared = this.#newEpoch()
    const traits: PublisherTraits = someTraits(random)
    this.links = Array.from({ length: this.#cast === "one" ? 1 : 2 }, (_, i) => ({
      publisher: new SimulatedPublisher(this.#cast === "others" ? this.#newEpoch() : shared, traits),
      source: new Source(`source ${i}`),
      connection: new Connection(),
      inbound: [],
      batch: [],
    }))
    this.following = new Following<number>({
      replica: this.replica,
      sources: this.links.map(({ source }) => source),
      events,
      arbitrationDelay: 0,
      invalid: (_, error) => expect.unreachable(String(error)),
      moot: () => {
        this.#asked = undefined
      },
      wake: () => {},
    })
    for (const link of this.links) this.#connect(link)
    this.#want(random.pick(INTERESTS))
  }

  /** Something happens that can be told. */
  step(): void {
    const random = this.#random
    const before = this.#events
    for (let tries = 0; this.#events === before && tries < 100; tries++) {
      random.pick(this.#happenings)(this, random.pick(this.links))
    }
    this.#check()
  }

  /** Nothing more is written; everything arrives. */
  settle(): void {
    if (this.#interest === undefined) this.#want(this.#random.pick(INTERESTS))
    for (let round = 0; round === 0 || (round < 40 && !this.#hasConverged); round++) {
      for (const link of this.links) {
        const { publisher } = link
        while (this.#cast === "replicas" && publisher.publish()) this.#carryBack(link, 1)
        publisher.expire()
        this.#notice(publisher)
        this.#connect(link)
        while (link.connection.forth.length > 0) publisher.carryForth(link.connection)
        do {
          this.#carryBack(link, Number.POSITIVE_INFINITY)
          publisher.listen()
        } while (publisher.hasToListen)
        this.#carryBack(link, Number.POSITIVE_INFINITY)
        publisher.beat()
        this.#carryBack(link, Number.POSITIVE_INFINITY)
        while (link.inbound.length + link.batch.length > 0) {
          this.#read(link)
          this.#take(link, Number.POSITIVE_INFINITY)
        }
      }
      for (let i = 0; i < 500 && (i === 0 || this.#asked !== undefined); i++) {
        this.#ask()
        this.#answer()
        this.#takeAnswer()
      }
      this.#check()
    }
    expect(this.#hasConverged, "the subscriber is where the publisher is").toBe(true)
    const { state, told } = this.#truth()
    expect(state, "the state").toEqual(told)
    const replayed = [...this.#told].flatMap(([topic, { update }]) => (update.deleted ? [] : [[topic, update.value]]))
    expect(Object.fromEntries(replayed), "what the listener was told").toEqual(told)
  }

  get #hasConverged(): boolean {
    const { isWhole, position, held } = this.replica
    const publisher = this.links.find(({ source }) => source.carries)?.publisher
    const isThere = publisher?.epoch.id.toString("hex") === this.following.epoch
    return isThere && isWhole && held === 0 && position === publisher?.ledger.sequence && this.#asked === undefined
  }

  #truth(): { state: Record<string, number>; told: Record<string, number> } {
    const state: Record<string, number> = {}
    for (const { topic, value } of this.replica.state()) state[topic] = value as number
    const told: Record<string, number> = {}
    const written = this.#written
    for (const topic of TOPICS) {
      const value = written.value(this.#newest(topic, written) ?? 0)
      if (value !== undefined && this.#interest?.matches(topic)) told[topic] = value
    }
    return { state, told }
  }

  /** What was written in the epoch that is followed. */
  get #written(): Written {
    return this.#epochs.get(this.following.epoch ?? "") ?? NOTHING
  }

  /** The last update of a topic up to where the subscriber says to be. */
  #newest(topic: string, written: Written): number | undefined {
    return written.of(topic).findLast((number) => number <= this.replica.position)
  }

  // ── what happens to publishers ─────────────────────────────────────────────────────────────────────────────────

  #newEpoch(): Written {
    const epoch = new Written()
    this.#epochs.set(epoch.id.toString("hex"), epoch)
    return epoch
  }

  #write(publisher: SimulatedPublisher, count: number): void {
    for (let i = 0; i < count; i++) {
      const { epoch, ledger } = publisher
      if (ledger.sequence === epoch.updates.length) {
        const topic = this.#random.pick(this.#topics)
        const hasValue = epoch.value(epoch.of(topic).at(-1) ?? 0) !== undefined
        epoch.add(topic, hasValue && this.#random.once(3) ? undefined : ++this.#value)
      }
      publisher.publish()
      const { topic, value } = epoch.updates[ledger.sequence - 1] as (typeof epoch.updates)[number]
      this.#note(() => `${this.#nameOf(publisher)} publishes ${topic}@${ledger.sequence}: ${value}`)
    }
  }

  #nameOf(publisher: SimulatedPublisher): string {
    return this.links.find((link) => link.publisher === publisher)?.source.name ?? "?"
  }

  #restart({ publisher, connection }: Link): void {
    if (this.#random.once(2)) publisher.beat(true)
    this.#note(() => "restart")
    connection.open = false
    publisher.restart(this.#cast === "replicas" ? publisher.epoch : this.#newEpoch())
    if (this.#cast === "replicas") {
      const other = this.links.find((link) => link.publisher !== publisher) as Link
      // What it leaves unanswered it might go on with where it is not yet again.
      if (this.#asked?.link.publisher === publisher) this.#asked = undefined
      publisher.catchUp(other.publisher)
    } else {
      this.#write(publisher, this.#random.below(5))
    }
  }

  #notice(publisher: SimulatedPublisher): void {
    for (const connection of publisher.connections) if (!connection.open) publisher.lose(connection)
  }

  // ── what happens on the way ────────────────────────────────────────────────────────────────────────────────────

  #connect(link: Link): void {
    if (link.connection.open && link.publisher.connections.has(link.connection)) return
    link.connection.open = false
    const connection = new Connection()
    link.connection = connection
    link.publisher.connections.add(connection)
    const prefixes = this.#prefixesOf(this.#interest)
    for (const prefix of prefixes.toSorted()) connection.forth.push(["subscribe", prefix])
    this.#note(() => `${link.source.name} connected`)
  }

  #carryForth({ publisher, connection }: Link, count: number): void {
    const some = this.#random.pick([...publisher.connections, connection])
    for (let i = 0; i < count && some.forth.length > 0; i++) publisher.carryForth(some)
    for (let i = 0; i < count && publisher.hasToListen; i++) publisher.listen()
  }

  #cut(link: Link): void {
    this.#carryBack(link, this.#random.below(5))
    link.connection.open = false
    link.connection.back = []
    this.#note(() => `${link.source.name} cut`)
  }

  #carryBack({ connection, inbound }: Link, count: number): void {
    if (connection.open) inbound.push(...connection.back.splice(0, count))
  }

  // ── what happens to the subscriber ─────────────────────────────────────────────────────────────────────────────

  #prefixesOf(interest: Interest | undefined): readonly string[] {
    return interest === undefined ? [] : (PREFIXES.get(interest) as string[])
  }

  #want(interest: Interest | undefined): void {
    const old = this.#interest
    if (old !== undefined && interest?.list.equals(old.list)) return
    this.#interest = interest
    const mine = this.#prefixesOf(interest)
    const former = this.#prefixesOf(old)
    for (const { connection } of this.links) {
      if (!connection.open) continue
      for (const prefix of mine) connection.forth.push(["subscribe", prefix])
      for (const prefix of former) if (!mine.includes(prefix)) connection.forth.push(["cancel", prefix])
    }
    this.#note(() => `wants ${interest?.prefixes}`)
    this.following.want(interest)
    for (const topic of this.#told.keys()) if (!interest?.matches(topic)) this.#told.delete(topic)
  }

  #read(link: Link): void {
    if (link.batch.length > 0) return
    const prefixes = this.#prefixesOf(this.#interest)
    const isWanted = (frame: string): boolean => prefixes.some((prefix) => frame.startsWith(prefix))
    const taken = link.inbound.splice(0, this.#some())
    link.batch = taken.filter(([frame]) => isWanted(frame?.toString("latin1") ?? ""))
    if (link.batch.length > 0) this.following.hear(link.source)
  }

  #take(link: Link, count: number): void {
    for (const message of link.batch.splice(0, count)) {
      this.#note(() => `${link.source.name} takes ${describeMessage(message)}`)
      this.following.take(link.source, message)
    }
  }

  /** As many messages as go one step further: often all. */
  #some(): number {
    return this.#random.pick([1, 3, 100, 100])
  }

  #silence({ source, batch, inbound }: Link): void {
    if (batch.length + inbound.length > 0) return
    this.#note(() => `${source.name} is silent`)
    this.following.abandon(source)
  }

  #ask(): void {
    if (this.#asked !== undefined) return
    const sources = this.links.map(({ source }) => source)
    const task = mostMissing(this.replica, sources, this.#conflate)
    const able = this.links.filter(({ source }) => source.fresh && source.carries)
    if (task === undefined || able.length === 0) return
    const link = this.#random.pick(able)
    const { question } = task
    const since = question.kind === "changes" ? question.since : 0
    this.#note(() => `asks ${link.source.name} for ${question.kind} behind ${since}: ${task.scope}`)
    this.#asked = { link, task, question, retrieval: new Retrieval(this.replica, task), answer: undefined }
  }

  #answer(): void {
    const asked = this.#asked
    if (asked === undefined) return
    asked.answer ??= asked.link.publisher.answer([encodeQuestion(asked.question), asked.task.interest.list])
  }

  #takeAnswer(): void {
    const asked = this.#asked
    const [header, body] = asked?.answer ?? []
    if (asked === undefined || header === undefined) return
    const { link, retrieval, question } = asked
    const answer = decodeAnswer(header)
    const updates = body === undefined ? undefined : unpack(body)
    let next: Question | undefined
    if (answer !== undefined && answer.kind !== "refused" && updates !== undefined) {
      const numbers = updates.map(({ topic, feedSequence }) => `${topic}@${feedSequence}`)
      this.#note(() => `takes ${JSON.stringify({ ...answer, epoch: 0 })}: ${numbers}`)
      const isUseful = link.source.epoch?.equals(answer.epoch) && retrieval.take({ answer, updates })
      if (isUseful) next = followUp(answer, question)
    }
    if (this.#asked !== asked) return
    this.#asked = next === undefined ? undefined : { ...asked, question: next, answer: undefined }
  }

  #giveUp(): void {
    this.#asked = undefined
  }

  // ── what the listener is told, and what is known ───────────────────────────────────────────────────────────────

  #hear(update: FeedUpdate<number>): void {
    const { topic, feedSequence, sequence, epoch, value, recovered, deleted } = update
    this.#note(() => `told ${topic}@${feedSequence} (${recovered}): ${value}`)
    this.#deliveries++
    hold(this.#interest?.matches(topic), () => `${topic} is wanted`)
    const written = this.#epochs.get(epoch) as Written
    const isTold = !(deleted && recovered === "snapshot")
    const isRight = written.of(topic).includes(feedSequence) && written.value(feedSequence) === value
    hold(!isTold || isRight, () => `${topic}@${feedSequence} is right`)
    const before = this.#told.get(topic)
    this.#told.set(topic, { update, era: this.following.epochs })
    const isNext = before?.era === this.following.epochs
    const since = isNext ? before.update.feedSequence : 0
    hold(!isNext || feedSequence > since, () => `${topic} goes on from ${since}`)
    const between = written.of(topic).filter((number) => number > since && number < feedSequence).length
    // A deletion may have been forgotten, and how many there were before one of which a snapshot told nobody knows.
    this.#perhaps += before?.update.deleted ? feedSequence : between
    const isExact = isNext && isTold && !(before.update.deleted && before.update.recovered === "snapshot")
    if (isExact && sequence - before.update.sequence - 1 === between) this.#skipped += between
  }

  #check(): void {
    const { replica } = this
    const { live, recovered, fromSnapshots, lost } = replica.counts
    hold(live + recovered + fromSnapshots === this.#deliveries, () => "everything told is counted, once")
    if (!this.#conflate) {
      hold(lost >= this.#skipped, () => `what was skipped is counted: ${lost} of ${this.#skipped}`)
      // Replicas that forgot deletions at different times number what follows differently.
      const most = this.#cast === "replicas" ? Number.POSITIVE_INFINITY : this.#perhaps
      hold(lost <= most, () => `what was not skipped is not: ${lost} of ${most}`)
    }
    if (!replica.complete) return
    const known = new Map<string, number>()
    for (const { topic, feedSequence } of replica.state()) known.set(topic, feedSequence)
    const written = this.#written
    for (const topic of TOPICS) {
      const newest = this.#newest(topic, written)
      if (newest === undefined || !this.#interest?.matches(topic) || replica.unknown?.matches(topic)) continue
      // A snapshot does not tell of what is deleted by then, if it was not known.
      const has = known.get(topic) ?? lastDeletion(topic, written)
      hold(has >= newest, () => `up to ${replica.position} ${topic} is known: ${has} of ${newest}`)
    }
    for (const topic of known.keys()) hold(this.#interest?.matches(topic), () => `${topic} is wanted`)
  }

  /** Told only when something went wrong: then the same happens once more. */
  #note(what: () => string): void {
    this.#events++
    this.#log?.push(what())
  }
}

function describeMessage([first, header]: readonly Buffer[]): string {
  const kind = first?.[0] === 0x44 ? `update ${first.subarray(1)}` : "heartbeat"
  return `${kind} @${header?.readBigUInt64BE(17)} ${header?.readBigUInt64BE(25)}`
}

/** An expectation that costs nothing as long as it is met. */
function hold(condition: boolean | undefined, what: () => string): void {
  if (condition !== true) expect.fail(what())
}

function lastDeletion(topic: string, written: Written): number {
  return written.of(topic).findLast((number) => written.value(number) === undefined) ?? 0
}
