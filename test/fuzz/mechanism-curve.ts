// Conversations under CURVE with a peer that holds real keys, to either side of it: whatever is altered, forged, taken
// from elsewhere, said twice or out of turn ends the connection and is not delivered; all that is honest arrives.

import { loadProvider } from "../../src/curve/provider.ts"
import type { SocketType } from "../../src/socket-type.ts"
import { CurveClient } from "../../src/zmtp/curve/client.ts"
import type { Primitives } from "../../src/zmtp/curve/primitives.ts"
import { CurveServer } from "../../src/zmtp/curve/server.ts"
import type { Mechanism } from "../../src/zmtp/mechanism.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { chunkSizes, cutInto, metadata, topic } from "../support/conversation.ts"
import { EngineReader } from "../support/engine-reading.ts"
import { limits } from "../support/engine-stage.ts"
import { type FuzzTarget, type Stage, same } from "../support/fuzzing.ts"
import { Random } from "../support/random.ts"
import {
  type HelloParts,
  type InitiateParts,
  LOW_ORDER,
  RawCurveClient,
  RawCurveServer,
  type RawKeys,
  type ReadyParts,
  rawKeys,
  type WelcomeParts,
} from "../support/raw-curve.ts"
import { frame, greeting } from "../support/raw-peer.ts"
import { curveModel, type ModelLimits, readZmtp } from "../support/zmtp-model.ts"

const COMMAND = 4
const INNER_COMMAND = 2

/** What becomes of a command on its way. */
type Fate = "untouched" | "a bit flipped" | "an octet changed" | "cut" | "longer" | "twice" | "left out" | "from before"

interface Traffic {
  readonly flags: number
  readonly body: Buffer
  /** By how much its nonce is above the one before; what is below 1 is a replay. */
  readonly step: number
  readonly reflected: boolean
  readonly fate: Fate
}

interface Input {
  /** Of all keys, and of everything else that is left to chance. */
  readonly chance: number
  readonly lie: string
  readonly fates: readonly [Fate, Fate]
  readonly metadata: Buffer
  readonly traffic: readonly Traffic[]
  /** Whether handshake commands come as message frames, and messages as command frames. */
  readonly flagsSwapped: boolean
  readonly chunks: readonly number[]
  readonly patience: number
  readonly slowly: boolean
  readonly limits: ModelLimits
}

/** What a client says that is not so, in one of its commands. */
interface ClientLie {
  readonly hello?: HelloParts
  readonly initiate?: InitiateParts
}

interface ServerLie {
  readonly welcome?: WelcomeParts
  readonly ready?: ReadyParts
}

const CLIENT_LIES: Readonly<Record<string, (other: RawKeys, low: Buffer) => ClientLie>> = {
  none: () => ({}),
  "another version": () => ({ hello: { version: Buffer.from([1, 1]) } }),
  "padding that is not zero": () => ({ hello: { padding: Buffer.concat([Buffer.alloc(71), Buffer.from([1])]) } }),
  "less padding": () => ({ hello: { padding: Buffer.alloc(70) } }),
  "for another server": ({ publicKey }) => ({ hello: { serverKey: publicKey } }),
  "no nonce": () => ({ hello: { nonce: 0n } }),
  "a transient key of low order": (_other, low) => ({ hello: { transientKey: low } }),
  "a transient key of somebody else": ({ publicKey }) => ({ hello: { transientKey: publicKey } }),
  "the nonce of HELLO again": () => ({ initiate: { nonce: 1n } }),
  "the prefix of something else": () => ({ initiate: { prefix: "CurveZMQMESSAGEC" } }),
  "the key of somebody else": ({ publicKey }) => ({ initiate: { publicKey } }),
  "a key of low order": (_other, low) => ({ initiate: { publicKey: low } }),
  "vouched for by somebody else": ({ secretKey }) => ({ initiate: { vouchSecret: secretKey } }),
  "vouched for to somebody else": ({ publicKey }) => ({ initiate: { vouchKey: publicKey } }),
  "vouched for another connection": ({ publicKey }) => ({ initiate: { vouched: publicKey } }),
  "vouched for another server": ({ publicKey }) => ({ initiate: { vouchedServer: publicKey } }),
  "another cookie": () => ({ initiate: { cookie: Buffer.alloc(96, 3) } }),
}

const SERVER_LIES: Readonly<Record<string, (other: RawKeys, low: Buffer) => ServerLie>> = {
  none: () => ({}),
  "another server": ({ secretKey }) => ({ welcome: { secretKey } }),
  "a transient key of low order": (_other, low) => ({ welcome: { transientKey: low } }),
  "a longer cookie": () => ({ welcome: { cookie: Buffer.alloc(97) } }),
  "READY by somebody else": ({ secretKey }) => ({ ready: { secretKey } }),
  "READY without a nonce": () => ({ ready: { nonce: 0n } }),
  "READY by the name of a MESSAGE": () => ({ ready: { prefix: "CurveZMQMESSAGES" } }),
}

function generate(random: Random, lies: readonly string[], theirs: SocketType): Input {
  const fate = (): Fate =>
    random.once(12)
      ? random.pick(["a bit flipped", "an octet changed", "cut", "longer", "twice", "left out", "from before"])
      : "untouched"
  const traffic = random.list(0, 8, () => ({ ...spoken(random), fate: fate() }))
  const octets = 700 + traffic.reduce((sum, { body }) => sum + body.length + 42, 0)
  return {
    chance: random.word(),
    lie: random.once(3) ? random.pick(lies) : "none",
    fates: [fate(), fate()],
    metadata: random.once(20) ? random.octets(random.size(300)) : metadata(random, theirs),
    traffic,
    flagsSwapped: random.once(5),
    chunks: chunkSizes(random, octets),
    patience: random.pick([1_000_000, 1_000_000, 2, 1]),
    slowly: random.once(3),
    limits: { ...limits(random), maxHandshakeBytes: 16_384, maxHandshakeFrameSize: 8192 },
  }
}

function spoken(random: Random): Omit<Traffic, "fate"> {
  const inner = (name: string, data: Buffer): Buffer =>
    Buffer.concat([Buffer.from([name.length]), Buffer.from(name), data])
  const [flags, body] = random.choose<[number, Buffer]>(
    [6, () => [random.pick([0, 0, 1]), random.octets(random.size(20_000))]],
    [2, () => [INNER_COMMAND, inner(random.pick(["SUBSCRIBE", "CANCEL"]), topic(random))]],
    [1, () => [INNER_COMMAND, inner("PING", random.octets(random.below(20)))]],
    [1, () => [INNER_COMMAND, inner(random.pick(["XYZZY", "READY", "ERROR", "PONG"]), random.octets(4))]],
    // libzmq does not mind reserved bits, and neither do we.
    [1, () => [random.below(256), random.octets(random.below(9))]],
  )
  return { flags, body, step: random.once(15) ? random.pick([0, -1, 1000]) : 1, reflected: random.once(40) }
}

/** The same library, with everything that is left to chance from a seed. */
function seeded(primitives: Primitives, random: Random): Primitives {
  return {
    seal: (...args) => primitives.seal(...args),
    open: (...args) => primitives.open(...args),
    agree: (...args) => primitives.agree(...args),
    keyPair: () => rawKeys(chance(random)),
    randomize: (memory) => {
      for (let at = 0; at < memory.length; at++) memory[at] = random.below(256)
    },
  }
}

function chance(random: Random): Buffer {
  return Buffer.from(Array.from({ length: 32 }, () => random.below(256)))
}

/** Somebody between the two, and what both sides agree was honest. */
class Wire {
  readonly reader: EngineReader
  /** All that our engine was fed. */
  readonly octets: Buffer[] = []
  /** What the owner of the keys said and meant, in order. */
  readonly honest: Buffer[] = []
  readonly #input: Input
  readonly #random: Random
  #before: Buffer = Buffer.from("\x05HELLO")

  constructor(input: Input, type: SocketType, mechanism: Mechanism, random: Random) {
    this.reader = new EngineReader(type, mechanism, input.limits, input)
    this.#input = input
    this.#random = random
  }

  greet(): Buffer {
    const said = this.reader.said()
    this.#feed(greeting({ mechanism: "CURVE" }))
    return Buffer.concat([said, this.reader.said()]).subarray(64)
  }

  /** Says a command, or what becomes of it on its way; returns the body of what comes back. */
  say(body: Buffer, fate: Fate, kind: "handshake" | "traffic"): Buffer {
    const flags = (kind === "handshake") === this.#input.flagsSwapped ? 0 : COMMAND
    this.honest.push(body)
    for (const said of this.#altered(body, fate)) this.#feed(frame(said, flags))
    this.#before = body
    return bodyOf(this.reader.said())
  }

  #altered(body: Buffer, fate: Fate): Buffer[] {
    const random = this.#random
    const at = random.below(body.length)
    switch (fate) {
      case "untouched":
        return [body]
      case "a bit flipped":
        return [changed(body, at, (body[at] as number) ^ (1 << random.below(8)))]
      case "an octet changed":
        return [changed(body, at, random.below(256))]
      case "cut":
        return [body.subarray(0, at)]
      case "longer":
        return [Buffer.concat([body, random.octets(random.within(1, 20))])]
      case "twice":
        return [body, body]
      case "left out":
        return []
      case "from before":
        return [this.#before]
    }
  }

  #feed(octets: Buffer): void {
    this.octets.push(octets)
    this.reader.feed(cutInto(octets, this.#input.chunks))
  }
}

function changed(body: Buffer, at: number, octet: number): Buffer {
  const copy = Buffer.from(body)
  copy[at] = octet
  return copy
}

/** The body of the one frame that is there, if there is one. */
function bodyOf(octets: Buffer): Buffer {
  if (octets.length === 0) return octets
  return ((octets[0] as number) & 2) === 0 ? octets.subarray(2) : octets.subarray(9)
}

/** Whether there is an answer, and of this name. */
function isNamed(body: Buffer, name: string): boolean {
  return body.toString("latin1", 1, 1 + (body[0] ?? 0)) === name
}

/** Says what there is to be said in traffic. */
function converse(wire: Wire, input: Input, first: bigint, peer: RawCurveClient | RawCurveServer): Sealed[] {
  const [own, other] = ["CurveZMQMESSAGEC", "CurveZMQMESSAGES"] as const
  const sealed: Sealed[] = []
  let nonce = first
  for (const { flags, body, step, reflected, fate } of input.traffic) {
    // Also a nonce of all zeros is one that is too low.
    nonce = nonce + BigInt(step) < 0n ? 0n : nonce + BigInt(step)
    const reflection = peer instanceof RawCurveClient ? other : own
    const message = peer.message(body, { flags, nonce, ...(reflected ? { prefix: reflection } : {}) })
    // A reflected one is nobody's: what is inside does not matter.
    if (!reflected) sealed.push({ sealed: message, nonce, flags: flags & 3, body })
    wire.say(message, fate, "traffic")
  }
  return sealed
}

interface Sealed {
  readonly sealed: Buffer
  readonly nonce: bigint
  readonly flags: number
  readonly body: Buffer
}

function judge(wire: Wire, input: Input, type: SocketType, model: Parameters<typeof curveModel>[0]): void {
  wire.reader.finish()
  const expected = readZmtp(Buffer.concat(wire.octets), type, input.limits, curveModel(model))
  same(wire.reader.meanings, expected.meanings, "What the engine made of it")
  same(wire.reader.ends, expected.ends, "How it ended")
}

export const curveServer: FuzzTarget<Input> = {
  name: "mechanism-curve-server",
  cases: 1200,
  generate: (random) => generate(random, Object.keys(CLIENT_LIES), "DEALER"),

  async open(): Promise<Stage<Input>> {
    const { primitives } = await loadProvider()
    return {
      check(input) {
        const random = new Random(input.chance)
        const [server, long, short, other] = [0, 0, 0, 0].map(() => rawKeys(chance(random))) as Quartet
        const lie = CLIENT_LIES[input.lie]?.(other, random.pick(LOW_ORDER)) ?? {}
        const ours = new CurveServer(setup("ROUTER", input), seeded(primitives, random), server)
        const client = new RawCurveClient(server.publicKey, long, short)
        // Who is not answered goes on all the same.
        client.theirTransient = other.publicKey
        const wire = new Wire(input, "ROUTER", ours, random)
        wire.greet()
        const hello = client.hello(lie.hello)
        const welcome = wire.say(hello, input.fates[0], "handshake")
        if (isNamed(welcome, "WELCOME")) client.takeWelcome(welcome)
        const initiate = client.initiate({ ...lie.initiate, metadata: input.metadata })
        const ready = wire.say(initiate, input.fates[1], "handshake")
        if (isNamed(ready, "READY"))
          same(client.takeReady(ready).payload, ownMetadata("ROUTER"), "What we say of ourselves")
        const last = lie.initiate?.nonce ?? 2n
        const messages = converse(wire, input, last, client)
        judge(wire, input, "ROUTER", {
          commands: [lie.hello ? undefined : hello, lie.initiate ? undefined : initiate],
          metadata: input.metadata,
          asks: long.publicKey,
          messages,
          last,
          fromServer: false,
          limits: input.limits,
        })
      },
    }
  },
}

export const curveClient: FuzzTarget<Input> = {
  name: "mechanism-curve-client",
  cases: 1200,
  generate: (random) => generate(random, Object.keys(SERVER_LIES), "ROUTER"),

  async open(): Promise<Stage<Input>> {
    const { primitives } = await loadProvider()
    return {
      check(input) {
        const random = new Random(input.chance)
        const [long, short, client, other] = [0, 0, 0, 0].map(() => rawKeys(chance(random))) as Quartet
        const lie = SERVER_LIES[input.lie]?.(other, random.pick(LOW_ORDER)) ?? {}
        const keys = { ...client, serverKey: long.publicKey }
        const ours = new CurveClient(setup("DEALER", input), seeded(primitives, random), keys)
        const server = new RawCurveServer(long, short)
        const wire = new Wire(input, "DEALER", ours, random)
        const hello = wire.greet()
        same([hello.length, server.takeHello(bodyOf(hello)).payload], [202, Buffer.alloc(64)], "Our HELLO")
        const welcome = server.welcome(lie.welcome)
        const initiate = wire.say(welcome, input.fates[0], "handshake")
        if (initiate.length > 0) {
          const said = server.takeInitiate(initiate)
          same(said.publicKey, client.publicKey, "Who we say we are")
          same([said.vouched, said.vouchedServer], [server.theirTransient, long.publicKey], "What we vouch for")
          same(said.metadata, ownMetadata("DEALER"), "What we say of ourselves")
        }
        const ready = server.ready({ nonce: 1n, ...lie.ready, metadata: input.metadata })
        wire.say(ready, input.fates[1], "handshake")
        judge(wire, input, "DEALER", {
          commands: [lie.welcome ? undefined : welcome, lie.ready ? undefined : ready],
          metadata: input.metadata,
          asks: undefined,
          messages: converse(wire, input, 1n, server),
          last: 1n,
          fromServer: true,
          limits: input.limits,
        })
      },
    }
  },
}

type Quartet = [RawKeys, RawKeys, RawKeys, RawKeys]

function ownMetadata(type: SocketType): Buffer {
  return encodeMetadata([["Socket-Type", type]])
}

function setup(type: SocketType, { limits }: Input): ConstructorParameters<typeof CurveServer>[0] {
  return {
    metadata: ownMetadata(type),
    limits: { maxProperties: limits.maxMetadataProperties, maxBytes: limits.maxMetadataBytes },
  }
}
