// A subscription as a message: how peers of ZMTP 3.0, and XPUB and XSUB sockets, speak of it. The one place that knows
// that the first octet is 1 to subscribe and 0 to cancel.

import { allocate, type Bytes, copy } from "./bytes.ts"

/** Asking for what begins with a topic, or no longer asking for it. */
export type SubscriptionKind = "subscribe" | "cancel"

/** What a subscriber tells a publisher. */
export interface Subscription {
  readonly kind: SubscriptionKind
  /** Any octets; the empty topic is the beginning of everything. */
  readonly topic: Bytes
}

/** The only frame of a message that says so. */
export function encodeSubscription(kind: SubscriptionKind, topic: Bytes): Bytes {
  const frame = allocate(1 + topic.length)
  frame[0] = kind === "subscribe" ? 1 : 0
  copy(topic, frame, 1)
  return frame
}

/** What the first frame of a message says, its topic a view of the frame; `undefined` when it is no subscription. */
export function parseSubscription(frame: Bytes): Subscription | undefined {
  const first = frame[0]
  if (first === 1) return { kind: "subscribe", topic: frame.subarray(1) }
  if (first === 0) return { kind: "cancel", topic: frame.subarray(1) }
  return undefined
}
