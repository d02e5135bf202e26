// From messages and commands to the octets of one write (RFC 37, framing).
// Small frames are copied together into a slab; large ones travel by reference between two runs of the slab.
// Budget per small message: its copy and a handful of stores. No object, no closure.

import { allocate, type Bytes, copy, view } from "../bytes.ts"
import type { Frame, Message } from "../message.ts"
import { COMMAND, LONG, LONG_HEADER, MORE, SEALED_COMMAND, SHORT_HEADER, SHORT_MAX } from "./frame.ts"
import type { Protection } from "./mechanism.ts"
import { acquireSlab, releaseSlab, SLAB_SIZE, type Slab } from "./slab.ts"

/** From this size on a body is not copied. Below it a copy costs less than one more buffer in the write. */
const REFERENCE_FROM = 8 * 1024

/** The octets of one write, and what is in it. */
export interface Batch {
  readonly chunks: Bytes[]
  readonly octets: number
  readonly messages: number
  /** Octets in the frames of its messages, headers not counted. */
  readonly body: number
  readonly slabs: readonly Slab[]
  /** How many writes still need the memory. */
  users: number
}

/** Whoever needed the batch is done with it. */
export function releaseBatch(batch: Batch): void {
  if (--batch.users > 0) return
  for (const slab of batch.slabs) releaseSlab(slab)
}

/** Gathers one batch at a time: `add` and `command` in order, then `finish`. */
export class Encoder {
  #protection: Protection | undefined
  #slab: Slab | undefined
  #memory: ArrayBufferLike | undefined
  #start = 0
  #offset = 0
  #chunks: Bytes[] = []
  #slabs: Slab[] = []
  #messages = 0
  #body = 0
  #closed = 0

  /** From now on everything is sealed (a mechanism has secured the connection). */
  secure(protection: Protection): void {
    this.#protection = protection
  }

  get secured(): boolean {
    return this.#protection !== undefined
  }

  /** Octets gathered so far. */
  get octets(): number {
    return this.#closed + this.#offset - this.#start
  }

  add(message: Message): void {
    const last = message.length - 1
    for (let i = 0; i < last; i++) this.#frame(MORE, message[i] as Frame)
    this.#frame(0, message[last] as Frame)
    this.#messages++
  }

  /** Adds a command, given its body: name length, name, data. */
  command(body: Bytes): void {
    if (this.#protection === undefined) this.#write(COMMAND, body)
    else this.#writeSealed(this.#protection, SEALED_COMMAND, body)
  }

  /** A command of the handshake, which is never sealed as a frame. */
  handshake(body: Bytes): void {
    this.#write(COMMAND, body)
  }

  /** Octets that are no frame: the greeting. */
  raw(octets: Bytes): void {
    this.#room(octets.length)
    copy(octets, (this.#slab as Slab).bytes, this.#offset)
    this.#offset += octets.length
  }

  /** The batch gathered since the last call, or undefined when there is nothing to write. */
  finish(): Batch | undefined {
    this.#closeRun()
    if (this.#chunks.length === 0) return undefined
    if (this.#slab !== undefined) this.#slabs.push(this.#slab)
    const batch: Batch = {
      chunks: this.#chunks,
      octets: this.#closed,
      messages: this.#messages,
      body: this.#body,
      slabs: this.#slabs,
      users: 1,
    }
    this.#slab = this.#memory = undefined
    this.#start = this.#offset = 0
    this.#chunks = []
    this.#slabs = []
    this.#messages = this.#body = this.#closed = 0
    return batch
  }

  #frame(flags: number, body: Frame): void {
    this.#body += body.length
    if (this.#protection === undefined) this.#write(flags, body)
    else this.#writeSealed(this.#protection, flags, body)
  }

  #write(flags: number, body: Bytes): void {
    const size = body.length
    if (size <= SHORT_MAX) {
      if (this.#offset + SHORT_HEADER + size > SLAB_SIZE || this.#slab === undefined) this.#room(SHORT_HEADER + size)
      const slab = (this.#slab as Slab).bytes
      const offset = this.#offset
      slab[offset] = flags
      slab[offset + 1] = size
      copy(body, slab, offset + SHORT_HEADER)
      this.#offset = offset + SHORT_HEADER + size
      return
    }
    if (size < REFERENCE_FROM) {
      this.#longHeader(flags, size, size)
      copy(body, (this.#slab as Slab).bytes, this.#offset)
      this.#offset += size
    } else {
      this.#longHeader(flags, size, 0)
      this.#refer(body)
    }
  }

  /** A frame as its mechanism has it; what it is (MORE, COMMAND) is told inside alone. */
  #writeSealed(protection: Protection, flags: number, body: Bytes): void {
    const size = protection.overhead + body.length
    if (size <= SHORT_MAX) {
      this.#room(SHORT_HEADER + size)
      const slab = (this.#slab as Slab).bytes
      slab[this.#offset] = 0
      slab[this.#offset + 1] = size
      this.#offset += SHORT_HEADER
    } else if (size <= SLAB_SIZE - LONG_HEADER) {
      this.#longHeader(0, size, size)
    } else {
      const sealed = allocate(size)
      protection.seal(flags, body, sealed, 0)
      this.#longHeader(0, size, 0)
      this.#refer(sealed)
      return
    }
    protection.seal(flags, body, (this.#slab as Slab).bytes, this.#offset)
    this.#offset += size
  }

  /** The header of a long frame, in a slab with room for `following` octets behind it. */
  #longHeader(flags: number, size: number, following: number): void {
    this.#room(LONG_HEADER + following)
    const slab = (this.#slab as Slab).bytes
    const offset = this.#offset
    slab[offset] = flags | LONG
    slab.writeUInt32BE(Math.floor(size / 0x1_0000_0000), offset + 1)
    slab.writeUInt32BE(size >>> 0, offset + 5)
    this.#offset = offset + LONG_HEADER
  }

  /** Memory that goes out as it is. */
  #refer(octets: Bytes): void {
    this.#closeRun()
    this.#chunks.push(octets)
    this.#closed += octets.length
  }

  /** Makes sure that `size` octets fit behind the offset; none is larger than a slab. */
  #room(size: number): void {
    if (this.#slab !== undefined) {
      if (this.#offset + size <= SLAB_SIZE) return
      this.#closeRun()
      this.#slabs.push(this.#slab)
    }
    this.#slab = acquireSlab()
    this.#memory = this.#slab.bytes.buffer
    this.#start = this.#offset = 0
  }

  #closeRun(): void {
    if (this.#offset === this.#start) return
    this.#chunks.push(view(this.#memory as ArrayBufferLike, this.#start, this.#offset - this.#start))
    this.#closed += this.#offset - this.#start
    this.#start = this.#offset
  }
}
