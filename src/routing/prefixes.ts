// A subscriber's own record: which prefixes it asked for, and how often. Publishers keep sets and the subscriber
// counts; that is how libzmq has it, and what makes both ends of a subscription agree.

import type { Bytes } from "../bytes.ts"
import { NONE, PrefixTrie, ROOT } from "./prefix-trie.ts"

/** What a `remove` did: the prefix is no longer wanted, still wanted, or never was. */
export type PrefixRemoval = "last" | "counted" | "unknown"

/** Counted prefixes, and whether a frame begins with one of them. */
export class PrefixCounter {
  readonly #trie = new PrefixTrie<number>()
  #size = 0

  /** Distinct prefixes. */
  get size(): number {
    return this.#size
  }

  /** Counts `prefix`, which is copied, once more and returns its count: 1 when it is new. */
  add(prefix: Bytes): number {
    const { values } = this.#trie
    const place = this.#trie.place(prefix)
    const count = (values[place] ?? 0) + 1
    if (count === 1) this.#size++
    values[place] = count
    return count
  }

  /** Counts `prefix` once less. */
  remove(prefix: Bytes): PrefixRemoval {
    const place = this.#trie.find(prefix)
    if (place === undefined) return "unknown"
    const { values } = this.#trie
    const count = values[place] as number
    if (count > 1) {
      values[place] = count - 1
      return "counted"
    }
    this.#size--
    this.#trie.remove(place, prefix)
    return "last"
  }

  /** Whether the frame begins with one of the prefixes. */
  matches(frame: Bytes): boolean {
    return this.#trie.hasRoot || this.#trie.next(ROOT, frame) !== NONE
  }

  /** Distinct prefixes in the order of their octets, each a copy. The counter must not change meanwhile. */
  prefixes(): Iterable<Bytes> {
    return this.#trie.prefixes()
  }
}
