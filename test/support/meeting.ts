// Where sockets of ours meet those of the npm package `zeromq`, theirs. Whatever a test opens here is closed with it,
// whether the test passes or not. Nothing here judges anything.

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Socket } from "brokerless"
import type * as zmq from "zeromq"
import { LOOPBACK, vacantEndpoint } from "./loopback.ts"
import { turns } from "./sockets.ts"

/** What carries octets between processes, theirs and ours. */
export const TRANSPORTS = ["tcp", "ipc"] as const
export type Transport = (typeof TRANSPORTS)[number]

/** A socket of either. */
export type Anyone = Socket | zmq.Socket

/** A socket of either, as a list of frames goes in and comes out; which of the two it can do is the test's affair. */
export interface End {
  send(message: (string | Buffer)[]): Promise<void>
  receive(): Promise<Buffer[]>
}

export class Meeting implements AsyncDisposable {
  readonly #ours: Socket[] = []
  readonly #theirs: zmq.Socket[] = []
  readonly #closers: (() => unknown)[] = []
  #directory: Promise<string> | undefined
  #paths = 0

  /** Takes care of a socket of ours. */
  ours<S extends Socket>(socket: S): S {
    return this.either(socket)
  }

  /** Takes care of a socket of theirs. */
  theirs<S extends zmq.Socket>(socket: S): S {
    return this.either(socket)
  }

  /** Takes care of a socket, whosever it is. */
  either<S extends Anyone>(socket: S): S {
    if (socket instanceof Socket) {
      this.#ours.push(socket)
    } else {
      socket.linger = 0
      this.#theirs.push(socket)
    }
    return socket
  }

  /** Has `close` called at the end, before any socket is closed. */
  use<T extends { close(): unknown }>(resource: T): T {
    this.#closers.push(() => resource.close())
    return resource
  }

  /** An endpoint to bind that nobody else has. */
  async wildcard(transport: Transport = "tcp"): Promise<string> {
    if (transport === "tcp") return `tcp://${LOOPBACK}:*`
    this.#directory ??= mkdtemp(join(tmpdir(), "meeting-"))
    return `ipc://${join(await this.#directory, String(this.#paths++))}`
  }

  /** An endpoint by its name, at which nobody is. */
  async vacant(transport: Transport): Promise<string> {
    return transport === "ipc" ? this.wildcard("ipc") : vacantEndpoint()
  }

  /** Binds, and returns what others can connect to. */
  async bind(socket: Anyone, endpoint?: string): Promise<string> {
    const wanted = endpoint ?? (await this.wildcard())
    const bound = await socket.bind(wanted)
    return bound ?? (socket as zmq.Socket).lastEndpoint ?? wanted
  }

  /** Binds where another socket of theirs was bound until now: they let go of it when they like. */
  async rebind(socket: Anyone, endpoint: string): Promise<void> {
    for (let bound = false; !bound; ) {
      bound = await socket.bind(endpoint).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== "EADDRINUSE") throw error
          return false
        },
      )
      await turns(1)
    }
  }

  /** Binds one, connects the other, and waits for the handshakes of those that are ours. */
  async join(binding: Anyone, connecting: Anyone, transport: Transport = "tcp"): Promise<string> {
    const endpoint = await this.bind(binding, await this.wildcard(transport))
    const before = [binding, connecting].map((socket) => (socket instanceof Socket ? socket.peers.length : 0))
    connecting.connect(endpoint)
    await Promise.all(
      [binding, connecting].map(async (socket, i) => {
        if (socket instanceof Socket) await socket.waitForPeers((before[i] as number) + 1)
      }),
    )
    return endpoint
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()))
    for (const socket of this.#theirs) socket.close()
    await Promise.all(this.#ours.map((socket) => socket.close({ linger: 0 })))
    if (this.#directory !== undefined) await rm(await this.#directory, { recursive: true, force: true })
  }
}

/** The next event of that type at a socket of theirs. */
export function once<T extends zmq.EventType>(socket: zmq.Socket, type: T): Promise<zmq.EventOfType<T>> {
  return new Promise((resolve) => {
    const listener = (event: zmq.EventOfType<T>): void => {
      socket.events.off(type, listener)
      resolve(event)
    }
    socket.events.on(type, listener)
  })
}

/** Frames as octets. */
export function frames(...message: (string | Buffer)[]): Buffer[] {
  return message.map((frame) => Buffer.from(frame))
}
