import { describe, expect, it } from "vitest"
import { Budget } from "../../src/pipe/budget.ts"

/** A budget of 100 octets of which this many are taken. */
function taken(bytes: number): Budget {
  const budget = new Budget(100)
  budget.bytes = bytes
  return budget
}

describe("LIMIT-9: the budget of a socket", () => {
  it("is exhausted from its limit on", () => {
    expect(taken(99).exhausted).toBe(false)
    expect(taken(100).exhausted).toBe(true)
    expect(taken(500).exhausted).toBe(true)
  })

  it("tells who waits, once, as soon as less than the limit is held", () => {
    const budget = taken(120)
    const told: string[] = []
    budget.await(() => told.push("a"))
    budget.await(() => told.push("b"))
    budget.release(20)
    expect(told).toEqual([])
    budget.release(1)
    expect(told).toEqual(["a", "b"])
    budget.release(1)
    expect(told).toEqual(["a", "b"])
  })

  it("tells the same one once, however often it asked", () => {
    const budget = taken(100)
    let told = 0
    const resume = () => told++
    budget.await(resume)
    budget.await(resume)
    budget.release(1)
    expect(told).toBe(1)
  })

  it("lets those who are told ask again at once, for the next time", () => {
    const budget = taken(100)
    let told = 0
    const resume = () => {
      told++
      budget.bytes = 100
      budget.await(resume)
    }
    budget.await(resume)
    budget.release(1)
    expect(told).toBe(1)
    budget.release(1)
    expect(told).toBe(2)
  })
})
