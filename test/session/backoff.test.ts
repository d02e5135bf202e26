import { afterEach, describe, expect, it, vi } from "vitest"
import { Backoff } from "../../src/session/backoff.ts"

/** From now on chance gives these numbers, over and over. */
function chance(...numbers: number[]): void {
  let n = 0
  vi.spyOn(Math, "random").mockImplementation(() => numbers[n++ % numbers.length] as number)
}

const LAST = 1 - 2 ** -53

function waits(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.next())
}

afterEach(() => vi.restoreAllMocks())

describe("the wait before the next attempt", () => {
  it("ZMTP-48: doubles from one attempt to the next, up to its maximum", () => {
    chance(LAST)
    expect(waits(new Backoff(100, 1000), 6)).toEqual([100, 200, 400, 800, 1000, 1000])
  })

  it("ZMTP-48: lies anywhere between nothing and that, but is never nothing", () => {
    chance(0, 0.25, 0.5, 0.75)
    expect(waits(new Backoff(100, 1000), 5)).toEqual([1, 50, 200, 600, 1])
  })

  it("LIMIT-14: is spread evenly", () => {
    const firsts = Array.from({ length: 2000 }, () => new Backoff(1000, 10_000).next())
    for (let tenth = 0; tenth < 10; tenth++) {
      const count = firsts.filter((wait) => wait > tenth * 100 && wait <= tenth * 100 + 100).length
      expect(count).toBeGreaterThan(120)
    }
  })

  it("does not grow when the maximum is 0, or below the interval", () => {
    chance(LAST)
    expect(waits(new Backoff(100, 0), 4)).toEqual([100, 100, 100, 100])
    expect(waits(new Backoff(100, 50), 3)).toEqual([100, 100, 100])
  })

  it("starts over only after a connection that lived longer than the current wait", () => {
    chance(LAST)
    const backoff = new Backoff(100, 10_000)
    waits(backoff, 3)
    backoff.lived(800)
    expect(backoff.next()).toBe(800)
    backoff.lived(1601)
    expect(backoff.next()).toBe(100)
  })

  it("OPT-9: goes on growing while nothing lives at all", () => {
    chance(LAST)
    const backoff = new Backoff(100, 10_000)
    const found = Array.from({ length: 5 }, () => {
      backoff.lived(0)
      return backoff.next()
    })
    expect(found).toEqual([100, 200, 400, 800, 1600])
  })

  it("is of use with an interval of 0: a breath", () => {
    chance(LAST)
    expect(waits(new Backoff(0, 10_000), 3)).toEqual([1, 1, 1])
  })
})
