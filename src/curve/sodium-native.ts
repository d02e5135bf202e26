// Boxes by sodium-native, where it is installed: several times the speed of WebAssembly for messages of a KiB and more.
// What happens once per connection is left to the library that comes along.
//
// A box is XSalsa20 over 32 octets of zero and what is inside, and Poly1305 of the result by the key that the 32 octets
// have become (NaCl). Of the boxes of messages the two are asked for one by one: the library's own call for both
// encrypts the first 64 octets apart from the rest, and then has less left to do at once. docs/design/0014 has figures.

import { allocate, type Bytes, copy, steady, view } from "../bytes.ts"
import { type Boxes, KEY, TAG } from "../zmtp/curve/primitives.ts"

/** The part of the package that is used here. */
interface SodiumNative {
  crypto_secretbox_easy(box: Bytes, plain: Bytes, nonce: Bytes, key: Bytes): void
  crypto_secretbox_open_easy(plain: Bytes, box: Bytes, nonce: Bytes, key: Bytes): boolean
  /** XSalsa20. */
  crypto_stream_xor(to: Bytes, from: Bytes, nonce: Bytes, key: Bytes): void
  /** Poly1305. */
  crypto_onetimeauth(tag: Bytes, cipher: Bytes, key: Bytes): void
  crypto_onetimeauth_verify(tag: Bytes, cipher: Bytes, key: Bytes): boolean
}

// Named at run time, so that nothing that reads imports expects it to be there.
const PACKAGE = "sodium-native"

/** What is inside boxes that are made in two steps, octets: below and above that one step is as fast. */
const STEPS_FROM = 128
const STEPS_TO = 8192
/** The library works on so many octets at once; on fewer it takes longer. */
const AT_ONCE = 512

const ZEROS: Bytes = allocate(KEY).fill(0) as Bytes

/** Loads the package; undefined where it is not installed, or does not run on this machine. */
export async function loadSodiumNative(): Promise<Boxes | undefined> {
  try {
    const loaded = (await import(PACKAGE)) as SodiumNative & { readonly default?: SodiumNative }
    const library = loaded.default ?? loaded
    return typeof library.crypto_secretbox_easy === "function" ? new NativeBoxes(library) : undefined
  } catch {
    return undefined
  }
}

class NativeBoxes implements Boxes {
  readonly #library: SodiumNative
  /** Where boxes are made in two steps: the key of the tag, all zero between two boxes; behind it what is inside. */
  readonly #bench: Bytes = allocate(KEY + STEPS_TO).fill(0) as Bytes
  readonly #once: Bytes = steady(view(this.#bench.buffer, 0, KEY))
  readonly #tag: Bytes = steady(allocate(TAG).fill(0) as Bytes)
  // Views of the bench for what is inside, which mostly is as long as last time.
  #size = 0
  #all: Bytes = this.#once
  #inside: Bytes = this.#once

  constructor(library: SodiumNative) {
    this.#library = library
  }

  // The plain text stands exactly where the cipher text goes, which the library allows.
  seal(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): void {
    const { buffer, byteOffset } = memory
    const plain = view(buffer, byteOffset + at + TAG, length)
    const library = this.#library
    if (length < STEPS_FROM || length > STEPS_TO) {
      library.crypto_secretbox_easy(view(buffer, byteOffset + at, TAG + length), plain, nonce, key)
      return
    }
    this.#fit(length)
    copy(plain, this.#bench, KEY)
    library.crypto_stream_xor(this.#all, this.#all, nonce, key)
    library.crypto_onetimeauth(this.#tag, this.#inside, this.#once)
    copy(this.#tag, memory, at)
    copy(this.#inside, memory, at + TAG)
    copy(ZEROS, this.#bench, 0)
  }

  open(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): boolean {
    const { buffer, byteOffset } = memory
    const size = length - TAG
    const cipher = view(buffer, byteOffset + at + TAG, size)
    const library = this.#library
    if (size < STEPS_FROM || size > STEPS_TO) {
      return library.crypto_secretbox_open_easy(cipher, view(buffer, byteOffset + at, length), nonce, key)
    }
    this.#fit(size)
    const tag = this.#tag
    for (let i = 0; i < TAG; i++) tag[i] = memory[at + i] as number
    copy(cipher, this.#bench, KEY)
    library.crypto_stream_xor(this.#all, this.#all, nonce, key)
    const whole = library.crypto_onetimeauth_verify(tag, cipher, this.#once)
    copy(ZEROS, this.#bench, 0)
    // Nobody sees what a box that was forged would have said.
    if (whole) copy(this.#inside, memory, at + TAG)
    return whole
  }

  #fit(size: number): void {
    if (size === this.#size) return
    this.#size = size
    // What stands behind the inside is encrypted along and never looked at.
    this.#all = steady(view(this.#bench.buffer, 0, Math.max(AT_ONCE, KEY + size)))
    this.#inside = steady(view(this.#bench.buffer, KEY, size))
  }
}
