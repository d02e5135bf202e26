// What a socket of ours and one of theirs say to each other, for every legal pair of types: messages of every shape, in
// every direction that the pair allows, each of which arrives whole, once, and in order.

import { type SocketType, Subscriber } from "brokerless"
import { expect } from "vitest"
import * as zmq from "zeromq"
import { legalPeers, SOCKET_TYPES } from "../../src/socket-type.ts"
import { type End, frames } from "./meeting.ts"
import { turns } from "./sockets.ts"

/** A legal pair. */
export interface TypePair {
  readonly ours: SocketType
  readonly theirs: SocketType
}

/** What passes in every direction of every pair. */
const MESSAGES: readonly Buffer[][] = [
  frames("one frame"),
  frames(""),
  frames("", ""),
  frames("a", "", "b", ""),
  frames("", "behind an empty frame"),
  frames("x".repeat(255), "y".repeat(256), "z"),
  Array.from({ length: 50 }, (_, i) => Buffer.from(String(i))),
]

async function carry(from: End, to: End, sent: Buffer[], arrives: Buffer[] = sent): Promise<void> {
  const [arrived] = await Promise.all([to.receive(), from.send(sent)])
  expect(arrived).toEqual(arrives)
}

async function oneWay(from: End, to: End): Promise<void> {
  for (const message of MESSAGES) await carry(from, to, message)
}

async function bothWays(one: End, other: End): Promise<void> {
  await Promise.all([oneWay(one, other), oneWay(other, one)])
}

/** One asks, and gets its own question back. The router returns the envelope as it came, whatever is in it. */
async function echo(asker: End, router: End, delimited: boolean): Promise<void> {
  for (const message of MESSAGES) {
    const [asked] = await Promise.all([router.receive(), asker.send(message)])
    const envelope = delimited ? asked.findIndex((frame, i) => i > 0 && frame.length === 0) + 1 : 1
    expect(asked.slice(envelope)).toEqual(message)
    await carry(router, asker, asked, message)
  }
}

/** Publishes until the subscription has arrived. */
async function untilSubscribed(publisher: End, subscriber: End): Promise<void> {
  let heard = false
  const first = subscriber.receive().then(() => {
    heard = true
  })
  while (!heard) {
    await publisher.send(["probe"])
    await turns(1)
  }
  await first
  await publisher.send(["the last probe"])
  while (String(await subscriber.receive()) !== "the last probe");
}

/** Has a subscriber of any kind ask for everything. */
export function wantAll(subscriber: End): Promise<void> | void {
  if (subscriber instanceof Subscriber || subscriber instanceof zmq.Subscriber) subscriber.subscribe()
  else return subscriber.send([Buffer.of(1)])
}

async function publish(publisher: End, subscriber: End): Promise<void> {
  await wantAll(subscriber)
  await untilSubscribed(publisher, subscriber)
  await oneWay(publisher, subscriber)
}

async function publishOnDemand(publisher: End, subscriber: End): Promise<void> {
  const wanted = wantAll(subscriber)
  // Sockets of theirs notice who has connected only while something is asked of them.
  const first = subscriber.receive()
  expect(await publisher.receive()).toEqual([Buffer.of(1)])
  await publisher.send(["first"])
  expect(await first).toEqual(frames("first"))
  await wanted
  await oneWay(publisher, subscriber)
}

/** What each pair says, under the names of the two. */
export const EXCHANGES: Readonly<Record<string, (one: End, other: End) => Promise<void>>> = {
  "PAIR PAIR": bothWays,
  "PUSH PULL": oneWay,
  "PUB SUB": publish,
  async "PUB XSUB"(publisher, subscriber) {
    await publish(publisher, subscriber)
    // What goes against the stream is dropped in silence, and nothing stops.
    for (const message of MESSAGES) await subscriber.send(message)
    await oneWay(publisher, subscriber)
  },
  "XPUB SUB": publishOnDemand,
  async "XPUB XSUB"(publisher, subscriber) {
    await publishOnDemand(publisher, subscriber)
    await bothWays(publisher, subscriber)
  },
  async "REQ REP"(asker, replier) {
    for (const message of MESSAGES) {
      await carry(asker, replier, message)
      await carry(replier, asker, message)
    }
  },
  "REQ ROUTER": (asker, router) => echo(asker, router, true),
  async "DEALER REP"(dealer, replier) {
    for (const message of MESSAGES) {
      const delimited = [...frames(""), ...message]
      await carry(dealer, replier, delimited, message)
      await carry(replier, dealer, message, delimited)
    }
  },
  "DEALER DEALER": bothWays,
  "DEALER ROUTER": (dealer, router) => echo(dealer, router, false),
  async "ROUTER ROUTER"(one, other) {
    for (const message of MESSAGES) {
      await carry(one, other, [...frames("theirs"), ...message], [...frames("ours"), ...message])
      await carry(other, one, [...frames("ours"), ...message], [...frames("theirs"), ...message])
    }
  },
}

export const PAIRS: readonly TypePair[] = SOCKET_TYPES.flatMap((ours) =>
  legalPeers(ours).map((theirs) => ({ ours, theirs })),
)

/** All of it, between sockets that know each other. */
export async function exchange(types: TypePair, ours: End, theirs: End): Promise<void> {
  const straight = EXCHANGES[`${types.ours} ${types.theirs}`]
  if (straight !== undefined) await straight(ours, theirs)
  else await EXCHANGES[`${types.theirs} ${types.ours}`]?.(theirs, ours)
}
