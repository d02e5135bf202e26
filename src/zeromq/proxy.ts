// A proxy between two sockets of this door: the library's own, with the manners of the `zeromq` package.

import { type Proxy as CoreProxy, type ProxySocket, proxy } from "../socket/proxy.ts"
import { errnoError, translated } from "./errno.ts"
import type { Handle } from "./handle.ts"
import { handleOf } from "./handle-of.ts"
import { Pin } from "./pin.ts"
import type { Socket } from "./socket.ts"
import { checkCount, illegalInvocation, invalidArgument, isObject } from "./strict-arguments.ts"

let isProxy: (value: unknown) => boolean

/**
 * Forwards messages between two sockets, both ways where they can receive and send.
 *
 * @typeParam F - the type of the front
 * @typeParam B - the type of the back
 */
export class Proxy<F extends Socket = Socket, B extends Socket = Socket> {
  readonly #front: F
  readonly #back: B
  readonly #pin = new Pin()
  #running: CoreProxy | undefined

  static {
    isProxy = (value) => isObject(value) && #pin in value
  }

  constructor(frontEnd: F, backEnd: B) {
    if (!isObject(frontEnd)) throw new TypeError("Front-end must be a socket object")
    if (!isObject(backEnd)) throw new TypeError("Back-end must be a socket object")
    checkCount(arguments, 2)
    if (handleOf(frontEnd) === undefined || handleOf(backEnd) === undefined) throw invalidArgument()
    this.#front = frontEnd
    this.#back = backEnd
  }

  /** The socket at the front. */
  get frontEnd(): F {
    if (!isProxy(this)) throw invalidArgument()
    return this.#front
  }

  /** The socket at the back. */
  get backEnd(): B {
    if (!isProxy(this)) throw invalidArgument()
    return this.#back
  }

  /**
   * Runs until it is terminated; nothing else can be done with the sockets meanwhile. Then both are closed.
   *
   * @throws an error with code `EINVAL` if one of the sockets has no endpoint; `EBADF` if one is closed, `EBUSY` if one
   * is in use
   */
  run(): Promise<void> {
    if (!isProxy(this)) throw illegalInvocation()
    checkCount(arguments, 0)
    const front = handleOf(this.#front) as Handle
    const back = handleOf(this.#back) as Handle
    if (front.endpoints === 0) throw errnoError("EINVAL", "Front-end socket must be bound or connected")
    if (back.endpoints === 0) throw errnoError("EINVAL", "Back-end socket must be bound or connected")
    front.checkOpen()
    back.checkOpen()
    let running: CoreProxy
    try {
      running = proxy(front.core as ProxySocket, back.core as ProxySocket)
    } catch (error) {
      throw translated(error)
    }
    this.#running = running
    front.blocked = true
    back.blocked = true
    this.#pin.hold(this)
    const end = (): void => {
      this.#running = undefined
      this.#pin.release()
      for (const handle of [front, back]) {
        handle.blocked = false
        handle.close()
      }
    }
    return running.finished.then(end, (error: unknown) => {
      end()
      throw translated(error)
    })
  }

  /** Forwards nothing until {@link Proxy.resume}. */
  pause(): void {
    if (!isProxy(this)) throw illegalInvocation()
    checkCount(arguments, 0)
    this.#command().pause()
  }

  /** Goes on. */
  resume(): void {
    if (!isProxy(this)) throw illegalInvocation()
    checkCount(arguments, 0)
    this.#command().resume()
  }

  /** Ends it. */
  terminate(): void {
    if (!isProxy(this)) throw illegalInvocation()
    checkCount(arguments, 0)
    this.#command().terminate()
  }

  #command(): CoreProxy {
    if (this.#running === undefined) throw errnoError("EBADF")
    return this.#running
  }
}
