// Which library does the cryptography of this process: libsodium as WebAssembly, which comes along, and for boxes
// sodium-native where it is installed. Chosen once, when CURVE is first configured; nobody else loads any of it.

import { allocate, type Bytes, clone, equal } from "../bytes.ts"
import { type Boxes, KEY, type KeyPair, NONCE, type Primitives, TAG } from "../zmtp/curve/primitives.ts"
import { loadLibsodium } from "./libsodium.ts"
import { loadSodiumNative } from "./sodium-native.ts"

/** What was chosen. */
export interface Provider {
  /** `"sodium-native"` or `"libsodium (WebAssembly)"`. */
  readonly name: string
  readonly primitives: Primitives
}

let loading: Promise<Provider> | undefined
let loaded: Provider | undefined

/** Loads the libraries, the first time; the same for everybody. */
export function loadProvider(): Promise<Provider> {
  loading ??= load().catch((error: unknown) => {
    // Another attempt may do better.
    loading = undefined
    throw error
  })
  return loading
}

/** What was loaded. Only asked for once {@link loadProvider} has resolved. */
export function provider(): Provider {
  if (loaded === undefined) throw new Error("The cryptographic library is still being loaded")
  return loaded
}

async function load(): Promise<Provider> {
  const [portable, native] = await Promise.all([loadLibsodium(), loadSodiumNative()])
  loaded =
    native !== undefined && sameBoxes(portable, native)
      ? { name: "sodium-native", primitives: new Accelerated(portable, native) }
      : { name: "libsodium (WebAssembly)", primitives: portable }
  return loaded
}

/** Octets inside the boxes that are compared: a library may have more than one way to make them. */
const COMPARED = [1, 100, 200, 1000, 10_000]

/** Whether a library does what the other one does: one that makes other boxes, opens all, or throws is not used. */
function sameBoxes(one: Boxes, other: Boxes): boolean {
  try {
    return COMPARED.every((size) => sameBox(one, other, size))
  } catch {
    return false
  }
}

function sameBox(one: Boxes, other: Boxes, size: number): boolean {
  const nonce = filled(NONCE, 2)
  const key = filled(KEY, 3)
  const plain = filled(TAG + size, 1)
  const box = clone(plain)
  const its = clone(plain)
  one.seal(box, 0, size, nonce, key)
  other.seal(its, 0, size, nonce, key)
  if (!equal(its, box)) return false
  const opens = other.open(its, 0, its.length, nonce, key)
  const forged = box.fill((box[TAG] as number) ^ 1, TAG, TAG + 1) as Bytes
  return (
    opens === true &&
    equal(its.subarray(TAG), plain.subarray(TAG)) &&
    other.open(forged, 0, forged.length, nonce, key) === false
  )
}

function filled(size: number, octet: number): Bytes {
  return allocate(size).fill(octet) as Bytes
}

/** The boxes of one library, and everything else of another. */
class Accelerated implements Primitives {
  readonly #portable: Primitives
  readonly #native: Boxes

  constructor(portable: Primitives, native: Boxes) {
    this.#portable = portable
    this.#native = native
  }

  keyPair(): KeyPair {
    return this.#portable.keyPair()
  }

  agree(secretKey: Bytes, publicKey: Bytes): Bytes | undefined {
    return this.#portable.agree(secretKey, publicKey)
  }

  randomize(memory: Bytes): void {
    this.#portable.randomize(memory)
  }

  seal(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): void {
    this.#native.seal(memory, at, length, nonce, key)
  }

  open(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): boolean {
    return this.#native.open(memory, at, length, nonce, key)
  }
}
