// What there is to say of a type of socket, and options of the library that several types have.

import type { Frame } from "../message.ts"
import type { Socket } from "../socket/socket.ts"
import type { OptionValues } from "./option-values.ts"
import * as option from "./option-values.ts"

/** What distinguishes a type of socket. */
export interface SocketKind {
  /** Makes the socket of the library. */
  create(options: object, values: OptionValues): Socket
  /** Options of this type only, as the library has them. */
  own?(values: OptionValues): object
  readonly sends: boolean
  readonly receives: boolean
  /** Strictly alternates; this is the first of the two. */
  readonly first?: "send" | "receive"
  /** What `writable` says before the first endpoint. */
  readonly writable?: boolean
  /** Whether these options take that back. */
  insists?(values: OptionValues): boolean
  /** A message that cannot be taken is refused at once, however long a send may wait, if others could be. */
  readonly impatient?: boolean
  /** How long it lingers at first, where that differs. */
  readonly linger?: number
  /** How many frames each message has, where that is not for the sender to say. */
  readonly frames?: number
  /** Its messages are pairs of frames, however many of them a send has. */
  readonly pairs?: boolean
  /** Where its messages go is said by the options of `send`: the frame for it. Throws what the caller is to see. */
  label?(options: object): Frame
  /** Joins groups. */
  readonly joins?: boolean
}

export function receiving(values: OptionValues): object {
  return { receiveHighWaterMark: values.number(option.RECEIVE_HIGH_WATER_MARK) }
}

export function sending(values: OptionValues): object {
  return { sendHighWaterMark: values.number(option.SEND_HIGH_WATER_MARK), sendHighWaterMarkBytes: 0 }
}

export function publishing(values: OptionValues): object {
  return {
    ...sending(values),
    overflow: values.flag(option.NO_DROP) ? "wait" : "drop",
    invertMatching: values.flag(option.INVERT_MATCHING),
    // libzmq has no such limits.
    maxSubscriptionsPerPeer: Number.MAX_SAFE_INTEGER,
    maxSubscriptions: Number.MAX_SAFE_INTEGER,
    maxTopicSize: Number.MAX_SAFE_INTEGER,
  }
}

export function conflating(values: OptionValues): object {
  return { conflate: values.flag(option.CONFLATE) }
}
