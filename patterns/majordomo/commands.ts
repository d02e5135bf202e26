// The commands of MDP 0.2 (RFC 18) as frames, and back. Everything that says what an octet means is here; nothing here
// knows a socket, or who is expected to say what when. What comes in comes from strangers: nothing here throws.

import type { Frame, FrameLike, Message } from "brokerless"

/** What a service may be called, in octets. */
export const MAX_SERVICE_OCTETS = 255

/** Names that begin so belong to the broker (RFC 8). */
export const RESERVED = "mmi."

export const EMPTY: Frame = Buffer.alloc(0)
const CLIENT = Buffer.from("MDPC02")
const WORKER = Buffer.from("MDPW02")
const [ONE, TWO, THREE, FOUR, FIVE, SIX] = [1, 2, 3, 4, 5, 6].map((code) => Buffer.from([code])) as [
  Frame,
  Frame,
  Frame,
  Frame,
  Frame,
  Frame,
]

/** What a client or a worker says to the broker. */
export type Command =
  | { readonly from: "client"; readonly kind: "request"; readonly service: string; readonly body: Message }
  | { readonly from: "worker"; readonly kind: "ready"; readonly service: string }
  | { readonly from: "worker"; readonly kind: "partial" | "final"; readonly client: Frame; readonly body: Message }
  | { readonly from: "worker"; readonly kind: "heartbeat" | "disconnect" }

/** What the broker says to a worker. */
export type Order =
  | { readonly kind: "request"; readonly client: Frame; readonly body: Message }
  | { readonly kind: "heartbeat" | "disconnect" }

/** What the broker says to a client. */
export interface Answer {
  readonly kind: "partial" | "final"
  readonly service: string
  readonly body: Message
}

export function requestOf(service: string, body: readonly FrameLike[]): FrameLike[] {
  return [CLIENT, ONE, service, ...body]
}

export function answerTo(client: Frame, kind: "partial" | "final", service: string, body: Message): FrameLike[] {
  return [client, CLIENT, kind === "partial" ? TWO : THREE, service, ...body]
}

export function readyFor(service: string): FrameLike[] {
  return [WORKER, ONE, service]
}

export function orderOf(client: Frame, body: Message): FrameLike[] {
  return [WORKER, TWO, client, EMPTY, ...body]
}

export function resultFor(client: Frame, kind: "partial" | "final", body: readonly FrameLike[]): FrameLike[] {
  return [WORKER, kind === "partial" ? THREE : FOUR, client, EMPTY, ...body]
}

export const HEARTBEAT: readonly Frame[] = [WORKER, FIVE]
export const DISCONNECT: readonly Frame[] = [WORKER, SIX]

/** What a client or worker has said; `frames` as it sent them. Undefined: no command of this protocol. */
export function readCommand(frames: Message): Command | undefined {
  const code = codeOf(frames)
  if (isHeader(frames, CLIENT)) {
    const service = serviceOf(frames[2])
    if (code !== 1 || service === undefined) return undefined
    return { from: "client", kind: "request", service, body: bodyOf(frames, 3) }
  }
  if (!isHeader(frames, WORKER)) return undefined
  if (code === 1) {
    const service = frames.length === 3 ? serviceOf(frames[2]) : undefined
    return service === undefined ? undefined : { from: "worker", kind: "ready", service }
  }
  if (code === 3 || code === 4) {
    const client = frames[2]
    if (client === undefined || client.length === 0 || frames[3]?.length !== 0) return undefined
    return { from: "worker", kind: code === 3 ? "partial" : "final", client, body: bodyOf(frames, 4) }
  }
  if (frames.length !== 2) return undefined
  if (code === 5) return { from: "worker", kind: "heartbeat" }
  return code === 6 ? { from: "worker", kind: "disconnect" } : undefined
}

/** What the broker has said to a worker. */
export function readOrder(frames: Message): Order | undefined {
  if (!isHeader(frames, WORKER)) return undefined
  const code = codeOf(frames)
  if (code === 2) {
    const client = frames[2]
    if (client === undefined || client.length === 0 || frames[3]?.length !== 0) return undefined
    return { kind: "request", client, body: bodyOf(frames, 4) }
  }
  if (frames.length !== 2) return undefined
  if (code === 5) return { kind: "heartbeat" }
  return code === 6 ? { kind: "disconnect" } : undefined
}

/** What the broker has said to a client. */
export function readAnswer(frames: Message): Answer | undefined {
  const code = codeOf(frames)
  const service = serviceOf(frames[2])
  if (!isHeader(frames, CLIENT) || service === undefined || (code !== 2 && code !== 3)) return undefined
  return { kind: code === 2 ? "partial" : "final", service, body: bodyOf(frames, 3) }
}

/** Whether a service may be called so: printable, and not too long. */
export function isServiceName(name: unknown): name is string {
  return typeof name === "string" && name !== "" && !CONTROL.test(name) && Buffer.byteLength(name) <= MAX_SERVICE_OCTETS
}

const CONTROL = /\p{Cc}/u
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

function serviceOf(frame: Frame | undefined): string | undefined {
  if (frame === undefined || frame.length === 0 || frame.length > MAX_SERVICE_OCTETS) return undefined
  try {
    const name = UTF8.decode(frame)
    return isServiceName(name) ? name : undefined
  } catch {
    return undefined
  }
}

function isHeader([header]: Message, expected: Frame): boolean {
  return header?.equals(expected) ?? false
}

function codeOf([, code]: Message): number | undefined {
  return code?.length === 1 ? code[0] : undefined
}

/** A command ends with at least one frame of body: nothing at all is taken for an empty one. */
function bodyOf(frames: Message, from: number): Message {
  return frames.length > from ? frames.slice(from) : [EMPTY]
}
