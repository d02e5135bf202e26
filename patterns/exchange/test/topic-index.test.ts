// Topic patterns against a matcher that tries everything.

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { canonical, TopicIndex, wordsOf } from "../topic-index.ts"

/** Whether the words match, by trying every way in which the wildcards could be filled. */
function matches(pattern: readonly string[], key: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return key.length === 0
  if (first === "#") return Array.from({ length: key.length + 1 }, (_, i) => i).some((i) => matches(rest, key.slice(i)))
  return key.length > 0 && (first === "*" || first === key[0]) && matches(rest, key.slice(1))
}

// Few words, so that much matches; the empty one, so that dots at odd places are there.
const word = fc.constantFrom("a", "b", "cc", "")
const key = fc.array(word, { maxLength: 6 }).map((words) => words.join("."))
const pattern = fc
  .array(fc.oneof({ weight: 2, arbitrary: word }, fc.constantFrom("*", "#")), { maxLength: 6 })
  .map((words) => words.join("."))

function found(index: TopicIndex<string>, text: string): Set<string> {
  const targets = new Set<string>()
  index.match(text, targets)
  return targets
}

describe("a topic index", () => {
  it.each([
    ["stock.usd.nyse", "stock.usd.nyse", true],
    ["stock.*.nyse", "stock.usd.nyse", true],
    ["stock.*.nyse", "stock.nyse", false],
    ["stock.#", "stock", true],
    ["stock.#", "stock.usd.nyse", true],
    ["#.nyse", "nyse", true],
    ["#.nyse", "stock.usd", false],
    ["#", "", true],
    ["*", "", false],
    ["*", "*", true],
    ["a.*", "a.", true],
    ["", "", true],
  ])("%s and %s: %s", (given, text, expected) => {
    const index = new TopicIndex<string>()
    index.add(canonical(given), "x")
    expect(found(index, text).has("x")).toBe(expected)
  })

  it("agrees with a matcher that tries everything, while patterns come and go", () => {
    fc.assert(
      fc.property(
        fc.array(pattern, { maxLength: 12 }),
        fc.array(fc.nat(11), { maxLength: 8 }),
        fc.array(key, { minLength: 1, maxLength: 8 }),
        (patterns, removed, keys) => {
          const index = new TopicIndex<string>()
          const there = new Set(patterns.map(canonical))
          for (const each of there) index.add(each, each)
          for (const at of removed) {
            const each = [...there][at]
            if (each === undefined) continue
            index.remove(each, each)
            there.delete(each)
          }
          for (const text of keys) {
            const expected = [...there].filter((each) => matches(wordsOf(each), wordsOf(text)))
            expect(found(index, text)).toEqual(new Set(expected))
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it("knows patterns of one meaning by one text", () => {
    fc.assert(
      fc.property(pattern, key, (given, text) => {
        expect(matches(wordsOf(canonical(given)), wordsOf(text))).toBe(matches(wordsOf(given), wordsOf(text)))
        expect(canonical(canonical(given))).toBe(canonical(given))
      }),
      { numRuns: 2000 },
    )
    expect(canonical("#.*.#.#.a")).toBe("*.#.a")
  })

  it("holds nothing when all patterns are gone", () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), (patterns) => {
        const index = new TopicIndex<string>()
        for (const each of patterns) index.add(canonical(each), "x")
        for (const each of patterns) index.remove(canonical(each), "x")
        const before = index.visits
        expect(found(index, "a.b.cc")).toEqual(new Set())
        // The root, and nothing beneath it.
        expect(index.visits - before).toBe(1)
      }),
    )
  })

  it("visits a node once per word, whatever the pattern: there is no blow-up", () => {
    const index = new TopicIndex<string>()
    const nasty = `${"#.a.".repeat(15)}b`
    index.add(canonical(nasty), "x")
    const long = "a.".repeat(120).slice(0, -1)
    expect(found(index, long)).toEqual(new Set())
    const nodes = 2 * 15 + 2
    expect(index.visits).toBeLessThanOrEqual(nodes * (120 + 1))
    expect(found(index, `${long}.b`)).toEqual(new Set(["x"]))
  })
})
