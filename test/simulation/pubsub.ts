// PUB, XPUB to SUB, XSUB: each letter to whoever wants its topic at the time. What is wanted changes all the time; when
// that has ended, everybody gets exactly what he wants, judged by comparing every prefix with every topic.

import type { Message, Publisher, Subscriber } from "brokerless"
import { begin, read, write } from "./acts.ts"
import type { Plan, Role, Station } from "./station.ts"
import { meet, optionsOf } from "./topology.ts"
import type { World } from "./world.ts"

const PREFIXES = ["", "a", "ab", "abc", "b", "ba", "bab", "c", "zz"] as const
/** None begins with the octets 0 or 1, which would make a subscription of it. */
export const TOPICS = ["a", "ab", "abc", "abd", "b", "bab", "c", "d", "zzz"] as const

export function pubsub(world: World): Plan[] {
  const { random } = world
  const overflows = ["drop", "drop-oldest", "conflate", "wait", ...(world.peaceful ? [] : ["disconnect"])] as const
  const overflow = random.pick(overflows)
  const conflate = random.once(12)
  const inverted = random.once(8)
  const publishers = random.list(1, 3, (n) => {
    const extended = random.once(3)
    return {
      name: `${extended ? "xpub" : "pub"}${n}`,
      role: extended ? xpublisher(conflate) : publisher(conflate),
      options: {
        ...optionsOf(world, true, extended),
        overflow,
        // What all queues together may hold would part it from peers that keep up.
        ...(overflow === "disconnect" && { maxBufferedBytes: 0 }),
        ...(conflate && !extended && { conflate }),
        ...(inverted && { invertMatching: true }),
      },
    }
  })
  const subscribers = random.list(1, 4, (n) => {
    const extended = !inverted && random.once(3)
    return {
      name: `${extended ? "xsub" : "sub"}${n}`,
      role: extended ? XSUBSCRIBER : SUBSCRIBER,
      options: {
        ...optionsOf(world, extended, true),
        ...(conflate && !extended && { conflate }),
        ...(inverted && { invertMatching: true }),
      },
    }
  })
  return meet(world, publishers, subscribers)
}

// ── those who publish ────────────────────────────────────────────────────────────────────────────────────────────

function publisher(single: boolean): Role {
  return {
    create: ({ library }, options) => new library.Publisher(options),
    start: (station) => publish(station, single),
    inherits: false,
    counts: false,
  }
}

function xpublisher(single: boolean): Role {
  return {
    create: ({ library }, options) => new library.XPublisher(options),
    start(station) {
      publish(station, single)
      read(station, ([subscription = Buffer.alloc(0)]) => {
        const prefix = Buffer.from(subscription.subarray(1)).toString()
        if (subscription[0] === 1) {
          if (station.wishes.has(prefix)) station.world.fail(`${station.name} is told of "${prefix}" a second time`)
          station.wishes.set(prefix, 1)
        } else {
          // The end of what nobody had is told as well.
          station.wishes.delete(prefix)
        }
      })
    },
    inherits: false,
    told: true,
    counts: false,
  }
}

function publish(station: Station, single: boolean): void {
  const { random } = station.world
  write(station, { letters: random.within(5, 60), single, topic: () => random.pick(TOPICS) })
}

/** What a publisher believes to be wanted. */
export function believed(station: Station): string[] {
  const { subscriptions } = station.socket as unknown as Publisher
  if (subscriptions === undefined) return [...station.wishes.keys()].sort()
  return subscriptions.map((prefix) => Buffer.from(prefix).toString()).sort()
}

// ── those who subscribe ──────────────────────────────────────────────────────────────────────────────────────────

const SUBSCRIBER: Role = {
  create: ({ library }, options) => new library.Subscriber(options),
  start: (station) => subscribe(station, true),
  inherits: false,
  counts: false,
}

const XSUBSCRIBER: Role = {
  create: ({ library }, options) => new library.XSubscriber(options),
  start: (station) => subscribe(station, false),
  inherits: false,
  counts: false,
}

function subscribe(station: Station, filters: boolean): void {
  const { world } = station
  const { random, clock, ledger } = world
  const subscriber = station.socket as unknown as Subscriber
  const tell = (kind: 0 | 1, prefix: string): void => {
    world.trace.note(`${station.name} ${kind === 1 ? "wants" : "wants no more"} "${prefix}"`)
    if (!filters) station.socket.trySend(Buffer.concat([Buffer.from([kind]), Buffer.from(prefix)]))
    else if (kind === 1) subscriber.subscribe(prefix)
    else subscriber.unsubscribe(prefix)
    const count = (station.wishes.get(prefix) ?? 0) + (kind === 1 ? 1 : -1)
    if (count > 0) station.wishes.set(prefix, count)
    else station.wishes.delete(prefix)
  }
  for (let n = random.below(4); n > 0; n--) tell(1, random.pick(PREFIXES))
  station.act(async () => {
    for (let left = random.within(0, 25); left > 0 && world.phase === "turmoil" && station.open; left--) {
      const known = [...station.wishes.keys()]
      if (known.length > 0 && random.once(2)) tell(0, random.pick(known))
      else tell(1, random.pick(PREFIXES))
      await clock.sleep(random.choose([2, () => random.below(4)], [1, () => random.below(80)]))
    }
  })
  read(station, (message: Message) => {
    const letter = ledger.received(station.name, message, clock.now, {
      shared: true,
      // What is conflated by topic keeps its place among other topics, whatever it is.
      lane: Buffer.from(message[0] as Uint8Array)
        .subarray(0, 3)
        .toString(),
    })
    if (letter === undefined || !filters || wants(station, letter.frames[0] as Buffer)) return
    world.fail(`${station.name} received letter ${letter.id}, which it does not want`)
  })
}

/** The brute-force model of matching. */
export function wants(station: Station, topic: Buffer): boolean {
  let matches = false
  for (const prefix of station.wishes.keys()) if (topic.toString().startsWith(prefix)) matches = true
  return matches !== (station.plan.options.invertMatching === true)
}

// ── when all is in order ─────────────────────────────────────────────────────────────────────────────────────────

/** Every publisher has to know what its subscribers want, and everybody to get just that. */
export async function converge(world: World, stations: readonly Station[]): Promise<void> {
  for (const station of stations) {
    if (!isPublisher(station)) continue
    const audience = stations.filter((other) => areConnected(station, other))
    const wanted = [...new Set(audience.flatMap(({ wishes }) => [...wishes.keys()]))].sort()
    const agreed = (): boolean => believed(station).join() === wanted.join()
    for (let ms = 0; ms < 10_000 && !agreed(); ms += 20) await world.clock.sleep(20)
    if (!agreed()) {
      world.fail(`${station.name} believes that "${believed(station)}" are wanted; "${wanted}" are`)
      continue
    }
    for (const topic of TOPICS) await publishOne(world, station, audience, topic)
  }
}

async function publishOne(world: World, station: Station, audience: readonly Station[], topic: string): Promise<void> {
  const letter = begin(station, station.plan.options.conflate === true, topic)
  const { dropped } = station.socket.stats
  const droppedBefore = dropped["high-water-mark"]
  await station.send(letter, "wait")
  const wanted = audience.filter((other) => wants(other, letter.frames[0] as Buffer)).map(({ name }) => name)
  const arrived = (): boolean => wanted.every((name) => letter.receivers.has(name))
  for (let ms = 0; ms < 10_000 && !arrived(); ms += 5) await world.clock.sleep(5)
  // Nobody else may get it, later either.
  await world.clock.sleep(50)
  const receivers = [...letter.receivers.keys()].sort()
  // Where all queues together may hold little, the copies of one letter may be too much.
  const tight = station.plan.options.maxBufferedBytes !== undefined
  const few = receivers.every((name) => wanted.includes(name))
  if (tight && few && receivers.length + dropped["high-water-mark"] - droppedBefore === wanted.length) return
  if (receivers.join() === wanted.sort().join()) return
  world.fail(`Letter ${letter.id} of ${station.name} about "${topic}" came to "${receivers}"; "${wanted}" want it`)
}

function isPublisher({ plan }: Station): boolean {
  return plan.name.startsWith("pub") || plan.name.startsWith("xpub")
}

function areConnected(one: Station, other: Station): boolean {
  if (isPublisher(other)) return false
  return (
    one.plan.binds.some((endpoint) => other.plan.connects.includes(endpoint)) ||
    other.plan.binds.some((endpoint) => one.plan.connects.includes(endpoint))
  )
}
