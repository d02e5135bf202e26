// The two interfaces of a transport, stacked. A StreamTransport moves bytes (tcp, ipc, and whatever follows); a
// Transport moves messages (inproc, and every stream transport once the session has lifted it). Nothing here acts.
//
// Who owns what: a ByteStream belongs to one session from the moment it is handed over, and that session alone ends
// it. Nothing in these interfaces blocks; whatever takes time is told through the handler.

import type { Bytes } from "../bytes.ts"
import type { Endpoint } from "../endpoint.ts"
import type { MessagingError } from "../errors.ts"
import type { Monitor } from "../events.ts"
import type { ResolvedOptions } from "../options.ts"
import type { PeerFacts } from "../peer.ts"
import type { Pipe } from "../pipe/pipe.ts"
import type { Marks } from "../pipe/queue.ts"
import type { WireType } from "../socket-type.ts"
import type { DropReason, SocketStats } from "../stats.ts"

/** What a session wants to be told by its stream. After `closed` nothing more is called. */
export interface StreamHandler {
  /** Octets arrived. Their memory is lent for the time of the call; what is still needed afterwards is copied. */
  data(chunk: Bytes): void
  /** Memory into which the next octets can be read directly, when the handler knows where they belong. */
  destination?(): Bytes | undefined
  /** That many octets were read into the beginning of what `destination` returned last. */
  filled?(length: number): void
  /** A write that did not go out at once is now wholly in the hands of the operating system. */
  drained(): void
  /** The peer has ended its side; everything it sent was given to `data` before. */
  ended(): void
  /** The stream is gone, for whatever reason; called exactly once, also after `destroy`. */
  closed(error?: NodeJS.ErrnoException): void
}

/** A two-way stream of octets to one peer, already connected. */
export interface ByteStream {
  /** The peer's address, as text: `127.0.0.1:49152`, or the path of an ipc endpoint. */
  readonly address: string
  /** Octets that the operating system has not taken yet of the write in hand. */
  readonly pending: number
  /** Starts the flow of octets to the handler. Called once, before any other method. */
  start(handler: StreamHandler): void
  /**
   * Writes all chunks, in one system call where it can. `true`: the operating system has them all, and their memory
   * may be used again; `false`: `drained` will say so. The caller waits for it before the next write.
   */
  write(chunks: readonly Bytes[]): boolean
  /** Stops reading; a little may still arrive that was on its way. */
  pause(): void
  resume(): void
  /** Ends our side (FIN) once everything written has left. Reading goes on. */
  end(): void
  /** Gives the stream up at once. `closed` follows. */
  destroy(): void
  /** Whether this stream keeps the process alive. It does, until told otherwise. */
  hold(alive: boolean): void
}

/** What the options of a socket say about streams; ms and octets. */
export interface StreamOptions {
  readonly backlog: number
  readonly connectTimeout: number
  readonly noDelay: boolean
  readonly tcpKeepalive: boolean
  readonly tcpKeepaliveIdle: number
  readonly ipv6: boolean
  readonly ipcMode: number
  readonly maxOpenFiles: number
}

/** Something bound: it accepts streams until it is closed. */
export interface Listener {
  /** The endpoint really bound, with its port or path: one that can be connected to. */
  readonly endpoint: string
  /** Stops accepting; resolves when the port or path is free. Streams already accepted live on. */
  close(): Promise<void>
  hold(alive: boolean): void
}

export interface ListenerHandler {
  accepted(stream: ByteStream): void
  /** Accepting went wrong (out of descriptors, say) though the listener lives on. */
  failed(error: NodeJS.ErrnoException): void
}

/** An attempt to connect that can be given up. */
export interface Attempt {
  /** After this neither callback is called any more. */
  cancel(): void
  hold(alive: boolean): void
}

export interface AttemptHandler {
  connected(stream: ByteStream): void
  failed(error: NodeJS.ErrnoException): void
}

/** A transport of bytes: the whole of what tcp or ipc must provide. */
export interface StreamTransport {
  /** The scheme of its endpoints: `tcp`. */
  readonly name: string
  /** Rejects with an {@link EndpointError} carrying the system's code. */
  listen(endpoint: Endpoint, options: StreamOptions, handler: ListenerHandler): Promise<Listener>
  /** As `listen`, at once; undefined where that cannot be. Throws what `listen` rejects with. */
  listenNow?(endpoint: Endpoint, options: StreamOptions, handler: ListenerHandler): Listener | undefined
  /** One attempt, bounded by `connectTimeout`; trying again is the caller's affair. */
  connect(endpoint: Endpoint, options: StreamOptions, handler: AttemptHandler): Attempt
}

/** What a transport needs of the socket it works for. Nothing here is called once the socket is closed. */
export interface SocketHost {
  readonly type: WireType
  readonly options: Readonly<ResolvedOptions>
  readonly monitor: Monitor
  readonly stats: SocketStats
  /** How much the queues of each peer hold. */
  readonly marks: { readonly outbound: Marks; readonly inbound: Marks }
  /** Whether the same message goes to many peers, so that encoding it once for all pays. */
  readonly sharesMessages: boolean
  /** Whether peers that come and go without a protocol are told of by empty messages. */
  readonly tellsOfPeers: boolean
  /** How many routers datagrams to a multicast group may pass; as the system has it, if nothing is said. */
  readonly multicastHops?: number | undefined
  /** Peers that came in through bound endpoints. */
  readonly acceptedPeers: number
  /**
   * A pipe for a peer that is to come through this endpoint; it waits until it is admitted. `routingId` is the name by
   * which a Router wants to know it.
   */
  createPipe(endpoint: string, connecting: boolean, routingId?: Bytes): Pipe
  /**
   * The peer of this pipe has completed its handshake. Returns why it may not stay, or undefined when it is welcome;
   * then `pipe.peer` is set. The pipe's link must be in place before.
   */
  admit(pipe: Pipe, facts: PeerFacts): MessagingError | undefined
  /** The pipe's connection is over: nothing more is sent through it, though its inbound queue can still be read. */
  release(pipe: Pipe, error: Error | undefined): void
  /** Messages that were accepted are lost; `pipe` is the one they were queued in. */
  dropped(reason: DropReason, count: number, pipe: Pipe | undefined): void
  /** A connected endpoint will not be tried again, because we were refused or reconnecting is off. */
  gaveUp(connection: Connection, error: Error | undefined): void
}

/** A bound endpoint. */
export interface Binding {
  /** As really bound: one that can be connected to. */
  readonly endpoint: string
  /** Takes no new peers; resolves when the address is free. Those that came in stay. */
  close(): Promise<void>
}

/** A connected endpoint: one that is tried again and again. */
export interface Connection {
  /** As given to `connect`. */
  readonly endpoint: string
  /** The pipe of the present or next peer. */
  readonly pipe: Pipe
  /** Tries no more. A connection that is made stays; its link ends it. */
  close(): void
}

/** A transport of messages: what a socket sees of tcp, ipc, inproc and whatever follows. */
export interface Transport {
  /** The scheme of its endpoints: `tcp`. */
  readonly name: string
  /** Rejects with an {@link EndpointError}. */
  bind(endpoint: Endpoint, host: SocketHost): Promise<Binding>
  /** As `bind`, where that can be done at once; undefined where it cannot. Throws what `bind` rejects with. */
  bindNow?(endpoint: Endpoint, host: SocketHost): Binding | undefined
  /** Returns at once. `routingId` is the name by which a Router wants to know the peer. */
  connect(endpoint: Endpoint, host: SocketHost, routingId: Bytes | undefined): Connection
}
