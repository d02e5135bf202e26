// A publisher's index: which peers want a topic. A set per peer, as libzmq keeps it: one CANCEL undoes any number of
// equal SUBSCRIBEs. It knows no pipe, no message and no limit; its callers ask `countOf` and `size` before they add.
// Budget of match(), paid for every message published: no allocation, no hashing, one load and one test per peer.

import { type Bytes, fromKey } from "../bytes.ts"
import { nextPrefix, type PrefixNode, PrefixTrie } from "./prefix-trie.ts"

/** What an `add` did: the topic's first peer, one more peer, or nothing because the peer had it. */
export type Addition = "first" | "new" | "known"

/** Told of a subscription that ended because its peer left; `last` when nobody has the topic any more. */
export type GoneListener<P> = (topic: Bytes, last: boolean, peer: P) => void

/** What a `remove` did: the topic's last peer left, one of several left, or nothing because the peer never had it. */
export type Removal = "last" | "removed" | "unknown"

// Marks of matches are small integers, so they are stored in place; after the last of them they begin again.
const LAST_MARK = 0x3fffffff
const LEFT = 0x7fffffff

/** A peer, and where in the trie it is among the holders. */
class Member<P> {
  readonly peer: P
  /** Holders of a topic are kept in this order. */
  readonly age: number
  /** The match that visited this member last; {@link LEFT} keeps all of them away. */
  mark = 0
  readonly places: Set<PrefixNode<Member<P>[]>> = new Set()
  /** A topic with one holder borrows this list instead of having one; nobody changes it. */
  readonly alone: Member<P>[] = [this]

  constructor(peer: P, age: number) {
    this.peer = peer
    this.age = age
  }
}

/** Which peers want which topics, by any object that stands for a peer. */
export class Subscriptions<P extends object> {
  readonly #trie = new PrefixTrie<Member<P>[]>()
  readonly #members = new Map<P, Member<P>>()
  readonly #leavers: Member<P>[] = []
  #size = 0
  #age = 0
  #mark = 0

  /** Distinct pairs of peer and topic, those of leavers included until they are swept. */
  get size(): number {
    return this.#size
  }

  /** Topics this peer has. */
  countOf(peer: P): number {
    return this.#members.get(peer)?.places.size ?? 0
  }

  /** Whether a peer, or this one, has exactly this topic. */
  has(topic: Bytes, peer?: P): boolean {
    const place = this.#trie.find(topic)
    if (place?.value === undefined || peer === undefined) return place?.value !== undefined
    return this.#members.get(peer)?.places.has(place) ?? false
  }

  /** From now on the peer wants what begins with `topic`, which is copied. */
  add(topic: Bytes, peer: P): Addition {
    let member = this.#members.get(peer)
    if (member === undefined) {
      member = new Member(peer, ++this.#age)
      this.#members.set(peer, member)
    }
    const place = this.#trie.place(topic)
    if (member.places.has(place)) return "known"
    member.places.add(place)
    this.#size++
    const holders = place.value
    if (holders === undefined) {
      place.value = member.alone
      return "first"
    }
    if (holders.length === 1) {
      const other = holders[0] as Member<P>
      place.value = other.age < member.age ? [other, member] : [member, other]
    } else {
      const index = indexOf(holders, member)
      if (index === holders.length) holders.push(member)
      else holders.splice(index, 0, member)
    }
    return "new"
  }

  /** Takes a subscription back. */
  remove(topic: Bytes, peer: P): Removal {
    const member = this.#members.get(peer)
    const place = this.#trie.find(topic)
    if (member === undefined || place === undefined || !member.places.has(place)) return "unknown"
    if (member.places.size === 1) this.#members.delete(peer)
    return this.#withdraw(member, place) ? "last" : "removed"
  }

  /**
   * The peer leaves: at once it wants nothing any more, and counts nothing. Its subscriptions are then swept, `max` of
   * them in this call; see {@link sweep}, whose answer this returns.
   */
  removePeer(peer: P, max: number, onGone?: GoneListener<P>): boolean {
    const member = this.#members.get(peer)
    if (member !== undefined) {
      this.#members.delete(peer)
      member.mark = LEFT
      this.#leavers.push(member)
    }
    return this.sweep(max, onGone)
  }

  /**
   * Clears away at most `max` subscriptions of peers that left, and tells of each. Returns whether there are more to
   * sweep, in another turn of the event loop. A leaver may meanwhile come back and subscribe anew: that is swept only
   * when it leaves again.
   */
  sweep(max: number, onGone?: GoneListener<P>): boolean {
    let left = max
    for (let leaver = this.#leavers.at(-1); leaver !== undefined; leaver = this.#leavers.at(-1)) {
      for (const place of leaver.places) {
        if (left-- <= 0) return true
        const topic = place.topic
        const last = this.#withdraw(leaver, place)
        onGone?.(fromKey(topic), last, leaver.peer)
      }
      this.#leavers.pop()
    }
    return false
  }

  /**
   * Writes the peers that want a message beginning with `octets` into `out`, each once, and returns how many they are.
   * What `out` holds beyond them is left from before.
   */
  match(octets: Bytes, out: P[]): number {
    const mark = this.#nextMark()
    const root = this.#trie.root
    let place = root.value === undefined ? nextPrefix(root, octets) : root
    let count = 0
    while (place !== undefined) {
      const holders = place.value as Member<P>[]
      for (let i = 0; i < holders.length; i++) {
        const holder = holders[i] as Member<P>
        if (holder.mark < mark) {
          holder.mark = mark
          out[count++] = holder.peer
        }
      }
      place = nextPrefix(place, octets)
    }
    return count
  }

  /** Whether this peer wants a message beginning with `octets`. */
  matches(octets: Bytes, peer: P): boolean {
    const member = this.#members.get(peer)
    if (member === undefined) return false
    const root = this.#trie.root
    let place = root.value === undefined ? nextPrefix(root, octets) : root
    while (place !== undefined) {
      if (member.places.has(place)) return true
      place = nextPrefix(place, octets)
    }
    return false
  }

  /** Distinct topics in the order of their octets, each a copy. The index must not change meanwhile. */
  topics(): Iterable<Bytes> {
    return this.#trie.prefixes()
  }

  // Takes a member off a place, and tells whether that was the last one there.
  #withdraw(member: Member<P>, place: PrefixNode<Member<P>[]>): boolean {
    member.places.delete(place)
    this.#size--
    const holders = place.value as Member<P>[]
    if (holders.length === 1) {
      this.#trie.remove(place)
      return true
    }
    const index = indexOf(holders, member)
    if (holders.length === 2) place.value = (holders[1 - index] as Member<P>).alone
    else holders.splice(index, 1)
    return false
  }

  #nextMark(): number {
    if (this.#mark === LAST_MARK) {
      for (const member of this.#members.values()) member.mark = 0
      this.#mark = 0
    }
    return ++this.#mark
  }
}

/** Where a member is among holders, or would have to be. */
function indexOf<P>(holders: readonly Member<P>[], member: Member<P>): number {
  let low = 0
  let high = holders.length
  if (high > 0 && (holders[high - 1] as Member<P>).age < member.age) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((holders[middle] as Member<P>).age < member.age) low = middle + 1
    else high = middle
  }
  return low
}
