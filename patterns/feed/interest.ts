// What a subscriber is interested in: a set of prefixes, as both ends see it. A publisher learns of it by an ordinary
// subscription whose prefix is the list itself, and beats for it under the list's digest.

import { createHash } from "node:crypto"
import { toText } from "./octets.ts"

/** What a subscription begins with that tells an interest; the list of prefixes follows. Nothing is sent under it. */
export const INTEREST_PREFIX = "I"
/** What the first frame of a heartbeat begins with; the id of the interest and the feed sequence follow. */
export const HEARTBEAT_PREFIX = "H"

/** Octets of the id of an interest. */
export const INTEREST_ID_SIZE = 16
/** Longest list, in octets. */
export const MAX_INTEREST = 60_000

/** A set of prefixes, of which none begins with another. */
export class Interest {
  readonly prefixes: readonly string[]
  /** The prefixes in the order of their octets, each behind its length in two octets. */
  readonly list: Buffer
  /** The first 16 octets of the SHA-256 of the list. */
  readonly id: Buffer
  readonly #set: ReadonlySet<string>
  readonly #lengths: readonly number[]

  constructor(prefixes: Iterable<string>) {
    this.prefixes = withoutCovered(prefixes)
    this.list = encodeList(this.prefixes)
    this.id = createHash("sha256").update(this.list).digest().subarray(0, INTEREST_ID_SIZE)
    this.#set = new Set(this.prefixes)
    this.#lengths = [...new Set(this.prefixes.map(({ length }) => length))].sort((a, b) => a - b)
  }

  /** The interest that a list says, or nothing if it is malformed. */
  static parse(list: Buffer): Interest | undefined {
    if (list.length > MAX_INTEREST) return undefined
    const prefixes: string[] = []
    let at = 0
    while (at < list.length) {
      if (at + 2 > list.length) return undefined
      const end = at + 2 + list.readUInt16BE(at)
      const prefix = end <= list.length ? toText(list, at + 2, end) : undefined
      if (prefix === undefined) return undefined
      prefixes.push(prefix)
      at = end
    }
    return prefixes.length === 0 ? undefined : new Interest(prefixes)
  }

  /** The lengths that its prefixes have, shortest first. */
  get lengths(): readonly number[] {
    return this.#lengths
  }

  matches(topic: string): boolean {
    for (const length of this.#lengths) {
      if (length > topic.length) return false
      if (this.#set.has(topic.slice(0, length))) return true
    }
    return false
  }

  /** Prefixes of the topics that match both. */
  inCommon(other: Interest): string[] {
    return [
      ...this.prefixes.filter((prefix) => other.matches(prefix)),
      ...other.prefixes.filter((p) => this.matches(p)),
    ]
  }
}

/** Sorted by octets, without those that begin with another one. */
function withoutCovered(prefixes: Iterable<string>): string[] {
  const sorted = [...new Set(prefixes)]
    .map((text) => ({ text, octets: Buffer.from(text) }))
    .sort((a, b) => a.octets.compare(b.octets))
  const kept: string[] = []
  for (const { text } of sorted) {
    const last = kept.at(-1)
    if (last === undefined || !text.startsWith(last)) kept.push(text)
  }
  return kept
}

function encodeList(prefixes: readonly string[]): Buffer {
  return Buffer.concat(
    prefixes.flatMap((prefix) => {
      const octets = Buffer.from(prefix)
      const size = Buffer.alloc(2)
      size.writeUInt16BE(octets.length)
      return [size, octets]
    }),
  )
}
