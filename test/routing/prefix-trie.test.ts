import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { NONE, PrefixTrie, ROOT } from "../../src/routing/prefix-trie.ts"

/** Octets that share many bits, so that few of them make every shape of a trie; short ones and long ones. */
const topics: fc.Arbitrary<Buffer> = fc
  .array(fc.constantFrom(0x00, 0x01, 0x03, 0x80, 0xff), { maxLength: 6 })
  .map((octets) => Buffer.from(octets))

function octetsOf(text: string): Buffer {
  return Buffer.from(text, "latin1")
}

function set(trie: PrefixTrie<string>, topic: Buffer): void {
  trie.values[trie.place(topic)] = topic.toString("latin1")
}

function kept(trie: PrefixTrie<string>, topic: Buffer): string | undefined {
  const place = trie.find(topic)
  return place === undefined ? undefined : trie.values[place]
}

function remove(trie: PrefixTrie<string>, topic: Buffer): void {
  trie.remove(trie.find(topic) as number, topic)
}

function contents(trie: PrefixTrie<string>): string[] {
  return Array.from(trie.prefixes(), (prefix) => prefix.toString("latin1"))
}

/** All values found on the way down, shortest prefix first. */
function found(trie: PrefixTrie<string>, octets: Buffer): string[] {
  const values: string[] = trie.hasRoot ? [trie.values[ROOT] as string] : []
  for (let place = trie.next(ROOT, octets); place !== NONE; place = trie.next(place, octets)) {
    values.push(trie.values[place] as string)
    expect(trie.prefixOf(place).toString("latin1")).toBe(trie.values[place])
  }
  return values
}

/** No node stands there for nothing: a place for each prefix but the empty one, a fork for each pair, and the root. */
function check(trie: PrefixTrie<string>): void {
  const size = contents(trie).filter((topic) => topic !== "").length
  expect(trie.nodes).toBeGreaterThanOrEqual(size + 1)
  expect(trie.nodes).toBeLessThanOrEqual(Math.max(1, 2 * size))
  expect(trie.values.length).toBeGreaterThanOrEqual(trie.nodes)
}

describe("PrefixTrie", () => {
  it("PUBSUB-2: holds its invariants, its contents and its size through any changes", () => {
    const change = fc.record({ topic: topics, remove: fc.nat(3).map((n) => n === 0), which: fc.nat() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 100 }), topics, (changes, octets) => {
        const trie = new PrefixTrie<string>()
        const model = new Set<string>()
        for (const { topic, remove: goes, which } of changes) {
          const key = topic.toString("latin1")
          expect(kept(trie, topic)).toBe(model.has(key) ? key : undefined)
          if (!goes) {
            set(trie, topic)
            model.add(key)
          } else if (model.size > 0) {
            const gone = [...model][which % model.size] as string
            remove(trie, octetsOf(gone))
            model.delete(gone)
          }
          check(trie)
        }
        const text = octets.toString("latin1")
        const prefixes = [...model].filter((key) => text.startsWith(key))
        expect(found(trie, octets)).toEqual(prefixes.sort((a, b) => a.length - b.length))
        expect(contents(trie)).toEqual([...model].sort())
      }),
      { numRuns: 300 },
    )
  })

  it("takes back a place that was given no value", () => {
    fc.assert(
      fc.property(fc.array(topics, { maxLength: 20 }), topics, (list, extra) => {
        const trie = new PrefixTrie<string>()
        for (const topic of list) set(trie, topic)
        const before = contents(trie)
        const { nodes } = trie
        const place = trie.place(extra)
        if (trie.values[place] === undefined) trie.remove(place, extra)
        expect(trie.nodes).toBe(nodes)
        expect(contents(trie)).toEqual(before)
      }),
    )
  })

  it("tells apart octets that differ in one bit, at every bit, in short prefixes and in long ones", () => {
    for (const before of ["", "four"]) {
      for (let bit = 0; bit < 8; bit++) {
        const trie = new PrefixTrie<string>()
        const one = Buffer.concat([Buffer.from(before), Buffer.of(0x5a, 0x5a)])
        const other = Buffer.concat([Buffer.from(before), Buffer.of(0x5a ^ (0x80 >> bit), 0x5a)])
        set(trie, one)
        expect(trie.find(other)).toBeUndefined()
        expect(found(trie, other)).toEqual([])
        set(trie, other)
        expect(found(trie, other)).toHaveLength(1)
        expect(found(trie, one)).toHaveLength(1)
        check(trie)
      }
    }
  })

  it.each([
    ["a prefix with one longer one goes", ["a", "b", "ax"], "a"],
    ["a prefix that two longer ones part from goes", ["a", "a\0", "a\x80"], "a"],
    ["the same goes, below a fork", ["a", "b", "a\0", "a\x80"], "a"],
    ["a topic below two forks goes", ["`", "a", "b"], "`"],
    ["a prefix comes between a fork and a topic below it", ["ax", "b", "a"], undefined],
    ["a prefix comes where a fork is, below another", ["a\0", "a\x80", "b", "a"], undefined],
  ])("has a node for nothing but places and forks when %s", (_, added, removed) => {
    for (const before of ["", "long, "]) {
      const trie = new PrefixTrie<string>()
      const whole = added.map((topic) => before + topic)
      for (const topic of whole) {
        set(trie, octetsOf(topic))
        check(trie)
      }
      if (removed !== undefined) remove(trie, octetsOf(before + removed))
      check(trie)
      expect(contents(trie)).toEqual(whole.filter((topic) => topic !== before + (removed ?? "?")).sort())
    }
  })

  it("copies what it keeps", () => {
    const trie = new PrefixTrie<string>()
    for (const text of ["abc", "abcdef"]) {
      const topic = Buffer.from(text)
      set(trie, topic)
      topic.fill("z")
    }
    expect(contents(trie)).toEqual(["abc", "abcdef"])
  })

  it("LIMIT-7: is filled, walked and emptied when it is as deep as a topic of 1024 octets can make it", () => {
    const trie = new PrefixTrie<string>()
    const longest = Buffer.alloc(1024, 0x55)
    const tooth = (length: number): Buffer => {
      const topic = Buffer.from(longest.subarray(0, length))
      topic[length - 1] = 0x54
      return topic
    }
    for (let length = 1; length <= longest.length; length++) {
      set(trie, longest.subarray(0, length))
      set(trie, tooth(length))
    }
    expect(found(trie, longest)).toHaveLength(1024)
    expect(contents(trie)).toHaveLength(2048)
    for (let length = longest.length; length > 0; length--) {
      for (const topic of [longest.subarray(0, length), tooth(length)]) remove(trie, topic)
    }
    expect(contents(trie)).toEqual([])
    expect(trie.nodes).toBe(1)
  })

  it("LIMIT-13: gives its memory back when what came late has gone", () => {
    const trie = new PrefixTrie<string>()
    set(trie, Buffer.from("who was there before"))
    const flood = Array.from({ length: 10_000 }, (_, i) => Buffer.from(`${i}`))
    for (const topic of flood) set(trie, topic)
    expect(trie.values.length).toBeGreaterThan(10_000)
    for (const topic of flood) remove(trie, topic)
    expect([trie.nodes, trie.values.length]).toEqual([2, 2])
    expect(found(trie, Buffer.from("who was there before, and is"))).toHaveLength(1)
  })
})
