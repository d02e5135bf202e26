// The members of every socket that receives. Classes say that they have them by `interface … extends Readable`, and get
// them from `receives`: one body for all, where inheritance has no place for a second parent.

import { ClosedError, OptionError } from "../errors.ts"
import { describe } from "../message.ts"
import type { Inbox, Received } from "./inbox.ts"
import { hubOf, type Socket } from "./socket.ts"
import type { WaitOptions } from "./waiting.ts"

/** A socket that receives. `R` is what it receives: frames, or what its codec decodes. */
export interface Readable<R> extends AsyncIterable<R, undefined> {
  /**
   * The next message, peers taking turns. Several calls may wait; they are served in order.
   *
   * @throws {@link TimeoutError}, {@link AbortError}, {@link ClosedError} (as rejections); then no message was taken
   */
  receive(options?: WaitOptions): Promise<R>
  /** As {@link Readable.receive}, with who sent it, and with the same errors. */
  receiveFrom(options?: WaitOptions): Promise<Received<R>>
  /**
   * A message that is there now, or nothing.
   *
   * @throws {@link ClosedError}, and what `receive` rejects with for a call out of turn
   */
  tryReceive(): R | undefined
  /**
   * Waits for one message, then takes everything waiting over all peers, in fair turns, up to `max` (default: no
   * limit). Errors are those of {@link Readable.receive}.
   */
  receiveMany(max?: number, options?: WaitOptions): Promise<R[]>
  /** Messages until the socket closes. Leaving the loop leaves the socket open and loses nothing. */
  [Symbol.asyncIterator](): AsyncIterableIterator<R, undefined>
  /** A Web stream of messages, which ends when the socket closes. A message is taken only when the stream is read. */
  toReadableStream(): ReadableStream<R>
}

const methods = {
  receive(this: Socket, options?: WaitOptions): Promise<unknown> {
    return (hubOf(this).inbox as Inbox<unknown>).receive(options)
  },
  receiveFrom(this: Socket, options?: WaitOptions): Promise<Received<unknown>> {
    return (hubOf(this).inbox as Inbox<unknown>).receiveFrom(options)
  },
  tryReceive(this: Socket): unknown {
    return (hubOf(this).inbox as Inbox<unknown>).tryReceive()
  },
  receiveMany(this: Socket, max: number = Number.POSITIVE_INFINITY, options?: WaitOptions): Promise<unknown[]> {
    if (typeof max !== "number" || !(max >= 1)) {
      return Promise.reject(new OptionError("max", `max must be a number of at least 1, got ${describe(max)}`))
    }
    return (hubOf(this).inbox as Inbox<unknown>).receiveMany(max, options)
  },
  [Symbol.asyncIterator](this: Socket): AsyncIterableIterator<unknown, undefined> {
    return (hubOf(this).inbox as Inbox<unknown>).iterate()
  },
  toReadableStream(this: Socket): ReadableStream<unknown> {
    const inbox = hubOf(this).inbox as Inbox<unknown>
    const cancelled = new AbortController()
    return new ReadableStream<unknown>(
      {
        async pull(controller) {
          try {
            controller.enqueue(await inbox.receive({ timeout: -1, signal: cancelled.signal }))
          } catch (error) {
            if (error instanceof ClosedError) controller.close()
            else if (!cancelled.signal.aborted) controller.error(error)
          }
        },
        cancel: () => cancelled.abort(),
      },
      { highWaterMark: 0 },
    )
  },
}

/** Gives a class the members of {@link Readable}. */
export function receives(socketClass: { readonly prototype: Readable<unknown> }): void {
  for (const key of Reflect.ownKeys(methods)) {
    const value = methods[key as keyof typeof methods]
    Object.defineProperty(socketClass.prototype, key, { value, writable: true, configurable: true })
  }
}
