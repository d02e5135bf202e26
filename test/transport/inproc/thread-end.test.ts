// Two ends of a connection between threads, both in this one.

import { describe, expect, it } from "vitest"
import { UnreachableError } from "../../../src/errors.ts"
import { Budget } from "../../../src/pipe/budget.ts"
import type { JoinHost } from "../../../src/pipe/join.ts"
import type { Pipe } from "../../../src/pipe/pipe.ts"
import { SocketStats } from "../../../src/stats.ts"
import { share, type Terms, ThreadEnd } from "../../../src/transport/inproc/thread-end.ts"
import { testPipe } from "../../support/pipes.ts"

const TERMS: Terms = {
  marks: { messages: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY },
  counting: false,
  counted: false,
}

interface Side {
  readonly end: ThreadEnd
  readonly pipe: Pipe
  /** Why it was left, once it was. */
  readonly left: (Error | undefined)[]
}

function pair(budget?: Budget): [Side, Side] {
  const [near, far] = share()
  return [near, far].map((shared, side) => {
    const pipe = testPipe(budget === undefined ? {} : { budget })
    const left: (Error | undefined)[] = []
    const host: JoinHost = { stats: new SocketStats(), left: (error) => left.push(error), detached() {} }
    const end = new ThreadEnd(shared, side as 0 | 1, pipe, host, TERMS)
    pipe.link = end
    end.open()
    return { end, pipe, left }
  }) as [Side, Side]
}

describe("an end of a connection between threads", () => {
  it("reads all that is in the ring when the other thread is gone, more than it reads in one turn", () => {
    const [near, far] = pair()
    for (let i = 0; i < 20_000; i++) near.pipe.push([Buffer.from(`${i}`)])
    near.end.flush()
    far.end.died()
    expect(far.left).toEqual([expect.any(UnreachableError)])
    expect(far.pipe.inbound.length).toBe(20_000)
    for (let i = 0; i < 20_000; i++) expect(String(far.pipe.pop())).toBe(`${i}`)
    near.end.end()
  })

  it("ZMTP-36: leaves one message of those for which there was no room, which comes before the next connection", () => {
    const budget = new Budget(3000)
    const [near, far] = pair(budget)
    const other = testPipe({ budget })
    other.enqueue([Buffer.alloc(1000)])
    other.inbound.leaveBehind()
    for (const text of ["a", "b"]) near.pipe.push([Buffer.from(text)])
    near.end.flush()
    far.end.died()
    expect(far.pipe.inbound.length).toBe(1)
    other.pop()
    expect(["a", "b", undefined].map(() => far.pipe.pop()?.join())).toEqual(["a", "b", undefined])
    near.end.end()
  })

  it("has no complaint about a thread that is gone after it has parted", () => {
    const [near, far] = pair()
    near.end.end(new UnreachableError("Enough"))
    far.end.died()
    expect([near.left, far.left]).toEqual([[expect.any(UnreachableError)], [undefined]])
  })

  it("ends in good order when both finish at once", async () => {
    const [near, far] = pair()
    near.pipe.push([Buffer.from("one")])
    near.end.finish()
    far.end.finish()
    await Promise.all([near.end.done, far.end.done])
    expect([near.left, far.left]).toEqual([[undefined], [undefined]])
    expect(near.pipe.outbound.length + far.pipe.inbound.length).toBe(1)
  })
})
