// The types of both ends of a service, made from its contract: an interface whose methods return promises or async
// iterables. Types only.

import type { Peer } from "brokerless"

/** How a call is made. Each may be given for a client, and is then that of all its calls. */
export interface CallOptions {
  /**
   * Milliseconds by which the call ends, in its answer or in an error; of a stream, its last item. Without it the
   * option `deadline` of the node holds, which bounds a stream only until its first item. A call made from a handler's
   * context ends with the call that is being handled in any case.
   */
  readonly deadline?: number | undefined
  /** Ends the call with AbortError; the handler's own signal is aborted, too. */
  readonly signal?: AbortSignal | undefined
  /**
   * How many other nodes an idempotent call is put to because one that is there takes long; 0: it is put to one node in
   * all, even if that is lost. Nodes that are lost or fall silent do not count: what they owed is asked elsewhere until
   * the deadline. Default: the option `retries` of the node.
   */
  readonly retries?: number | undefined
  /**
   * Milliseconds without an answer after which an idempotent call is put to another node as well; the first answer
   * counts. Default: the time there is, shared out among the nodes that may be asked.
   */
  readonly hedgeAfter?: number | undefined
  /** Whether the call may be made more than once. Default: what the node that offers the method says of it. */
  readonly idempotent?: boolean | undefined
  /** Waits, up to the deadline, while nobody can be asked, instead of failing at once. Default false. */
  readonly wait?: boolean | undefined
}

/** What a handler is told of its call, and how it calls others on behalf of it. */
export interface CallContext {
  /** `service/method`. */
  readonly target: string
  /** The name of the node that calls, as it says; empty if it did not. */
  readonly caller: string
  /** The connection through which the call came. */
  readonly peer: Peer
  /** Aborted when nobody waits for the answer any more: deadline, cancellation, loss of the caller, or our own end. */
  readonly signal: AbortSignal
  /** Milliseconds until the deadline of the call, at least 0; Infinity for a stream that has begun without one. */
  readonly remaining: number
  /** A client whose calls end with this one: by its deadline, or when it is cancelled. */
  service<Api extends object>(name: string, options?: CallOptions): MeshClient<Api>
}

/** The names of the methods of a service. */
export type MeshMethods<Api> = {
  [M in keyof Api]: Api[M] extends (...args: never[]) => unknown ? M : never
}[keyof Api]

/** Items of a stream; leaving the loop tells the handler. */
export type MeshStream<T> = AsyncIterableIterator<T, undefined>

/** What a call returns: a promise of the answer, or a stream. */
export type MeshAnswer<R> =
  R extends AsyncIterable<infer T>
    ? MeshStream<T>
    : R extends PromiseLike<AsyncIterable<infer T>>
      ? Promise<MeshStream<T>>
      : Promise<Awaited<R>>

/** The calling end of a service. */
export type MeshClient<Api> = {
  readonly [M in MeshMethods<Api> & string]: Api[M] extends (...args: infer A) => infer R
    ? (...args: A) => MeshAnswer<R>
    : never
}

/** What a handler may return for what its method is declared to return. */
export type MeshHandled<R> =
  R extends AsyncIterable<infer T>
    ? AsyncIterable<T> | Promise<AsyncIterable<T>>
    : R extends PromiseLike<AsyncIterable<infer T>>
      ? AsyncIterable<T> | Promise<AsyncIterable<T>>
      : Awaited<R> | Promise<Awaited<R>>

/** One method of the serving end: the context first, so that its place does not depend on what a caller sends. */
export type MeshHandler<Method> = Method extends (...args: infer A) => infer R
  ? (context: CallContext, ...args: A) => MeshHandled<R>
  : never

/** The serving end of a service: a handler for each method of the contract. */
export type MeshHandlers<Api> = { readonly [M in MeshMethods<Api> & string]: MeshHandler<Api[M]> }

/** How a service is offered. */
export interface OfferOptions<Api> {
  /** Methods that may run more than once for one call: all (`true`), none (`false`, the default), or these. */
  readonly idempotent?: boolean | readonly (MeshMethods<Api> & string)[] | undefined
}

/** A service that is being offered. */
export interface Offering {
  readonly service: string
  /** While it is not healthy nobody calls it; those who are being served are. */
  healthy: boolean
  /** Calls being handled now. */
  readonly running: number
  /** Offers it no longer. What runs is finished. */
  withdraw(): void
}
