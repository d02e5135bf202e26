// A CURVE peer written from RFC 26 with nothing of src/: it makes every command by itself, with whatever a test wants to
// be wrong in it, and opens what the other side says. Its boxes are those of sodium-native's own crypto_box functions.
// It deals in command bodies; who frames and sends them is the test's affair.

import { createRequire } from "node:module"

interface Sodium {
  crypto_box_keypair(publicKey: Buffer, secretKey: Buffer): void
  crypto_scalarmult_base(publicKey: Buffer, secretKey: Buffer): void
  crypto_box_easy(box: Buffer, plain: Buffer, nonce: Buffer, publicKey: Buffer, secretKey: Buffer): void
  crypto_box_open_easy(plain: Buffer, box: Buffer, nonce: Buffer, publicKey: Buffer, secretKey: Buffer): boolean
  crypto_secretbox_easy(box: Buffer, plain: Buffer, nonce: Buffer, key: Buffer): void
  crypto_secretbox_open_easy(plain: Buffer, box: Buffer, nonce: Buffer, key: Buffer): boolean
  randombytes_buf(memory: Buffer): void
}

const sodium = createRequire(import.meta.url)("sodium-native") as Sodium

const TAG = 16

export interface RawKeys {
  readonly publicKey: Buffer
  readonly secretKey: Buffer
}

/** A new pair, or the one of a secret. */
export function rawKeys(secret?: Buffer): RawKeys {
  const publicKey = Buffer.alloc(32)
  const secretKey = secret ?? Buffer.alloc(32)
  if (secret === undefined) sodium.crypto_box_keypair(publicKey, secretKey)
  else sodium.crypto_scalarmult_base(publicKey, secretKey)
  return { publicKey, secretKey }
}

export function chance(size: number): Buffer {
  const octets = Buffer.alloc(size)
  sodium.randombytes_buf(octets)
  return octets
}

/** The 24 octets of a nonce: what it is for, and its counter or its octets of chance. */
export function rawNonce(prefix: string, end: bigint | Buffer): Buffer {
  const rest = typeof end === "bigint" ? counter(end) : end
  const nonce = Buffer.concat([Buffer.from(prefix, "latin1"), rest])
  if (nonce.length !== 24) throw new Error(`A nonce of ${nonce.length} octets`)
  return nonce
}

export function counter(value: bigint): Buffer {
  const octets = Buffer.alloc(8)
  octets.writeBigUInt64BE(value)
  return octets
}

export function box(plain: Buffer, nonce: Buffer, publicKey: Buffer, secretKey: Buffer): Buffer {
  const octets = Buffer.alloc(TAG + plain.length)
  sodium.crypto_box_easy(octets, plain, nonce, publicKey, secretKey)
  return octets
}

export function unbox(octets: Buffer, nonce: Buffer, publicKey: Buffer, secretKey: Buffer): Buffer {
  const plain = Buffer.alloc(octets.length - TAG)
  if (sodium.crypto_box_open_easy(plain, octets, nonce, publicKey, secretKey)) return plain
  throw new Error("A box of the other side does not open")
}

export function secretBox(plain: Buffer, nonce: Buffer, key: Buffer): Buffer {
  const octets = Buffer.alloc(TAG + plain.length)
  sodium.crypto_secretbox_easy(octets, plain, nonce, key)
  return octets
}

export function opensSecretBox(octets: Buffer, nonce: Buffer, key: Buffer): Buffer | undefined {
  const plain = Buffer.alloc(octets.length - TAG)
  return sodium.crypto_secretbox_open_easy(plain, octets, nonce, key) ? plain : undefined
}

export function named(name: string, ...data: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), ...data])
}

/** The data of a command that has to be of this name. */
function dataOf(name: string, body: Buffer): Buffer {
  const begin = named(name)
  if (!body.subarray(0, begin.length).equals(begin)) throw new Error(`Not a ${name}: ${body.toString("latin1", 0, 12)}`)
  return body.subarray(begin.length)
}

export interface RawMessage {
  readonly nonce: bigint
  readonly flags: number
  readonly payload: Buffer
}

/** What both sides do once the handshake is over. */
abstract class RawTraffic {
  /** The nonce used last. */
  sent = 0n
  protected abstract readonly prefixes: readonly [sending: string, receiving: string]
  abstract readonly transient: RawKeys
  theirTransient: Buffer = Buffer.alloc(32)

  message(
    payload: string | Buffer,
    {
      flags = 0,
      nonce = ++this.sent,
      prefix = this.prefixes[0],
      name = "MESSAGE",
    }: { flags?: number; nonce?: bigint; prefix?: string; name?: string } = {},
  ): Buffer {
    const plain = Buffer.concat([Buffer.from([flags]), Buffer.from(payload)])
    const sealed = box(plain, rawNonce(prefix, nonce), this.theirTransient, this.transient.secretKey)
    return named(name, counter(nonce), sealed)
  }

  /** A command of traffic, its flag where libzmq has it. */
  command(name: string, data: string | Buffer = ""): Buffer {
    return this.message(named(name, Buffer.from(data)), { flags: 2 })
  }

  open(body: Buffer): RawMessage {
    const data = dataOf("MESSAGE", body)
    const nonce = data.readBigUInt64BE(0)
    const opener = rawNonce(this.prefixes[1], nonce)
    const plain = unbox(data.subarray(8), opener, this.theirTransient, this.transient.secretKey)
    return { nonce, flags: plain[0] as number, payload: plain.subarray(1) }
  }
}

/** What may be said differently in HELLO. */
export interface HelloParts {
  readonly name?: string
  readonly version?: Buffer
  readonly padding?: Buffer
  readonly transientKey?: Buffer
  readonly nonce?: bigint
  readonly signed?: Buffer
  readonly serverKey?: Buffer
}

export interface InitiateParts {
  readonly cookie?: Buffer
  readonly nonce?: bigint
  readonly prefix?: string
  /** The C that is claimed. */
  readonly publicKey?: Buffer
  /** The secret by which the vouch is made. */
  readonly vouchSecret?: Buffer
  /** The S' for which the vouch is made. */
  readonly vouchKey?: Buffer
  readonly vouchPrefix?: string
  /** The C' that is vouched for. */
  readonly vouched?: Buffer
  /** The S that is vouched for. */
  readonly vouchedServer?: Buffer
  readonly metadata?: Buffer
}

export class RawCurveClient extends RawTraffic {
  protected readonly prefixes = ["CurveZMQMESSAGEC", "CurveZMQMESSAGES"] as const
  readonly keys: RawKeys
  readonly transient: RawKeys
  readonly serverKey: Buffer
  cookie: Buffer = Buffer.alloc(96)

  constructor(serverKey: Buffer, keys: RawKeys = rawKeys(), transient: RawKeys = rawKeys()) {
    super()
    this.serverKey = serverKey
    this.keys = keys
    this.transient = transient
  }

  hello(parts: HelloParts = {}): Buffer {
    const nonce = parts.nonce ?? ++this.sent
    const { transient, serverKey } = this
    const signed = parts.signed ?? Buffer.alloc(64)
    const sealed = box(signed, rawNonce("CurveZMQHELLO---", nonce), parts.serverKey ?? serverKey, transient.secretKey)
    return named(
      parts.name ?? "HELLO",
      parts.version ?? Buffer.from([1, 0]),
      parts.padding ?? Buffer.alloc(72),
      parts.transientKey ?? transient.publicKey,
      counter(nonce),
      sealed,
    )
  }

  takeWelcome(body: Buffer): void {
    const data = dataOf("WELCOME", body)
    const nonce = rawNonce("WELCOME-", data.subarray(0, 16))
    const plain = unbox(data.subarray(16), nonce, this.serverKey, this.transient.secretKey)
    this.theirTransient = plain.subarray(0, 32)
    this.cookie = plain.subarray(32)
  }

  initiate(parts: InitiateParts = {}): Buffer {
    const nonce = parts.nonce ?? ++this.sent
    const { keys, transient } = this
    const chosen = chance(16)
    const vouch = box(
      Buffer.concat([parts.vouched ?? transient.publicKey, parts.vouchedServer ?? this.serverKey]),
      rawNonce(parts.vouchPrefix ?? "VOUCH---", chosen),
      parts.vouchKey ?? this.theirTransient,
      parts.vouchSecret ?? keys.secretKey,
    )
    const plain = Buffer.concat([parts.publicKey ?? keys.publicKey, chosen, vouch, parts.metadata ?? Buffer.alloc(0)])
    const opener = rawNonce(parts.prefix ?? "CurveZMQINITIATE", nonce)
    const sealed = box(plain, opener, this.theirTransient, transient.secretKey)
    return named("INITIATE", parts.cookie ?? this.cookie, counter(nonce), sealed)
  }

  /** The server's metadata, and the nonce it came with. */
  takeReady(body: Buffer): RawMessage {
    const data = dataOf("READY", body)
    const nonce = data.readBigUInt64BE(0)
    const opener = rawNonce("CurveZMQREADY---", nonce)
    const payload = unbox(data.subarray(8), opener, this.theirTransient, this.transient.secretKey)
    return { nonce, flags: 0, payload }
  }
}

export interface WelcomeParts {
  readonly name?: string
  /** The S' that is named. */
  readonly transientKey?: Buffer
  /** The secret by which the box is made. */
  readonly secretKey?: Buffer
  readonly prefix?: string
  /** Instead of a cookie. */
  readonly cookie?: Buffer
}

export interface ReadyParts {
  readonly nonce?: bigint
  readonly prefix?: string
  readonly metadata?: Buffer
  readonly secretKey?: Buffer
}

/** All that a client says in INITIATE. */
export interface RawInitiate {
  readonly nonce: bigint
  readonly publicKey: Buffer
  readonly vouched: Buffer
  readonly vouchedServer: Buffer
  readonly metadata: Buffer
  readonly cookie: Buffer
}

export class RawCurveServer extends RawTraffic {
  protected readonly prefixes = ["CurveZMQMESSAGES", "CurveZMQMESSAGEC"] as const
  readonly keys: RawKeys
  readonly transient: RawKeys

  constructor(keys: RawKeys = rawKeys(), transient: RawKeys = rawKeys()) {
    super()
    this.keys = keys
    this.transient = transient
  }

  /** Returns what stood in the box. */
  takeHello(body: Buffer): RawMessage {
    const data = dataOf("HELLO", body)
    this.theirTransient = Buffer.from(data.subarray(74, 106))
    const nonce = data.readBigUInt64BE(106)
    const opener = rawNonce("CurveZMQHELLO---", nonce)
    const payload = unbox(data.subarray(114), opener, this.theirTransient, this.keys.secretKey)
    return { nonce, flags: 0, payload }
  }

  welcome(parts: WelcomeParts = {}): Buffer {
    const long = chance(16)
    const plain = Buffer.concat([parts.transientKey ?? this.transient.publicKey, parts.cookie ?? chance(96)])
    const nonce = rawNonce(parts.prefix ?? "WELCOME-", long)
    const sealed = box(plain, nonce, this.theirTransient, parts.secretKey ?? this.keys.secretKey)
    return named(parts.name ?? "WELCOME", long, sealed)
  }

  takeInitiate(body: Buffer): RawInitiate {
    const data = dataOf("INITIATE", body)
    const nonce = data.readBigUInt64BE(96)
    const opener = rawNonce("CurveZMQINITIATE", nonce)
    const plain = unbox(data.subarray(104), opener, this.theirTransient, this.transient.secretKey)
    const publicKey = plain.subarray(0, 32)
    const vouchNonce = rawNonce("VOUCH---", plain.subarray(32, 48))
    const vouch = unbox(plain.subarray(48, 128), vouchNonce, publicKey, this.transient.secretKey)
    return {
      nonce,
      publicKey,
      vouched: vouch.subarray(0, 32),
      vouchedServer: vouch.subarray(32),
      metadata: plain.subarray(128),
      cookie: data.subarray(0, 96),
    }
  }

  ready(parts: ReadyParts = {}): Buffer {
    const nonce = parts.nonce ?? ++this.sent
    const opener = rawNonce(parts.prefix ?? "CurveZMQREADY---", nonce)
    const secret = parts.secretKey ?? this.transient.secretKey
    const sealed = box(parts.metadata ?? Buffer.alloc(0), opener, this.theirTransient, secret)
    return named("READY", counter(nonce), sealed)
  }
}

/** Public keys of small order, with which everybody arrives at the same key: nothing is to be agreed on with them. */
export const LOW_ORDER: readonly Buffer[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].flatMap((hex) => {
  const point = Buffer.from(hex, "hex")
  // The highest bit counts for nothing.
  const twin = Buffer.from(point)
  twin[31] = (twin[31] as number) | 0x80
  return [point, twin]
})
