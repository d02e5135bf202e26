// What the benchmark asks of a library: sockets that can be driven by the very same loops on both sides. A socket is
// the library's own object, never a wrapper, so that no contender pays for the measuring; what differs between the
// libraries (settings, how an endpoint is learnt, how counters are read) is said once per side, in brokerless.ts and
// zeromq.ts, which is also how programs for the one run with brokerless/zeromq.

import type { CurveKeys } from "./setup.ts"

/** `postMessage` is what Node.js itself offers between threads. */
export type ContenderName = "brokerless" | "drop-in" | "zeromq" | "postMessage"

/** What every socket can do. */
export interface Bindable {
  connect(endpoint: string): void
  close(): unknown
}

/** A socket that sends. */
export interface Sending extends Bindable {
  send(message: Buffer | Buffer[]): Promise<void>
}

/** A socket that receives. */
export interface Receiving extends Bindable, AsyncIterable<Buffer[]> {
  receive(): Promise<Buffer[]>
}

/** A socket that takes all that waits at once. */
export interface ReceivingMany extends Receiving {
  receiveMany(): Promise<Buffer[][]>
}

/** What a sender has done so far. */
export interface Written {
  messages: number
  writes: number
}

/** One side of the comparison. */
export interface Contender {
  /** The one that binds: the server, under CURVE. */
  push(curve?: CurveKeys): Sending
  /** The one that connects. */
  pull(curve?: CurveKeys): Receiving
  /** A publisher that loses nothing, however slow its subscribers are. */
  publisher(): Sending
  /** A subscriber to everything. */
  subscriber(): Receiving
  request(): Sending & Receiving
  reply(): Sending & Receiving
  dealer(): Sending & Receiving
  router(): Sending & Receiving
  /** Binds, and tells what to connect to. */
  bind(socket: Bindable, endpoint: string): Promise<string>
  /** Whether the socket can hand over everything that waits at once. */
  takesMany(socket: Receiving): socket is ReceivingMany
  /** How messages are taken where there is no socket to iterate over. */
  each?(socket: Receiving, listener: (message: Buffer[]) => void): void
  /** Messages and writes to the operating system, where the library counts them. */
  written(socket: Sending): Written | undefined
}

/** Loads one side only: a process that measures one library never holds the other. */
export async function loadContender(name: ContenderName): Promise<Contender> {
  if (name === "postMessage") return (await import("./post-message.ts")).postMessage
  if (name === "brokerless") return (await import("./brokerless.ts")).brokerless
  const { contenderOf } = await import("./zeromq.ts")
  if (name === "zeromq") return contenderOf(await import("zeromq"))
  // Written against the declarations of the one, run with the other.
  return contenderOf((await import("brokerless/zeromq")) as unknown as typeof import("zeromq"))
}
