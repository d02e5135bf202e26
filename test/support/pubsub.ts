// What the spec tests of publish-subscribe have in common: joining sockets, and reading up to an agreed end.

import type { Message, MessageLike, Publisher, Socket, Subscriber, XPublisher, XSubscriber } from "brokerless"
import { join, turns } from "./sockets.ts"
import type { TransportCase } from "./transports.ts"

/** The message after which a test has seen all it wants to see. */
export const END = "end"

/** The first binds, the others connect to it; resolves to the endpoint when all know each other. */
export async function gather(binding: Socket, transport: TransportCase, ...connecting: Socket[]): Promise<string> {
  const endpoint = await binding.bind(transport.any())
  for (const socket of connecting) await join(socket, endpoint, binding)
  return endpoint
}

/** Sends until nobody's queue was full: a queue that was read empty may not have heard of it yet. */
export async function sendSurely(socket: Publisher | XPublisher | XSubscriber, message: MessageLike): Promise<void> {
  for (;;) {
    const before = dropped(socket.stats)
    await socket.send(message)
    if (dropped(socket.stats) === before) return
    await turns(1)
  }
}

/** Asks for these prefixes, and for the end; resolves when the publisher knows it. */
export async function subscribe(
  publisher: Publisher,
  subscriber: Subscriber,
  ...prefixes: (string | Buffer)[]
): Promise<void> {
  const mark = `mark ${Math.random()}`
  subscriber.subscribe(...prefixes, END, mark)
  // Others may want everything, so a count of those who would get the mark says nothing about this one.
  while (!publisher.subscriptions.some((prefix) => prefix.toString() === mark)) await turns(1)
  subscriber.unsubscribe(mark)
}

export function text(message: Message): string {
  return message.map(String).join("|")
}

/** What comes before the end, frames joined by a bar. */
export async function receivedBefore(socket: Subscriber | XSubscriber, end: string = END): Promise<string[]> {
  const texts: string[] = []
  for (;;) {
    const found = text(await socket.receive())
    if (found === end) return texts
    texts.push(found)
  }
}

/** The next subscriptions an XPublisher receives: "+topic" or "-topic"; other messages as they are. */
export async function subscriptionsOf(publisher: XPublisher, count: number): Promise<string[]> {
  const found: string[] = []
  while (found.length < count) {
    const [frame] = await publisher.receive()
    const sign = frame?.[0] === 1 ? "+" : frame?.[0] === 0 ? "-" : undefined
    found.push(sign === undefined ? String(frame) : `${sign}${frame?.subarray(1)}`)
  }
  return found
}

/** Dropped for whatever reason. */
export function dropped(stats: { readonly dropped: Readonly<Record<string, number>> }): number {
  return Object.values(stats.dropped).reduce((sum, count) => sum + count, 0)
}

/** As an XSubscriber says it. */
export function asking(topic: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from([1]), Buffer.from(topic)])
}

export function cancelling(topic: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from([0]), Buffer.from(topic)])
}
