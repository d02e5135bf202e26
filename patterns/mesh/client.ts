// The calling end of a service as the application sees it: an object on which every name is a method.

import type { MeshClient, MeshStream } from "./contract.ts"

/** Makes a call: resolves with the answer, or with the stream. */
export type MakeCall = (method: string, args: readonly unknown[]) => Promise<unknown>

/** A promise that can be iterated as well: whether a method streams is known only when it answers. */
type PromiseOrStream = Promise<unknown> & { [Symbol.asyncIterator](): AsyncIterator<unknown, undefined> }

export function makeClient(make: MakeCall): MeshClient<object> {
  const methods = new Map<string, (...args: unknown[]) => PromiseOrStream>()
  return new Proxy(Object.create(null) as MeshClient<object>, {
    get(_target, name) {
      // A client is no promise, even when somebody awaits it.
      if (typeof name !== "string" || name === "then") return undefined
      let method = methods.get(name)
      if (method === undefined) {
        method = (...args) => iterable(make(name, args))
        methods.set(name, method)
      }
      return method
    },
    has: () => false,
    set: () => false,
    defineProperty: () => false,
  })
}

function iterable(answer: Promise<unknown>): PromiseOrStream {
  return Object.assign(answer, { [Symbol.asyncIterator]: () => new LateStream(answer) })
}

/** The stream that a promise will bring. */
class LateStream implements MeshStream<unknown> {
  readonly #stream: Promise<MeshStream<unknown>>

  constructor(answer: Promise<unknown>) {
    this.#stream = answer.then(toStream)
    // Whoever iterates is told by `next`.
    this.#stream.catch(() => {})
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    return (await this.#stream).next()
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    return (await this.#stream).return?.() ?? { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

function toStream(answer: unknown): MeshStream<unknown> {
  if (typeof answer === "object" && answer !== null && Symbol.asyncIterator in answer)
    return answer as MeshStream<unknown>
  throw new TypeError("The method answers once; it does not stream: await it")
}
