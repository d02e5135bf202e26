// Somebody who is connected to a node: what he asked for, and what he has been told.

import type { Frame, Peer } from "brokerless"
import type { Register } from "../register.ts"

/** A call that is being handled, as far as whoever made it has a say in it. */
export interface HandledCall {
  /** Nobody waits for it any more. */
  cancel(): void
  /** So many more items may be sent. */
  credit(items: number): void
}

export interface Caller {
  readonly peer: Peer
  readonly route: Frame
  name: string
  /** Calls of his that are being handled, by their ids. */
  readonly running: Register<number, HandledCall>
  /** Whether he asked to be told who we are, and which version of it he was told. */
  listens: boolean
  told: number
  /** Which version of our acquaintances he was told. */
  toldView: number
  /** Whether he knows that we are going, and calls no more. */
  seen: number
  complained: boolean
}
