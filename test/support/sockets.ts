// Putting sockets together and watching what they do, in turns of the event loop rather than in time.

import type { Message, MessageLike, Readable, Socket, Writable } from "brokerless"

/** A socket that sends frames. */
export type Sender = Socket & Writable<MessageLike>
/** A socket that receives frames. */
export type Receiver = Socket & Readable<Message>

/** Connects `connecting` to what `bound` binds, and waits until both know each other. Returns the bound endpoint. */
export async function link(bound: Socket, connecting: Socket, endpoint: string): Promise<string> {
  const real = await bound.bind(endpoint)
  await join(connecting, real, bound)
  return real
}

/** Connects `connecting` to an endpoint at which `bound` is, and waits until both have one peer more. */
export async function join(connecting: Socket, endpoint: string, bound: Socket): Promise<void> {
  const there = bound.waitForPeers(bound.peers.length + 1)
  const here = connecting.waitForPeers(connecting.peers.length + 1)
  connecting.connect(endpoint)
  await Promise.all([there, here])
}

/** Resolves when the peer that is there now (or the given number of them) has left. */
export async function untilPeers(socket: Socket, count: number): Promise<void> {
  while (socket.peers.length > count) await socket.events.once("peer:leave")
}

/** Some turns of the event loop: whatever can happen by itself has happened after it. */
export async function turns(count: number = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Whether the promise is still waiting after some turns of the event loop. */
export async function waits(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const settle = (): void => {
    settled = true
  }
  promise.then(settle, settle)
  await turns()
  return !settled
}

/** All frames of a message as text. */
export function text(message: Message): string[] {
  return message.map((frame) => frame.toString())
}

/** The next message, as text. */
export async function receiveText(socket: Readable<Message>): Promise<string[]> {
  return text(await socket.receive())
}

/** As many messages, in the order in which they come. */
export async function take<R>(socket: Readable<R>, count: number): Promise<R[]> {
  const messages: R[] = []
  while (messages.length < count) messages.push(...(await socket.receiveMany(count - messages.length)))
  return messages
}

/** As many messages of one frame, as text. */
export async function takeText(socket: Readable<Message>, count: number): Promise<string[]> {
  return (await take(socket, count)).map((message) => message.map(String).join("|"))
}

/**
 * Sends `message` until the socket takes no more, and goes on taking no more while the event loop turns: then all
 * queues on the way are full. Returns how many were taken.
 */
export async function fill(socket: Writable<MessageLike>, message: MessageLike): Promise<number> {
  let taken = 0
  for (let idle = 0; idle < 20; idle++) {
    while (socket.trySend(message)) {
      taken++
      idle = 0
    }
    await turns(1)
  }
  return taken
}
