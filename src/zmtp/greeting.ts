// The greeting of ZMTP 3.1 (RFC 37): the 64 octets each side sends before anything else, and how they are judged.
// No frame, no handshake and no I/O here. Only 3.x is spoken; whoever offers less, or something else altogether, is
// refused at the first octet that proves it.

import { allocate, type Bytes, copy, fromAscii } from "../bytes.ts"
import { ProtocolError } from "../errors.ts"

/** Octets in a greeting. */
export const GREETING_SIZE = 64

/** Where the fields of a greeting begin. */
const SIGNATURE_END = 9
const MAJOR = 10
const MINOR = 11
const MECHANISM = 12
const AS_SERVER = 32

const encoded = new Map<string, Bytes>()

/** Our greeting: version 3.1, a mechanism of at most 20 ASCII characters. All connections share it: it is only read. */
export function encodeGreeting(mechanism: string, asServer: boolean): Bytes {
  const key = `${mechanism} ${asServer}`
  let greeting = encoded.get(key)
  if (greeting === undefined) {
    greeting = encode(mechanism, asServer)
    encoded.set(key, greeting)
  }
  return greeting
}

function encode(mechanism: string, asServer: boolean): Bytes {
  const greeting = allocate(GREETING_SIZE)
  greeting.fill(0)
  greeting[0] = 0xff
  greeting[SIGNATURE_END] = 0x7f
  greeting[MAJOR] = 3
  greeting[MINOR] = 1
  copy(fromAscii(mechanism), greeting, MECHANISM)
  greeting[AS_SERVER] = asServer ? 1 : 0
  return greeting
}

/** What the peer's greeting says. Its as-server octet is left out: libzmq always sends 0, so it tells nothing. */
export interface Greeting {
  readonly major: number
  readonly minor: number
  /** What stands before the zeros that fill the field. */
  readonly mechanism: string
}

/** Collects the peer's greeting however its octets are cut, and judges each octet as soon as it is there. */
export class GreetingReader {
  #position = 0
  #major = 0
  #minor = 0
  #mechanism = ""
  #greeting: Greeting | undefined

  /** The greeting, once all 64 octets were read. */
  get greeting(): Greeting | undefined {
    return this.#greeting
  }

  /**
   * Reads on from `offset` and returns where it stopped: at the end of the chunk, or behind the greeting.
   * Throws {@link ProtocolError} as soon as the octets cannot become a greeting of ZMTP 3.0 or later.
   */
  push(chunk: Bytes, offset: number): number {
    while (offset < chunk.length && this.#position < GREETING_SIZE) {
      this.#take(chunk[offset] as number)
      this.#position++
      offset++
    }
    if (this.#position === GREETING_SIZE) {
      this.#greeting ??= { major: this.#major, minor: this.#minor, mechanism: this.#mechanism }
    }
    return offset
  }

  #take(octet: number): void {
    const position = this.#position
    if (position === 0) {
      if (octet !== 0xff) throw new ProtocolError(`A ZMTP 3 greeting begins with 0xff, the peer sent ${hex(octet)}`)
    } else if (position === SIGNATURE_END) {
      if ((octet & 1) === 0) throw new ProtocolError("The peer speaks ZMTP 1.0, 3.0 or later is needed")
    } else if (position === MAJOR) {
      if (octet < 3) throw new ProtocolError(`The peer speaks ZMTP ${octet === 0 ? 1 : 2}.0, 3.0 or later is needed`)
      this.#major = octet
    } else if (position === MINOR) {
      this.#minor = octet
    } else if (position >= MECHANISM && position < AS_SERVER && octet !== 0) {
      const character = String.fromCharCode(octet)
      if (this.#mechanism.length < position - MECHANISM || !/^[A-Z0-9\-_.+]$/.test(character)) {
        throw new ProtocolError(
          `No name of a mechanism has ${hex(octet)} as octet ${position - MECHANISM} of its field`,
        )
      }
      this.#mechanism += character
    }
  }
}

/** Throws {@link ProtocolError} unless the peer announced our mechanism in all 20 octets: nobody is talked down. */
export function checkMechanism(greeting: Greeting, ours: string): void {
  if (greeting.mechanism === ours) return
  throw new ProtocolError(`The peer announced the mechanism "${greeting.mechanism}", ours is "${ours}"`, "mechanism")
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, "0")}`
}
