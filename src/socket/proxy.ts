// A proxy between two sockets: forwarder, queue or streamer, depending on their types. Raw frames, both ways, and read
// only when the other side has room.

import { AbortError, ClosedError, OptionError, UnreachableError } from "../errors.ts"
import { describe, type Message, type MessageLike, sizeOf } from "../message.ts"
import type { Readable } from "./readable.ts"
import { hubOf, Socket } from "./socket.ts"
import { checkWait } from "./waiting.ts"
import type { Writable } from "./writable.ts"

/** A socket of frames that a proxy can stand before: it receives, sends, or both. */
export type ProxySocket = Socket & (Readable<Message> | Writable<MessageLike>)

/** How a proxy works. */
export interface ProxyOptions {
  /** Is sent a copy of every message that has room for it; a copy that has none is counted as missed. */
  readonly capture?: (Socket & Writable<MessageLike>) | undefined
  /** Ends the proxy. */
  readonly signal?: AbortSignal | undefined
}

/** From the front to the back, or from the back to the front. */
export type ProxyWay = "forward" | "backward"

/** What a proxy has done. */
export interface ProxyStats {
  /** Messages from the front to the back. */
  readonly forward: number
  /** Messages from the back to the front. */
  readonly backward: number
  /** Octets of both. */
  readonly bytes: number
  /** Copies that the capture socket had no room for. */
  readonly missed: number
}

/** A running proxy. */
export interface Proxy {
  /** Resolves when the proxy has ended: by its signal, by `terminate`, or because one of the sockets was closed. */
  readonly finished: Promise<void>
  /** Stops reading from either side, or what goes one way; messages wait in the sockets. */
  pause(way?: ProxyWay): void
  /** Goes on after {@link Proxy.pause}, both ways or one. */
  resume(way?: ProxyWay): void
  /** Ends the proxy. The sockets stay open. */
  terminate(): void
  /** What has passed so far, as of this moment. */
  readonly stats: ProxyStats
}

/**
 * Forwards messages between two sockets, both ways where they can receive and send: a `Router` and a `Dealer` make a
 * queue, an `XSubscriber` and an `XPublisher` a forwarder, a `Pull` and a `Push` a streamer. The sockets stay open when
 * it ends.
 *
 * @throws {@link OptionError} if the sockets are not two different sockets of frames of which one receives and the
 * other sends; {@link ClosedError} if one of them is closed
 */
export function proxy(frontend: ProxySocket, backend: ProxySocket, options: ProxyOptions = {}): Proxy {
  return new Forwarding(frontend, backend, options)
}

class Forwarding implements Proxy {
  readonly finished: Promise<void>
  readonly #ending = new AbortController()
  readonly #capture: (Socket & Writable<MessageLike>) | undefined
  readonly #stats = { forward: 0, backward: 0, bytes: 0, missed: 0 }
  /** The ways that are paused, and what ends the pause. */
  readonly #paused = new Map<ProxyWay, { readonly resumed: Promise<void>; readonly resume: () => void }>()
  /** What takes back the wait for a message: it stays in its socket. */
  readonly #waits = { forward: new AbortController(), backward: new AbortController() }

  constructor(frontend: ProxySocket, backend: ProxySocket, options: ProxyOptions) {
    checkWait(options)
    const { capture, signal } = options
    checkSocket("frontend", frontend)
    checkSocket("backend", backend)
    if (frontend === backend) throw new OptionError("backend", "frontend and backend must be different sockets")
    if (capture !== undefined) {
      checkSocket("capture", capture)
      if (hubOf(capture as Socket).outbox === undefined) {
        throw new OptionError("capture", `capture must be a socket that sends, got a ${(capture as Socket).type}`)
      }
    }
    this.#capture = capture
    const ways: Promise<void>[] = []
    if (isReadable(frontend) && isWritable(backend)) ways.push(this.#forward(frontend, backend, "forward"))
    if (isReadable(backend) && isWritable(frontend)) ways.push(this.#forward(backend, frontend, "backward"))
    if (ways.length === 0) {
      throw new OptionError("backend", `Nothing can pass between a ${frontend.type} and a ${backend.type}`)
    }
    const terminate = (): void => this.terminate()
    signal?.addEventListener("abort", terminate, { once: true })
    // Whoever waits for a message on one side would not notice that the other is closed.
    const forget = [frontend, backend].map((socket) => hubOf(socket).onClosing(terminate))
    this.finished = Promise.all(ways).then(() => {
      signal?.removeEventListener("abort", terminate)
      for (const each of forget) each()
    })
  }

  get stats(): ProxyStats {
    return { ...this.#stats }
  }

  pause(way?: ProxyWay): void {
    for (const each of waysOf(way)) {
      if (this.#paused.has(each)) continue
      let resume: () => void = () => {}
      const resumed = new Promise<void>((resolve) => {
        resume = resolve
      })
      this.#paused.set(each, { resumed, resume })
      this.#waits[each].abort()
      this.#waits[each] = new AbortController()
    }
  }

  resume(way?: ProxyWay): void {
    for (const each of waysOf(way)) {
      const paused = this.#paused.get(each)
      this.#paused.delete(each)
      paused?.resume()
    }
  }

  terminate(): void {
    this.#ending.abort()
    for (const wait of Object.values(this.#waits)) wait.abort()
    this.resume()
  }

  async #forward(from: Readable<Message>, to: Writable<MessageLike>, way: ProxyWay): Promise<void> {
    const { signal } = this.#ending
    try {
      while (!signal.aborted) {
        for (let pause = this.#paused.get(way); pause !== undefined; pause = this.#paused.get(way)) await pause.resumed
        const message = from.tryReceive() ?? (await received(from, this.#waits[way].signal))
        if (message === undefined) continue
        // A message that was taken is delivered, whatever ends the proxy meanwhile, as long as the socket is open.
        if (!(await passed(to, message))) continue
        this.#stats[way]++
        this.#stats.bytes += sizeOf(message)
        if (this.#capture !== undefined && !this.#capture.trySend(message)) this.#stats.missed++
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    } finally {
      this.terminate()
    }
  }
}

const FOR_EVER = { timeout: -1 } as const

function waysOf(way: ProxyWay | undefined): readonly ProxyWay[] {
  if (way === undefined) return ["forward", "backward"]
  if (way === "forward" || way === "backward") return [way]
  throw new OptionError("way", `way must be "forward", "backward", or left out for both, got ${describe(way)}`)
}

/** The next message; undefined when it is waited for no more. */
async function received(from: Readable<Message>, signal: AbortSignal): Promise<Message | undefined> {
  try {
    return await from.receive({ timeout: -1, signal })
  } catch (error) {
    if (error instanceof AbortError) return undefined
    throw error
  }
}

/** Sends it on; false when its peer has left, which ends nothing, even where the socket insists on its peers. */
async function passed(to: Writable<MessageLike>, message: Message): Promise<boolean> {
  try {
    await to.send(message, FOR_EVER)
    return true
  } catch (error) {
    // It was taken from one side and the other is closed: what it had queued and could not send is counted as this.
    if (error instanceof ClosedError) hubOf(to as unknown as Socket).dropped("linger", 1, undefined)
    if (!(error instanceof UnreachableError)) throw error
    hubOf(to as unknown as Socket).dropped("unroutable", 1, undefined)
    return false
  }
}

function checkSocket(name: string, socket: unknown): asserts socket is Socket {
  if (!(socket instanceof Socket)) throw new OptionError(name, `${name} must be a socket, got ${describe(socket)}`)
  if (hubOf(socket).options.codec !== undefined) {
    throw new OptionError(name, `${name} must be a socket of frames: a proxy forwards what it does not decode`)
  }
  hubOf(socket).checkOpen()
}

function isReadable(socket: Socket): socket is Socket & Readable<Message> {
  return hubOf(socket).inbox !== undefined
}

function isWritable(socket: Socket): socket is Socket & Writable<MessageLike> {
  return hubOf(socket).outbox !== undefined
}
