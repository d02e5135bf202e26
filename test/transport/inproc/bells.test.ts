// Bells: whoever hangs one out is woken by what comes afterwards, and finds what came before.

import { describe, expect, it } from "vitest"
import { BELLS_OCTETS, Bells, FINISHED, FINISHING, OPEN, OVER } from "../../../src/transport/inproc/bells.ts"

/** Both sides, and how often each was woken. */
function pair(): { near: Bells; far: Bells; woken: { near: number; far: number }; next: () => Promise<void> } {
  const memory = new SharedArrayBuffer(BELLS_OCTETS)
  const woken = { near: 0, far: 0 }
  let waiting: (() => void)[] = []
  const tell = (): void => {
    const all = waiting
    waiting = []
    for (const each of all) each()
  }
  const near = new Bells(memory, 0, () => {
    woken.near++
    tell()
  })
  const far = new Bells(memory, 1, () => {
    woken.far++
    tell()
  })
  return { near, far, woken, next: () => new Promise((resolve) => waiting.push(resolve)) }
}

describe("bells", () => {
  it("wake who has hung one out, once", async () => {
    const { near, far, woken, next } = pair()
    near.hangOut(false)
    const first = next()
    for (let i = 0; i < 3; i++) far.ring()
    await first
    expect(woken).toEqual({ near: 1, far: 0 })
    near.hangOut(false)
    const second = next()
    far.ring()
    await second
    expect(woken).toEqual({ near: 2, far: 0 })
  })

  it("ring for messages only where that was asked for, also if only later", async () => {
    const { near, far, woken, next } = pair()
    near.hangOut(false)
    far.ringForMessages()
    far.hangOut(false)
    const other = next()
    near.ring()
    await other
    expect(woken).toEqual({ near: 0, far: 1 })
    // The runtime watches the bell since it was out for less.
    near.hangOut(true)
    const heard = next()
    far.ringForMessages()
    await heard
    expect(woken).toEqual({ near: 1, far: 1 })
  })

  it("that were taken in wake nobody, and do when they are out again", async () => {
    const { near, far, woken, next } = pair()
    near.hangOut(true)
    near.takeIn()
    far.ring()
    far.hangOut(false)
    const other = next()
    near.ring()
    await other
    expect(woken).toEqual({ near: 0, far: 1 })
    near.hangOut(true)
    const heard = next()
    far.ring()
    await heard
    expect(woken.near).toBe(1)
  })

  it("ring with each thing that an end says of itself", async () => {
    const { near, far, next } = pair()
    expect(near.theirs).toBe(OPEN)
    for (const state of [FINISHING, FINISHED, OVER]) {
      near.hangOut(false)
      const heard = next()
      far.declare(state)
      await heard
      expect([near.theirs, far.theirs]).toEqual([state, OPEN])
    }
  })

  it("are forgotten: who waits is woken for the last time", async () => {
    const { near, woken, next } = pair()
    near.hangOut(true)
    const heard = next()
    near.forget()
    await heard
    expect(woken.near).toBe(1)
  })
})
