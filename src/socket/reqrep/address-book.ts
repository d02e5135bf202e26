// Who is known to a Router by which routing id (RFC 28), and the way of a message to the one that it names.

import { allocate, type Bytes, EMPTY, isBytes, toKey } from "../../bytes.ts"
import { random } from "../../clock.ts"
import { type MessagingError, OptionError, StateError, UnreachableError } from "../../errors.ts"
import { describe, type Frame, type Message, toFrame } from "../../message.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { Register } from "../../register.ts"
import type { Hub, Pattern } from "../hub.ts"
import { ACCEPTED, type Verdict } from "../outbox.ts"

/** Who is known by which routing id. */
export class AddressBook implements Pattern {
  readonly #hub: Hub
  readonly #pipes = new Register<string, Pipe>()
  /** The same by the very frame that stands before each message of a peer: answers mostly bring it back. */
  readonly #byFrame = new Register<Frame, Pipe>()
  // Ids of our own making begin somewhere, so that nobody can tell the next one.
  #count = Math.floor(random() * 0x1_0000_0000)

  constructor(hub: Hub) {
    this.#hub = hub
  }

  get size(): number {
    return this.#pipes.size
  }

  /** Checks a name for a peer to come. */
  name(value: string | Bytes): Frame {
    const id = typeof value === "string" || isBytes(value) ? toFrame(value) : EMPTY
    if (id.length === 0 || id.length > 255 || id[0] === 0) {
      throw new OptionError(
        "routingId",
        `routingId must be 1 to 255 octets, the first not zero, got ${describe(value)}`,
      )
    }
    if (this.#pipes.has(toKey(id)))
      throw new OptionError("routingId", "routingId names another peer of this socket already")
    return id
  }

  added(pipe: Pipe): void {
    if (pipe.presetRoutingId !== undefined && !this.#hub.options.immediate) {
      this.#pipes.set(toKey(pipe.presetRoutingId), pipe)
    }
  }

  refuses(pipe: Pipe): MessagingError | undefined {
    const holder = this.#pipes.get(toKey(this.#idOf(pipe)))
    if (holder === undefined || holder === pipe || this.#hub.options.handover) return undefined
    return new StateError("Another peer of this Router has the same routing id")
  }

  joined(pipe: Pipe): void {
    const peer = pipe.peer
    if (peer === undefined) return
    const id = this.#idOf(pipe)
    peer.routingId = id.length > 0 ? id : this.#nextId()
    const key = toKey(peer.routingId)
    const holder = this.#pipes.get(key)
    this.#pipes.set(key, pipe)
    this.#byFrame.set(peer.routingId, pipe)
    if (holder !== undefined && holder !== pipe) {
      holder.link?.end(new StateError("Another peer came with the same routing id (handover)"))
    }
    if (this.#hub.options.probeRouter) pipe.push([EMPTY])
  }

  left(pipe: Pipe): void {
    if (pipe.peer !== undefined) this.#byFrame.delete(pipe.peer.routingId)
    for (const id of [pipe.peer?.routingId, pipe.presetRoutingId]) {
      if (id !== undefined && this.#pipes.get(toKey(id)) === pipe) this.#pipes.delete(toKey(id))
    }
  }

  /** Whether somebody could be sent a message: who is not `mandatory` drops what finds no room. */
  get ready(): boolean {
    if (!this.#hub.options.mandatory) return this.size > 0
    for (const pipe of this.#pipes.values()) if (pipe.hasRoom) return true
    return false
  }

  offer(message: Message): Verdict {
    const { mandatory } = this.#hub.options
    const address = message[0] as Frame
    // An address without a message is nothing to send, as ZeroMQ users know it.
    if (message.length < 2) {
      this.#hub.dropped("unroutable", 1, undefined)
      return ACCEPTED
    }
    const pipe = this.#byFrame.get(address) ?? this.#pipes.get(toKey(address))
    if (pipe === undefined || pipe.state === "leaving" || pipe.state === "gone") {
      if (mandatory)
        throw new UnreachableError(`No peer has the routing id ${describe(toKey(address.subarray(0, 32)))}`)
      this.#hub.dropped("unroutable", 1, undefined)
      return ACCEPTED
    }
    if (!pipe.hasRoom) {
      if (mandatory) return pipe
      this.#hub.dropped("high-water-mark", 1, pipe)
      return ACCEPTED
    }
    pipe.push(message.slice(1))
    return ACCEPTED
  }

  #idOf(pipe: Pipe): Frame {
    return pipe.presetRoutingId ?? pipe.peer?.routingId ?? EMPTY
  }

  #nextId(): Frame {
    const id = allocate(5)
    id[0] = 0
    id.writeUInt32BE(this.#count, 1)
    this.#count = (this.#count + 1) >>> 0
    return id
  }
}
