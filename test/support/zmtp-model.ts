// ZMTP as plainly as it can be said: all octets at once in, what they mean out. Written from the RFC with nothing of
// src/, slow and without any care for memory: what the engine is held against.

import { createHash } from "node:crypto"

/** What octets mean, in order, and how they end. */
export interface Reading {
  readonly meanings: string[]
  /** Why no more is read; nothing when the octets may go on. */
  readonly ends: Verdict | undefined
}

/** Octets as they stand in a meaning: exact, but not long. */
export function inShort(octets: Buffer): string {
  if (octets.length <= 64) return octets.toString("hex")
  return `${octets.length}:${createHash("sha1").update(octets).digest("hex")}`
}

/** `handshake` refuses for good, `limit …` names the option. */
export type Verdict = "protocol" | "handshake" | `limit ${string}`

export interface ModelLimits {
  readonly maxMessageSize: number
  readonly maxMessageFrames: number
  readonly maxHandshakeBytes: number
  readonly maxHandshakeFrameSize: number
  readonly maxTopicSize: number
  readonly maxMetadataProperties: number
  readonly maxMetadataBytes: number
}

/** What a mechanism makes of the commands of a handshake. */
export interface HandshakeModel {
  readonly name: string
  /** Takes a command, and notes what it asks of us; the peer's metadata when that completes the handshake. */
  consume(body: Buffer, note: (meaning: string) => void): Buffer | undefined
  /** Takes the body of a frame of traffic, if these are sealed. */
  open?(body: Buffer): { readonly flags: number; readonly body: Buffer }
  /** Octets by which a seal makes a frame longer. */
  readonly overhead?: number
}

/** The octets end the connection. */
export class Refusal extends Error {
  readonly verdict: Verdict

  constructor(verdict: Verdict) {
    super(verdict)
    this.verdict = verdict
  }
}

const MORE = 1
const LONG = 2
const COMMAND = 4
const GREETING = 64

const LEGAL: Readonly<Record<string, string>> = {
  PAIR: "PAIR",
  PUB: "SUB XSUB",
  SUB: "PUB XPUB",
  XPUB: "SUB XSUB",
  XSUB: "PUB XPUB",
  PUSH: "PULL",
  PULL: "PUSH",
  REQ: "REP ROUTER",
  REP: "REQ DEALER",
  DEALER: "REP DEALER ROUTER",
  ROUTER: "REQ DEALER ROUTER",
}

/** The NULL mechanism: one READY. */
export function nullModel(): HandshakeModel {
  return {
    name: "NULL",
    consume(body) {
      const { name, data } = parseCommand(body)
      if (name === "ERROR") throw new Refusal("handshake")
      if (name !== "READY") throw new Refusal("protocol")
      return data
    },
  }
}

/** The server of PLAIN (RFC 24): HELLO, then INITIATE. */
export function plainServerModel(): HandshakeModel {
  let greeted = false
  return {
    name: "PLAIN",
    consume(body, note) {
      const { name, data } = parseCommand(body)
      if (name !== (greeted ? "INITIATE" : "HELLO")) throw new Refusal("protocol")
      if (greeted) return data
      const [username, password, ...rest] = texts(data)
      if (username === undefined || password === undefined || rest.length > 0) throw new Refusal("protocol")
      note(`ask ${username.toString("hex")} ${password.toString("hex")}`)
      greeted = true
      return undefined
    },
  }
}

/** The client of PLAIN: an empty WELCOME, then READY; instead of either an ERROR, as libzmq spells it too. */
export function plainClientModel(): HandshakeModel {
  let welcome = false
  return {
    name: "PLAIN",
    consume(body) {
      if (body.toString("latin1", 0, 5) === "^RROR") throw new Refusal("handshake")
      const { name, data } = parseCommand(body)
      if (name === "ERROR") throw new Refusal("handshake")
      if (name !== (welcome ? "READY" : "WELCOME")) throw new Refusal("protocol")
      if (welcome) return data
      if (data.length > 0) throw new Refusal("protocol")
      welcome = true
      return undefined
    },
  }
}

/** What the holder of the keys said under CURVE (RFC 26): nothing else is accepted. */
export interface CurveLedger {
  /** The two commands of its handshake; nothing for what is not honest. */
  readonly commands: readonly (Buffer | undefined)[]
  readonly metadata: Buffer
  /** Whose key has to be judged before it comes in. */
  readonly asks: Buffer | undefined
  readonly messages: readonly {
    readonly sealed: Buffer
    readonly nonce: bigint
    readonly flags: number
    readonly body: Buffer
  }[]
  /** The nonce that the handshake used last. */
  readonly last: bigint
  /** Only servers send ERROR. */
  readonly fromServer: boolean
  readonly limits: ModelLimits
}

/** Either side of CURVE: each command in its turn, each message with a nonce above all before. */
export function curveModel(ledger: CurveLedger): HandshakeModel {
  let step = 0
  let last = ledger.last
  return {
    name: "CURVE",
    overhead: 33,
    consume(body, note) {
      if (ledger.fromServer && parseCommand(body).name === "ERROR") throw new Refusal("handshake")
      if (ledger.commands[step]?.equals(body) !== true) throw new Refusal("protocol")
      step++
      if (step < 2) return undefined
      readMetadata(ledger.metadata, ledger.limits)
      if (ledger.asks !== undefined) note(`ask ${ledger.asks.toString("hex")}`)
      return ledger.metadata
    },
    open(body) {
      const found = ledger.messages.find(({ sealed, nonce }) => nonce > last && sealed.equals(body))
      if (found === undefined) throw new Refusal("protocol")
      last = found.nonce
      return found
    },
  }
}

/** Texts with their length in front, as many as there are. */
function texts(octets: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < octets.length; ) {
    const end = at + 1 + (octets[at] as number)
    if (end > octets.length) throw new Refusal("protocol")
    found.push(octets.subarray(at + 1, end))
    at = end
  }
  return found
}

/** Reads what a peer of a socket of this type sent. */
export function readZmtp(octets: Buffer, ours: string, limits: ModelLimits, handshake: HandshakeModel): Reading {
  const reader = new Reader(octets, ours, limits, handshake)
  try {
    reader.read()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { meanings: reader.meanings, ends: error.verdict }
  }
  return { meanings: reader.meanings, ends: undefined }
}

class Reader {
  readonly meanings: string[] = []
  /** How far it has read. */
  at = 0
  ready = false
  readonly #octets: Buffer
  readonly #ours: string
  readonly #limits: ModelLimits
  readonly #handshake: HandshakeModel
  #frames: Buffer[] = []
  #size = 0

  constructor(octets: Buffer, ours: string, limits: ModelLimits, handshake: HandshakeModel) {
    this.#octets = octets
    this.#ours = ours
    this.#limits = limits
    this.#handshake = handshake
  }

  read(): void {
    if (!this.#greeting()) return
    while (this.#frame());
    // Octets of a frame that is not whole count too.
    this.#spend(this.#octets.length - this.at)
  }

  #greeting(): boolean {
    const greeting = readGreeting(this.#octets)
    if (greeting === undefined) return false
    if (greeting.mechanism !== this.#handshake.name) throw new Refusal("protocol")
    this.at = GREETING
    return true
  }

  /** One frame, if it is whole. What it announces is judged as soon as its header is. */
  #frame(): boolean {
    const rest = this.#octets.subarray(this.at)
    const flags = rest[0]
    if (flags === undefined) return false
    this.#spend(1)
    if ((flags & 0xf8) !== 0) throw new Refusal("protocol")
    const header = (flags & LONG) === 0 ? 2 : 9
    if (rest.length < header) return false
    this.#spend(header)
    const size = header === 2 ? BigInt(rest[1] as number) : rest.readBigUInt64BE(1)
    this.#judgeHeader(flags, size)
    if (BigInt(rest.length - header) < size) return false
    const body = rest.subarray(header, header + Number(size))
    this.at += header + body.length
    if (this.ready) this.#traffic(flags, body)
    else this.#shake(flags, body)
    return true
  }

  /** So many octets more belong to the handshake, if it is not complete. */
  #spend(octets: number): void {
    if (!this.ready && this.at + octets > this.#limits.maxHandshakeBytes) throw new Refusal("limit maxHandshakeBytes")
  }

  #judgeHeader(flags: number, size: bigint): void {
    const command = (flags & COMMAND) !== 0
    if (command && (flags & MORE) !== 0) throw new Refusal("protocol")
    const { maxMessageSize, maxMessageFrames, maxHandshakeBytes, maxHandshakeFrameSize } = this.#limits
    if (!this.ready) {
      const most = Math.min(maxHandshakeFrameSize, maxHandshakeBytes)
      const name = most < maxHandshakeBytes ? "maxHandshakeFrameSize" : "maxHandshakeBytes"
      if (size > BigInt(most)) throw new Refusal(`limit ${name}`)
      return
    }
    // Of what is sealed only the length of the frame itself can be judged.
    const sealed = this.#handshake.open !== undefined
    const before = command || sealed ? 0 : this.#size
    const most = maxMessageSize + (this.#handshake.overhead ?? 0)
    if (size + BigInt(before) > BigInt(most)) throw new Refusal("limit maxMessageSize")
    if (!command && !sealed && this.#frames.length >= maxMessageFrames) throw new Refusal("limit maxMessageFrames")
  }

  #shake(flags: number, body: Buffer): void {
    this.#spend(0)
    if ((flags & MORE) !== 0) throw new Refusal("protocol")
    const metadata = this.#handshake.consume(body, (meaning) => this.meanings.push(meaning))
    if (metadata === undefined) return
    const properties = readMetadata(metadata, this.#limits)
    const theirs = properties.get("socket-type")?.toString("latin1") ?? ""
    if (theirs !== "" && !(LEGAL[this.#ours] as string).split(" ").includes(theirs)) throw new Refusal("handshake")
    const identity = properties.get("identity") ?? Buffer.alloc(0)
    const named = this.#ours === "ROUTER" || ["REQ", "DEALER", "ROUTER"].includes(theirs)
    if (named && (identity.length > 255 || identity[0] === 0)) throw new Refusal("protocol")
    this.ready = true
    const names = [...properties.keys()].join(",")
    this.meanings.push(`ready ${theirs} ${named ? identity.toString("hex") : ""} ${names}`)
  }

  #traffic(flags: number, body: Buffer): void {
    const open = this.#handshake.open
    if (open === undefined) {
      if ((flags & COMMAND) !== 0) this.#command(body)
      else this.#part(flags, body)
      return
    }
    if ((flags & COMMAND) === 0 && (flags & MORE) !== 0) throw new Refusal("protocol")
    const inner = open(body)
    if ((inner.flags & 2) !== 0) this.#command(inner.body)
    else this.#part(inner.flags, inner.body)
  }

  #part(flags: number, body: Buffer): void {
    this.#size += body.length
    if (this.#size > this.#limits.maxMessageSize) throw new Refusal("limit maxMessageSize")
    if (this.#frames.length >= this.#limits.maxMessageFrames) throw new Refusal("limit maxMessageFrames")
    this.#frames.push(body)
    if ((flags & MORE) !== 0) return
    this.meanings.push(`message ${this.#frames.map(inShort).join("|")}`)
    this.#frames = []
    this.#size = 0
  }

  #command(body: Buffer): void {
    const { name, data } = parseCommand(body)
    if (name === "SUBSCRIBE" || name === "CANCEL") {
      if (data.length > this.#limits.maxTopicSize) throw new Refusal("limit maxTopicSize")
      this.meanings.push(`${name.toLowerCase()} ${inShort(data)}`)
    } else if (name === "PING") {
      if (data.length < 2) throw new Refusal("protocol")
      this.meanings.push(`ping ${data.readUInt16BE(0) * 100} ${data.subarray(2, 18).toString("hex")}`)
    } else if (name === "PONG") {
      this.meanings.push(`pong ${inShort(data)}`)
    } else if (["ERROR", "READY", "HELLO", "WELCOME", "INITIATE"].includes(name)) {
      throw new Refusal("protocol")
    }
  }
}

/** What the greeting says at the beginning of the octets; nothing if there is more to come. */
export function readGreeting(
  octets: Buffer,
): { readonly major: number; readonly minor: number; readonly mechanism: string } | undefined {
  const head = octets.subarray(0, GREETING)
  const mechanism = head.subarray(12, 32).toString("latin1")
  if (head.length > 0 && head[0] !== 0xff) throw new Refusal("protocol")
  if (head.length > 9 && ((head[9] as number) & 1) === 0) throw new Refusal("protocol")
  if (head.length > 10 && (head[10] as number) < 3) throw new Refusal("protocol")
  if (!/^[A-Z0-9\-_.+]*\0*$/.test(mechanism)) throw new Refusal("protocol")
  if (head.length < GREETING) return undefined
  return { major: head[10] as number, minor: head[11] as number, mechanism: mechanism.replace(/\0+$/, "") }
}

/** What it returns, or the verdict that it comes to; `null` for nothing. */
export function verdictOfModel<T>(read: () => T): NonNullable<T> | Verdict | null {
  try {
    return read() ?? null
  } catch (error) {
    if (error instanceof Refusal) return error.verdict
    throw error
  }
}

/** Length and name, then data. */
export function parseCommand(body: Buffer): { readonly name: string; readonly data: Buffer } {
  const length = body[0] ?? 0
  const name = body.subarray(1, 1 + length).toString("latin1")
  if (length === 0 || name.length < length || !/^[A-Za-z]+$/.test(name)) throw new Refusal("protocol")
  return { name, data: body.subarray(1 + length) }
}

/** Of properties that are there twice the first counts; their names are compared without case. */
export function readMetadata(
  octets: Buffer,
  limits: Pick<ModelLimits, "maxMetadataProperties" | "maxMetadataBytes">,
): Map<string, Buffer> {
  if (octets.length > limits.maxMetadataBytes) throw new Refusal("limit maxMetadataBytes")
  const found = new Map<string, Buffer>()
  let rest = octets
  for (let count = 1; rest.length > 0; count++) {
    if (count > limits.maxMetadataProperties) throw new Refusal("limit maxMetadataProperties")
    const nameEnd = 1 + (rest[0] as number)
    if (rest.length < nameEnd + 4) throw new Refusal("protocol")
    const name = rest.subarray(1, nameEnd).toString("latin1")
    if (!/^[A-Za-z0-9\-_.+]+$/.test(name)) throw new Refusal("protocol")
    const size = rest.readUInt32BE(nameEnd)
    if (rest.length < nameEnd + 4 + size) throw new Refusal("protocol")
    if (!found.has(name.toLowerCase())) found.set(name.toLowerCase(), rest.subarray(nameEnd + 4, nameEnd + 4 + size))
    rest = rest.subarray(nameEnd + 4 + size)
  }
  return found
}
