import { describe, expect, it } from "vitest"
import type { Pipe } from "../../src/pipe/pipe.ts"
import { HEARTBEAT, PROOF, pingContext, pongNumber, ReadingProof } from "../../src/session/reading-proof.ts"
import { testPipe } from "../support/pipes.ts"

interface Made {
  readonly pipe: Pipe
  readonly proof: ReadingProof
  /** Writes messages, setting a mark wherever one is due; the numbers of those. */
  write(count: number, octets?: number, last?: boolean): number[]
}

function make(window = 1000): Made {
  const pipe = testPipe({ window })
  const proof = new ReadingProof(pipe)
  return {
    pipe,
    proof,
    write(count, octets = 10, last = false) {
      const marks: number[] = []
      for (let n = 1; n <= count; n++) {
        proof.wrote(octets)
        if (proof.due(last && n === count)) marks.push(proof.mark())
      }
      return marks
    },
  }
}

describe("marks in the stream", () => {
  it("follow after every 64 messages", () => {
    const { write } = make()
    expect(write(63)).toEqual([])
    expect(write(1)).toEqual([1])
    expect(write(128)).toEqual([2, 3])
  })

  it("follow after 16 KiB", () => {
    const { write } = make()
    expect(write(3, 5000)).toEqual([])
    expect(write(1, 5000)).toEqual([1])
    expect(write(1, 100_000)).toEqual([2])
  })

  it("follow after a quarter of the window, if that is less", () => {
    const { write } = make(16)
    expect(write(3)).toEqual([])
    expect(write(5)).toEqual([1, 2])
    expect(make(1).write(3)).toEqual([1, 2, 3])
  })

  it("follow the last message if nothing is proven otherwise, and not if a mark is on its way", () => {
    const { write, proof } = make()
    expect(write(1, 10, true)).toEqual([1])
    expect(write(1, 10, true)).toEqual([])
    proof.answered(1)
    expect(proof.due(true)).toBe(true)
    expect(proof.due(false)).toBe(false)
  })

  it("are not due where nothing was written", () => {
    const { proof } = make()
    expect(proof.due(true)).toBe(false)
  })
})

describe("what is unproven", () => {
  it("is every message written, until a mark behind it is answered", () => {
    const { pipe, proof, write } = make()
    write(150)
    expect(pipe.unproven).toBe(150)
    proof.answered(1)
    expect(pipe.unproven).toBe(150 - 64)
    proof.answered(2)
    expect(pipe.unproven).toBe(150 - 128)
  })

  it("is proven by a later mark as well, and once only", () => {
    const { pipe, proof, write } = make()
    write(192)
    proof.answered(3)
    expect(pipe.unproven).toBe(0)
    proof.answered(1)
    proof.answered(3)
    expect(pipe.unproven).toBe(0)
  })

  it("is not proven by an answer that nobody asked for", () => {
    const { pipe, proof, write } = make()
    write(128)
    for (const number of [0, 3, 99, 0xffffffff]) proof.answered(number)
    expect(pipe.unproven).toBe(128)
  })

  it("keeps the pipe without room until enough is proven", () => {
    const { pipe, proof, write } = make(64)
    write(64)
    expect(pipe.hasRoom).toBe(false)
    proof.answered(1)
    expect(pipe.hasRoom).toBe(true)
  })
})

describe("the context of a PING of ours", () => {
  it("holds its kind and number in five octets", () => {
    expect(pingContext(PROOF, 0x01020304).toString("hex")).toBe("5001020304")
    expect(pingContext(HEARTBEAT, 0xffffffff).toString("hex")).toBe("48ffffffff")
  })

  it("is read back by its own kind only", () => {
    for (const number of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(pongNumber(PROOF, pingContext(PROOF, number))).toBe(number)
      expect(pongNumber(HEARTBEAT, pingContext(PROOF, number))).toBeUndefined()
    }
  })

  it("is nothing in what is no answer to us", () => {
    for (const octets of ["", "50", "50010203", "500102030405"]) {
      expect(pongNumber(PROOF, Buffer.from(octets, "hex"))).toBeUndefined()
    }
  })
})
