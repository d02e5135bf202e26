import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Ring } from "../../src/pipe/ring.ts"

interface Item {
  readonly n: number
}

function filled(count: number): Ring<Item> {
  const ring = new Ring<Item>()
  for (let n = 0; n < count; n++) ring.push({ n })
  return ring
}

describe("a ring", () => {
  it("starts empty, and gives nothing", () => {
    const ring = new Ring<Item>()
    expect(ring.length).toBe(0)
    expect(ring.peek()).toBeUndefined()
    expect(ring.shift()).toBeUndefined()
    ring.rotate()
    expect(ring.length).toBe(0)
  })

  it("gives back in the order of coming, across every growth", () => {
    for (const count of [1, 15, 16, 17, 32, 33, 1000]) {
      const ring = filled(count)
      expect(ring.length).toBe(count)
      for (let n = 0; n < count; n++) expect(ring.shift()).toEqual({ n })
      expect(ring.shift()).toBeUndefined()
    }
  })

  it("grows while its elements lie around the end of its slots", () => {
    const ring = filled(16)
    for (let n = 0; n < 10; n++) ring.shift()
    for (let n = 16; n < 40; n++) ring.push({ n })
    for (let n = 10; n < 40; n++) expect(ring.shift()).toEqual({ n })
  })

  it("shows the first without taking it", () => {
    const ring = filled(2)
    expect(ring.peek()).toEqual({ n: 0 })
    expect(ring.length).toBe(2)
  })

  it("sends the first to the end of the line, and changes nothing with fewer than two", () => {
    const ring = filled(3)
    ring.rotate()
    expect([ring.shift(), ring.shift(), ring.shift()]).toEqual([{ n: 1 }, { n: 2 }, { n: 0 }])
    const single = filled(1)
    single.rotate()
    expect(single.peek()).toEqual({ n: 0 })
  })

  it("is as new after clear", () => {
    const ring = filled(20)
    ring.shift()
    ring.clear()
    expect(ring.length).toBe(0)
    ring.push({ n: 7 })
    expect(ring.shift()).toEqual({ n: 7 })
  })

  it("does what an array does, whatever the order of calls", () => {
    const calls = fc.array(fc.constantFrom("push", "push", "shift", "rotate", "peek", "clear"), { maxLength: 300 })
    fc.assert(
      fc.property(calls, (names) => {
        const ring = new Ring<Item>()
        let model: Item[] = []
        names.forEach((name, n) => {
          if (name === "push") {
            ring.push({ n })
            model.push({ n })
          } else if (name === "shift") {
            expect(ring.shift()).toEqual(model.shift())
          } else if (name === "rotate") {
            ring.rotate()
            model = [...model.slice(1), ...model.slice(0, 1)]
          } else if (name === "clear" && n % 5 === 0) {
            ring.clear()
            model = []
          }
          expect(ring.length).toBe(model.length)
          expect(ring.peek()).toEqual(model[0])
        })
      }),
    )
  })
})
