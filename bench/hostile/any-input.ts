// B1: whatever comes in. Seeded conversations that begin as legal ones and are then spoilt, cut and broken off, with
// sockets of every type, while an honest peer of each goes on. Nothing may escape, and nothing may stay.

import {
  Dealer,
  Fanout,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type Socket,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "brokerless"
import { Random } from "../../test/support/random.ts"
import { command, frame, greeting, longHeader, message, property, ready } from "../../test/support/raw-peer.ts"
import { dial } from "./crowd.ts"
import { atMost, count, type Finding, type Size } from "./finding.ts"

const AT_ONCE = 24

/** A socket of every type, and a type of peer that it talks to. */
const TARGETS: readonly (readonly [make: () => Socket, peer: string])[] = [
  [() => new Pair(), "PAIR"],
  [() => new Push({ balance: "least-loaded" }), "PULL"],
  [() => new Pull(), "PUSH"],
  [() => new Publisher(), "SUB"],
  [() => new Subscriber(), "PUB"],
  [() => new XPublisher(), "XSUB"],
  [() => new XSubscriber(), "XPUB"],
  [() => new Request(), "REP"],
  [() => new Reply(), "REQ"],
  [() => new Dealer(), "ROUTER"],
  [() => new Router(), "DEALER"],
  [() => new Fanout(), "PULL"],
]

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const conversations = size === "full" ? 20_000 : 400
  const escaped: unknown[] = []
  const note = (error: unknown): void => {
    escaped.push(error)
  }
  process.on("uncaughtException", note)
  process.on("unhandledRejection", note)
  const targets: { socket: Socket; peer: string; endpoint: string }[] = []
  for (const [make, peer] of TARGETS) {
    const socket = make()
    if (socket instanceof Reply) void socket.serve((question) => question)
    else if (socket instanceof Pull) void drain(socket)
    targets.push({ socket, peer, endpoint: await socket.bind("tcp://127.0.0.1:*") })
  }
  const asker = new Request()
  const asked = targets.find(({ socket }) => socket instanceof Reply) as (typeof targets)[number]
  asker.connect(asked.endpoint)
  let unanswered = 0
  let asking = true
  const honest = (async () => {
    for (let n = 0; asking; n++) {
      const [answer] = await asker.request(`${n}`, { timeout: 10_000 }).catch(() => [undefined])
      if (String(answer) !== `${n}`) unanswered++
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()

  let seed = 0
  const lanes = Array.from({ length: AT_ONCE }, async () => {
    while (seed < conversations) {
      const random = new Random(seed++)
      const { endpoint, peer } = random.pick(targets)
      await converse(endpoint, peer, random)
    }
  })
  await Promise.all(lanes)
  asking = false
  await honest
  const stay = asker.stats.reconnects
  await asker.close()
  await Promise.all(targets.map(({ endpoint, peer }) => comeLast(endpoint, peer)))
  for (let turn = 0; turn < 1000 && targets.some(({ socket }) => socket.peers.length > 0); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const left = targets.reduce((sum, { socket }) => sum + socket.peers.length, 0)
  await Promise.all(targets.map(({ socket }) => socket.close({ linger: 0 })))
  process.off("uncaughtException", note)
  process.off("unhandledRejection", note)
  if (escaped.length > 0) console.error(escaped[0])
  const what = `${count(conversations)} spoilt conversations with sockets of ${TARGETS.length} types`
  yield atMost("B1", `${what}: exceptions and rejections that escaped`, escaped.length, 0, count)
  yield atMost("B1", `${what}: answers and connections an honest peer lost`, unanswered + stay, 0, count)
  yield atMost("B1", `${what}: peers that are still there afterwards`, left, 0, count)
}

async function drain(pull: Pull): Promise<void> {
  for await (const _ of pull);
}

/** One conversation, from the connect to the end, whichever side ends it. */
async function converse(endpoint: string, peer: string, random: Random): Promise<void> {
  const octets = spoil(legal(peer, random), random)
  const socket = dial(endpoint)
  socket.on("error", () => {})
  if (random.once(8)) socket.pause()
  else socket.on("data", () => {})
  const closed = new Promise((resolve) => socket.once("close", resolve))
  await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), closed])
  for (let at = 0; at < octets.length && !socket.destroyed; ) {
    const end = at + random.within(1, random.pick([1, 30, 1000, 100_000]))
    socket.write(octets.subarray(at, end))
    at = end
    if (random.once(4)) await new Promise((resolve) => setImmediate(resolve))
  }
  random.choose(
    [3, () => socket.destroy()],
    [2, () => socket.resetAndDestroy()],
    [2, () => socket.end(() => socket.destroy())],
  )
  await closed
}

/** One that does nothing wrong: once it has had an answer, everybody before it has been let in or turned away. */
async function comeLast(endpoint: string, peer: string): Promise<void> {
  const socket = dial(endpoint)
  socket.write(Buffer.concat([greeting(), ready(peer)]))
  await new Promise((resolve) => socket.once("data", resolve).once("close", resolve).on("error", resolve))
  socket.destroy()
}

function legal(peer: string, random: Random): Buffer {
  const metadata = random.list(0, 4, (i) => property(`X-${i}`, random.octets(random.size(100))))
  const opening = random.once(3)
    ? command("READY", Buffer.concat([property("Socket-Type", peer), property("Identity", "name"), ...metadata]))
    : ready(peer)
  const traffic = random.list(0, 12, () =>
    random.choose(
      [4, () => message(...random.list(1, 4, () => random.octets(random.size(600))))],
      [2, () => message("", random.octets(20))],
      [2, () => command(random.pick(["SUBSCRIBE", "CANCEL"]), random.octets(random.size(300)))],
      [2, () => message(Buffer.concat([Buffer.from([random.below(2)]), random.octets(random.size(300))]))],
      [2, () => command(random.pick(["PING", "PONG", "ERROR", "JOIN"]), random.octets(random.size(30)))],
      [1, () => longHeader(BigInt(random.word()) << BigInt(random.below(33)), random.below(8))],
      [1, () => frame(random.octets(random.size(300)), random.below(256))],
    ),
  )
  return Buffer.concat([greeting({ minor: random.below(3) }), opening, ...traffic])
}

/** A few octets are changed, left out, said twice or put in; some conversations stay as they are. */
function spoil(octets: Buffer, random: Random): Buffer {
  let spoilt = octets
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(spoilt.length + 1)
    const end = Math.min(spoilt.length, at + random.size(40))
    const [before, middle, after] = [spoilt.subarray(0, at), spoilt.subarray(at, end), spoilt.subarray(end)]
    spoilt = random.choose(
      [3, () => Buffer.concat([before, Buffer.from(middle).map((octet) => octet ^ (1 << random.below(8))), after])],
      [2, () => Buffer.concat([before, after])],
      [2, () => Buffer.concat([before, middle, middle, after])],
      [2, () => Buffer.concat([before, random.octets(random.size(200)), middle, after])],
      [1, () => before],
    )
  }
  return spoilt
}
