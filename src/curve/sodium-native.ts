// Boxes by sodium-native, where it is installed: several times the speed of WebAssembly for messages of a KiB and more.
// What happens once per connection is left to the library that comes along.

import { type Bytes, view } from "../bytes.ts"
import { type Boxes, TAG } from "../zmtp/curve/primitives.ts"

/** The part of the package that is used here. */
interface SodiumNative {
  crypto_secretbox_easy(box: Bytes, plain: Bytes, nonce: Bytes, key: Bytes): void
  crypto_secretbox_open_easy(plain: Bytes, box: Bytes, nonce: Bytes, key: Bytes): boolean
}

// Named at run time, so that nothing that reads imports expects it to be there.
const PACKAGE = "sodium-native"

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

  constructor(library: SodiumNative) {
    this.#library = library
  }

  // The plain text stands exactly where the cipher text goes, which the library allows.
  seal(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): void {
    const { buffer, byteOffset } = memory
    const box = view(buffer, byteOffset + at, TAG + length)
    this.#library.crypto_secretbox_easy(box, view(buffer, byteOffset + at + TAG, length), nonce, key)
  }

  open(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): boolean {
    const { buffer, byteOffset } = memory
    const box = view(buffer, byteOffset + at, length)
    return this.#library.crypto_secretbox_open_easy(view(buffer, byteOffset + at + TAG, length - TAG), box, nonce, key)
  }
}
