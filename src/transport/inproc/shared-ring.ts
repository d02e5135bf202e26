// One direction between two threads: messages in a ring of shared memory, with one writer and one reader.
//
//           tail                          head
//             ▼                             ▼
//   [ · · · ][ frame ][ frame ][ frame ][ · · · · ]     frame = length and flags, octets, padding
//
// The writer publishes whole messages by moving the head. The reader copies some out and then moves the tail by
// compare-and-swap: in that moment they become its own. Until then the writer can take back all that lies between the
// two, by putting REVOKED in the place of the tail. So every message has one owner, whoever ends when.
// A large message is copied once, into memory that is handed over as a whole, by a port; in the ring stands only that
// it comes next. The writer keeps such a message until it is read.
// Budget per small message: two words and a copy to write; a view and an array to read, and one copy for many.

import { allocate, type Bytes, clone, copy, copyShared, EMPTY, view } from "../../bytes.ts"
import { chargeOf, type Frame, type Message } from "../../message.ts"
import type { Marks } from "../../pipe/queue.ts"

/** Octets of a ring; a power of two. */
const CAPACITY = 1024 * 1024
/** A message of more than this, headers included, is handed over as a whole. */
const LARGEST_INSIDE = 128 * 1024
/** What such a message counts when it is weighed how long to go on before the reader is told. */
const WEIGHT = 4 * 1024
/** Octets of such messages that may be under way; a single one may have more. */
const MOST_OUTSIDE = 4 * 1024 * 1024

/** Words at the head of a ring; those that the reader writes have a cache line of their own. */
const HEAD = 0
const WAITS = 1
const TAIL = 16
const TAKEN = 17
const TAKEN_CHARGE = 18
const CONTROL_OCTETS = 128
/** What the memory of one ring takes. */
export const RING_OCTETS: number = CONTROL_OCTETS + CAPACITY

/** What the writer wants to be told of: nothing, that all was read, that anything was. */
export const NOTHING = 0
export const ALL_READ = 1
export const ANY_READ = 2
export type Waiting = typeof NOTHING | typeof ALL_READ | typeof ANY_READ

/** Positions count octets, and begin again here. */
const POSITIONS = 2 ** 30 - 1
const REVOKED = -1

const FRAME_HEADER = 8
/** The low bits of the first word of a frame; above them is the number of octets that follow its header. */
const MORE = 1
const COMMAND = 2
const OUTSIDE = 4
const FLAG_BITS = 3

/** With the objects around it, a small frame that is kept holds on to 8 KiB. */
const PIECE = 7680
const SMALL = 512

const NONE: readonly never[] = []

function padded(octets: number): number {
  // Also where the sum is beyond 31 bits.
  return octets + (-octets & 7)
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

  /** The first word of the frame at a position. */
  first(position: number): number {
    return this.words[(position & (CAPACITY - 1)) >>> 2] as number
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

  /** The message at a position, each of its frames in memory of its own. */
  copyOut(position: number): Message {
    const message: Message = []
    let at = position
    let first: number
    do {
      first = this.first(at)
      const size = first >>> FLAG_BITS
      const frame = size === 0 ? EMPTY : allocate(size)
      if (size > 0) this.get(at + FRAME_HEADER, size, frame, 0)
      message.push(frame)
      at += FRAME_HEADER + padded(size)
    } while ((first & MORE) !== 0)
    return message
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

/** A message that was handed over as a whole: its octets, and where what stands for it in the ring ends. */
interface Outside {
  readonly message: Message
  readonly octets: number
  readonly end: number
}

export class RingWriter {
  readonly #ring: SharedRing
  readonly #marks: Marks
  readonly #handOver: (parcels: ArrayBuffer[]) => void
  #head = 0
  #published = 0
  #tail = 0
  /** Messages written, and how many of them the application of the reader has; and the same in octets charged. */
  #written = 0
  #taken = 0
  #charged = 0
  #takenCharge = 0
  /** What was handed over and is not known to be read, and what is to be handed over with the next publication. */
  #outside: Outside[] = []
  #outsideOctets = 0
  #parcels: ArrayBuffer[] = []

  /** `marks`: how much may be written that is not taken; `handOver`: how large messages reach the reader. */
  constructor(memory: SharedArrayBuffer, offset: number, marks: Marks, handOver: (parcels: ArrayBuffer[]) => void) {
    this.#ring = new SharedRing(memory, offset)
    this.#marks = marks
    this.#handOver = handOver
  }

  /** Octets in the ring that the reader does not see yet; a message handed over as a whole counts for much. */
  get unpublished(): number {
    return ((this.#head - this.#published) & POSITIONS) + this.#parcels.length * WEIGHT
  }

  /** Whether a message is kept until it is read. */
  get occupied(): boolean {
    return this.#outside.length > 0
  }

  /** Asks the reader to ring when it has read something, or not before it has nothing more to read, or not at all. */
  wait(how: Waiting): void {
    Atomics.store(this.#ring.control, WAITS, how)
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

  /** Writes a message, or nothing of it for lack of room. */
  write(message: Message): boolean {
    if (!this.#belowMarks) {
      this.look()
      if (!this.#belowMarks) return false
    }
    if (!this.#write(message, 0)) return false
    this.#written = (this.#written + 1) | 0
    this.#charged = (this.#charged + chargeOf(message)) | 0
    return true
  }

  get #belowMarks(): boolean {
    const { messages, bytes } = this.#marks
    return ((this.#written - this.#taken) | 0) < messages && ((this.#charged - this.#takenCharge) | 0) < bytes
  }

  /** The same for a command, whatever the number of messages. */
  command(body: Bytes): boolean {
    return this.#write([body], COMMAND)
  }

  /** Shows the reader what was written; false if there was nothing new. */
  publish(): boolean {
    if (this.#published === this.#head) return false
    // A reader that comes upon a message from outside finds it.
    if (this.#parcels.length > 0) {
      this.#handOver(this.#parcels)
      this.#parcels = []
    }
    this.#published = this.#head
    Atomics.store(this.#ring.control, HEAD, this.#head)
    return true
  }

  /** Sees how far the reader is, and lets go of what it has read. */
  look(): void {
    const { control } = this.#ring
    this.#taken = Atomics.load(control, TAKEN)
    this.#takenCharge = Atomics.load(control, TAKEN_CHARGE)
    const tail = Atomics.load(control, TAIL)
    if (tail === REVOKED) return
    this.#tail = tail
    if (this.#outside.length > 0) this.#forgetRead()
  }

  /** Takes back, in order, the messages that the reader has not made its own; neither side uses the ring afterwards. */
  reclaim(): Message[] {
    const tail = Atomics.exchange(this.#ring.control, TAIL, REVOKED)
    if (tail === REVOKED) return []
    this.#tail = tail
    this.#forgetRead()
    const messages: Message[] = []
    const outside = this.#outside
    let next = 0
    for (let at = tail; at !== this.#head; ) {
      const first = this.#ring.first(at)
      let message: Message | undefined
      if ((first & OUTSIDE) !== 0) {
        message = outside[next++]?.message
        at = (at + FRAME_HEADER) & POSITIONS
      } else {
        message = this.#ring.copyOut(at)
        at = (at + framed(message)) & POSITIONS
      }
      if (message !== undefined && (first & COMMAND) === 0) messages.push(message)
    }
    this.#outside = []
    this.#parcels = []
    return messages
  }

  #hasRoom(octets: number): boolean {
    if (octets <= CAPACITY - ((this.#head - this.#tail) & POSITIONS)) return true
    this.look()
    return octets <= CAPACITY - ((this.#head - this.#tail) & POSITIONS)
  }

  #forgetRead(): void {
    const unread = (this.#head - this.#tail) & POSITIONS
    this.#outside = this.#outside.filter(({ end, octets }) => {
      if (((this.#head - end) & POSITIONS) < unread) return true
      this.#outsideOctets -= octets
      return false
    })
  }

  #write(message: Message, flags: number): boolean {
    const size = framed(message)
    if (size > LARGEST_INSIDE) return this.#writeOutside(message, size, flags)
    if (!this.#hasRoom(size)) return false
    const last = message.length - 1
    for (let i = 0; i < last; i++) this.#frame(message[i] as Frame, flags | MORE)
    this.#frame(message[last] as Frame, flags)
    return true
  }

  #writeOutside(message: Message, octets: number, flags: number): boolean {
    if (this.#outsideOctets > 0 && this.#outsideOctets + octets > MOST_OUTSIDE) this.look()
    if (this.#outsideOctets > 0 && this.#outsideOctets + octets > MOST_OUTSIDE) return false
    if (!this.#hasRoom(FRAME_HEADER)) return false
    this.#parcels.push(pack(message, octets))
    this.#frame(EMPTY, flags | OUTSIDE)
    this.#outside.push({ message, octets, end: this.#head })
    this.#outsideOctets += octets
    return true
  }

  #frame(octets: Bytes, flags: number): void {
    const size = octets.length
    const head = this.#head
    this.#ring.words[(head & (CAPACITY - 1)) >>> 2] = (size << FLAG_BITS) | flags
    if (size > 0) this.#ring.put(octets, head + FRAME_HEADER)
    this.#head = (head + FRAME_HEADER + padded(size)) & POSITIONS
  }
}

export class RingReader {
  /** The command that `read` came upon instead of a message. */
  command: Bytes | undefined
  readonly #ring: SharedRing
  readonly #fetch: () => readonly ArrayBuffer[]
  #tail = 0
  #head = 0
  #told = 0
  #revoked = false
  /** What came from outside and is still to be met in the ring. */
  #parcels: readonly ArrayBuffer[] = []
  #parcel = 0

  /** `fetch`: what the writer has handed over since the last call. */
  constructor(memory: SharedArrayBuffer, offset: number, fetch: () => readonly ArrayBuffer[]) {
    this.#ring = new SharedRing(memory, offset)
    this.#fetch = fetch
  }

  /** How far it has read; differs after every step. */
  get position(): number {
    return this.#tail
  }

  /** Octets read since the writer was told. */
  get readSince(): number {
    return (this.#tail - this.#told) & POSITIONS
  }

  /** Whether there is something that was not read. */
  get readable(): boolean {
    if (this.#head !== this.#tail) return !this.#revoked
    this.#head = Atomics.load(this.#ring.control, HEAD)
    return this.#head !== this.#tail && !this.#revoked
  }

  /** Whether the writer wants to know that something was read. */
  get awaited(): Waiting {
    return Atomics.load(this.#ring.control, WAITS) as Waiting
  }

  /** Tells the writer how many messages the application has taken, and what they were charged, in all. */
  taken(messages: number, charge: number): void {
    this.#told = this.#tail
    Atomics.store(this.#ring.control, TAKEN_CHARGE, charge | 0)
    Atomics.store(this.#ring.control, TAKEN, messages | 0)
  }

  /**
   * The next messages in order, at most `most` of them and no more than is worth one copy; none when nothing is there,
   * or when a command comes first, which is then in `command`.
   */
  read(most: number): readonly Message[] {
    this.command = undefined
    if (!this.readable) return NONE
    const first = this.#ring.first(this.#tail)
    if ((first & OUTSIDE) !== 0) return this.#readOutside(first)
    if ((first & COMMAND) === 0) {
      const messages = this.#readSmall(most)
      if (messages.length > 0 || this.#revoked) return messages
    }
    const message = this.#ring.copyOut(this.#tail)
    if (!this.#advance(framed(message))) return NONE
    return this.#found(message, first)
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
      if ((first & (OUTSIDE | COMMAND)) !== 0) break
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
      const message: Message = [size === 0 ? EMPTY : view(memory, at + FRAME_HEADER, size)]
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

  #readOutside(first: number): readonly Message[] {
    if (this.#parcel === this.#parcels.length) {
      this.#parcels = this.#fetch()
      this.#parcel = 0
    }
    const parcel = this.#parcels[this.#parcel++]
    // The writer is over, and has taken it back.
    if (parcel === undefined || !this.#advance(FRAME_HEADER)) return NONE
    if (this.#parcel === this.#parcels.length) this.#parcels = NONE
    if (this.#parcels.length === 0) this.#parcel = 0
    return this.#found(unpack(parcel), first)
  }

  #found(message: Message, flags: number): readonly Message[] {
    if ((flags & COMMAND) === 0) return [message]
    this.command = message[0]
    return NONE
  }

  /** Makes what was copied out the reader's own; false when the writer took it back first. */
  #advance(octets: number): boolean {
    const next = (this.#tail + octets) & POSITIONS
    if (Atomics.compareExchange(this.#ring.control, TAIL, this.#tail, next) === this.#tail) {
      this.#tail = next
      return true
    }
    this.#revoked = true
    this.#parcels = NONE
    return false
  }
}

/** A whole message in memory of its own, laid out as in a ring. */
function pack(message: Message, octets: number): ArrayBuffer {
  const parcel = allocate(octets)
  let at = 0
  for (let i = 0; i < message.length; i++) {
    const frame = message[i] as Frame
    parcel.writeUInt32LE(frame.length, at)
    copy(frame, parcel, at + FRAME_HEADER)
    at += FRAME_HEADER + padded(frame.length)
  }
  return parcel.buffer as ArrayBuffer
}

function unpack(memory: ArrayBuffer): Message {
  const parcel = view(memory, 0, memory.byteLength)
  const message: Message = []
  for (let at = 0; at < parcel.length; ) {
    const size = parcel.readUInt32LE(at)
    const frame = view(memory, at + FRAME_HEADER, size)
    // Whoever keeps a small frame does not keep the large ones beside it.
    message.push(size === 0 ? EMPTY : size <= SMALL ? clone(frame) : frame)
    at += FRAME_HEADER + padded(size)
  }
  return message
}
