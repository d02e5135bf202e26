// Subscriptions against lists of prefixes: the index of a publisher alone, through everything that can happen to it,
// and an XPublisher and a Publisher with peers that subscribe, cancel, send and leave.

import { type Message, Publisher, type Socket, XPublisher, XSubscriber } from "brokerless"
import { type GoneListener, Subscriptions } from "../../src/routing/subscriptions.ts"
import { type FuzzTarget, holds, type Stage, same } from "../support/fuzzing.ts"
import { asking, cancelling, dropped } from "../support/pubsub.ts"
import type { Random } from "../support/random.ts"
import { join } from "../support/sockets.ts"
import { transport } from "../support/transports.ts"
import { until } from "../support/until.ts"

interface Step {
  readonly kind: "add" | "remove" | "leave" | "sweep" | "match"
  readonly peer: number
  readonly topic: Buffer
  /** How many are swept at once. */
  readonly most: number
}

interface Input {
  readonly peers: number
  readonly steps: readonly Step[]
}

function generate(random: Random, most: number): Input {
  const peers = random.within(1, 6)
  // Topics that are prefixes of each other, and that part late.
  const spine = random.octets(random.pick([1, 3, 8, 40, 300]))
  const topic = (): Buffer => {
    const prefix = Buffer.from(spine.subarray(0, random.below(spine.length + 1)))
    if (prefix.length > 0 && random.once(3)) prefix[prefix.length - 1] = random.octet()
    return random.once(5) ? random.octets(random.below(4)) : prefix
  }
  const kind = (): Step["kind"] =>
    random.choose<Step["kind"]>(
      [6, () => "add"],
      [4, () => "remove"],
      [4, () => "match"],
      [1, () => "leave"],
      [1, () => "sweep"],
    )
  const steps = random.list(1, most, () => ({
    kind: kind(),
    peer: random.below(peers),
    topic: topic(),
    most: random.pick([0, 1, 3, 1000]),
  }))
  return { peers, steps }
}

/** What each peer wants, as plainly as it can be kept. */
class Wishes {
  readonly #prefixes: Set<string>[]

  constructor(peers: number) {
    this.#prefixes = Array.from({ length: peers }, () => new Set())
  }

  of(peer: number): Set<string> {
    return this.#prefixes[peer] as Set<string>
  }

  wants(peer: number, topic: Buffer): boolean {
    const text = topic.toString("hex")
    return [...this.of(peer)].some((prefix) => text.startsWith(prefix))
  }

  holders(topic: Buffer): number {
    return this.#prefixes.filter((prefixes) => prefixes.has(topic.toString("hex"))).length
  }

  topics(): string[] {
    return [...new Set(this.#prefixes.flatMap((prefixes) => [...prefixes]))].sort()
  }
}

export const subscriptionIndex: FuzzTarget<Input> = {
  name: "subscription-index",
  cases: 2500,
  generate: (random) => generate(random, random.pick([20, 80, 200])),

  open(): Stage<Input> {
    return {
      check({ peers, steps }) {
        const index = new Subscriptions<{ readonly peer: number }>()
        const names = Array.from({ length: peers }, (_, peer) => ({ peer }))
        const wishes = new Wishes(peers)
        // Those of leavers that are not swept yet: for each topic, how many of them still hold it.
        const ghosts: string[] = []
        const gone: GoneListener<{ readonly peer: number }> = (topic, last) => {
          const hex = topic.toString("hex")
          const at = ghosts.indexOf(hex)
          holds(at >= 0, () => `The subscription to ${hex} was swept, and nobody who left has it`)
          ghosts.splice(at, 1)
          same(last, !ghosts.includes(hex) && wishes.holders(topic) === 0, "Whether that was the last one")
        }
        for (const { kind, peer, topic, most } of steps) {
          const name = names[peer] as { readonly peer: number }
          const own = wishes.of(peer)
          const hex = topic.toString("hex")
          const others = wishes.holders(topic) + ghosts.filter((each) => each === hex).length
          switch (kind) {
            case "add":
              same(
                index.add(topic, name),
                own.has(hex) ? "known" : others === 0 ? "first" : "new",
                "What came of an add",
              )
              own.add(hex)
              break
            case "remove":
              same(index.remove(topic, name), !own.has(hex) ? "unknown" : others === 1 ? "last" : "removed", "A remove")
              own.delete(hex)
              break
            case "leave":
              ghosts.push(...own)
              own.clear()
              same(index.removePeer(name, most, gone), ghosts.length > 0, "Whether there is more to sweep")
              break
            case "sweep":
              same(index.sweep(most, gone), ghosts.length > 0, "Whether there is more to sweep")
              break
            case "match": {
              const found: { readonly peer: number }[] = []
              found.length = index.match(topic, found)
              const expected = names.filter((each) => wishes.wants(each.peer, topic)).map((each) => each.peer)
              same(found.map((each) => each.peer).sort(), expected, "Who gets a message")
              same(index.matches(topic, name), wishes.wants(peer, topic), "Whether one gets a message")
              break
            }
          }
          same(index.countOf(name), own.size, "How many subscriptions a peer has")
          same(index.has(topic, name), own.has(hex), "Whether a peer has a subscription")
        }
        index.sweep(Number.POSITIVE_INFINITY, gone)
        same(ghosts, [], "What is left of those who left")
        same(
          Array.from(index.topics(), (topic) => topic.toString("hex")),
          wishes.topics(),
          "The topics in the end",
        )
        const pairs = names.reduce((sum, { peer }) => sum + wishes.of(peer).size, 0)
        same(index.size, pairs, "The pairs of peer and topic in the end")
      },
    }
  },
}

interface SocketInput extends Input {
  readonly publisher: "Publisher" | "XPublisher"
  readonly over: "inproc" | "tcp" | "ipc"
}

export const subscribers: FuzzTarget<SocketInput> = {
  name: "subscribers",
  cases: 60,

  generate(random: Random): SocketInput {
    const publisher = random.pick(["Publisher", "XPublisher"])
    return { ...generate(random, 60), publisher, over: random.pick(["inproc", "inproc", "tcp", "ipc"]) }
  },

  open(): Stage<SocketInput> {
    return { check }
  },
}

async function check({ publisher: kind, over, peers, steps }: SocketInput): Promise<void> {
  await using publisher = kind === "Publisher" ? new Publisher() : new XPublisher({ receiveHighWaterMark: 0 })
  const endpoint = await publisher.bind(transport(over).any())
  await using crowd = new Crowd()
  for (let peer = 0; peer < peers; peer++) await crowd.come(peer, endpoint, publisher)
  const wishes = new Wishes(peers)
  /** What was told to the application of an XPublisher, folded. */
  const told = new Set<string>()
  const listen = (): void => {
    if (!(publisher instanceof XPublisher)) return
    for (let found = publisher.tryReceive(); found !== undefined; found = publisher.tryReceive()) {
      const hex = (found[0] as Buffer).subarray(1).toString("hex")
      if (found[0]?.[0] === 1) told.add(hex)
      else holds(told.delete(hex), () => `The application was told of the end of ${hex}, and never of its beginning`)
    }
  }
  const known = (): string[] => {
    listen()
    return publisher instanceof XPublisher
      ? [...told].sort()
      : publisher.subscriptions.map((topic) => topic.toString("hex"))
  }
  const knows = (topic: Buffer): boolean => known().includes(topic.toString("hex"))
  const settle = async (): Promise<void> => {
    // A subscription to a topic of its own, said last by each peer, shows that what it said before has arrived.
    for (const [peer, socket] of crowd.all()) {
      const mark = Buffer.concat([Buffer.from("mark"), Buffer.from([peer]), Buffer.alloc(400)])
      await socket.send(asking(mark))
      await until(() => knows(mark), "a subscription was known")
      await socket.send(cancelling(mark))
      await until(() => !knows(mark), "a subscription was forgotten")
    }
  }
  for (const { kind, peer, topic } of steps) {
    const socket = crowd.at(peer)
    const own = wishes.of(peer)
    const hex = topic.toString("hex")
    if (kind === "add") {
      await socket.send(asking(topic))
      own.add(hex)
    } else if (kind === "remove") {
      // An XSubscriber says nothing of a topic it does not have; of the others it counts.
      while (own.has(hex) && crowd.counts(peer, hex) > 1) {
        await socket.send(cancelling(topic))
        crowd.count(peer, hex, -1)
      }
      await socket.send(cancelling(topic))
      own.delete(hex)
    } else if (kind === "leave") {
      await crowd.leave(peer, publisher)
      own.clear()
      await crowd.come(peer, endpoint, publisher)
    } else if (kind === "match") {
      await settle()
      await publisher.send([topic, "body"])
      for (const [other, subscriber] of crowd.all()) {
        if (!wishes.wants(other, topic)) continue
        const [first, body] = (await subscriber.receive({ timeout: 10_000 })) as Message
        same(first, topic, "The topic of what a subscriber got")
        same(String(body), "body", "The rest of it")
      }
    }
    if (kind === "add") crowd.count(peer, hex, 1)
    if (kind === "remove" || kind === "leave") crowd.forget(peer, kind === "leave" ? undefined : hex)
  }
  await settle()
  same(known(), wishes.topics(), "What the publisher says is wanted")
  for (const [, subscriber] of crowd.all()) same(subscriber.tryReceive(), undefined, "What nobody asked for")
  same(dropped(publisher.stats), 0, "What was dropped")
}

/** The subscribers, and how often each has asked for a topic. */
class Crowd implements AsyncDisposable {
  readonly #sockets = new Map<number, XSubscriber>()
  readonly #counts = new Map<string, number>()

  all(): Iterable<[number, XSubscriber]> {
    return this.#sockets
  }

  at(peer: number): XSubscriber {
    return this.#sockets.get(peer) as XSubscriber
  }

  async come(peer: number, endpoint: string, publisher: Socket): Promise<void> {
    const socket = new XSubscriber({ linger: 0 })
    this.#sockets.set(peer, socket)
    await join(socket, endpoint, publisher)
  }

  async leave(peer: number, publisher: Socket): Promise<void> {
    const left = publisher.peers.length - 1
    await this.at(peer).close({ linger: 0 })
    await until(() => publisher.peers.length <= left, "a peer had left")
  }

  counts(peer: number, hex: string): number {
    return this.#counts.get(`${peer} ${hex}`) ?? 0
  }

  count(peer: number, hex: string, more: number): void {
    this.#counts.set(`${peer} ${hex}`, this.counts(peer, hex) + more)
  }

  forget(peer: number, hex: string | undefined): void {
    for (const key of this.#counts.keys()) {
      if (hex === undefined ? key.startsWith(`${peer} `) : key === `${peer} ${hex}`) this.#counts.delete(key)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [, socket] of this.#sockets) await socket.close({ linger: 0 })
  }
}
