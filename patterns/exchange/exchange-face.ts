// What an exchange tells about itself: events, counters, and its queues.

import type { Frame, Peer } from "brokerless"

/** Why a queue gave a message up: it was full, nobody acknowledged it, or a consumer did not want it back. */
export type DeadReason = "overflow" | "deliveries" | "rejected"

/** What happens to an exchange. `queue` is empty for the queue of one consumer alone. */
export interface ExchangeEvents {
  readonly [type: string]: object
  /** A consumer takes from a queue. */
  join: { readonly peer: Peer; readonly queue: string }
  /** A consumer has left; what it had not acknowledged goes to others. */
  leave: { readonly peer: Peer; readonly queue: string; readonly unacknowledged: number }
  /** A queue has a binding that it did not have. */
  bind: { readonly queue: string; readonly binding: string }
  /** A queue has a binding no more. */
  unbind: { readonly queue: string; readonly binding: string }
  /** A binding, or a queue, was refused. */
  refuse: { readonly peer: Peer; readonly binding: string; readonly reason: string }
  /** No queue wanted a message. */
  unroutable: { readonly key: string }
  /** A queue gave a message up: the place to keep it elsewhere. */
  dead: {
    readonly queue: string
    readonly key: string
    readonly body: readonly Frame[]
    readonly deliveries: number
    readonly reason: DeadReason
  }
  /** A peer said what nobody can understand, and was disconnected. */
  invalid: { readonly peer: Peer }
}

/** A queue, as of this moment. */
export interface QueueInfo {
  /** Empty for the queue of one consumer alone. */
  readonly name: string
  readonly consumers: number
  /** Patterns in the form that all of the same meaning have. */
  readonly bindings: readonly string[]
  /** Messages that nobody has been sent. */
  readonly waiting: number
  /** Messages that were sent and are not acknowledged. */
  readonly unacknowledged: number
}

/**
 * What an exchange has done. Of what was `routed`, each message is acknowledged, dropped, waiting or unacknowledged.
 */
export interface ExchangeStats {
  /** Messages published. */
  readonly published: number
  /** Copies of them, one for each queue that wants it. */
  readonly routed: number
  /** Messages that no queue wanted. */
  readonly unroutable: number
  /** Messages sent to consumers, again or for the first time. */
  readonly delivered: number
  /** Those of them that had been sent before. */
  readonly redelivered: number
  readonly acknowledged: number
  readonly dropped: {
    /** A queue was full. */
    readonly overflow: number
    /** Nobody acknowledged them, as often as they were sent. */
    readonly deliveries: number
    /** A consumer rejected them for good. */
    readonly rejected: number
    /** Their queue is no more. */
    readonly gone: number
    /** The exchange was closed. */
    readonly closed: number
  }
  readonly queues: number
  readonly consumers: number
  /** Different bindings of queues. */
  readonly bindings: number
  /** Messages in queues that nobody has been sent. */
  readonly waiting: number
  readonly unacknowledged: number
  /** Publishers that wait for room. */
  readonly publishing: number
  /** Octets of what waits and of what is not acknowledged. */
  readonly bytes: number
  /** Bindings and queues that were refused. */
  readonly refused: number
  /** Messages of peers that are none of this protocol. */
  readonly invalid: number
}
