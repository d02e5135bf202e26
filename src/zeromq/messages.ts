// What sockets of this door send and receive, as types: the members that a class has by its type.

import type { Bytes } from "../bytes.ts"
import type { Context } from "./context.ts"
import type { Socket } from "./socket.ts"
import type { Options } from "./type-of-options.ts"

/** A received frame. */
export type Message = Bytes

/** What can be sent as a frame. `null` is an empty one; numbers are sent as text. */
export type MessageLike = ArrayBufferView | ArrayBuffer | SharedArrayBuffer | string | number | null

/**
 * A socket that sends.
 *
 * @typeParam M - messages: one frame, or a list of them
 * @typeParam O - what else a send needs
 */
export interface Writable<
  M extends MessageLike | MessageLike[] = MessageLike | MessageLike[],
  O extends [...object[]] = [],
> {
  /** Kept; there is no multicast. Default 1. */
  multicastHops: number
  /** Kept. Default -1. */
  sendBufferSize: number
  /** How many messages may wait for one peer; 0 = no limit. Default 1000. */
  sendHighWaterMark: number
  /** How long a send may wait; -1 = for ever, 0 = not at all. Default -1 ms. */
  sendTimeout: number
  /**
   * Sends a message. Resolves when it is queued for a peer. One call at a time.
   *
   * @throws an error with code `EBUSY` while another send waits, `EBADF` when the socket is closed; as a rejection,
   * `EAGAIN` when the time ran out or the socket was closed meanwhile, `EFSM` out of turn, `EHOSTUNREACH` for a peer
   * that does not exist
   */
  send(message: M, ...options: O): Promise<void>
}

type ReceiveType<T> = T extends { receive(): Promise<infer U> } ? U : never

/**
 * A socket that receives.
 *
 * @typeParam M - messages: a list of frames
 */
export interface Readable<M extends object[] = Message[]> {
  /** Kept. Default -1. */
  receiveBufferSize: number
  /** How many messages of one peer may wait to be read; 0 = no limit. Default 1000. */
  receiveHighWaterMark: number
  /** How long a receive may wait; -1 = for ever, 0 = not at all. Default -1 ms. */
  receiveTimeout: number
  /**
   * The next message. One call at a time.
   *
   * @throws an error with code `EBUSY` while another receive waits, `EBADF` when the socket is closed; as a rejection,
   * `EAGAIN` when the time ran out or the socket was closed meanwhile, `EFSM` out of turn
   */
  receive(): Promise<M>
  /** Messages until the socket is closed. Leaving the loop leaves it open. */
  [Symbol.asyncIterator](): AsyncIterator<ReceiveType<this>, undefined>
}

/** What can be given to the constructor of a socket: its options, and its context. */
export type SocketOptions<S extends Socket> = Options<S, { context: Context }>
