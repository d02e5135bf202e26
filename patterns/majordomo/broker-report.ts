// What a broker tells of itself: its events, its counters, and the reasons that stand in them.

import type { Frame, Peer } from "brokerless"

/** Why a request was dropped. Its client hears nothing, as MDP has no word for that, and asks again. */
export type MajordomoRequestDropReason =
  // Its service has as many waiting as it may, or all services together have as many octets.
  | "queue-full"
  // There are as many services as there may be.
  | "service-limit"
  // It has waited for too long.
  | "expired"
  // Its client left while it waited.
  | "client-left"
  // As many workers as it may be given to were lost over it.
  | "workers-lost"
  // Its worker was lost after a PARTIAL of it was passed on: the client must not get the beginning twice.
  | "interrupted"
  // The broker was closed.
  | "closed"

/** Why an answer was dropped. */
export type MajordomoAnswerDropReason =
  // Its client is not there any more.
  | "client-left"
  // Its client does not read: it was disconnected, so that no answer of several parts has a hole.
  | "client-slow"

/** Why a worker is not with the broker any more. */
export type MajordomoWorkerLeaveReason =
  // It said so.
  | "disconnect"
  // Its connection ended.
  | "connection"
  // It was silent for too long.
  | "silent"
  // It said something at the wrong time, and was sent DISCONNECT.
  | "unexpected"
  // It said what is no command, and was disconnected.
  | "invalid"
  // It was sent DISCONNECT, because the client for whom it streams has left.
  | "cancelled"
  // The broker was closed.
  | "closed"

/** What a broker tells. */
export interface MajordomoBrokerEvents {
  /** A worker offers a service. */
  readonly "worker:join": { readonly service: string; readonly worker: Frame }
  /** A worker is gone. */
  readonly "worker:leave": {
    readonly service: string
    readonly worker: Frame
    readonly reason: MajordomoWorkerLeaveReason
  }
  /** A request waits again, because its worker was lost. */
  readonly "request:again": { readonly service: string; readonly deliveries: number }
  /** A request was dropped. */
  readonly "request:dropped": { readonly service: string; readonly reason: MajordomoRequestDropReason }
  /** An answer, or a part of one, was dropped. */
  readonly "answer:dropped": { readonly service: string; readonly reason: MajordomoAnswerDropReason }
  /** A peer sent what is no command of MDP 0.2, or none that its endpoint takes, and was disconnected. */
  readonly invalid: { readonly peer: Peer }
  readonly [type: string]: object
}

/** Counters of a broker, at the moment at which they were read. */
export interface MajordomoBrokerStats {
  /** Services that are offered or waited for. */
  readonly services: number
  readonly workers: number
  /** Requests that wait, and their octets together with those at work. */
  readonly waiting: number
  readonly working: number
  readonly bytes: number
  /** Requests that came, those for names that begin with `mmi.` not counted. */
  readonly requests: number
  /** FINALs and PARTIALs passed on. */
  readonly finals: number
  readonly partials: number
  /** Requests given to another worker because theirs was lost. */
  readonly again: number
  /** Commands that were none, or came at the wrong time. */
  readonly invalid: number
  readonly unexpected: number
  readonly droppedRequests: Readonly<Record<MajordomoRequestDropReason, number>>
  readonly droppedAnswers: Readonly<Record<MajordomoAnswerDropReason, number>>
}

/** What is known of a service. */
export interface MajordomoServiceState {
  readonly name: string
  readonly workers: number
  readonly idle: number
  readonly waiting: number
}
