// Iterating over what arrives, as the `zeromq` package does it: the iterator is an object with `next` and nothing else,
// so that leaving the loop leaves open what is iterated over, and its end has no `value`.
// Budget of a message that is there already: the promise of `next`, and its result.

import { SKIP } from "../socket/inbox.ts"

/** Something that can be iterated over: whatever has these two, as in the package. */
export interface Receiver {
  readonly closed: boolean
  receive(): Promise<unknown>
}

type Result = IteratorResult<unknown, undefined>

/**
 * Makes instances of a class iterable.
 *
 * @param takeNow - what the next `receive` would resolve to at once; SKIP to have it called
 */
export function makeIterable(target: { readonly prototype: object }, takeNow: (receiver: Receiver) => unknown): void {
  function asyncIterator(this: Receiver): AsyncIterator<unknown, undefined> {
    return {
      next: async (): Promise<Result> => {
        if (this.closed) return ended()
        const value = takeNow(this)
        if (value !== SKIP) return { value, done: false }
        try {
          return { value: await this.receive(), done: false }
        } catch (error) {
          if (this.closed && (error as { code?: unknown }).code === "EAGAIN") return ended()
          throw error
        }
      },
    }
  }
  Object.assign(target.prototype, { [Symbol.asyncIterator]: asyncIterator })
}

function ended(): IteratorReturnResult<undefined> {
  return { done: true } as IteratorReturnResult<undefined>
}
