// A publisher's index: which peers want a topic. A set per peer, as libzmq keeps it: one CANCEL undoes any number of
// equal SUBSCRIBEs. It knows no pipe, no message and no limit; its callers ask `countOf` and `size` before they add.
// Budget of match(), paid for every message published: no allocation, no hashing, one load and one test per peer.

import type { Bytes } from "../bytes.ts"
import { Register } from "../register.ts"
import { NONE, PrefixTrie, ROOT } from "./prefix-trie.ts"

/** What an `add` did: the topic's first peer, one more peer, or nothing because the peer had it. */
export type Addition = "first" | "new" | "known"

/** Told of a subscription that ended because its peer left; `last` when nobody has the topic any more. */
export type GoneListener<P> = (topic: Bytes, last: boolean, peer: P) => void

/** What a `remove` did: the topic's last peer left, one of several left, or nothing because the peer never had it. */
export type Removal = "last" | "removed" | "unknown"

// Marks of matches are small integers, so they are stored in place; after the last of them they begin again.
const LAST_MARK = 0x3fffffff
const LEFT = 0x7fffffff

// A list of places is put in order when it has so many entries beyond twice those that still mean something.
const SLACK = 32

/** A peer, and where in the trie it is among the holders. */
class Member<P> {
  readonly peer: P
  /** Holders of a topic are kept in this order. */
  readonly age: number
  /** The match that visited this member last; {@link LEFT} keeps all of them away. */
  mark = 0
  /** Topics it has. */
  count = 0
  /**
   * Where they are, in the order in which they came: the whole of what a subscription costs beside its prefix. Topics
   * that were taken back stay on the list for a while, and count nothing.
   */
  places: number[] = []
  /** The first of its places that a sweep has not looked at yet. */
  swept = 0
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
  readonly #members = new Register<P, Member<P>>()
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
    return this.#members.get(peer)?.count ?? 0
  }

  /** Whether a peer, or this one, has exactly this topic. */
  has(topic: Bytes, peer?: P): boolean {
    const place = this.#trie.find(topic)
    if (place === undefined || peer === undefined) return place !== undefined
    return this.#holds(this.#members.get(peer), place)
  }

  /** From now on the peer wants what begins with `topic`, which is copied. */
  add(topic: Bytes, peer: P): Addition {
    let member = this.#members.get(peer)
    if (member === undefined) {
      member = new Member(peer, ++this.#age)
      this.#members.set(peer, member)
    }
    const { values } = this.#trie
    const place = this.#trie.place(topic)
    const holders = values[place]
    const index = holders === undefined ? 0 : indexOf(holders, member)
    if (holders !== undefined && holders[index] === member) return "known"
    member.places.push(place)
    member.count++
    this.#size++
    if (holders === undefined) {
      values[place] = member.alone
      return "first"
    }
    if (holders.length === 1) {
      const other = holders[0] as Member<P>
      values[place] = other.age < member.age ? [other, member] : [member, other]
    } else if (index === holders.length) {
      holders.push(member)
    } else {
      holders.splice(index, 0, member)
    }
    return "new"
  }

  /** Takes a subscription back. */
  remove(topic: Bytes, peer: P): Removal {
    const member = this.#members.get(peer)
    const place = this.#trie.find(topic)
    if (member === undefined || place === undefined || !this.#holds(member, place)) return "unknown"
    const last = this.#withdraw(member, place, topic)
    if (member.count === 0) this.#members.delete(peer)
    else if (member.places.length > 2 * member.count + SLACK) this.#tidy(member)
    return last ? "last" : "removed"
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
    for (let leaver = this.#leavers[0]; leaver !== undefined; leaver = this.#leavers[0]) {
      while (leaver.count > 0) {
        if (left-- <= 0) return true
        let place = leaver.places[leaver.swept++] as number
        while (!this.#holds(leaver, place)) place = leaver.places[leaver.swept++] as number
        const topic = this.#trie.prefixOf(place)
        const last = this.#withdraw(leaver, place, topic)
        onGone?.(topic, last, leaver.peer)
      }
      this.#leavers.shift()
    }
    return false
  }

  /**
   * Writes the peers that want a message beginning with `octets` into `out`, each once, and returns how many they are.
   * What `out` holds beyond them is left from before.
   */
  match(octets: Bytes, out: P[]): number {
    const mark = this.#nextMark()
    const trie = this.#trie
    const { values } = trie
    let place = trie.hasRoot ? ROOT : trie.next(ROOT, octets)
    if (place === NONE && !trie.hasRoot) return 0
    let count = 0
    do {
      const holders = values[place] as Member<P>[]
      for (let i = 0; i < holders.length; i++) {
        const holder = holders[i] as Member<P>
        if (holder.mark < mark) {
          holder.mark = mark
          out[count++] = holder.peer
        }
      }
      place = trie.next(place, octets)
    } while (place !== NONE)
    return count
  }

  /** Whether this peer wants a message beginning with `octets`. */
  matches(octets: Bytes, peer: P): boolean {
    const member = this.#members.get(peer)
    if (member === undefined) return false
    const trie = this.#trie
    if (this.#holds(member, ROOT)) return true
    for (let place = trie.next(ROOT, octets); place !== NONE; place = trie.next(place, octets)) {
      if (this.#holds(member, place)) return true
    }
    return false
  }

  /** Distinct topics in the order of their octets, each a copy. The index must not change meanwhile. */
  topics(): Iterable<Bytes> {
    return this.#trie.prefixes()
  }

  #holds(member: Member<P> | undefined, place: number): boolean {
    const holders = this.#trie.values[place]
    if (member === undefined || holders === undefined) return false
    return holders[indexOf(holders, member)] === member
  }

  // Takes a member off a place, and tells whether that was the last one there.
  #withdraw(member: Member<P>, place: number, topic: Bytes): boolean {
    member.count--
    this.#size--
    const { values } = this.#trie
    const holders = values[place] as Member<P>[]
    if (holders.length === 1) {
      this.#trie.remove(place, topic)
      return true
    }
    const index = indexOf(holders, member)
    if (holders.length === 2) values[place] = (holders[1 - index] as Member<P>).alone
    else holders.splice(index, 1)
    return false
  }

  // A place that was left and taken again, or is another topic's now, is on the list more than once.
  #tidy(member: Member<P>): void {
    const places = new Set(member.places)
    member.places = [...places].filter((place) => this.#holds(member, place))
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
