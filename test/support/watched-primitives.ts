// Primitives of CURVE that do what others do, and let a test see it: every nonce that a key was used with, and every
// secret that was handed out. And ones without chance, whose handshakes are the same each time.

import type { Bytes } from "../../src/bytes.ts"
import type { KeyPair, Primitives } from "../../src/zmtp/curve/primitives.ts"

export class WatchedPrimitives implements Primitives {
  /** Boxes made so far. */
  sealed = 0
  /** Key and nonce of every box that was made with ones that an earlier box had. */
  readonly repeated: string[] = []
  /** The very memory of every secret key and every key that was agreed on. */
  readonly secrets: Bytes[] = []
  /** What was filled by chance, as it stood then. */
  readonly chances: Buffer[] = []
  readonly #primitives: Primitives
  readonly #used: Set<string>

  /** Those that share `used` are not to repeat each other either. */
  constructor(primitives: Primitives, used: Set<string> = new Set()) {
    this.#primitives = primitives
    this.#used = used
  }

  keyPair(): KeyPair {
    const pair = this.#primitives.keyPair()
    this.secrets.push(pair.secretKey)
    return pair
  }

  agree(secretKey: Bytes, publicKey: Bytes): Bytes | undefined {
    const key = this.#primitives.agree(secretKey, publicKey)
    if (key !== undefined) this.secrets.push(key)
    return key
  }

  randomize(memory: Bytes): void {
    this.#primitives.randomize(memory)
    this.chances.push(Buffer.from(memory))
    // Whatever has the size of a key is one: the cookie's.
    if (memory.length === 32) this.secrets.push(memory)
  }

  seal(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): void {
    const use = key.toString("latin1") + nonce.toString("latin1")
    if (this.#used.has(use)) this.repeated.push(`${key.toString("hex")} ${nonce.toString("latin1")}`)
    this.#used.add(use)
    this.sealed++
    this.#primitives.seal(memory, at, length, nonce, key)
  }

  open(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): boolean {
    return this.#primitives.open(memory, at, length, nonce, key)
  }
}

export class SteadyPrimitives implements Primitives {
  readonly #primitives: Primitives
  readonly #pairs: readonly KeyPair[]
  /** Keys that were agreed on before need not be computed again. */
  readonly #agreed: Map<string, Buffer | undefined>
  #given = 0
  #filled = 0

  constructor(primitives: Primitives, pairs: readonly KeyPair[], agreed: Map<string, Buffer | undefined> = new Map()) {
    this.#primitives = primitives
    this.#pairs = pairs
    this.#agreed = agreed
  }

  keyPair(): KeyPair {
    const { publicKey, secretKey } = this.#pairs[this.#given++] as KeyPair
    return { publicKey: Buffer.from(publicKey), secretKey: Buffer.from(secretKey) }
  }

  agree(secretKey: Bytes, publicKey: Bytes): Bytes | undefined {
    const pair = secretKey.toString("latin1") + publicKey.toString("latin1")
    if (!this.#agreed.has(pair)) this.#agreed.set(pair, this.#primitives.agree(secretKey, publicKey))
    const key = this.#agreed.get(pair)
    return key && Buffer.from(key)
  }

  randomize(memory: Bytes): void {
    memory.fill(++this.#filled)
  }

  seal(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): void {
    this.#primitives.seal(memory, at, length, nonce, key)
  }

  open(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): boolean {
    return this.#primitives.open(memory, at, length, nonce, key)
  }
}
