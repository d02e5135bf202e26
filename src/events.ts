// The table of events, the union derived from it, and the monitor that hands them out: what a socket tells about
// itself. Nothing here decides anything; an application that listens badly disturbs nobody.

import { after, cancel, type Timer } from "./clock.ts"
import { AbortError, ClosedError, OptionError } from "./errors.ts"
import { describe } from "./message.ts"
import type { Peer } from "./peer.ts"
import type { DropReason } from "./stats.ts"
import { reasonOf, stackOf } from "./thrown.ts"

/** The event types and what each carries besides `type`, `endpoint` and, once it is known, `peer`. */
export interface EventTable {
  /** The endpoint is bound; `endpoint` is the one that can be connected to. */
  bind: object
  /** The endpoint could not be bound. */
  "bind:error": { readonly error: Error }
  /** A peer came in; its handshake has not begun. */
  accept: {
    /** Where the peer is. */
    readonly address: string
  }
  /** A peer could not be let in. */
  "accept:error": { readonly error: Error }
  /** A connection was made; its handshake has not begun. */
  connect: {
    /** Where the peer is. */
    readonly address: string
  }
  /** Nobody is there yet; the attempt goes on by itself. */
  "connect:delay": object
  /** The next attempt to connect is planned. */
  "connect:retry": {
    /** Milliseconds until then. */
    readonly interval: number
  }
  /** The handshake is complete. */
  handshake: { readonly peer: Peer }
  /** A connection ended before its handshake was complete. */
  "handshake:error": {
    /** Where the peer is, if that is known. */
    readonly address?: string | undefined
    readonly error: Error
    /** Whether this endpoint is given up for good: no further attempt will be made. */
    readonly fatal: boolean
  }
  /** A connection ended; `error` says why, unless it ended in good order. */
  disconnect: { readonly error?: Error | undefined }
  /** The endpoint is no longer bound or connected; `error` says why, unless that was asked for. */
  close: { readonly error?: Error | undefined }
  /** A peer can be talked to. */
  "peer:join": { readonly peer: Peer }
  /** A peer can no longer be talked to; `error` says why, unless it left in good order. */
  "peer:leave": { readonly peer: Peer; readonly error?: Error | undefined }
  /** The queue towards a peer reached its high-water mark. Told again only after it has been below half of it. */
  "peer:slow": { readonly peer: Peer }
  /** Messages were dropped. Gathered: at most one event per peer and reason in 100 ms. */
  "message:dropped": {
    readonly reason: DropReason
    /** Messages since the last such event. */
    readonly count: number
  }
  /** Messages arrived that do not decode and were not delivered. Gathered: at most one event per peer in 100 ms. */
  "message:invalid": {
    /** What was wrong with the last of them. */
    readonly error: Error
    /** Messages since the last such event. */
    readonly count: number
  }
  /** A limit was met: something was refused, or has to wait. Gathered: at most one per peer and limit in 100 ms. */
  limit: {
    /** The option that sets the limit. */
    readonly limit: string
    /** Times since the last such event. */
    readonly count: number
  }
}

/** The `type` of an event. */
export type EventType = keyof EventTable

/** Any event; `type` tells which. */
export type Event = {
  [T in EventType]: {
    readonly type: T
    /** The endpoint it is about, as given to `bind` or `connect`; empty if it is about the socket as a whole. */
    readonly endpoint: string
    /** The peer it is about, once that is known. */
    readonly peer?: Peer | undefined
  } & Readonly<EventTable[T]>
}[EventType]

/** The event of a given type, or of one of several. */
export type EventOfType<T extends EventType> = Extract<Event, { readonly type: T }>

/** Called with each event of one type. What it throws becomes a warning of the process and disturbs nobody. */
export type EventListener<T extends EventType> = (event: EventOfType<T>) => unknown

// What there is at run time, complete because the compiler says so.
const TYPES: Readonly<Record<EventType, true>> = {
  bind: true,
  "bind:error": true,
  accept: true,
  "accept:error": true,
  connect: true,
  "connect:delay": true,
  "connect:retry": true,
  handshake: true,
  "handshake:error": true,
  disconnect: true,
  close: true,
  "peer:join": true,
  "peer:leave": true,
  "peer:slow": true,
  "message:dropped": true,
  "message:invalid": true,
  limit: true,
}

// The types that could come by the million and are therefore gathered: those with a count.
type GatheredType = { [T in EventType]: EventTable[T] extends { readonly count: number } ? T : never }[EventType]

// For how long events of one type, peer and reason are gathered into one, in ms.
const GATHER_MS = 100

// Events kept for an iterator that does not keep up.
const KEPT_EVENTS = 1000

type Detail<T extends GatheredType> = T extends "message:dropped"
  ? DropReason
  : T extends "message:invalid"
    ? Error
    : string

// One listener, as often as it was added.
class Registration {
  readonly type: EventType
  readonly listener: (event: never) => unknown
  readonly once: boolean
  active = true
  #warned = false

  constructor(type: EventType, listener: (event: never) => unknown, once: boolean) {
    this.type = type
    this.listener = listener
    this.once = once
  }

  call(event: Event): void {
    try {
      const result = this.listener(event as never)
      if (typeof result === "object" && result !== null) {
        Promise.resolve(result).catch((reason: unknown) => this.#warn(reason))
      }
    } catch (thrown) {
      this.#warn(thrown)
    }
  }

  // Once: a listener that always throws must not flood the log at the pace of the network.
  #warn(thrown: unknown): void {
    if (this.#warned) return
    this.#warned = true
    const what = `A listener of "${this.type}" events failed: ${reasonOf(thrown)}`
    process.emitWarning(what, { type: "ListenerWarning", detail: stackOf(thrown) })
  }
}

// What came of one type, peer and reason since the last event about it.
interface Gathering<T extends GatheredType> {
  readonly endpoint: string
  readonly peer: Peer | undefined
  detail: Detail<T>
  count: number
  timer: Timer | undefined
}

type Gatherings<T extends GatheredType> = Map<Peer | string, Map<string, Gathering<T>>>

/**
 * The events of one socket, one after the other. At most 1000 are kept for an iterator that does not keep up;
 * then the oldest are dropped and counted in {@link EventStream.dropped}. Ends when the socket is closed.
 */
export class EventStream implements AsyncIterableIterator<Event, undefined> {
  // Short unless nobody reads; then it is shifted, which costs little at this length.
  readonly #kept: Event[] = []
  readonly #waiting: ((result: IteratorResult<Event, undefined>) => void)[] = []
  #dropped = 0
  #ended = false
  readonly #detach: (stream: EventStream) => void

  /** @internal */
  constructor(detach: (stream: EventStream) => void) {
    this.#detach = detach
  }

  /** Events that were dropped because this iterator did not keep up. */
  get dropped(): number {
    return this.#dropped
  }

  /** The next event, as soon as there is one. Calls may overlap; they are served in order. */
  next(): Promise<IteratorResult<Event, undefined>> {
    const event = this.#kept.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Stops listening and forgets what was not read. */
  return(): Promise<IteratorResult<Event, undefined>> {
    this.#kept.length = 0
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** @internal */
  push(event: Event): void {
    const reader = this.#waiting.shift()
    if (reader !== undefined) {
      reader({ done: false, value: event })
      return
    }
    if (this.#kept.length === KEPT_EVENTS) {
      this.#kept.shift()
      this.#dropped++
    }
    this.#kept.push(event)
  }

  /** @internal What was kept can still be read. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#detach(this)
    for (const reader of this.#waiting.splice(0)) reader({ done: true, value: undefined })
  }
}

/**
 * Tells what happens to a socket, as it happens. Listeners are called at once, in the order in which they were added,
 * in the midst of what the socket is doing: keep them short.
 */
export class Monitor {
  // Arrays are replaced, never changed, so that a listener may add and remove listeners.
  readonly #listeners: Map<EventType, readonly Registration[]> = new Map()
  readonly #streams: Set<EventStream> = new Set()
  readonly #onClose: Set<() => void> = new Set()
  readonly #dropped: Gatherings<"message:dropped"> = new Map()
  readonly #invalid: Gatherings<"message:invalid"> = new Map()
  readonly #limits: Gatherings<"limit"> = new Map()
  #lost = 0
  // Closing: what was gathered is being told, and nothing is gathered any more.
  #closing = false
  #closed = false

  /**
   * Calls `listener` with every event of this type from now on.
   *
   * What a listener throws, or rejects with, is reported once as a warning of the process; it disturbs neither the
   * socket nor other listeners.
   *
   * @returns the function that removes the listener; afterwards it is not called again
   * @throws {@link OptionError} if there is no such type, or `listener` is not a function
   */
  on<T extends EventType>(type: T, listener: EventListener<T>): () => void {
    return this.#add(type, listener, false)
  }

  /**
   * Calls `listener` with the next event of this type, once.
   *
   * @returns the function that removes the listener
   * @throws {@link OptionError} if there is no such type, or `listener` is not a function
   */
  once<T extends EventType>(type: T, listener: EventListener<T>): () => void
  /**
   * The next event of this type.
   *
   * @returns a promise that rejects with {@link AbortError} when `signal` is aborted, and with {@link ClosedError}
   * when the socket is closed before there is such an event
   */
  once<T extends EventType>(type: T, options?: { readonly signal?: AbortSignal | undefined }): Promise<EventOfType<T>>
  once<T extends EventType>(
    type: T,
    how: EventListener<T> | { readonly signal?: AbortSignal | undefined } = {},
  ): (() => void) | Promise<EventOfType<T>> {
    if (typeof how !== "object" || how === null) return this.#add(type, how, true)
    return this.#next(type, how.signal)
  }

  /**
   * All events from now on, until the socket is closed. Leaving the loop stops listening. At most 1000 events are
   * kept for a loop that does not keep up; then the oldest are dropped and counted.
   */
  [Symbol.asyncIterator](): EventStream {
    const stream = new EventStream((ended) => {
      this.#streams.delete(ended)
      this.#lost += ended.dropped
    })
    if (this.#closed) stream.end()
    else this.#streams.add(stream)
    return stream
  }

  /** Events that iterators did not get because they did not keep up. */
  get dropped(): number {
    let dropped = this.#lost
    for (const stream of this.#streams) dropped += stream.dropped
    return dropped
  }

  /** @internal Hands an event to all who listen. Never throws. */
  emit(event: Event): void {
    if (this.#closed) return
    const registrations = this.#listeners.get(event.type)
    if (registrations !== undefined) {
      for (const registration of registrations) {
        if (!registration.active) continue
        if (registration.once) this.#remove(registration)
        registration.call(event)
      }
    }
    for (const stream of this.#streams) stream.push(event)
  }

  /**
   * @internal Counts what could come by the million: the first of a peer and reason is told at once, and those that
   * follow within 100 ms together when that time is over. `detail` is the reason, the error, or the limit.
   */
  count<T extends GatheredType>(
    type: T,
    endpoint: string,
    peer: Peer | undefined,
    detail: Detail<T>,
    count: number,
  ): void {
    if (this.#closing || !this.#isHeard(type)) return
    const all = this.#gatherings(type)
    const about = peer ?? endpoint
    let reasons = all.get(about)
    if (reasons === undefined) {
      reasons = new Map()
      all.set(about, reasons)
    }
    const reason = typeof detail === "string" ? detail : ""
    const gathering = reasons.get(reason)
    if (gathering !== undefined) {
      gathering.count += count
      gathering.detail = detail
      return
    }
    const opened: Gathering<T> = { endpoint, peer, detail, count, timer: undefined }
    reasons.set(reason, opened)
    const tell = () => {
      if (opened.count === 0) {
        reasons.delete(reason)
        if (reasons.size === 0) all.delete(about)
        return
      }
      opened.timer = after(GATHER_MS, tell)
      this.#tell(type, opened)
    }
    tell()
  }

  /** @internal Tells what is still gathered, then ends all iterators. Nothing is told afterwards. */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#flush("message:dropped", this.#dropped)
    this.#flush("message:invalid", this.#invalid)
    this.#flush("limit", this.#limits)
    this.#closed = true
    for (const stream of this.#streams) stream.end()
    for (const reject of this.#onClose) reject()
    this.#listeners.clear()
  }

  #add<T extends EventType>(type: T, listener: EventListener<T>, once: boolean): () => void {
    checkType(type)
    if (typeof listener !== "function") {
      throw new OptionError("listener", `A listener must be a function, got ${describe(listener)}`)
    }
    if (this.#closed) return () => {}
    const registration = new Registration(type, listener, once)
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), registration])
    return () => this.#remove(registration)
  }

  #remove(registration: Registration): void {
    if (!registration.active) return
    registration.active = false
    const others = this.#listeners.get(registration.type)?.filter((other) => other !== registration)
    if (others === undefined) return
    this.#listeners.set(registration.type, others)
  }

  #next<T extends EventType>(type: T, signal: AbortSignal | undefined): Promise<EventOfType<T>> {
    return new Promise((resolve, reject) => {
      checkType(type)
      const fail = (error: Error) => {
        settle()
        reject(error)
      }
      const closed = () => fail(new ClosedError(`The socket was closed before a "${type}" event`))
      const aborted = () => fail(new AbortError(signal?.reason))
      let remove = () => {}
      const settle = () => {
        remove()
        this.#onClose.delete(closed)
        signal?.removeEventListener("abort", aborted)
      }
      if (signal?.aborted) return aborted()
      if (this.#closed) return closed()
      signal?.addEventListener("abort", aborted)
      remove = this.#add(
        type,
        (event) => {
          settle()
          resolve(event)
        },
        true,
      )
      this.#onClose.add(closed)
    })
  }

  #isHeard(type: EventType): boolean {
    return this.#streams.size > 0 || (this.#listeners.get(type)?.length ?? 0) > 0
  }

  #gatherings<T extends GatheredType>(type: T): Gatherings<T> {
    const all = type === "message:dropped" ? this.#dropped : type === "message:invalid" ? this.#invalid : this.#limits
    return all as unknown as Gatherings<T>
  }

  #tell<T extends GatheredType>(type: T, gathering: Gathering<T>): void {
    const { endpoint, peer, detail, count } = gathering
    gathering.count = 0
    if (type === "message:dropped") this.emit({ type, endpoint, peer, reason: detail as DropReason, count })
    else if (type === "message:invalid") this.emit({ type, endpoint, peer, error: detail as Error, count })
    else this.emit({ type: "limit", endpoint, peer, limit: detail as string, count })
  }

  #flush<T extends GatheredType>(type: T, all: Gatherings<T>): void {
    for (const reasons of all.values()) {
      for (const gathering of reasons.values()) {
        cancel(gathering.timer)
        if (gathering.count > 0) this.#tell(type, gathering)
      }
    }
    all.clear()
  }
}

function checkType(type: unknown): void {
  if (typeof type === "string" && Object.hasOwn(TYPES, type)) return
  const known = Object.keys(TYPES).join(", ")
  throw new OptionError("type", `There is no event ${describe(type)}; the events are ${known}`)
}
