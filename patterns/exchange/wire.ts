// What exchange and consumer say to each other, frame by frame, as README.md has it. Nothing here knows a socket.

import type { Frame, Message } from "brokerless"
import { toFrame } from "../payload.ts"

/** The first frame of everything. */
const SIGNATURE = Buffer.from("EXCHANGE1") as Frame

const CODES = { join: 1, bind: 2, unbind: 3, acknowledge: 4, reject: 5, deliver: 17, refuse: 18 } as const

/** How a binding is written: a routing key or pattern, or headers. */
export type Form = "key" | "headers"

const FORMS: Readonly<Record<Form, number>> = { key: 0x6b, headers: 0x68 }

/** Octets of the name of a queue, a routing key or a pattern at most, as in AMQP. */
export const MAX_NAME = 255
/** Octets of the headers of a message or a binding at most. */
export const MAX_HEADERS = 8192
/** The most messages that a consumer can be sent ahead. */
export const MAX_PREFETCH = 65_535

/** What a consumer says. */
export type ConsumerSaid =
  | { readonly kind: "join"; readonly prefetch: number; readonly queue: string }
  | { readonly kind: "bind" | "unbind"; readonly form: Form; readonly text: string }
  | { readonly kind: "acknowledge"; readonly tags: readonly number[] }
  | { readonly kind: "reject"; readonly requeue: boolean; readonly tags: readonly number[] }

/** What an exchange says. */
export type ExchangeSaid =
  | {
      readonly kind: "deliver"
      readonly tag: number
      readonly deliveries: number
      readonly key: string
      readonly headers: string
      readonly body: Message
    }
  | { readonly kind: "refuse"; readonly text: string; readonly reason: string }

function begin(kind: keyof typeof CODES): Frame[] {
  return [SIGNATURE, Buffer.from([CODES[kind]]) as Frame]
}

export function join(prefetch: number, queue: string): Frame[] {
  const frame = Buffer.alloc(4) as Frame
  frame.writeUInt32BE(prefetch)
  return [...begin("join"), frame, toFrame(queue)]
}

export function bind(kind: "bind" | "unbind", form: Form, text: string): Frame[] {
  return [...begin(kind), Buffer.from([FORMS[form]]) as Frame, toFrame(text)]
}

export function acknowledge(tags: readonly number[]): Frame[] {
  return [...begin("acknowledge"), tagsFrame(tags)]
}

export function reject(requeue: boolean, tags: readonly number[]): Frame[] {
  return [...begin("reject"), Buffer.from([requeue ? 1 : 0]) as Frame, tagsFrame(tags)]
}

export function deliver(tag: number, deliveries: number, routed: readonly Frame[]): Frame[] {
  return [...begin("deliver"), tagsFrame([tag]), Buffer.from([Math.min(deliveries, 255)]) as Frame, ...routed]
}

export function refuse(text: string, reason: string): Frame[] {
  return [...begin("refuse"), toFrame(text), toFrame(reason)]
}

/** What a consumer says; undefined when it is none of this protocol. */
export function parseConsumer(message: Message): ConsumerSaid | undefined {
  const [, , first, second] = message
  if (message.length < 3 || first === undefined) return undefined
  switch (kindOf(message)) {
    case CODES.join: {
      const queue = textOf(second, MAX_NAME)
      if (message.length !== 4 || first.length !== 4 || queue === undefined) return undefined
      const prefetch = first.readUInt32BE(0)
      return prefetch >= 1 && prefetch <= MAX_PREFETCH ? { kind: "join", prefetch, queue } : undefined
    }
    case CODES.bind:
    case CODES.unbind: {
      const form = first.length === 1 ? formOf(first[0] as number) : undefined
      const text = textOf(second, form === "key" ? MAX_NAME : MAX_HEADERS)
      if (message.length !== 4 || form === undefined || text === undefined) return undefined
      return { kind: kindOf(message) === CODES.bind ? "bind" : "unbind", form, text }
    }
    case CODES.acknowledge: {
      const tags = tagsOf(first)
      return message.length === 3 && tags !== undefined ? { kind: "acknowledge", tags } : undefined
    }
    case CODES.reject: {
      const tags = tagsOf(second)
      if (message.length !== 4 || first.length !== 1 || (first[0] as number) > 1 || tags === undefined) return undefined
      return { kind: "reject", requeue: first[0] === 1, tags }
    }
    default:
      return undefined
  }
}

/** What an exchange says; undefined when it is none of this protocol. */
export function parseExchange(message: Message): ExchangeSaid | undefined {
  switch (kindOf(message)) {
    case CODES.deliver: {
      const tag = tagsOf(message[2])?.[0]
      const deliveries = message[3]
      const key = textOf(message[4], MAX_NAME)
      const headers = textOf(message[5], MAX_HEADERS)
      if (message.length < 7 || message[2]?.length !== 8 || tag === undefined || deliveries?.length !== 1)
        return undefined
      if (key === undefined || headers === undefined) return undefined
      return { kind: "deliver", tag, deliveries: deliveries[0] as number, key, headers, body: message.slice(6) }
    }
    case CODES.refuse: {
      const text = textOf(message[2], MAX_HEADERS)
      const reason = textOf(message[3], MAX_HEADERS)
      if (message.length !== 4 || text === undefined || reason === undefined) return undefined
      return { kind: "refuse", text, reason }
    }
    default:
      return undefined
  }
}

function kindOf([signature, code]: Message): number | undefined {
  return signature !== undefined && code?.length === 1 && SIGNATURE.equals(signature) ? code[0] : undefined
}

function formOf(octet: number): Form | undefined {
  if (octet === FORMS.key) return "key"
  return octet === FORMS.headers ? "headers" : undefined
}

function tagsFrame(tags: readonly number[]): Frame {
  const frame = Buffer.alloc(8 * tags.length) as Frame
  for (const [i, tag] of tags.entries()) frame.writeBigUInt64BE(BigInt(tag), 8 * i)
  return frame
}

function tagsOf(frame: Frame | undefined): number[] | undefined {
  if (frame === undefined || frame.length === 0 || frame.length % 8 !== 0) return undefined
  const tags: number[] = []
  for (let at = 0; at < frame.length; at += 8) tags.push(Number(frame.readBigUInt64BE(at)))
  return tags
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

function textOf(frame: Frame | undefined, most: number): string | undefined {
  if (frame === undefined || frame.length > most) return undefined
  try {
    return strict.decode(frame)
  } catch {
    return undefined
  }
}
