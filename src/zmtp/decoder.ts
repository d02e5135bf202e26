// From octets, however they are cut, to whole messages and commands (RFC 37, framing).
//
// One state at a time: a header is read octet by octet when it is cut, at once when it is whole; a body that is cut
// goes into a buffer of its own that grows with what arrives; a body that is whole is a view. Back-pressure is not
// calling `next`.
//
// Chunks are lent: their memory is used again for the next read. So frames are views of pieces copied from the chunk:
// small ones of 8 KiB, because a frame that is kept must not pin more, larger ones of what is left of the chunk.
// Budget per small message: one view, one array. Sizes are compared with the limits before anything is allocated.

import { allocate, type Bytes, clone, copy, EMPTY, view } from "../bytes.ts"
import { ProtocolError } from "../errors.ts"
import type { Frame, Message } from "../message.ts"
import { COMMAND, LONG, LONG_HEADER, MORE, RESERVED, SHORT_HEADER } from "./frame.ts"

/** What `next` found. */
export const NEED_DATA = 0
export const MESSAGE = 1
export const COMMAND_FRAME = 2
export type Found = typeof NEED_DATA | typeof MESSAGE | typeof COMMAND_FRAME

/** Frames up to this size pin no more than a piece: those of 512 octets, whatever seal is around them. */
const SMALL = 512 + 48
/** With the objects around it, a frame that is kept holds on to 8 KiB. */
const PIECE = 7680
/** Chunks that wait are gathered up to this size. */
const GATHERED = 1024
/** A cut body starts with a buffer of at most this size, which grows sixteenfold once it is full. */
const FIRST_BODY = 64 * 1024
/** The same where less than half as much is here: that is how bodies begin of which nothing more comes. */
const LITTLE_BODY = 4 * 1024
/** From this size on the rest of a body is worth a read of its own, straight to its place. */
const DIRECT = 16 * 1024
/** Where the header of a large frame is read; lent by one decoder after the other, like any chunk. */
const STAGING: Bytes = allocate(4 * 1024)

/** What is accepted; a limit may be lowered or raised at any time, for the frames to come. */
export interface DecoderLimits {
  /** Octets in all frames of a message together, and in a command. */
  maxMessageSize: number
  maxMessageFrames: number
}

/** A message or frame over a limit; the connection ends, and the application is told which limit it was. */
export class LimitError extends ProtocolError {
  /** The option that holds the limit. */
  readonly limit: string

  constructor(limit: string, message: string) {
    super(message)
    this.limit = limit
  }
}

const NO_MESSAGE: Message = []

export class Decoder {
  /** The message found last, until the next call of `next`. */
  message: Message = NO_MESSAGE
  /** The body of the command found last, until the next call of `next`. */
  command: Bytes = EMPTY
  readonly #limits: DecoderLimits
  // What is being read, and what waits behind it.
  #chunk: Bytes = EMPTY
  #offset = 0
  #waiting: Bytes[] = []
  #lent = false
  /** Whether the body read last was large. */
  #afterLarge = false
  /** Whether the next octets go straight to the body. */
  #directed = false
  // The copied piece of the chunk that small frames are views of: it holds the chunk's octets [from, to).
  #piece: ArrayBufferLike = EMPTY.buffer
  #pieceShift = 0
  #pieceFrom = 0
  #pieceTo = 0
  // The same for larger frames: the chunk itself, or a copy of all that is left of it.
  #large: ArrayBufferLike | undefined
  #largeShift = 0
  // A header that was cut.
  readonly #header: number[] = []
  // A body that was cut.
  #flags = 0
  #size = -1
  #body: Bytes = EMPTY
  #filled = 0
  // A message of which not all frames are here.
  #frames: Frame[] = []
  #framesSize = 0

  constructor(limits: DecoderLimits) {
    this.#limits = limits
  }

  /** Takes octets. Their memory is lent until {@link Decoder.keep}. */
  push(chunk: Bytes): void {
    if (chunk.length === 0) return
    if (this.#offset === this.#chunk.length && this.#waiting.length === 0) this.#open(chunk, true)
    else this.#wait(chunk)
  }

  /** The memory of the chunk is wanted back: what was not looked at yet is copied. */
  keep(): void {
    if (!this.#lent) return
    const rest = this.#chunk.length - this.#offset
    if (rest > 0) this.#open(clone(view(this.#chunk.buffer, this.#chunk.byteOffset + this.#offset, rest)), false)
    else this.#forget()
  }

  /**
   * Memory for the octets that come next, if they are the rest of a large body, or the header of what is probably
   * another one: reading little then leaves the most of it for a read straight to its place.
   */
  destination(): Bytes | undefined {
    this.#directed = false
    if (!this.idle) return undefined
    if (this.#size - this.#filled < DIRECT) return this.#afterLarge ? STAGING : undefined
    this.#directed = true
    if (this.#filled === this.#body.length) this.#widen(this.#filled + 1)
    const body = this.#body
    return view(body.buffer, body.byteOffset + this.#filled, body.length - this.#filled)
  }

  /** So many octets were put where {@link Decoder.destination} said. */
  filled(length: number): void {
    if (this.#directed) this.#filled += length
    else this.push(view(STAGING.buffer, STAGING.byteOffset, length))
  }

  /** Whether there are octets that `next` has not looked at. */
  get idle(): boolean {
    return this.#offset === this.#chunk.length && this.#waiting.length === 0
  }

  /** Octets that `next` has not looked at. */
  get unread(): number {
    return this.#waiting.reduce((sum, chunk) => sum + chunk.length, this.#chunk.length - this.#offset)
  }

  /** Whether some frames of a message are here, and others are not. */
  get incomplete(): boolean {
    return this.#frames.length > 0
  }

  /** Whether the octets so far end in the middle of a frame or message. */
  get midway(): boolean {
    return this.#size >= 0 || this.#header.length > 0 || this.#frames.length > 0
  }

  /** Reads until a message or command is whole. Throws {@link ProtocolError} at the first octet that is illegal. */
  next(): Found {
    for (;;) {
      if (this.#size < 0) {
        const chunk = this.#chunk
        const offset = this.#offset
        const left = chunk.length - offset
        if (left < SHORT_HEADER || this.#header.length > 0) {
          if (left === 0 && !this.#advance()) return NEED_DATA
          this.#headerOctet()
          continue
        }
        const flags = chunk[offset] as number
        if ((flags & LONG) === 0) {
          // The hot path: a short frame, whole in this chunk.
          const size = chunk[offset + 1] as number
          this.#check(flags, 0, size)
          if (size <= left - SHORT_HEADER) {
            this.#offset = offset + SHORT_HEADER + size
            const found = this.#frame(flags, this.#small(offset + SHORT_HEADER, size))
            if (found !== NEED_DATA) return found
            continue
          }
          this.#offset = offset + SHORT_HEADER
          this.#begin(flags, size)
        } else if (left < LONG_HEADER) {
          this.#headerOctet()
        } else {
          const high = chunk.readUInt32BE(offset + 1)
          const low = chunk.readUInt32BE(offset + 5)
          this.#check(flags, high, low)
          this.#offset = offset + LONG_HEADER
          if (low <= left - LONG_HEADER) {
            this.#offset += low
            const at = offset + LONG_HEADER
            const body = low <= SMALL ? this.#small(at, low) : this.#larger(at, low)
            const found = this.#frame(flags, body)
            if (found !== NEED_DATA) return found
            continue
          }
          this.#begin(flags, low)
        }
      }
      if (this.#size >= 0) {
        if (!this.#fill()) return NEED_DATA
        const body = this.#filled === this.#body.length ? this.#body : this.#body.subarray(0, this.#filled)
        this.#body = EMPTY
        this.#size = -1
        const found = this.#frame(this.#flags, body)
        if (found !== NEED_DATA) return found
      }
    }
  }

  /** Refuses what may not be, before one octet of the body is stored. */
  #check(flags: number, high: number, low: number): void {
    if ((flags & RESERVED) !== 0) throw new ProtocolError(`A frame has reserved flags: 0x${flags.toString(16)}`)
    const limits = this.#limits
    const size = high === 0 ? low : Number.POSITIVE_INFINITY
    if ((flags & COMMAND) !== 0) {
      if ((flags & MORE) !== 0) throw new ProtocolError("A command frame has the MORE flag")
      if (size > limits.maxMessageSize) {
        throw new LimitError(
          "maxMessageSize",
          `A command of ${name(size)} is over the ${limits.maxMessageSize} allowed`,
        )
      }
      return
    }
    if (size > limits.maxMessageSize - this.#framesSize) {
      throw new LimitError(
        "maxMessageSize",
        `A message with a frame of ${name(size)} is over the ${limits.maxMessageSize} octets allowed`,
      )
    }
    if (this.#frames.length >= limits.maxMessageFrames) {
      throw new LimitError("maxMessageFrames", `A message has more than the ${limits.maxMessageFrames} frames allowed`)
    }
  }

  /** A frame is whole. */
  #frame(flags: number, body: Frame): Found {
    this.#afterLarge = body.length > DIRECT
    if (flags <= LONG && this.#frames.length === 0 && (flags & MORE) === 0) {
      this.message = [body]
      return MESSAGE
    }
    if ((flags & COMMAND) !== 0) {
      this.command = body
      return COMMAND_FRAME
    }
    this.#frames.push(body)
    if ((flags & MORE) !== 0) {
      this.#framesSize += body.length
      return NEED_DATA
    }
    this.message = this.#frames
    this.#frames = []
    this.#framesSize = 0
    return MESSAGE
  }

  /** A view of `size` octets of the chunk that keeps no more than a piece of it in memory. */
  #small(offset: number, size: number): Frame {
    // An empty frame has no memory of its own: there may be very many of them.
    if (size === 0) return EMPTY
    if (offset < this.#pieceFrom || offset + size > this.#pieceTo) {
      const chunk = this.#chunk
      const length = Math.min(PIECE, chunk.length - offset)
      const piece = allocate(length)
      copy(view(chunk.buffer, chunk.byteOffset + offset, length), piece, 0)
      this.#piece = piece.buffer
      this.#pieceFrom = offset
      this.#pieceTo = offset + length
      this.#pieceShift = -offset
    }
    return view(this.#piece, offset + this.#pieceShift, size)
  }

  /** A view of `size` octets of the chunk that may keep all of it in memory. */
  #larger(offset: number, size: number): Frame {
    const chunk = this.#chunk
    if (this.#large === undefined) {
      if (this.#lent) {
        this.#large = clone(view(chunk.buffer, chunk.byteOffset + offset, chunk.length - offset)).buffer
        this.#largeShift = -offset
      } else {
        this.#large = chunk.buffer
        this.#largeShift = chunk.byteOffset
      }
    }
    return view(this.#large, offset + this.#largeShift, size)
  }

  #open(chunk: Bytes, lent: boolean): void {
    this.#chunk = chunk
    this.#lent = lent
    this.#offset = 0
    this.#pieceFrom = this.#pieceTo = 0
    this.#large = undefined
  }

  /** Small chunks wait together: octets that come one by one would each take the memory of many. */
  #wait(chunk: Bytes): void {
    const waiting = this.#waiting
    const last = waiting.at(-1)
    if (last === undefined || last.length + chunk.length > GATHERED) {
      waiting.push(clone(chunk))
      return
    }
    // Each has a memory of its own, which may have room behind what waits.
    const size = last.length + chunk.length
    let memory = last.buffer
    if (size > memory.byteLength) {
      const larger = allocate(Math.min(size * 2, GATHERED))
      copy(last, larger, 0)
      memory = larger.buffer
    }
    const both = view(memory, 0, size)
    copy(chunk, both, last.length)
    waiting[waiting.length - 1] = both
  }

  #advance(): boolean {
    const chunk = this.#waiting.shift()
    if (chunk === undefined) {
      this.#forget()
      // Whoever took them has them: a peer that says no more must not keep its last message in memory.
      this.message = NO_MESSAGE
      this.command = EMPTY
      return false
    }
    this.#open(chunk, false)
    return true
  }

  /** An idle connection keeps no chunk in memory. */
  #forget(): void {
    this.#open(EMPTY, false)
    this.#piece = EMPTY.buffer
  }

  #headerOctet(): void {
    const header = this.#header
    header.push(this.#chunk[this.#offset++] as number)
    const flags = header[0] as number
    if ((flags & RESERVED) !== 0) this.#check(flags, 0, 0)
    if ((flags & LONG) === 0) {
      if (header.length < SHORT_HEADER) return
      const size = header[1] as number
      this.#check(flags, 0, size)
      this.#begin(flags, size)
    } else {
      if (header.length < LONG_HEADER) return
      const high = word(header, 1)
      const low = word(header, 5)
      this.#check(flags, high, low)
      this.#begin(flags, low)
    }
    header.length = 0
  }

  #begin(flags: number, size: number): void {
    this.#flags = flags
    this.#size = size
    this.#filled = 0
    const here = this.#chunk.length - this.#offset
    this.#body = size === 0 ? EMPTY : allocate(Math.min(size, here < LITTLE_BODY / 2 ? LITTLE_BODY : FIRST_BODY))
  }

  /** Moves octets into the body; true when it is whole. */
  #fill(): boolean {
    while (this.#filled < this.#size) {
      if (this.#offset === this.#chunk.length && !this.#advance()) return false
      const available = Math.min(this.#chunk.length - this.#offset, this.#size - this.#filled)
      if (this.#filled + available > this.#body.length) this.#widen(this.#filled + available)
      const chunk = this.#chunk
      copy(view(chunk.buffer, chunk.byteOffset + this.#offset, available), this.#body, this.#filled)
      this.#filled += available
      this.#offset += available
    }
    return true
  }

  #widen(needed: number): void {
    let capacity = this.#body.length
    while (capacity < needed) capacity *= 16
    const body = allocate(Math.min(capacity, this.#size))
    copy(view(this.#body.buffer, this.#body.byteOffset, this.#filled), body, 0)
    this.#body = body
  }
}

function word(octets: readonly number[], at: number): number {
  return (
    (octets[at] as number) * 0x1000000 +
    (octets[at + 1] as number) * 0x10000 +
    (octets[at + 2] as number) * 0x100 +
    (octets[at + 3] as number)
  )
}

function name(size: number): string {
  return Number.isFinite(size) ? `${size} octets` : "over 4 GiB"
}
