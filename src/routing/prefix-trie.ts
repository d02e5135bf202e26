// Values kept under prefixes: a binary radix trie over the bits of octets. Who holds what a prefix leads to, and how a
// prefix is counted, is the business of subscriptions.ts and prefixes.ts.
//
//                  (bit 0) root
//                    ├─ 0 ── "1"            has a value
//                    └─ 1 ── (bit 12)       a fork: the topics below agree in 12 bits, the 13th tells them apart
//                              ├─ 0 ── "ab"
//                              └─ 1 ── "ax" ── 0 ── "ax5"
//
// Invariants:
//   · below a node all topics agree with its `topic` in the first `bit` bits, and bit number `bit` chooses the child;
//   · a node with a value stands for its own topic, and its `bit` is that topic's end;
//   · a node without one, the root aside, is a fork: it has two children, and its `topic` is that of one of them.
//
// So n prefixes cost at most 2n nodes, all alike, whatever the prefixes are; every step down consumes at least one bit,
// so nobody can lengthen a walk but by a longer topic of their own; and nothing here recurses.
// Budget of nextPrefix(), the publisher's hot path: no allocation, two loads and a test per node.

import { type Bytes, fromKey, toKey } from "../bytes.ts"

/** A place in the trie: that of a prefix when it has a value, else a fork or the root. */
export class PrefixNode<V> {
  value: V | undefined = undefined
  /** Leading bits that all topics from here on have in common. */
  bit: number
  /** A topic that has these bits, one character per octet. With a value: exactly the prefix. */
  topic: string
  parent: PrefixNode<V> | undefined
  zero: PrefixNode<V> | undefined = undefined
  one: PrefixNode<V> | undefined = undefined

  constructor(bit: number, topic: string, parent: PrefixNode<V> | undefined) {
    this.bit = bit
    this.topic = topic
    this.parent = parent
  }
}

/** The next longer prefix of `octets` that has a value, below a node whose topic is such a prefix (or the root). */
export function nextPrefix<V>(from: PrefixNode<V>, octets: Bytes): PrefixNode<V> | undefined {
  const size = octets.length
  let agreed = from.bit >> 3
  let node = from
  for (;;) {
    const bit = node.bit
    const at = bit >> 3
    if (at >= size) return undefined
    const child = (octets[at] as number) & (0x80 >> (bit & 7)) ? node.one : node.zero
    if (child === undefined) return undefined
    if (child.value !== undefined) {
      const end = child.bit >> 3
      if (end > size) return undefined
      const topic = child.topic
      while (agreed < end) {
        if (octets[agreed] !== topic.charCodeAt(agreed)) return undefined
        agreed++
      }
      return child
    }
    node = child
  }
}

/** Prefixes of under 2^28 octets each, and a value for each. `undefined` is no value. */
export class PrefixTrie<V> {
  /** The place of the empty prefix. */
  readonly root: PrefixNode<V> = new PrefixNode<V>(0, "", undefined)

  /** The node of exactly this prefix, if it has a value. */
  find(prefix: Bytes): PrefixNode<V> | undefined {
    const end = prefix.length * 8
    let node = this.root
    while (node.bit < end) {
      const child = childOf(node, prefix)
      if (child === undefined) return undefined
      node = child
    }
    if (node.bit !== end || node.value === undefined || partingBit(prefix, node.topic, 0, end) < end) return undefined
    return node
  }

  /** The node of exactly this prefix, made if need be. The caller gives it a value, or removes it again. */
  place(prefix: Bytes): PrefixNode<V> {
    const end = prefix.length * 8
    let node = this.root
    while (node.bit < end) {
      const child = childOf(node, prefix)
      if (child === undefined) return hang(new PrefixNode(end, toKey(prefix), node), prefix)
      const parting = partingBit(prefix, child.topic, node.bit, Math.min(end, child.bit))
      if (parting < child.bit) return this.#insert(node, child, parting, prefix)
      node = child
    }
    if (node.value === undefined && node !== this.root) {
      const fork = node.topic
      node.topic = toKey(prefix)
      this.#rename(node.parent, fork, node.topic)
    }
    return node
  }

  /** Takes the value of a node, and out of the trie whatever stood there only for it. */
  remove(node: PrefixNode<V>): void {
    node.value = undefined
    const parent = node.parent
    if (parent === undefined) return
    const { zero, one } = node
    if (zero !== undefined && one !== undefined) {
      const gone = node.topic
      node.topic = zero.topic
      this.#rename(parent, gone, zero.topic)
    } else if (zero !== undefined || one !== undefined) {
      const child = (zero ?? one) as PrefixNode<V>
      replace(parent, node, child)
      this.#rename(parent, node.topic, child.topic)
    } else {
      if (parent.zero === node) parent.zero = undefined
      else parent.one = undefined
      const above = parent.parent
      if (parent.value !== undefined || above === undefined) return
      const sibling = (parent.zero ?? parent.one) as PrefixNode<V>
      replace(above, parent, sibling)
      this.#rename(above, node.topic, sibling.topic)
    }
  }

  /** All prefixes that have a value, in the order of their octets. The trie must not change meanwhile. */
  *prefixes(): Generator<Bytes, void, undefined> {
    let node: PrefixNode<V> | undefined = this.root
    while (node !== undefined) {
      if (node.value !== undefined) yield fromKey(node.topic)
      node = node.zero ?? node.one ?? after(node)
    }
  }

  // Between `parent` and `child` a node for `prefix`, or a fork of the two where the prefix leaves the child's way.
  #insert(parent: PrefixNode<V>, child: PrefixNode<V>, parting: number, prefix: Bytes): PrefixNode<V> {
    if (parting === prefix.length * 8) {
      const node = new PrefixNode<V>(parting, toKey(prefix), parent)
      replace(parent, child, node)
      adopt(node, child)
      this.#rename(parent, child.topic, node.topic)
      return node
    }
    const fork = new PrefixNode<V>(parting, child.topic, parent)
    replace(parent, child, fork)
    adopt(fork, child)
    return hang(new PrefixNode(prefix.length * 8, toKey(prefix), fork), prefix)
  }

  // Forks named after a topic that is no longer below them get the name of one that is. Such forks follow one another
  // upwards without a gap, each named after a child, so the walk ends with them.
  #rename(from: PrefixNode<V> | undefined, gone: string, topic: string): void {
    let node = from
    while (node?.parent !== undefined && node.value === undefined && node.topic === gone) {
      node.topic = topic
      node = node.parent
    }
  }
}

function childOf<V>(node: PrefixNode<V>, octets: Bytes): PrefixNode<V> | undefined {
  return (octets[node.bit >> 3] as number) & (0x80 >> (node.bit & 7)) ? node.one : node.zero
}

/** Makes a new node the child its parent lacks. */
function hang<V>(node: PrefixNode<V>, octets: Bytes): PrefixNode<V> {
  const parent = node.parent as PrefixNode<V>
  if ((octets[parent.bit >> 3] as number) & (0x80 >> (parent.bit & 7))) parent.one = node
  else parent.zero = node
  return node
}

/** Makes an existing node, which keeps its topic, a child of a new one. */
function adopt<V>(parent: PrefixNode<V>, child: PrefixNode<V>): void {
  if (child.topic.charCodeAt(parent.bit >> 3) & (0x80 >> (parent.bit & 7))) parent.one = child
  else parent.zero = child
  child.parent = parent
}

/** Puts one node where another was. */
function replace<V>(parent: PrefixNode<V>, old: PrefixNode<V>, node: PrefixNode<V>): void {
  if (parent.zero === old) parent.zero = node
  else parent.one = node
  node.parent = parent
}

/** The node that follows all that is below `node`. */
function after<V>(node: PrefixNode<V>): PrefixNode<V> | undefined {
  let child = node
  for (let parent = child.parent; parent !== undefined; parent = child.parent) {
    if (parent.zero === child && parent.one !== undefined) return parent.one
    child = parent
  }
  return undefined
}

/** The first bit, from bit `from` on, in which octets and topic differ; `end` when they agree up to there. */
function partingBit(octets: Bytes, topic: string, from: number, end: number): number {
  for (let at = from >> 3; at * 8 < end; at++) {
    const difference = (octets[at] as number) ^ topic.charCodeAt(at)
    if (difference !== 0) return Math.min(end, at * 8 + Math.clz32(difference) - 24)
  }
  return end
}
