import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { nextPrefix, type PrefixNode, PrefixTrie } from "../../src/routing/prefix-trie.ts"

/** Octets that share many bits, so that few of them make every shape of a trie. */
const topics: fc.Arbitrary<Buffer> = fc
  .array(fc.constantFrom(0x00, 0x01, 0x03, 0x80, 0xff), { maxLength: 3 })
  .map((octets) => Buffer.from(octets))

function octetsOf(text: string): Buffer {
  return Buffer.from(text, "latin1")
}

function set(trie: PrefixTrie<string>, topic: Buffer): void {
  trie.place(topic).value = topic.toString("latin1")
}

function contents(trie: PrefixTrie<string>): string[] {
  return Array.from(trie.prefixes(), (prefix) => prefix.toString("latin1"))
}

/** All values found on the way down, shortest prefix first. */
function found(trie: PrefixTrie<string>, octets: Buffer): string[] {
  const values: string[] = trie.root.value === undefined ? [] : [trie.root.value]
  for (let node = nextPrefix(trie.root, octets); node !== undefined; node = nextPrefix(node, octets)) {
    values.push(node.value as string)
  }
  return values
}

function bitOf(topic: string, bit: number): number {
  return (topic.charCodeAt(bit >> 3) >> (7 - (bit & 7))) & 1
}

function bitsOf(topic: string, end: number): string {
  return Array.from({ length: end }, (_, bit) => bitOf(topic, bit)).join("")
}

/** Walks the whole trie, holds it against the invariants at the top of its file, and returns how many nodes it has. */
function check(trie: PrefixTrie<string>): number {
  const { root } = trie
  expect([root.bit, root.topic, root.parent]).toEqual([0, "", undefined])
  const open: PrefixNode<string>[] = [root]
  let nodes = 0
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    nodes++
    const children = [node.zero, node.one].filter((child) => child !== undefined)
    if (node.value !== undefined) {
      expect(node.topic).toBe(node.value)
      expect(node.bit).toBe(node.topic.length * 8)
    } else if (node !== root) {
      expect(children).toHaveLength(2)
      expect(children.map((child) => child.topic)).toContain(node.topic)
    }
    for (const child of children) {
      expect(child.parent).toBe(node)
      expect(child.bit).toBeGreaterThan(node.bit)
      expect(bitsOf(child.topic, node.bit)).toBe(bitsOf(node.topic, node.bit))
      expect(bitOf(child.topic, node.bit)).toBe(child === node.one ? 1 : 0)
      open.push(child)
    }
  }
  return nodes
}

describe("PrefixTrie", () => {
  it("PUBSUB-2: holds its invariants, its contents and its size through any changes", () => {
    const change = fc.record({ topic: topics, remove: fc.nat(3).map((n) => n === 0), which: fc.nat() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 100 }), topics, (changes, octets) => {
        const trie = new PrefixTrie<string>()
        const model = new Set<string>()
        for (const { topic, remove, which } of changes) {
          const key = topic.toString("latin1")
          expect(trie.find(topic)?.value).toBe(model.has(key) ? key : undefined)
          if (!remove) {
            set(trie, topic)
            model.add(key)
          } else if (model.size > 0) {
            const gone = [...model][which % model.size] as string
            trie.remove(trie.find(octetsOf(gone)) as PrefixNode<string>)
            model.delete(gone)
          }
          expect(check(trie)).toBeLessThanOrEqual(2 * model.size + 1)
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
        const place = trie.place(extra)
        if (place.value === undefined) trie.remove(place)
        check(trie)
        expect(contents(trie)).toEqual(before)
      }),
    )
  })

  it("tells apart octets that differ in one bit, at every bit", () => {
    for (let bit = 0; bit < 8; bit++) {
      const trie = new PrefixTrie<string>()
      const other = Buffer.of(0x5a ^ (0x80 >> bit), 0x5a)
      set(trie, Buffer.of(0x5a, 0x5a))
      expect(trie.find(other)).toBeUndefined()
      expect(found(trie, other)).toEqual([])
      set(trie, other)
      expect(found(trie, other)).toHaveLength(1)
      expect(check(trie)).toBeLessThanOrEqual(4)
    }
  })

  it.each([
    ["a prefix with one longer one goes", ["a", "b", "ax"], "a"],
    ["a prefix that two longer ones part from goes", ["a", "a\0", "a\x80"], "a"],
    ["the same goes, below a fork named after it", ["a", "b", "a\0", "a\x80"], "a"],
    ["the topic that two forks are named after goes", ["`", "a", "b"], "`"],
    ["a prefix comes between a fork and the topic it is named after", ["ax", "b", "a"], undefined],
    ["a prefix comes where a fork is, below another", ["a\0", "a\x80", "b", "a"], undefined],
  ])("names forks after topics that are still there when %s", (_, added, removed) => {
    const trie = new PrefixTrie<string>()
    for (const topic of added) {
      set(trie, octetsOf(topic))
      check(trie)
    }
    if (removed !== undefined) trie.remove(trie.find(octetsOf(removed)) as PrefixNode<string>)
    expect(check(trie)).toBeLessThanOrEqual(2 * added.length)
    expect(contents(trie)).toEqual(added.filter((topic) => topic !== removed).sort())
  })

  it("copies what it keeps", () => {
    const trie = new PrefixTrie<string>()
    const topic = Buffer.from("abc")
    set(trie, topic)
    topic.fill("z")
    expect(contents(trie)).toEqual(["abc"])
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
      for (const topic of [longest.subarray(0, length), tooth(length)]) {
        const node = trie.find(topic)
        if (node !== undefined) trie.remove(node)
      }
    }
    expect(contents(trie)).toEqual([])
    expect(check(trie)).toBe(1)
  })
})
