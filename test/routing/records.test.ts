import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Records } from "../../src/routing/records.ts"

const STRIDE = 3

describe("Records", () => {
  it("are what was written into them for as long as they are in use, and zero when they are new", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 200 }), (steps) => {
        const records = new Records(STRIDE)
        const used = new Map<number, number>()
        for (const [n, step] of steps.entries()) {
          if (step % 5 < 3 || used.size === 0) {
            const record = records.take()
            expect(used.has(record)).toBe(false)
            const at = record * STRIDE
            expect([...records.data.subarray(at, at + STRIDE)]).toEqual([0, 0, 0])
            records.data.fill(n + 1, at, at + STRIDE)
            used.set(record, n + 1)
          } else {
            const record = [...used.keys()][step % used.size] as number
            records.release(record)
            used.delete(record)
          }
          expect(records.used).toBe(used.size)
          for (const [record, value] of used) {
            expect(record).toBeLessThan(records.end)
            expect([...records.data.subarray(record * STRIDE, record * STRIDE + STRIDE)]).toEqual([value, value, value])
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it("take little more memory than they need, and give it back from their end", () => {
    const records = new Records(STRIDE)
    const all = Array.from({ length: 100_000 }, () => records.take())
    expect(records.data.length / STRIDE).toBeLessThan(all.length * 1.13)
    // Those at the end go last: until then they keep the others' places.
    for (const record of all.slice(10, -1)) records.release(record)
    expect(records.end).toBe(100_000)
    records.release(all.at(-1) as number)
    expect([records.end, records.used]).toEqual([10, 10])
    expect(records.data.length / STRIDE).toBeLessThan(50)
    expect(new Set([records.take(), records.take()])).toEqual(new Set([10, 11]))
  })
})
