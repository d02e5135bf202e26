// The members of every socket that sends. Classes say that they have them by `interface … extends Writable`, and get
// them from `sends`: one body for all, where inheritance has no place for a second parent.

import type { Outbox } from "./outbox.ts"
import { hubOf, type Socket } from "./socket.ts"
import type { WaitOptions } from "./waiting.ts"

/** A socket that sends. `S` is what it sends: frames, or what its codec encodes. */
export interface Writable<S> {
  /**
   * Sends a message. Resolves when it is accepted, that is, queued for a peer; any number of calls may wait, in order.
   * The library owns the message's memory from then on: do not write to it.
   *
   * @throws {@link TimeoutError}, {@link AbortError}, {@link ClosedError}, {@link MessageError}, {@link CodecError}
   * (as rejections); then the message was not sent
   */
  send(message: S, options?: WaitOptions): Promise<void>
  /**
   * Sends a message now or not at all; false when nobody can take it. Never throws for lack of room.
   *
   * @throws {@link ClosedError}, {@link MessageError}, {@link CodecError}
   */
  trySend(message: S): boolean
  /** A Web stream that sends what is written to it, and waits when the socket has no room. */
  toWritableStream(): WritableStream<S>
}

const methods = {
  send(this: Socket, message: unknown, options?: WaitOptions): Promise<void> {
    return (hubOf(this).outbox as Outbox<unknown>).send(message, options)
  },
  trySend(this: Socket, message: unknown): boolean {
    return (hubOf(this).outbox as Outbox<unknown>).trySend(message)
  },
  toWritableStream(this: Socket & Writable<unknown>): WritableStream<unknown> {
    return new WritableStream<unknown>(
      {
        write: (message, controller) => {
          // The stream's own signal, which the declarations do not know: the `abort` of a sink is called only when its
          // last write has settled.
          const { signal } = controller as unknown as { readonly signal: AbortSignal }
          return this.send(message, { timeout: -1, signal })
        },
      },
      { highWaterMark: 1 },
    )
  },
}

/** Gives a class the members of {@link Writable}. */
export function sends(socketClass: { readonly prototype: Writable<never> }): void {
  for (const key of Reflect.ownKeys(methods)) {
    if (Object.hasOwn(socketClass.prototype, key)) continue
    const value = methods[key as keyof typeof methods]
    Object.defineProperty(socketClass.prototype, key, { value, writable: true, configurable: true })
  }
}
