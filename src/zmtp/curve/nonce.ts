// The nonces of CurveZMQ (RFC 26): what they begin with, and the counters that make each of them unique.

import { allocate, type Bytes, copy, fromAscii, steady } from "../../bytes.ts"
import { ProtocolError } from "../../errors.ts"
import { NONCE } from "./primitives.ts"

/** Octets of a counter, at the end of a nonce that has one. */
export const SHORT_NONCE = 8
/** Octets of chance, at the end of a nonce that has some. */
export const LONG_NONCE = 16

/** Where the counter of a nonce begins. */
const COUNTER_AT = NONCE - SHORT_NONCE

/** A nonce whose first octets stand fast: the prefix, which is what a box is for. */
export function nonceOf(prefix: string): Bytes {
  const nonce = steady(allocate(NONCE))
  nonce.fill(0)
  copy(fromAscii(prefix), nonce, 0)
  return nonce
}

/** A nonce of this prefix that ends as the `length` octets of `source` at `at` say. */
export function nonceFrom(prefix: string, source: Bytes, at: number, length: number): Bytes {
  const nonce = nonceOf(prefix)
  copy(source.subarray(at, at + length), nonce, NONCE - length)
  return nonce
}

/**
 * The short nonces of one sender on one connection: 64 bits that only rise, whatever they are used for. Kept in two
 * halves, since numbers are exact to 53 bits only.
 */
export class NonceCounter {
  #high: number
  #low: number

  constructor(high = 0, low = 0) {
    this.#high = high
    this.#low = low
  }

  /** Writes the next value into a nonce and to where it is sent. Throws before a value would come twice. */
  next(nonce: Bytes, target: Bytes, at: number): void {
    if (this.#low === 0xffff_ffff) {
      if (this.#high === 0xffff_ffff) throw new ProtocolError("The nonces of this connection are used up")
      this.#high++
      this.#low = 0
    } else {
      this.#low++
    }
    write(this.#high, nonce, COUNTER_AT)
    write(this.#low, nonce, COUNTER_AT + 4)
    write(this.#high, target, at)
    write(this.#low, target, at + 4)
  }

  /** Reads the peer's value into a nonce. Throws {@link ProtocolError} unless it is above all before: a replay. */
  accept(source: Bytes, at: number, nonce: Bytes): void {
    const high = read(source, at)
    const low = read(source, at + 4)
    if (high < this.#high || (high === this.#high && low <= this.#low)) {
      throw new ProtocolError("The peer sent a nonce that is not above the last one")
    }
    this.#high = high
    this.#low = low
    write(high, nonce, COUNTER_AT)
    write(low, nonce, COUNTER_AT + 4)
  }
}

function write(word: number, target: Bytes, at: number): void {
  target[at] = word >>> 24
  target[at + 1] = word >>> 16
  target[at + 2] = word >>> 8
  target[at + 3] = word
}

function read(source: Bytes, at: number): number {
  const high = ((source[at] as number) << 8) | (source[at + 1] as number)
  const low = ((source[at + 2] as number) << 8) | (source[at + 3] as number)
  return high * 0x10000 + low
}
