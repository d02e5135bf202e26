// A publisher of a feed in memory: its real numbering, history, counts and answers, and in the place of its sockets
// queues of which a test takes one message at a time. What connections do to messages is done to these queues.

import { randomBytes } from "node:crypto"
import type { Random } from "../../../test/support/random.ts"
import { encodeHeartbeat } from "../heartbeat.ts"
import { HEARTBEAT_PREFIX, INTEREST_PREFIX, type Interest } from "../interest.ts"
import { Interests } from "../interests.ts"
import { type HistoryLimits, Ledger } from "../ledger.ts"
import { EPOCH_SIZE } from "../octets.ts"
import { RecoveryService } from "../recovery-service.ts"
import { encodeHeader, UPDATE_PREFIX } from "../update.ts"

/** What was written in an epoch: the update with the feed sequence n is at n - 1. */
export class Written {
  readonly id: Buffer = randomBytes(EPOCH_SIZE)
  readonly updates: { readonly topic: string; readonly value: number | undefined }[] = []
  /** The feed sequences of each topic. */
  readonly #byTopic = new Map<string, number[]>()

  add(topic: string, value: number | undefined): void {
    this.updates.push({ topic, value })
    const numbers = this.of(topic)
    numbers.push(this.updates.length)
    this.#byTopic.set(topic, numbers)
  }

  of(topic: string): number[] {
    return this.#byTopic.get(topic) ?? []
  }

  value(feedSequence: number): number | undefined {
    return this.updates[feedSequence - 1]?.value
  }
}

export interface PublisherTraits {
  readonly history: HistoryLimits
  /** Messages that wait for a subscriber at most. */
  readonly queued: number
  readonly overflow: "drop" | "drop-oldest" | "conflate" | "disconnect"
  /** Octets of an answer. */
  readonly answerSize: number
}

type Wire = Buffer[]
type Change = readonly [kind: "subscribe" | "cancel", prefix: string]

/** One connection, as it is on the publisher's side. */
export class Connection {
  /** What the subscriber asked for, on its way. */
  readonly forth: Change[] = []
  /** Messages on their way. */
  back: Wire[] = []
  /** Whether the subscriber still has it. */
  open = true
  readonly subscribed: Set<string> = new Set()

  wants(frame: Buffer): boolean {
    const text = frame.toString("latin1")
    for (const prefix of this.subscribed) if (text.startsWith(prefix)) return true
    return false
  }
}

/** What an interest is asked by, in the order in which sockets say it. */
export function prefixesOf({ prefixes, id, list }: Interest): string[] {
  const updates = prefixes.map((prefix) => Buffer.from(UPDATE_PREFIX + prefix).toString("latin1"))
  return [...updates, HEARTBEAT_PREFIX + id.toString("latin1"), INTEREST_PREFIX + list.toString("latin1")]
}

export class SimulatedPublisher {
  epoch: Written
  ledger: Ledger
  readonly connections: Set<Connection> = new Set()
  readonly #traits: PublisherTraits
  #interests = new Interests(100)
  /** Interests that others have. */
  readonly #others = new Set<string>()
  #service: RecoveryService
  /** Subscriptions that came, of which the publisher has not been told yet. */
  #told: Change[] = []

  constructor(epoch: Written, traits: PublisherTraits) {
    this.epoch = epoch
    this.#traits = traits
    this.ledger = new Ledger(traits.history)
    this.#service = this.#serve()
  }

  /** Begins again, with nothing. */
  restart(epoch: Written): void {
    for (const connection of this.connections) this.lose(connection)
    this.connections.clear()
    this.#told = []
    this.epoch = epoch
    this.ledger = new Ledger(this.#traits.history)
    this.#interests = new Interests(100)
    this.#service = this.#serve()
  }

  /** As `catchUp` does. */
  catchUp(other: SimulatedPublisher): void {
    this.ledger.restore([...other.ledger.state()], other.ledger.sequence)
  }

  /** Sends the next update of its epoch; returns false if there is none. */
  publish(): boolean {
    const next = this.epoch.updates[this.ledger.sequence]
    if (next === undefined) return false
    const payload = next.value === undefined ? undefined : Buffer.from(String(next.value))
    const entry = this.ledger.add(next.topic, payload)
    this.#interests.touched(entry.owner)
    const header = encodeHeader(this.epoch.id, entry)
    this.#send(payload === undefined ? [entry.owner.frame, header] : [entry.owner.frame, header, payload])
    return true
  }

  beat(leaving = false): void {
    this.#interests.count()
    const { sequence } = this.ledger
    for (const { interest, count, registration } of this.#interests) {
      this.#send(
        encodeHeartbeat(interest.id, { epoch: this.epoch.id, sequence, count, registration, interval: 1, leaving }),
      )
    }
  }

  answer(question: Buffer[]): Buffer[] {
    return this.#service.answer(question)
  }

  /** Snapshots that are on their way have waited for too long. */
  expire(): void {
    this.#service.expire(Number.POSITIVE_INFINITY)
  }

  /** The next subscription of a connection arrives. */
  carryForth(connection: Connection): void {
    const change = connection.forth.shift()
    if (change === undefined) return
    const [kind, prefix] = change
    if (kind === "subscribe") {
      connection.subscribed.add(prefix)
      this.#told.push(change)
    } else if (connection.subscribed.delete(prefix)) this.#tellIfLast(prefix)
  }

  /** Somebody else is interested in the same, or no longer; which keeps registrations alive. */
  other(interest: Interest, comes: boolean): void {
    const list = INTEREST_PREFIX + interest.list.toString("latin1")
    if (comes) this.#others.add(list)
    else if (!this.#others.delete(list)) return
    if (comes) this.#told.push(["subscribe", list])
    else this.#tellIfLast(list)
  }

  /** The publisher is told of a subscription. */
  listen(): void {
    const [kind, prefix] = this.#told.shift() ?? []
    if (prefix === undefined || !prefix.startsWith(INTEREST_PREFIX)) return
    const list = Buffer.from(prefix.slice(1), "latin1")
    if (kind === "cancel") {
      this.#interests.unregister(list)
      return
    }
    this.#interests.register(list)
    this.beat()
  }

  get hasToListen(): boolean {
    return this.#told.length > 0
  }

  /** The publisher finds that a connection is no more. */
  lose(connection: Connection): void {
    if (!this.connections.delete(connection)) return
    connection.open = false
    connection.back = []
    for (const prefix of connection.subscribed) this.#tellIfLast(prefix)
  }

  #tellIfLast(prefix: string): void {
    const isLast = ![...this.connections].some(({ subscribed }) => subscribed.has(prefix))
    if (isLast && !this.#others.has(prefix)) this.#told.push(["cancel", prefix])
  }

  #serve(): RecoveryService {
    return new RecoveryService(
      this.ledger,
      () => this.epoch.id,
      3,
      () => {},
      this.#traits.answerSize,
    )
  }

  #send(message: Wire): void {
    for (const connection of this.connections) {
      if (!connection.wants(message[0] as Buffer)) continue
      if (connection.back.length < this.#traits.queued) connection.back.push(message)
      else this.#overflow(connection, message)
    }
  }

  #overflow(connection: Connection, message: Wire): void {
    const { overflow, queued } = this.#traits
    if (overflow === "disconnect") this.lose(connection)
    if (overflow === "drop" || overflow === "disconnect") return
    if (overflow === "conflate") {
      connection.back = newestOfEach(connection.back)
      const at = connection.back.findIndex(([frame]) => frame?.equals(message[0] as Buffer))
      if (at >= 0) {
        connection.back[at] = message
        return
      }
    }
    if (connection.back.length >= queued) connection.back.shift()
    connection.back.push(message)
  }
}

function newestOfEach(queue: readonly Wire[]): Wire[] {
  const last = new Map(queue.map((message) => [message[0]?.toString("latin1"), message]))
  return queue.filter((message) => last.get(message[0]?.toString("latin1")) === message)
}

export function someTraits(random: Random): PublisherTraits {
  return {
    history: {
      messages: random.pick([0, 3, 15, 1000]),
      bytes: 1_000_000,
      messagesPerTopic: random.pick([1, 2, 5, 1000]),
      bytesPerTopic: 1_000_000,
    },
    queued: random.pick([1, 3, 10, 1000]),
    overflow: random.pick(["drop", "drop-oldest", "conflate", "disconnect"]),
    answerSize: random.pick([1, 1, 120, 100_000]),
  }
}
