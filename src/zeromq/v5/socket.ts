// Sockets in the manner of versions 4 and 5 of the `zeromq` package: one class for all types, which emits what arrives,
// queues what is sent, and has options as properties. Each has a socket of this door, which does the work.

import { EventEmitter } from "node:events"
import { setImmediate as turn } from "node:timers/promises"
import { fromString } from "../../bytes.ts"
import type { Message, MessageLike, Readable, Writable } from "../messages.ts"
import type { Socket as AnySocket } from "../socket.ts"
import {
  Dealer,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  Stream,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "../sockets.ts"
import { ZMQ_SNDMORE } from "./constants.ts"
import { watch } from "./monitor.ts"
import { getOption, type ShortOption, setOption, shortOptions } from "./options.ts"

/** The types of sockets; `xreq` is a `dealer`, `xrep` a `router`. */
export type SocketType =
  | "pair"
  | "req"
  | "rep"
  | "pub"
  | "sub"
  | "dealer"
  | "xreq"
  | "router"
  | "xrep"
  | "pull"
  | "push"
  | "xpub"
  | "xsub"
  | "stream"

const CLASSES: ReadonlyMap<string, new () => AnySocket> = new Map<SocketType, new () => AnySocket>([
  ["pair", Pair],
  ["req", Request],
  ["rep", Reply],
  ["pub", Publisher],
  ["sub", Subscriber],
  ["dealer", Dealer],
  ["xreq", Dealer],
  ["router", Router],
  ["xrep", Router],
  ["pull", Pull],
  ["push", Push],
  ["xpub", XPublisher],
  ["xsub", XSubscriber],
  ["stream", Stream],
])

/** Is told that something was done, or why it was not. */
export type Callback = (err?: Error) => void

/** A message that waits to be passed on, and whom to tell. */
type Unsent = readonly [message: MessageLike[], cb: Callback | undefined]

/**
 * A socket. Emits `message` with the frames of each message as arguments, `bind`, `unbind` and `error`, and, when it is
 * asked to by `monitor`, what happens to connections. While it is open and may receive, it keeps the process alive.
 *
 * Options are properties, by the short names of {@link shortOptions}; text is given to them as octets.
 */
export class Socket extends EventEmitter {
  // biome-ignore lint/suspicious/noExplicitAny: the declarations of `zeromq` promise it, and programs keep things here
  [key: string]: any
  /** Of which type it is. */
  type: SocketType
  readonly #socket: AnySocket & Readable & Writable
  #begun: MessageLike[] = []
  readonly #unsent: Unsent[] = []
  readonly #unread: Message[][] = []
  #paused = false
  #receiving = false
  #sending = false
  #watched = false

  /** @throws Error for a type that does not exist */
  constructor(type: SocketType) {
    super()
    const Class = CLASSES.get(type)
    if (Class === undefined) throw new Error(`Invalid socket type: ${type}`)
    this.type = type
    this.#socket = new Class() as AnySocket & Readable & Writable
    void this.#receiveAll()
  }

  /** Accepts peers at an address; then calls `cb` and emits `bind`, or calls it with an error, or emits `error`. */
  bind(address: string, cb?: Callback): this {
    return this.#announce(this.#socket.bind(address), "bind", address, cb)
  }

  /** Accepts no more peers at an address; tells of it as `bind` does. */
  unbind(address: string, cb?: Callback): this {
    return this.#announce(this.#socket.unbind(address), "unbind", address, cb)
  }

  /** Accepts peers at an address. Throws if it cannot. */
  bindSync(address: string): void {
    this.#socket.bindSync(address)
  }

  /** Accepts no more peers at an address. Throws if it was not bound. */
  unbindSync(address: string): void {
    this.#socket.unbindSync(address)
  }

  /** Connects to an address, now or when somebody is there. */
  connect(address: string): this {
    this.#socket.connect(address)
    return this
  }

  /** Parts with an address that was connected to. */
  disconnect(address: string): this {
    this.#socket.disconnect(address)
    return this
  }

  /**
   * Queues a message, one frame or several.
   *
   * @param givenFlags - `ZMQ_SNDMORE` if more frames of the same message follow by another call
   * @param cb - called when the message has been passed on, or with an error, which is emitted if there is no `cb`
   */
  send(message: MessageLike[] | MessageLike, givenFlags?: number | undefined | null, cb?: Callback | undefined): this {
    this.#begun = this.#begun.concat(message)
    if (((givenFlags ?? 0) & ZMQ_SNDMORE) !== 0) return this
    this.#unsent.push([this.#begun, cb])
    this.#begun = []
    void this.#sendAll()
    return this
  }

  /** @throws Error whenever it is called: messages are emitted */
  read(): void {
    throw new Error("read() has been removed from compatibility mode; use on('message', ...) instead.")
  }

  /** Neither sends nor emits messages until {@link Socket.resume}. */
  pause(): void {
    this.#paused = true
  }

  /** Goes on. */
  resume(): void {
    this.#paused = false
    void this.#receiveAll()
    void this.#sendAll()
  }

  /** Closes it. What has not been passed on yet is lost; what has been is sent for as long as `linger` says. */
  close(): this {
    this.#socket.close()
    return this
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#socket.closed
  }

  /**
   * From now on emits `connect`, `connect_delay`, `connect_retry`, `listen`, `bind_error`, `accept`, `accept_error`,
   * `close`, `close_error` and `disconnect`, each with a value (the interval in ms of a retry, the `errno` of an
   * error), the address, and the error. The arguments are ignored, with a warning.
   */
  monitor(interval?: number, num?: number): this {
    if (interval || num) {
      process.emitWarning("Arguments to monitor() are ignored in compatibility mode; all events are read automatically")
    }
    const { events } = this.#socket
    if (this.#watched) return this
    this.#watched = true
    void watch(
      events,
      (...emitted) => this.emit(...emitted),
      (fault) => this.closed || this.emit("error", fault),
    )
    return this
  }

  /** Emits no such events any more. */
  unmonitor(): this {
    this.#socket.events.close()
    return this
  }

  /** Asks for messages that begin with `filter`. Throws on a socket that is no `sub`. */
  subscribe(filter: string): this {
    this.#subscriber().subscribe(filter)
    return this
  }

  /** Takes a subscription back. Throws on a socket that is no `sub`. */
  unsubscribe(filter: string): this {
    this.#subscriber().unsubscribe(filter)
    return this
  }

  /** Sets an option, by its number or its short name. */
  setsockopt(givenOption: number | ShortOption, value: unknown): this {
    setOption(this.#socket, givenOption, value)
    return this
  }

  /** Reads an option, by its number or its short name. */
  getsockopt(givenOption: number | ShortOption): string | number | boolean | null {
    return getOption(this.#socket, givenOption)
  }

  #subscriber(): Subscriber {
    const socket: AnySocket = this.#socket
    if (!(socket instanceof Subscriber)) throw new Error("Subscriber socket required")
    return socket
  }

  #announce(done: Promise<void>, name: string, address: string, cb: Callback | undefined): this {
    const succeed = (): void => {
      this.emit(name, address)
      cb?.()
    }
    done.then(
      () => process.nextTick(succeed),
      (error) => process.nextTick(() => this.#fail(error, cb)),
    )
    return this
  }

  #fail(error: Error, cb: Callback | undefined): void {
    if (cb !== undefined) cb(error)
    else this.emit("error", error)
  }

  get #active(): boolean {
    return !this.#socket.closed && !this.#paused
  }

  /** Receives for as long as it is open and not paused. What arrives while it pauses is kept for later. */
  async #receiveAll(): Promise<void> {
    if (this.#receiving || this.#socket instanceof Push || this.#socket instanceof Publisher) return
    this.#receiving = true
    while (this.#active) {
      const unread = this.#unread.shift()
      if (unread !== undefined) this.#tell("message", ...unread)
      try {
        const message = await this.#socket.receive()
        if (this.#paused) this.#unread.push(message)
        else this.#tell("message", ...message)
      } catch (error) {
        if (this.closed) break
        // While an endpoint is being bound, nothing can be received.
        if ((error as { code?: unknown }).code !== "EBUSY") this.#tell("error", error)
        await turn()
      }
    }
    this.#receiving = false
  }

  /** In a turn of its own, so that what listeners throw ends nothing here. */
  #tell(name: string, ...details: unknown[]): void {
    process.nextTick(() => this.emit(name, ...details))
  }

  async #sendAll(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    try {
      while (this.#active && this.#unsent.length > 0) await this.#sendNext()
    } finally {
      this.#sending = false
    }
  }

  async #sendNext(): Promise<void> {
    if (this.#socket instanceof Pull || this.#socket instanceof Subscriber) {
      throw new Error("Cannot send on this socket type.")
    }
    const [message, cb] = this.#unsent.shift() as Unsent
    try {
      await this.#socket.send(message)
    } catch (error) {
      return this.#fail(error as Error, cb)
    }
    cb?.()
  }
}

for (const name of Object.keys(shortOptions) as ShortOption[]) {
  Object.defineProperty(Socket.prototype, name, {
    get(this: Socket) {
      return this.getsockopt(shortOptions[name])
    },
    set(this: Socket, value: unknown) {
      this.setsockopt(shortOptions[name], typeof value === "string" ? fromString(value) : value)
    },
  })
}

/**
 * Makes a socket.
 *
 * @param options - properties to set, options by their short names among them
 */
export function createSocket(type: SocketType, options: object = {}): Socket {
  return Object.assign(new Socket(type), options)
}
