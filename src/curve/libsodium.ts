// The primitives of CURVE by libsodium, compiled to WebAssembly: it comes along and works everywhere. What it computes
// on is copied into its own memory, and secrets are overwritten there.

import { randomFillSync } from "node:crypto"
import { allocate, type Bytes, clone, copy, view } from "../bytes.ts"
import { KEY, type KeyPair, type Primitives, TAG } from "../zmtp/curve/primitives.ts"

/** The part of the compiled library that is used here. Addresses and lengths are in its own memory. */
interface Libsodium {
  /** Another one whenever the memory has grown. */
  readonly HEAPU8: Uint8Array
  _malloc(size: number): number
  _free(address: number): void
  _sodium_init(): number
  _crypto_scalarmult_base(publicKey: number, secretKey: number): number
  _crypto_box_beforenm(key: number, publicKey: number, secretKey: number): number
  _crypto_secretbox_easy(box: number, plain: number, size: number, high: number, nonce: number, key: number): number
  _crypto_secretbox_open_easy(
    plain: number,
    box: number,
    size: number,
    high: number,
    nonce: number,
    key: number,
  ): number
}

/** Boxes up to this size need no memory of their own. */
const SCRATCH = 64 * 1024 + 64

/** Loads the library. */
export async function loadLibsodium(): Promise<Primitives> {
  // @ts-expect-error: the package has no declarations; what is used of it is declared above.
  const { default: instantiate } = (await import("libsodium")) as {
    default(setup: { getRandomValue(): number }): Promise<Libsodium>
  }
  const library = await instantiate({ getRandomValue: () => randomFillSync(new Uint32Array(1))[0] as number })
  if (library._sodium_init() < 0) throw new Error("libsodium could not be initialised")
  return new LibsodiumPrimitives(library)
}

class LibsodiumPrimitives implements Primitives {
  readonly #library: Libsodium
  // Where the operands of every call stand: two keys, a key or nonce, and the octets of a box.
  readonly #first: number
  readonly #second: number
  readonly #nonce: number
  readonly #scratch: number

  constructor(library: Libsodium) {
    this.#library = library
    this.#first = library._malloc(KEY)
    this.#second = library._malloc(KEY)
    this.#nonce = library._malloc(KEY)
    this.#scratch = library._malloc(SCRATCH)
  }

  keyPair(): KeyPair {
    const secretKey = allocate(KEY)
    this.randomize(secretKey)
    this.#put(secretKey, this.#first)
    this.#library._crypto_scalarmult_base(this.#second, this.#first)
    const publicKey = this.#take(this.#second, KEY)
    this.#wipe(this.#first, KEY)
    return { publicKey, secretKey }
  }

  agree(secretKey: Bytes, publicKey: Bytes): Bytes | undefined {
    this.#put(secretKey, this.#first)
    this.#put(publicKey, this.#second)
    const failed = this.#library._crypto_box_beforenm(this.#nonce, this.#second, this.#first)
    const key = failed === 0 ? this.#take(this.#nonce, KEY) : undefined
    this.#wipe(this.#first, KEY)
    this.#wipe(this.#nonce, KEY)
    return key
  }

  randomize(memory: Bytes): void {
    randomFillSync(memory)
  }

  seal(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): void {
    const library = this.#library
    const box = this.#reserve(TAG + length)
    this.#put(key, this.#first)
    this.#put(nonce, this.#nonce)
    this.#put(view(memory.buffer, memory.byteOffset + at + TAG, length), box + TAG)
    library._crypto_secretbox_easy(box, box + TAG, length, 0, this.#nonce, this.#first)
    copy(library.HEAPU8.subarray(box, box + TAG + length), memory, at)
    this.#wipe(this.#first, KEY)
    this.#release(box)
  }

  open(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): boolean {
    const library = this.#library
    const box = this.#reserve(length)
    this.#put(key, this.#first)
    this.#put(nonce, this.#nonce)
    this.#put(view(memory.buffer, memory.byteOffset + at, length), box)
    const failed = library._crypto_secretbox_open_easy(box + TAG, box, length, 0, this.#nonce, this.#first)
    if (failed === 0) copy(library.HEAPU8.subarray(box + TAG, box + length), memory, at + TAG)
    this.#wipe(this.#first, KEY)
    this.#wipe(box, length)
    this.#release(box)
    return failed === 0
  }

  #reserve(size: number): number {
    if (size <= SCRATCH) return this.#scratch
    const address = this.#library._malloc(size)
    if (address === 0) throw new RangeError(`libsodium has no memory for a box of ${size} octets`)
    return address
  }

  #release(address: number): void {
    if (address !== this.#scratch) this.#library._free(address)
  }

  #put(octets: Bytes, address: number): void {
    this.#library.HEAPU8.set(octets, address)
  }

  #take(address: number, size: number): Bytes {
    return clone(this.#library.HEAPU8.subarray(address, address + size))
  }

  #wipe(address: number, size: number): void {
    this.#library.HEAPU8.fill(0, address, address + size)
  }
}
