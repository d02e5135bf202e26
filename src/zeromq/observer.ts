// Observers: the events of a socket, read one by one or heard by listeners, but not both.

import { EventEmitter } from "node:events"
import { SKIP } from "../socket/inbox.ts"
import { errnoError } from "./errno.ts"
import { EventQueue } from "./event-queue.ts"
import type { Event, EventOfType, EventType } from "./event-types.ts"
import { handleOf } from "./handle-of.ts"
import { makeIterable } from "./iteration.ts"
import { Pin } from "./pin.ts"
import { checkCount, illegalInvocation, invalidArgument, isObject } from "./strict-arguments.ts"

const BUSY = "Observer is busy reading; only one receive operation may be in progress at any time"
const EMITTER_MODE =
  "Observer is in event emitter mode. After a call to events.on() it is not possible to read events with " +
  "events.receive()."

/** Something that listeners can be added to. */
export interface EventSubscriber {
  /** Calls `listener` with every event of this type. From the first call on, events cannot be read by `receive`. */
  on<E extends EventType>(type: E, listener: (data: EventOfType<E>) => void): EventSubscriber
  /** Calls `listener` no more. */
  off<E extends EventType>(type: E, listener: (data: EventOfType<E>) => void): EventSubscriber
}

let isObserver: (value: unknown) => boolean

/** Tells what happens to a socket: by `receive` and iteration, or to listeners. Made by the socket's `events`. */
export class Observer {
  readonly #queue = new EventQueue()
  readonly #pin = new Pin()
  #emitter: EventEmitter | undefined
  #reader: { resolve(event: Event): void; reject(error: Error): void } | undefined
  #closed = false

  static {
    isObserver = (value) => isObject(value) && #queue in value
  }

  /** @throws TypeError, or an error without a code, for what is no socket */
  constructor(socket: object) {
    if (!isObject(socket)) throw new TypeError("Socket must be a socket object")
    checkCount(arguments, 1)
    const handle = handleOf(socket)
    if (handle === undefined) throw invalidArgument()
    handle.observe(this.#queue)
  }

  /** Whether it was closed, or has told of the end of its socket. */
  get closed(): boolean {
    if (!isObserver(this)) throw invalidArgument()
    return this.#closed
  }

  /** Tells of nothing any more. A `receive` that waits is refused. */
  close(): void {
    if (!isObserver(this)) throw illegalInvocation()
    checkCount(arguments, 0)
    if (this.#closed) return
    this.#end()
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) return
    this.#pin.release()
    reader.reject(errnoError("EAGAIN"))
  }

  /**
   * The next event, as soon as there is one. The last is of type `end`, when the socket is closed.
   *
   * @throws when listeners were added, when it is closed (`EBADF`), or while another `receive` waits (`EBUSY`)
   */
  receive(): Promise<Event> {
    if (!isObserver(this)) throw illegalInvocation()
    checkCount(arguments, 0)
    if (this.#emitter !== undefined) throw new Error(EMITTER_MODE)
    if (this.#closed) throw errnoError("EBADF")
    if (this.#reader !== undefined) throw errnoError("EBUSY", BUSY)
    const event = this.#queue.shift()
    if (event !== undefined) return Promise.resolve(this.#told(event))
    this.#pin.hold(this)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#queue.await((next) => {
        this.#reader = undefined
        this.#pin.release()
        resolve(this.#told(next))
      })
    })
  }

  #told(event: Event): Event {
    if (event.type === "end") this.#end()
    return event
  }

  #end(): void {
    if (this.#emitter !== undefined && !this.#closed) this.#pin.release()
    this.#closed = true
    this.#queue.await(undefined)
  }

  /**
   * What listeners are added to. From now on events go there, in turns of their own, and until the last the process
   * goes on.
   *
   * @internal
   */
  get emitter(): EventEmitter {
    if (this.#emitter !== undefined) return this.#emitter
    const emitter = new EventEmitter()
    this.#emitter = emitter
    if (this.#closed) return emitter
    this.#pin.hold(this)
    const next = (event: Event): void => {
      this.#told(event)
      if (!this.#closed) this.#queue.await(next)
      try {
        emitter.emit(event.type, event)
      } catch (error) {
        // What a listener throws is for the process to hear, and keeps nobody else from the next event.
        queueMicrotask(() => {
          throw error
        })
      }
    }
    const drain = (): void => {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) next(event)
      if (!this.#closed) this.#queue.await(next)
    }
    queueMicrotask(drain)
    return emitter
  }
}

export interface Observer extends EventSubscriber {
  /** Events until the socket is closed; the last is of type `end`. */
  [Symbol.asyncIterator](): AsyncIterator<Event, undefined>
}

type Listening = Parameters<EventEmitter["on"]>

Object.assign(Observer.prototype, {
  on(this: Observer, ...listening: Listening) {
    return this.emitter.on(...listening)
  },
  off(this: Observer, ...listening: Listening) {
    return this.emitter.off(...listening)
  },
})

makeIterable(Observer, () => SKIP)
