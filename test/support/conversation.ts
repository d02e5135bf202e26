// What peers say, legal and then spoiled: conversations written from the RFC with nothing of src/, and mutations that
// know where one piece ends and the next begins.

import type { SocketType } from "brokerless"
import type { Random } from "./random.ts"
import { RawCurveClient } from "./raw-curve.ts"
import { command, frame, greeting, longHeader, message, property } from "./raw-peer.ts"

const MORE = 1
const COMMAND = 4

/** Octets in the pieces in which a peer says them: a greeting, a command, a message. */
export type Conversation = Buffer[]

/** Topics that share beginnings, of all lengths. */
export function topic(random: Random): Buffer {
  return random.choose(
    [4, () => Buffer.from(Array.from({ length: random.below(5) }, () => random.pick([0, 1, 0x41, 0x42, 0xff])))],
    [2, () => Buffer.alloc(random.size(300), 0x41)],
    [1, () => random.octets(random.size(5000))],
  )
}

/** One thing said in traffic, legal in itself. */
export function utterance(random: Random): Buffer {
  return random.choose(
    [6, () => message(...random.list(1, 4, () => random.octets(random.size(600))))],
    [1, () => message(...random.list(1, 40, () => Buffer.alloc(0)))],
    [1, () => message(random.octets(random.size(100_000)))],
    [2, () => command("SUBSCRIBE", topic(random))],
    [2, () => command("CANCEL", topic(random))],
    [2, () => command("PING", Buffer.concat([random.octets(2), random.octets(random.below(20))]))],
    [1, () => command("PONG", random.octets(random.below(20)))],
    [1, () => frame(Buffer.concat([Buffer.from([random.below(2)]), topic(random)]))],
    [1, () => command(random.pick(["XYZZY", "JOIN", "LEAVE", "A"]), random.octets(random.size(40)))],
    [1, () => Buffer.concat([longHeader(3, random.pick([0, 1])), Buffer.from("abc")])],
  )
}

/** The metadata of a peer of some type: what it must hold, and what it may. */
export function metadata(random: Random, socketType: string): Buffer {
  const own = property("Socket-Type", socketType)
  const identity = random.once(3) ? property("Identity", identityOf(random)) : Buffer.alloc(0)
  const more = random.list(0, 3, () => property(`X-${"abc".slice(random.below(4))}`, random.octets(random.size(60))))
  return Buffer.concat(random.once(4) ? [...more, identity, own] : [own, identity, ...more])
}

const FITTING: Readonly<Record<string, readonly SocketType[]>> = {
  PAIR: ["PAIR"],
  PUB: ["SUB", "XSUB"],
  SUB: ["PUB", "XPUB"],
  XPUB: ["SUB", "XSUB"],
  XSUB: ["PUB", "XPUB"],
  PUSH: ["PULL"],
  PULL: ["PUSH"],
  REQ: ["REP", "ROUTER"],
  REP: ["REQ", "DEALER"],
}

/** Of any length that is one, of others, and that of somebody else. */
function identityOf(random: Random): Buffer {
  return random.choose(
    [2, () => Buffer.from("honest")],
    [2, () => random.octets(random.pick([0, 1, 5, 255, 256]))],
    [1, () => Buffer.concat([Buffer.alloc(1), random.octets(random.below(6))])],
  )
}

/** A type for us that may talk to the other. */
export function fitting(random: Random, theirs: string): SocketType {
  return random.pick(FITTING[theirs] ?? ["DEALER", "ROUTER"])
}

/** A conversation under the NULL mechanism. */
export function nullConversation(random: Random, socketType: string): Conversation {
  return [
    greeting({ major: random.once(8) ? 4 : 3, minor: random.pick([0, 1, 1, 2]) }),
    command("READY", metadata(random, socketType)),
    ...random.list(0, 6, () => utterance(random)),
  ]
}

/** What a client of PLAIN says: a name and a password, who it is, and then what it came for. */
export function plainClientConversation(random: Random, socketType: string): Conversation {
  const texts = random.once(2)
    ? [Buffer.from("admin"), Buffer.from("secret")]
    : random.list(2, random.once(8) ? 3 : 2, () => random.octets(random.size(255)))
  const hello = Buffer.concat(texts.flatMap((text) => [Buffer.from([text.length]), text]))
  return [
    greeting({ mechanism: "PLAIN" }),
    command("HELLO", hello),
    command("INITIATE", metadata(random, socketType)),
    ...random.list(0, 4, () => utterance(random)),
  ]
}

/** What a server of PLAIN says; now and then a refusal, in libzmq's spelling too. */
export function plainServerConversation(random: Random, socketType: string): Conversation {
  const ready = command("READY", metadata(random, socketType))
  const refusal = random.pick([command("ERROR", "\x03400"), frame("^RROR\x03400", COMMAND)])
  return [
    greeting({ mechanism: "PLAIN" }),
    ...random.choose(
      [6, () => [command("WELCOME"), ready]],
      [1, () => [refusal]],
      [1, () => [command("WELCOME"), refusal]],
    ),
    ...random.list(0, 4, () => utterance(random)),
  ]
}

/** What somebody says who knows the form of CURVE, and of the keys only the server's public one. */
export function curveConversation(random: Random, side: "client" | "server", serverKey: Buffer): Conversation {
  const client = new RawCurveClient(serverKey)
  const strange = (name: string, octets: number): Buffer => command(name, random.octets(octets))
  const handshake =
    side === "client"
      ? [frame(client.hello(), COMMAND), strange("INITIATE", 248 + random.below(60))]
      : [strange("WELCOME", 160), strange("READY", 24 + random.below(60))]
  const traffic = random.list(0, 3, () => frame(Buffer.concat([Buffer.from("\x07MESSAGE"), random.octets(40)])))
  return [greeting({ mechanism: "CURVE" }), ...handshake, ...traffic]
}

/** The same conversation, spoiled in a few places; now and then left as it is. */
export function mutate(random: Random, pieces: Conversation): Conversation {
  let mutated = pieces
  for (let count = random.pick([0, 1, 1, 1, 2, 3, 6]); count > 0; count--) mutated = mutateOnce(random, mutated)
  return mutated
}

function mutateOnce(random: Random, pieces: Conversation): Conversation {
  if (pieces.length === 0) return [random.octets(random.size(100))]
  const at = random.below(pieces.length)
  const piece = pieces[at] as Buffer
  const withPiece = (...others: Buffer[]): Conversation => pieces.toSpliced(at, 1, ...others)
  return random.choose(
    [4, () => withPiece(flipped(random, piece))],
    [4, () => withPiece(withOctet(random, piece, random.octet()))],
    [2, () => withPiece(piece.subarray(0, random.below(piece.length + 1)))],
    [2, () => withPiece(piece.subarray(random.below(piece.length + 1)))],
    [2, () => withPiece(inserted(random, piece, random.octets(random.within(1, 8))))],
    [2, () => withPiece(without(random, piece))],
    [2, () => withPiece(piece, piece)],
    [1, () => withPiece()],
    [2, () => withPiece(lengthened(random, piece))],
    [2, () => swapped(random, pieces)],
    [2, () => withPiece(spliced(random, piece, random.pick(pieces)))],
    [2, () => withPiece(frame(random.octets(random.size(400)), random.octet()), piece)],
    [2, () => withPiece(longHeader(hugeSize(random), random.pick([0, 1, 4, 5])))],
    [2, () => withPiece(utterance(random), piece)],
    [1, () => withPiece(command("ERROR", Buffer.concat([Buffer.from([3]), Buffer.from("400")])))],
    [1, () => withPiece(random.octets(random.size(300)))],
    [1, () => pieces.slice(0, at)],
  )
}

function flipped(random: Random, octets: Buffer): Buffer {
  return withOctet(random, octets, undefined)
}

/** Another octet in one place, most likely near the beginning, or one bit of it the other way. */
function withOctet(random: Random, octets: Buffer, octet: number | undefined): Buffer {
  if (octets.length === 0) return octets
  const changed = Buffer.from(octets)
  const at = random.once(2) ? random.below(Math.min(octets.length, 14)) : random.below(octets.length)
  changed[at] = octet ?? (changed[at] as number) ^ (1 << random.below(8))
  return changed
}

function inserted(random: Random, octets: Buffer, more: Buffer): Buffer {
  const at = random.below(octets.length + 1)
  return Buffer.concat([octets.subarray(0, at), more, octets.subarray(at)])
}

function without(random: Random, octets: Buffer): Buffer {
  const from = random.below(octets.length + 1)
  const to = Math.min(octets.length, from + random.within(1, 8))
  return Buffer.concat([octets.subarray(0, from), octets.subarray(to)])
}

/** More octets at the end, announced or not. */
function lengthened(random: Random, octets: Buffer): Buffer {
  const longer = Buffer.concat([octets, random.octets(random.size(300))])
  const grown = longer.length - 2
  const short = [0, MORE, COMMAND].includes(octets[0] ?? -1) && octets.length >= 2
  if (random.once(2) && short && grown < 256) longer[1] = grown
  return longer
}

/** The beginning of one piece and the end of another. */
function spliced(random: Random, one: Buffer, other: Buffer): Buffer {
  return Buffer.concat([one.subarray(0, random.below(one.length + 1)), other.subarray(random.below(other.length + 1))])
}

function swapped(random: Random, pieces: Conversation): Conversation {
  const [a, b] = [random.below(pieces.length), random.below(pieces.length)]
  return pieces.with(a, pieces[b] as Buffer).with(b, pieces[a] as Buffer)
}

function hugeSize(random: Random): bigint {
  const power = BigInt(random.pick([8, 13, 16, 20, 26, 31, 32, 33, 53, 62, 63, 64]))
  const size = 2n ** power + BigInt(random.within(-1, 1))
  return size < 2n ** 64n ? size : 2n ** 64n - 1n
}

/** The sizes of the chunks in which so many octets come, to be used in turn. Long ones come in fewer pieces. */
export function chunkSizes(random: Random, octets: number): number[] {
  const least = Math.ceil(octets / 4000)
  return random.choose(
    [3, () => [1_000_000]],
    [2, () => [least]],
    [2, () => random.list(1, 6, () => least * random.within(1, 40))],
    [2, () => random.list(1, 6, () => least + random.size(5000))],
    [1, () => [64, least * random.within(1, 300), 70_000]],
  )
}

/** Octets in chunks of these sizes. */
export function cutInto(octets: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, n = 0; at < octets.length; n++) {
    const size = sizes[n % sizes.length] as number
    chunks.push(octets.subarray(at, at + size))
    at += size
  }
  return chunks
}
