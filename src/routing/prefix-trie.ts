// Values kept under prefixes: a binary radix trie over the bits of octets. Who holds what a prefix leads to, and how a
// prefix is counted, is the business of subscriptions.ts and prefixes.ts.
//
//                  (bit 0) ROOT
//                    ├─ 0 ── "1"            a place
//                    └─ 1 ── (bit 12)       a fork: the prefixes below agree in 12 bits, the 13th tells them apart
//                              ├─ 0 ── "ab"
//                              └─ 1 ── "ax" ── 0 ── "ax5"
//
// Invariants:
//   · below a node all prefixes agree in its first `bit` bits, and bit number `bit` chooses the child;
//   · a place stands for a prefix of its own, and its `bit` is the end of that;
//   · a node that is no place, the root aside, is a fork: it has two children.
//
// A node is a record of four integers, and a prefix of up to four octets is one of them: it is peers who say how many
// there are, and to say it costs them a few octets each. So n prefixes cost at most 2n nodes, all alike, whatever they
// are; every step down consumes at least one bit, so nobody can lengthen a walk but by a longer topic of their own; and
// nothing here recurses. Budget of next(), the publisher's hot path: no allocation, three loads and a test per node.

import { allocate, type Bytes, fromKey, toKey } from "../bytes.ts"
import { Records } from "./records.ts"

/** The place of the empty prefix; it leads to all others, so as an answer it means "none". */
export const ROOT = 0
/** No place. */
export const NONE = 0

// The integers of a node. The first is twice its bit, plus one if it is a place.
const STRIDE = 4
const ZERO = 1
const ONE = 2
/** The prefix of a place: its octets themselves, the first of them on top, or where it is among the long ones. */
const PREFIX = 3

/** Prefixes up to this size need no memory of their own. */
const SHORT = 4
const END_OF_CHAIN = -1

/** Prefixes of under 2^27 octets each, and a value for each. Places are numbers, valid until they are removed. */
export class PrefixTrie<V> {
  /** What is kept, by place. Whoever made a place gives it a value. */
  readonly values: (V | undefined)[] = [undefined]
  readonly #nodes = new Records(STRIDE)
  // Those over SHORT octets, one character per octet; what is free of it leads to the next that is free.
  #long: (string | number)[] = []
  #freeLong = END_OF_CHAIN
  #longs = 0

  constructor() {
    this.#nodes.take()
  }

  /** Nodes there are: at most two for each prefix, and the root. */
  get nodes(): number {
    return this.#nodes.used
  }

  /** Whether the empty prefix has a value. */
  get hasRoot(): boolean {
    return this.values[ROOT] !== undefined
  }

  /** The next longer prefix of `octets` that is here, below a place of such a prefix (or the root); or `NONE`. */
  next(from: number, octets: Bytes): number {
    const { data } = this.#nodes
    const size = octets.length
    let node = from * STRIDE
    let word = data[node] as number
    let agreed = word >> 4
    for (;;) {
      const at = word >> 4
      if (at >= size) return NONE
      const next = data[node + ((octets[at] as number) & (0x80 >> ((word >> 1) & 7)) ? ONE : ZERO)] as number
      if (next === NONE) return NONE
      node = next * STRIDE
      word = data[node] as number
      if ((word & 1) === 0) continue
      const end = word >> 4
      if (end > size) return NONE
      const prefix = data[node + PREFIX] as number
      if (end <= SHORT) {
        for (; agreed < end; agreed++) if (octets[agreed] !== ((prefix >>> (24 - agreed * 8)) & 0xff)) return NONE
      } else {
        const text = this.#long[prefix] as string
        for (; agreed < end; agreed++) if (octets[agreed] !== text.charCodeAt(agreed)) return NONE
      }
      return next
    }
  }

  /** The place of exactly this prefix; undefined if it is not here. */
  find(prefix: Bytes): number | undefined {
    const end = prefix.length * 8
    if (end === 0) return this.hasRoot ? ROOT : undefined
    const node = this.#walk(prefix, end)
    if (this.#bit(node) !== end || !this.#isPlace(node)) return undefined
    return this.#parting(prefix, node, end) < end ? undefined : node
  }

  /** The place of exactly this prefix, made if need be. The caller gives it a value, or removes it again. */
  place(prefix: Bytes): number {
    const end = prefix.length * 8
    if (end === 0) return ROOT
    const node = this.#walk(prefix, end)
    if (node === ROOT) return this.#hang(ROOT, this.#create(prefix), prefix)
    const bit = this.#bit(node)
    const parting = this.#parting(prefix, node, Math.min(end, bit))
    if (parting < bit) return this.#insert(prefix, parting)
    if (bit < end) return this.#hang(node, this.#create(prefix), prefix)
    if (!this.#isPlace(node)) this.#name(node, prefix)
    return node
  }

  /** Takes a place, whose prefix this is, with its value, and out of the trie whatever stood there only for it. */
  remove(place: number, prefix: Bytes): void {
    const nodes = this.#nodes
    this.values[place] = undefined
    if (place === ROOT) return
    let above = ROOT
    let parent = ROOT
    for (let node = this.#child(ROOT, prefix); node !== place; node = this.#child(node, prefix)) {
      above = parent
      parent = node
    }
    this.#unname(place)
    const zero = nodes.data[place * STRIDE + ZERO] as number
    const one = nodes.data[place * STRIDE + ONE] as number
    // What two longer ones part from goes on as their fork.
    if (zero !== NONE && one !== NONE) return
    this.#replace(parent, place, zero || one)
    nodes.release(place)
    if (zero === NONE && one === NONE && parent !== ROOT && !this.#isPlace(parent)) {
      const { data } = nodes
      this.#replace(above, parent, (data[parent * STRIDE + ZERO] as number) || (data[parent * STRIDE + ONE] as number))
      nodes.release(parent)
    }
    if (this.values.length > nodes.end) this.values.length = nodes.end
  }

  /** The prefix of a place, as octets of one's own. */
  prefixOf(place: number): Bytes {
    const size = this.#bit(place) >> 3
    const prefix = this.#nodes.data[place * STRIDE + PREFIX] as number
    if (size > SHORT) return fromKey(this.#long[prefix] as string)
    const octets = allocate(size)
    for (let i = 0; i < size; i++) octets[i] = prefix >>> (24 - i * 8)
    return octets
  }

  /** All prefixes, in the order of their octets. The trie must not change meanwhile. */
  *prefixes(): Generator<Bytes, void, undefined> {
    if (this.hasRoot) yield allocate(0)
    const later: number[] = []
    for (let node: number | undefined = ROOT; node !== undefined; ) {
      if (node !== ROOT && this.#isPlace(node)) yield this.prefixOf(node)
      const zero: number = this.#nodes.data[node * STRIDE + ZERO] as number
      const one: number = this.#nodes.data[node * STRIDE + ONE] as number
      if (zero !== NONE && one !== NONE) later.push(one)
      node = zero || one || later.pop()
    }
  }

  #bit(node: number): number {
    return (this.#nodes.data[node * STRIDE] as number) >> 1
  }

  #isPlace(node: number): boolean {
    return ((this.#nodes.data[node * STRIDE] as number) & 1) === 1
  }

  #child(node: number, octets: Bytes): number {
    return this.#nodes.data[node * STRIDE + side(this.#bit(node), octets)] as number
  }

  /** The last node on the way of a prefix, whatever is in the bits between; where it ends, or has no way to go on. */
  #walk(prefix: Bytes, end: number): number {
    let node = ROOT
    while (this.#bit(node) < end) {
      const child = this.#child(node, prefix)
      if (child === NONE) break
      node = child
    }
    return node
  }

  /** The first bit in which octets differ from what all prefixes at and below a node have; `end` when in none. */
  #parting(octets: Bytes, node: number, end: number): number {
    const place = this.#placeFrom(node)
    for (let at = 0; at * 8 < end; at++) {
      const difference = (octets[at] as number) ^ this.#octet(place, at)
      if (difference !== 0) return Math.min(end, at * 8 + Math.clz32(difference) - 24)
    }
    return end
  }

  /** A node on the way of `prefix`, above those that have more bits than it has in common with them. */
  #insert(prefix: Bytes, parting: number): number {
    let parent = ROOT
    let child = this.#child(ROOT, prefix)
    while (this.#bit(child) <= parting) {
      parent = child
      child = this.#child(parent, prefix)
    }
    if (parting === prefix.length * 8) {
      const node = this.#create(prefix)
      this.#replace(parent, child, node)
      // All below go on with an octet of their own, of which the first bit tells.
      const below = this.#octet(this.#placeFrom(child), prefix.length)
      this.#nodes.data[node * STRIDE + (below & 0x80 ? ONE : ZERO)] = child
      return node
    }
    const fork = this.#take()
    this.#nodes.data[fork * STRIDE] = parting * 2
    this.#replace(parent, child, fork)
    // The child has the other value of that bit.
    const data = this.#nodes.data
    data[fork * STRIDE + (side(parting, prefix) === ONE ? ZERO : ONE)] = child
    return this.#hang(fork, this.#create(prefix), prefix)
  }

  /** A place at or below a node: what all there have in common, it has. */
  #placeFrom(node: number): number {
    let place = node
    while (!this.#isPlace(place)) place = this.#nodes.data[place * STRIDE + ZERO] as number
    return place
  }

  /** One octet of the prefix of a place. */
  #octet(place: number, at: number): number {
    const prefix = this.#nodes.data[place * STRIDE + PREFIX] as number
    if (this.#bit(place) > SHORT * 8) return (this.#long[prefix] as string).charCodeAt(at)
    return (prefix >>> (24 - at * 8)) & 0xff
  }

  /** Makes a new node the child its parent lacks on the way of these octets. */
  #hang(parent: number, node: number, octets: Bytes): number {
    this.#nodes.data[parent * STRIDE + side(this.#bit(parent), octets)] = node
    return node
  }

  /** Puts one node, or none, where another was. */
  #replace(parent: number, old: number, node: number): void {
    const { data } = this.#nodes
    const at = parent * STRIDE
    data[at + (data[at + ZERO] === old ? ZERO : ONE)] = node
  }

  #create(prefix: Bytes): number {
    const node = this.#take()
    this.#nodes.data[node * STRIDE] = prefix.length * 16
    this.#name(node, prefix)
    return node
  }

  #take(): number {
    const node = this.#nodes.take()
    if (node === this.values.length) this.values.push(undefined)
    return node
  }

  /** A node becomes the place of a prefix that ends at its bit. */
  #name(node: number, prefix: Bytes): void {
    const at = node * STRIDE
    this.#nodes.data[at] = prefix.length * 16 + 1
    if (prefix.length > SHORT) {
      this.#nodes.data[at + PREFIX] = this.#keep(toKey(prefix))
    } else {
      let octets = 0
      for (let i = 0; i < prefix.length; i++) octets |= (prefix[i] as number) << (24 - i * 8)
      this.#nodes.data[at + PREFIX] = octets
    }
  }

  #unname(place: number): void {
    const { data } = this.#nodes
    const at = place * STRIDE
    const word = data[at] as number
    if (word >> 4 > SHORT) this.#forget(data[at + PREFIX] as number)
    data[at] = word - 1
    data[at + PREFIX] = 0
  }

  #keep(text: string): number {
    this.#longs++
    const place = this.#freeLong
    if (place === END_OF_CHAIN) return this.#long.push(text) - 1
    this.#freeLong = this.#long[place] as number
    this.#long[place] = text
    return place
  }

  #forget(place: number): void {
    this.#longs--
    this.#long[place] = this.#freeLong
    this.#freeLong = place
    if (this.#longs > 0) return
    this.#long = []
    this.#freeLong = END_OF_CHAIN
  }
}

/** Which child bit number `bit` of these octets leads to. */
function side(bit: number, octets: Bytes): number {
  return (octets[bit >> 3] as number) & (0x80 >> (bit & 7)) ? ONE : ZERO
}
