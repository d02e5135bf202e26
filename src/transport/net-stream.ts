// A ByteStream over a socket of node:net, whatever it runs on. No protocol, no option, no endpoint.
// Budget of write(): one callback owned by the stream, nothing of our own allocated per write or read.

import type { Socket } from "node:net"
import { allocate, type Bytes, view } from "../bytes.ts"
import { atEndOfTick } from "../clock.ts"
import { readInto } from "./own-buffer.ts"
import type { ByteStream, StreamHandler } from "./transport.ts"

/** Where the reads of all sockets land, one at a time; it stays in the processor's cache. */
const SCRATCH: Bytes = allocate(64 * 1024)

/** One connected socket. It owns the socket from the constructor on. */
export class NetStream implements ByteStream {
  readonly address: string
  readonly #socket: Socket
  readonly #ownBuffer: boolean
  /** Where the next read goes, when it is not the scratch. */
  #destination: Bytes | undefined
  #handler: StreamHandler | undefined
  #error: NodeJS.ErrnoException | undefined
  /** Given up by us: nothing but `closed` is told any more. */
  #destroyed = false
  #closed = false
  /** Calls of `write` whose callback has not come. Node.js defers it even where the kernel took all at once. */
  #unsettled = 0
  /** `write` answered false and `drained` is due. */
  #owed = false

  constructor(socket: Socket, address: string) {
    this.address = address
    this.#socket = socket
    this.#ownBuffer = readInto(socket, {
      buffer: () => {
        this.#destination = this.#destroyed ? undefined : this.#handler?.destination?.()
        return this.#destination ?? SCRATCH
      },
      read: (length) => this.#read(length),
    })
    // Nothing is read before there is somebody to tell.
    if (this.#ownBuffer) socket.pause()
    socket.on("error", (error) => {
      this.#error ??= error
    })
    // Heard even before the start: a peer that sends nothing and ends is known to have ended at once.
    socket.once("end", () => this.#tellEnd())
    socket.once("close", () => {
      this.#closed = true
      const handler = this.#handler
      // The runtime keeps sockets until its next full collection. What we had to do with them need not wait for that.
      this.#handler = undefined
      handler?.closed(this.#error)
    })
  }

  /** The handle knows how much of a write has gone; the socket learns it only when all of it has. */
  get pending(): number {
    const { _handle: handle } = this.#socket as unknown as { readonly _handle?: { readonly writeQueueSize?: number } }
    const { writableLength } = this.#socket
    return writableLength === 0 ? 0 : (handle?.writeQueueSize ?? writableLength)
  }

  start(handler: StreamHandler): void {
    this.#handler = handler
    if (this.#closed) {
      atEndOfTick(() => handler.closed(this.#error))
      return
    }
    if (this.#socket.readableEnded) atEndOfTick(() => this.#tellEnd())
    if (this.#ownBuffer) {
      this.#socket.resume()
      return
    }
    // The listener starts the flow.
    this.#socket.on("data", (chunk: Bytes) => {
      if (!this.#destroyed) handler.data(chunk)
    })
  }

  write(chunks: readonly Bytes[]): boolean {
    const socket = this.#socket
    // Ended or lost: these octets go nowhere, and `closed` is what will be heard.
    if (!socket.writable) return false
    const last = chunks.length - 1
    if (last < 0) return !this.#owed
    this.#unsettled++
    if (last === 0) {
      socket.write(chunks[0] as Bytes, this.#settled)
    } else {
      // Corked chunks leave together, in one writev.
      socket.cork()
      for (let i = 0; i < last; i++) socket.write(chunks[i] as Bytes)
      socket.write(chunks[last] as Bytes, this.#settled)
      socket.uncork()
    }
    // A refused write leaves nothing pending either, but it is not with the system.
    if (socket.writableLength === 0 && socket.errored === null) return true
    this.#owed = true
    return false
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#destroyed = true
    this.#socket.destroy()
  }

  hold(alive: boolean): void {
    if (alive) this.#socket.ref()
    else this.#socket.unref()
  }

  #read(length: number): void {
    if (this.#destroyed || this.#handler === undefined) return
    if (this.#destination === undefined) this.#handler.data(view(SCRATCH.buffer, SCRATCH.byteOffset, length))
    else this.#handler.filled?.(length)
  }

  #tellEnd(): void {
    if (!this.#destroyed && !this.#closed) this.#handler?.ended()
  }

  /** The callback of every write, in their order. A socket that was lost reports success as well: it tells nothing. */
  readonly #settled = (error?: Error | null): void => {
    this.#unsettled--
    if (this.#unsettled > 0 || !this.#owed || error || this.#socket.destroyed) return
    this.#owed = false
    this.#handler?.drained()
  }
}
