import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { PrefixCounter } from "../../src/routing/prefixes.ts"

const EVERYTHING = Buffer.alloc(0)

function counterOf(...prefixes: string[]): PrefixCounter {
  const counter = new PrefixCounter()
  for (const prefix of prefixes) counter.add(Buffer.from(prefix))
  return counter
}

function matches(counter: PrefixCounter, frame: string): boolean {
  return counter.matches(Buffer.from(frame))
}

describe("PrefixCounter", () => {
  it("PUBSUB-16: matches nothing to begin with", () => {
    expect(new PrefixCounter().matches(EVERYTHING)).toBe(false)
    expect(matches(new PrefixCounter(), "a")).toBe(false)
  })

  it("PUBSUB-3, PUBSUB-4: with the empty prefix everything matches, an empty frame included", () => {
    const counter = counterOf("", "A")
    for (const frame of ["", "A", "B"]) expect(matches(counter, frame)).toBe(true)
  })

  it("PUBSUB-2: compares with the start of the frame, octet by octet", () => {
    const counter = counterOf("AB", "C")
    for (const frame of ["AB", "ABC", "C", "CC"]) expect(matches(counter, frame)).toBe(true)
    for (const frame of ["", "A", "AC", "B", "ab", "BAB"]) expect(matches(counter, frame)).toBe(false)
  })

  it("PUBSUB-18: counts equal prefixes; only the last removal ends the match", () => {
    const counter = new PrefixCounter()
    const topic = Buffer.from("A")
    expect([counter.add(topic), counter.add(topic), counter.add(topic)]).toEqual([1, 2, 3])
    expect([counter.remove(topic), counter.remove(topic)]).toEqual(["counted", "counted"])
    expect(counter.matches(topic)).toBe(true)
    expect(counter.remove(topic)).toBe("last")
    expect(counter.matches(topic)).toBe(false)
  })

  it("PUBSUB-23: knows what was never subscribed", () => {
    const counter = counterOf("AB")
    for (const prefix of ["", "A", "ABC", "B"]) expect(counter.remove(Buffer.from(prefix))).toBe("unknown")
    expect(counter.size).toBe(1)
    expect(counter.remove(Buffer.from("AB"))).toBe("last")
    expect(counter.remove(Buffer.from("AB"))).toBe("unknown")
  })

  it("PUBSUB-21: lists each distinct prefix once", () => {
    const counter = counterOf("b", "a", "b", "", "ab")
    expect(Array.from(counter.prefixes(), String)).toEqual(["", "a", "ab", "b"])
    expect(counter.size).toBe(4)
  })

  it("PUBSUB-14, PUBSUB-16, PUBSUB-18: behaves as a plain list of strings would", () => {
    const topic = fc.array(fc.constantFrom(0, 1, 0x61, 255), { maxLength: 5 }).map((octets) => Buffer.from(octets))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), topic), { maxLength: 60 }), fc.array(topic), (changes, frames) => {
        const counter = new PrefixCounter()
        const model: string[] = []
        for (const [add, octets] of changes) {
          const key = octets.toString("latin1")
          const count = model.filter((other) => other === key).length
          if (add) {
            model.push(key)
            expect(counter.add(octets)).toBe(count + 1)
          } else {
            expect(counter.remove(octets)).toBe(count === 0 ? "unknown" : count === 1 ? "last" : "counted")
            if (count > 0) model.splice(model.indexOf(key), 1)
          }
        }
        expect(Array.from(counter.prefixes(), (prefix) => prefix.toString("latin1"))).toEqual(
          [...new Set(model)].sort(),
        )
        expect(counter.size).toBe(new Set(model).size)
        for (const frame of frames) {
          const text = frame.toString("latin1")
          expect(counter.matches(frame)).toBe(model.some((prefix) => text.startsWith(prefix)))
        }
      }),
    )
  })
})
