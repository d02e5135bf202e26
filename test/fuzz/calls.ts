// Calls in any order on a pair of sockets: nothing escapes, nothing comes twice or out of order, and every message that
// was accepted is received or counted.

import { MessagingError, type Peer, Publisher, Pull, Push, Subscriber } from "brokerless"
import { type FuzzTarget, holds, type Stage, same } from "../support/fuzzing.ts"
import { dropped } from "../support/pubsub.ts"
import type { Random } from "../support/random.ts"
import { turns } from "../support/sockets.ts"
import { openResources, untilClosed } from "../support/towns.ts"
import { TRANSPORTS, type TransportCase, transport } from "../support/transports.ts"
import { until } from "../support/until.ts"

const STEPS = [
  [6, "send"],
  [4, "try"],
  [4, "receive"],
  [1, "now"],
  [2, "many"],
  [2, "turn"],
  [1, "connect"],
  [1, "disconnect"],
  [1, "expel"],
  [1, "expelled"],
  [1, "unbind"],
  [1, "bind"],
] as const

interface PipelineInput {
  readonly over: TransportCase["name"]
  readonly sendHighWaterMark: number
  readonly receiveHighWaterMark: number
  readonly immediate: boolean
  readonly steps: readonly { readonly kind: (typeof STEPS)[number][1]; readonly count: number }[]
}

/** Lets pass what this library says of itself; anything else is a failure. */
async function allowed(act: () => unknown): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (error instanceof MessagingError) return false
    throw error
  }
}

/** Numbers that are received: each once, and those of one connection in their order. */
class Received {
  readonly numbers = new Set<number>()
  readonly #last = new Map<Peer, number>()

  note(message: Buffer[] | undefined, peer?: Peer): void {
    if (message === undefined) return
    // A message of n frames bears its number in each.
    same(new Set(message.map(String)).size, 1, "How many messages are in one")
    const number = Number(message[0])
    holds(!this.numbers.has(number), () => `${number} came twice`)
    this.numbers.add(number)
    if (peer === undefined) return
    // A connection that is made anew is another peer, with turns of its own.
    const last = this.#last.get(peer) ?? -1
    holds(number > last, () => `${number} came after ${last}`)
    this.#last.set(peer, number)
  }
}

export const pipelineCalls: FuzzTarget<PipelineInput> = {
  name: "calls-pipeline",
  cases: 60,

  generate(random: Random): PipelineInput {
    return {
      over: random.pick(TRANSPORTS.map(({ name }) => name)),
      sendHighWaterMark: random.within(1, 4),
      receiveHighWaterMark: random.within(1, 4),
      immediate: random.once(2),
      steps: random.list(0, 60, () => ({
        kind: random.choose(...STEPS.map(([weight, kind]) => [weight, () => kind] as const)),
        count: random.within(1, 4),
      })),
    }
  },

  open(): Stage<PipelineInput> {
    const before = openResources()
    return { check: callPipeline, close: () => untilClosed(before) }
  },
}

async function callPipeline({ over, receiveHighWaterMark, steps, ...options }: PipelineInput): Promise<void> {
  const { sendHighWaterMark, immediate } = options
  const endpoint = await transport(over).named()
  const sending = { sendHighWaterMark, immediate, linger: 0, reconnectInterval: 1, reconnectMaxInterval: 0 }
  await using push = new Push(sending)
  await using pull = new Pull({ receiveHighWaterMark })
  let next = 0
  let accepted = 0
  const received = new Received()
  await pull.bind(endpoint)
  push.connect(endpoint)
  for (const { kind, count } of steps) {
    switch (kind) {
      case "send": {
        const message = Array<string>(count).fill(`${next++}`)
        if (await allowed(() => push.send(message, { timeout: 0 }))) accepted++
        break
      }
      case "try":
        if (push.trySend(`${next++}`)) accepted++
        break
      case "receive":
        await allowed(async () => {
          const { message, peer } = await pull.receiveFrom({ timeout: 0 })
          received.note(message, peer)
        })
        break
      case "now":
        received.note(pull.tryReceive())
        break
      case "many":
        await allowed(async () => {
          for (const message of await pull.receiveMany(count, { timeout: 0 })) received.note(message)
        })
        break
      case "turn":
        await turns(count)
        break
      case "connect":
        if (push.endpoints.length === 0) push.connect(endpoint)
        break
      case "disconnect":
        await allowed(() => push.disconnect(endpoint))
        break
      case "expel":
        for (const peer of push.peers) peer.disconnect()
        break
      case "expelled":
        for (const peer of pull.peers) peer.disconnect()
        break
      case "unbind":
        await allowed(() => pull.unbind(endpoint))
        break
      case "bind":
        await allowed(() => pull.bind(endpoint))
        break
    }
    holds(push.stats.queuedMessages <= accepted, () => `${push.stats.queuedMessages} wait of ${accepted}`)
    holds(pull.stats.queuedMessages <= pull.stats.messagesReceived, () => "More wait than were received")
  }
  await push.close()
  // What was handed to the system before the close is on its way, and comes.
  await until(() => {
    received.note(pull.tryReceive())
    return pull.peers.length === 0
  }, "a closed socket had left")
  while (pull.readable) received.note(pull.tryReceive())
  await pull.close()
  same(push.stats.messagesSent + dropped(push.stats), accepted, "Sent or dropped, of those accepted")
  same(received.numbers.size + dropped(pull.stats), pull.stats.messagesReceived, "Read or dropped, of those received")
  holds(pull.stats.messagesReceived <= push.stats.messagesSent, () => "More were received than sent")
  same([push.stats.queuedMessages, push.stats.queuedBytes], [0, 0], "What waits at the sender")
  same([pull.stats.queuedMessages, pull.stats.queuedBytes], [0, 0], "What waits at the receiver")
}

const PUBSUB_STEPS = [
  [3, "subscribe"],
  [2, "unsubscribe"],
  [4, "send"],
  [2, "receive"],
  [1, "reconnect"],
] as const

interface PubsubInput {
  readonly calls: readonly { readonly kind: (typeof PUBSUB_STEPS)[number][1]; readonly topic: string }[]
}

export const pubsubCalls: FuzzTarget<PubsubInput> = {
  name: "calls-pubsub",
  cases: 200,

  generate(random: Random): PubsubInput {
    return {
      calls: random.list(0, 60, () => ({
        kind: random.choose(...PUBSUB_STEPS.map(([weight, kind]) => [weight, () => kind] as const)),
        topic: random.list(0, 3, () => random.pick(["A", "B"])).join(""),
      })),
    }
  },

  open(): Stage<PubsubInput> {
    return { check: callPubsub }
  },
}

async function callPubsub({ calls }: PubsubInput): Promise<void> {
  await using publisher = new Publisher()
  await using subscriber = new Subscriber({ reconnectInterval: 1 })
  subscriber.connect(await publisher.bind(transport("inproc").any()))
  await publisher.waitForPeers()
  /** How often each prefix is wanted. */
  const wanted = new Map<string, number>()
  const wants = (text: string): boolean => [...wanted].some(([prefix, n]) => n > 0 && text.startsWith(prefix))
  /** Over inproc what is wanted when it is sent has arrived at once. */
  const arrived: string[] = []
  for (const { kind, topic } of calls) {
    if (kind === "subscribe") {
      subscriber.subscribe(topic)
      wanted.set(topic, (wanted.get(topic) ?? 0) + 1)
    } else if (kind === "unsubscribe") {
      subscriber.unsubscribe(topic)
      wanted.set(topic, Math.max(0, (wanted.get(topic) ?? 0) - 1))
    } else if (kind === "send") {
      await publisher.send(topic)
      if (wants(topic)) arrived.push(topic)
    } else if (kind === "receive") {
      // What is no longer wanted is not handed out.
      while (arrived.length > 0 && !wants(arrived[0] as string)) arrived.shift()
      const expected = arrived.length > 0 ? [arrived.shift()] : undefined
      same(subscriber.tryReceive()?.map(String), expected, "What a subscriber got")
    } else {
      const back = publisher.events.once("peer:join")
      publisher.peers[0]?.disconnect()
      await back
    }
    const live = [...wanted].filter(([, n]) => n > 0).map(([prefix]) => prefix)
    same(publisher.subscriptions.map(String), live.sort(), "What is wanted")
  }
  same(dropped(publisher.stats), 0, "What was dropped")
}
