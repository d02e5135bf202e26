// One direction between two threads: messages in a ring of shared memory, with one writer and one reader.
//
//           tail                          head
//             ▼                             ▼
//   [ · · · ][ frame ][ frame ][ frame ][ · · · · ]     frame = length and flags, size of the whole, octets, padding
//
// The writer publishes whole messages by moving the head. The reader copies some out and then moves the tail by
// compare-and-swap: in that moment they become its own. Until then the writer can take back all that lies between the
// two, by putting REVOKED in the place of the tail. So every message has one owner, whoever ends when.
// A message too large for half of the ring goes in pieces, and stays with the writer until the last one is read.
// Budget per small message: two words and a copy to write; a view and an array to read, and one copy for many.

import { allocate, type Bytes, copyShared, EMPTY, view } from "../../bytes.ts"
import type { Frame, Message } from "../../message.ts"

/** Octets of a ring; a power of two. */
const CAPACITY = 256 * 1024
/** A message above this size, headers included, goes in pieces. */
const LARGEST_WHOLE = CAPACITY / 2
/** A piece has at least this size, unless it is the last. */
const LEAST_PIECE = CAPACITY / 8

/** Words at the head of a ring; those that the reader writes have a cache line of their own. */
const HEAD = 0
const WAITS = 1
const TAIL = 16
const TAKEN = 17
const CONTROL_OCTETS = 128
/** What the memory of one ring takes. */
export const RING_OCTETS: number = CONTROL_OCTETS + CAPACITY

/** Positions count octets, and begin again here. */
const POSITIONS = 2 ** 30 - 1
const REVOKED = -1

const FRAME_HEADER = 8
/** The low bits of the first word of a frame; above them is the number of octets that follow its header. */
const MORE = 1
const COMMAND = 2
const PIECE_OF_LARGE = 4
const FLAG_BITS = 3

/** With the objects around it, a small frame that is kept holds on to 8 KiB. */
const PIECE = 7680

const NONE: readonly never[] = []

function padded(octets: number): number {
  return (octets + 7) & ~7
}

/** Octets that a message takes in a ring. */
function framed(message: Message): number {
  if (message.length === 1) return FRAME_HEADER + padded((message[0] as Frame).length)
  let octets = 0
  for (let i = 0; i < message.length; i++) octets += FRAME_HEADER + padded((message[i] as Frame).length)
  return octets
}

/** The memory of a ring, as both sides see it. */
class SharedRing {
  readonly control: Int32Array
  readonly words: Int32Array
  readonly octets: Bytes

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.control = new Int32Array(memory, offset, CONTROL_OCTETS / 4)
    this.words = new Int32Array(memory, offset + CONTROL_OCTETS, CAPACITY / 4)
    this.octets = view(memory, offset + CONTROL_OCTETS, CAPACITY)
  }

  /** The words of the header of the frame at a position. */
  first(position: number): number {
    return this.words[(position & (CAPACITY - 1)) >>> 2] as number
  }

  total(position: number): number {
    return (this.words[((position & (CAPACITY - 1)) >>> 2) + 1] as number) >>> 0
  }

  /** Puts octets at a position, around the end of the ring where they have to. */
  put(source: Bytes, position: number): void {
    const at = position & (CAPACITY - 1)
    const size = source.length
    const straight = CAPACITY - at
    if (size <= straight) {
      copyShared(source, this.octets, at)
      return
    }
    copyShared(view(source.buffer, source.byteOffset, straight), this.octets, at)
    copyShared(view(source.buffer, source.byteOffset + straight, size - straight), this.octets, 0)
  }

  /** Copies `size` octets from a position. */
  get(position: number, size: number, target: Bytes, offset: number): void {
    const at = position & (CAPACITY - 1)
    const { octets } = this
    const straight = Math.min(size, CAPACITY - at)
    copyShared(view(octets.buffer, octets.byteOffset + at, straight), target, offset)
    if (straight < size) copyShared(view(octets.buffer, octets.byteOffset, size - straight), target, offset + straight)
  }
}

/** A message that goes in pieces. */
interface LargeMessage {
  readonly message: Message
  readonly flags: number
  /** The frame that is being written, and how much of it is in the ring. */
  frame: number
  written: number
  /** Where it ends, once all of it is in the ring. */
  end: number
}

export class RingWriter {
  readonly #ring: SharedRing
  readonly #most: number
  #head = 0
  #published = 0
  #tail = 0
  /** Messages written, and how many of them are known to be out of the ring. */
  #written = 0
  #taken = 0
  /** The large message that is being written, and those that are in the ring and not known to be read. */
  #rest: LargeMessage | undefined
  #large: LargeMessage[] = []

  /** `most`: messages that may be in the ring at a time. */
  constructor(memory: SharedArrayBuffer, offset: number, most: number) {
    this.#ring = new SharedRing(memory, offset)
    this.#most = most
  }

  /** Octets that the reader does not see yet. */
  get unpublished(): number {
    return (this.#head - this.#published) & POSITIONS
  }

  /** Whether a message is in the ring in part, or kept until its last piece is read. */
  get occupied(): boolean {
    return this.#rest !== undefined || this.#large.length > 0
  }

  /** Whether everything written is in the ring as a whole. */
  get whole(): boolean {
    return this.#rest === undefined
  }

  /** Asks the reader to ring whenever it has read something, or to do so no more. */
  wait(waits: boolean): void {
    Atomics.store(this.#ring.control, WAITS, waits ? 1 : 0)
  }

  /** Whether the reader has moved on since the writer looked last. */
  get moved(): boolean {
    const { control } = this.#ring
    return Atomics.load(control, TAIL) !== this.#tail || Atomics.load(control, TAKEN) !== this.#taken
  }

  /** Messages written that the reader has not declared as taken. */
  get untaken(): number {
    return (this.#written - Atomics.load(this.#ring.control, TAKEN)) | 0
  }

  /** Writes a message, or nothing of it for lack of room. One that goes in pieces counts as written when it begins. */
  write(message: Message): boolean {
    if (((this.#written - this.#taken) | 0) >= this.#most) {
      this.#look()
      if (((this.#written - this.#taken) | 0) >= this.#most) return false
    }
    if (!this.#write(message, 0)) return false
    this.#written = (this.#written + 1) | 0
    return true
  }

  /** The same for a command, whatever the number of messages. */
  command(body: Bytes): boolean {
    return this.#write([body], COMMAND)
  }

  /** Goes on with the message that goes in pieces, as far as there is room. */
  proceed(): void {
    this.#look()
    const rest = this.#rest
    if (rest === undefined) return
    const { message } = rest
    while (rest.frame < message.length) {
      const frame = message[rest.frame] as Frame
      const left = frame.length - rest.written
      if (!this.#hasRoom(FRAME_HEADER + padded(Math.min(left, LEAST_PIECE)))) return
      const size = Math.min(left, this.#room - FRAME_HEADER)
      const flags = rest.flags | PIECE_OF_LARGE | (rest.frame < message.length - 1 ? MORE : 0)
      const piece = size === frame.length ? frame : view(frame.buffer, frame.byteOffset + rest.written, size)
      this.#frame(piece, flags, frame.length)
      rest.written += size
      if (size < left) continue
      rest.frame++
      rest.written = 0
    }
    rest.end = this.#head
    this.#large.push(rest)
    this.#rest = undefined
  }

  /** Shows the reader what was written; false if there was nothing new. */
  publish(): boolean {
    if (this.#published === this.#head) return false
    this.#published = this.#head
    Atomics.store(this.#ring.control, HEAD, this.#head)
    return true
  }

  /** Takes back, in order, the messages that the reader has not made its own; neither side uses the ring afterwards. */
  reclaim(): Message[] {
    const tail = Atomics.exchange(this.#ring.control, TAIL, REVOKED)
    if (tail === REVOKED) return []
    this.#tail = tail
    this.#forgetRead()
    const messages: Message[] = []
    for (let at = tail; at !== this.#head; ) {
      if ((this.#ring.first(at) & PIECE_OF_LARGE) !== 0) {
        const large = this.#large.shift() ?? this.#rest
        if (large === undefined) break
        if (large.flags === 0) messages.push(large.message)
        at = large === this.#rest ? this.#head : large.end
        if (large === this.#rest) this.#rest = undefined
        continue
      }
      const message: Message = []
      let first: number
      do {
        first = this.#ring.first(at)
        const size = first >>> FLAG_BITS
        const frame = size === 0 ? EMPTY : allocate(size)
        this.#ring.get(at + FRAME_HEADER, size, frame, 0)
        message.push(frame)
        at = (at + FRAME_HEADER + padded(size)) & POSITIONS
      } while ((first & MORE) !== 0)
      if ((first & COMMAND) === 0) messages.push(message)
    }
    // Of one that has just begun nothing may be in the ring yet.
    if (this.#rest !== undefined && this.#rest.flags === 0) messages.push(this.#rest.message)
    this.#rest = undefined
    this.#large = []
    return messages
  }

  get #room(): number {
    return CAPACITY - ((this.#head - this.#tail) & POSITIONS)
  }

  #hasRoom(octets: number): boolean {
    if (octets <= this.#room) return true
    this.#look()
    return octets <= this.#room
  }

  #look(): void {
    this.#taken = Atomics.load(this.#ring.control, TAKEN)
    const tail = Atomics.load(this.#ring.control, TAIL)
    if (tail === REVOKED) return
    this.#tail = tail
    if (this.#large.length > 0) this.#forgetRead()
  }

  #forgetRead(): void {
    const unread = (this.#head - this.#tail) & POSITIONS
    this.#large = this.#large.filter(({ end }) => ((this.#head - end) & POSITIONS) < unread)
  }

  #write(message: Message, flags: number): boolean {
    if (this.#rest !== undefined) return false
    const size = framed(message)
    if (size > LARGEST_WHOLE) {
      this.#rest = { message, flags, frame: 0, written: 0, end: 0 }
      this.proceed()
      return true
    }
    if (!this.#hasRoom(size)) return false
    const last = message.length - 1
    for (let i = 0; i < last; i++) this.#whole(message[i] as Frame, flags | MORE)
    this.#whole(message[last] as Frame, flags)
    return true
  }

  #whole(frame: Frame, flags: number): void {
    this.#frame(frame, flags, frame.length)
  }

  #frame(octets: Bytes, flags: number, total: number): void {
    const size = octets.length
    const head = this.#head
    const { words } = this.#ring
    const word = (head & (CAPACITY - 1)) >>> 2
    words[word] = (size << FLAG_BITS) | flags
    words[word + 1] = total
    if (size > 0) this.#ring.put(octets, head + FRAME_HEADER)
    this.#head = (head + FRAME_HEADER + padded(size)) & POSITIONS
  }
}

export class RingReader {
  /** The command that `read` came upon instead of a message. */
  command: Bytes | undefined
  readonly #ring: SharedRing
  #tail = 0
  #head = 0
  #revoked = false
  // A message that comes in pieces: its whole frames, and the one that is being filled.
  #frames: Frame[] = []
  #body: Bytes | undefined
  #filled = 0

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#ring = new SharedRing(memory, offset)
  }

  /** How far it has read; differs after every step. */
  get position(): number {
    return this.#tail
  }

  /** Whether there is something that was not read. */
  get readable(): boolean {
    if (this.#head !== this.#tail) return !this.#revoked
    this.#head = Atomics.load(this.#ring.control, HEAD)
    return this.#head !== this.#tail && !this.#revoked
  }

  /** Whether the writer wants to know that something was read. */
  get awaited(): boolean {
    return Atomics.load(this.#ring.control, WAITS) === 1
  }

  /** Tells the writer how many messages were taken, in all. */
  taken(messages: number): void {
    Atomics.store(this.#ring.control, TAKEN, messages | 0)
  }

  /**
   * The next messages in order, at most `most` of them and no more than is worth one copy; none when nothing whole is
   * there, or when a command comes first, which is then in `command`.
   */
  read(most: number): readonly Message[] {
    this.command = undefined
    while (this.readable) {
      const messages = this.#readSmall(most)
      if (messages.length > 0 || this.#revoked) return messages
      const message = (this.#ring.first(this.#tail) & PIECE_OF_LARGE) === 0 ? this.#readWhole() : this.#readPiece()
      if (message !== undefined) return [message]
      if (this.command !== undefined) return NONE
    }
    return NONE
  }

  /** Copies whole small messages out together, and makes views of the copy. */
  #readSmall(most: number): readonly Message[] {
    const ring = this.#ring
    const from = this.#tail
    const available = (this.#head - from) & POSITIONS
    // How far whole messages fit into a piece.
    let octets = 0
    let count = 0
    for (let at = 0; at < available && count < most; ) {
      const first = ring.first(from + at)
      if ((first & (PIECE_OF_LARGE | COMMAND)) !== 0) break
      at += FRAME_HEADER + padded(first >>> FLAG_BITS)
      if (at > PIECE) break
      if ((first & MORE) !== 0) continue
      octets = at
      count++
    }
    if (count === 0) return NONE
    const piece = allocate(octets)
    ring.get(from, octets, piece, 0)
    const memory = piece.buffer
    const messages: Message[] = new Array(count)
    let at = 0
    for (let i = 0; i < count; i++) {
      let first = ring.first(from + at)
      let size = first >>> FLAG_BITS
      const frame = size === 0 ? EMPTY : view(memory, at + FRAME_HEADER, size)
      const message: Message = [frame]
      at += FRAME_HEADER + padded(size)
      while ((first & MORE) !== 0) {
        first = ring.first(from + at)
        size = first >>> FLAG_BITS
        message.push(size === 0 ? EMPTY : view(memory, at + FRAME_HEADER, size))
        at += FRAME_HEADER + padded(size)
      }
      messages[i] = message
    }
    return this.#advance(octets) ? messages : NONE
  }

  /** A message too large for a piece, with memory of their own for its frames; or a command. */
  #readWhole(): Message | undefined {
    const ring = this.#ring
    const message: Message = []
    let at = this.#tail
    let first: number
    do {
      first = ring.first(at)
      const size = first >>> FLAG_BITS
      const frame = size === 0 ? EMPTY : allocate(size)
      ring.get(at + FRAME_HEADER, size, frame, 0)
      message.push(frame)
      at = (at + FRAME_HEADER + padded(size)) & POSITIONS
    } while ((first & MORE) !== 0)
    if (!this.#advance((at - this.#tail) & POSITIONS)) return undefined
    return this.#found(message, first)
  }

  /** The next piece of a large message; the message, if it was the last. */
  #readPiece(): Message | undefined {
    const ring = this.#ring
    const at = this.#tail
    const first = ring.first(at)
    const size = first >>> FLAG_BITS
    const total = ring.total(at)
    this.#body ??= total === 0 ? EMPTY : allocate(total)
    ring.get(at + FRAME_HEADER, size, this.#body, this.#filled)
    if (!this.#advance(FRAME_HEADER + padded(size))) return undefined
    this.#filled += size
    if (this.#filled < total) return undefined
    this.#frames.push(this.#body)
    this.#body = undefined
    this.#filled = 0
    if ((first & MORE) !== 0) return undefined
    const message = this.#frames
    this.#frames = []
    return this.#found(message, first)
  }

  #found(message: Message, flags: number): Message | undefined {
    if ((flags & COMMAND) === 0) return message
    this.command = message[0]
    return undefined
  }

  /** Makes what was copied out the reader's own; false when the writer took it back first. */
  #advance(octets: number): boolean {
    const next = (this.#tail + octets) & POSITIONS
    if (Atomics.compareExchange(this.#ring.control, TAIL, this.#tail, next) === this.#tail) {
      this.#tail = next
      return true
    }
    this.#revoked = true
    this.#frames = []
    this.#body = undefined
    return false
  }
}
