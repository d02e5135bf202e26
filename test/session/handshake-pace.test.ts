import { pbkdf2Sync } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { HandshakePace, Newcomer } from "../../src/session/handshake-pace.ts"
import { until } from "../support/until.ts"

/** Time that passes only when a step takes some, and turns of the event loop that come when the test says so. */
class Stage {
  time = 1000
  readonly ran: string[] = []
  #turns: (() => void)[] = []

  constructor() {
    vi.spyOn(performance, "now").mockImplementation(() => this.time)
    vi.stubGlobal("setImmediate", (action: () => void) => this.#turns.push(action))
  }

  /** A connection whose step takes so long. */
  step(name: string, ms: number): Newcomer {
    return new Newcomer(() => {
      this.ran.push(name)
      this.time += ms
    })
  }

  /** The rest of this turn takes so long, and the next one begins. Returns what ran in it. */
  turn(ms = 0): string[] {
    this.time += ms
    const due = this.#turns
    this.#turns = []
    const before = this.ran.length
    for (const action of due) action()
    return this.ran.slice(before)
  }

  /** Whether anything is to happen in the next turn. */
  get restless(): boolean {
    return this.#turns.length > 0
  }

  /** From now on turns come from somewhere else, as when fake timers come or go. What was to come never does. */
  replaceClock(): void {
    this.#turns = []
    vi.stubGlobal("setImmediate", (action: () => void) => this.#turns.push(action))
  }
}

let stage: Stage
let pace: HandshakePace

beforeEach(() => {
  stage = new Stage()
  pace = new HandshakePace()
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** So many connections want to take a step of so many ms at once. Returns those that did. */
function flood(count: number, ms: number): string[] {
  const before = stage.ran.length
  for (let i = 0; i < count; i++) pace.run(stage.step(`${i}`, ms))
  return stage.ran.slice(before)
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `${from + i}`)

describe("HandshakePace", () => {
  it("runs at once what comes when there is little to do", () => {
    expect(pace.run(stage.step("one", 0.3))).toBe(true)
    expect(stage.ran).toEqual(["one"])
    expect(stage.turn(5)).toEqual([])
    expect(stage.restless).toBe(false)
    expect(pace.run(stage.step("two", 0.3))).toBe(true)
  })

  it("T12: lets one connection go on in a turn whatever it takes, and the others in the next, in their order", () => {
    expect(flood(3, 50)).toEqual(numbers(0, 1))
    expect(stage.turn()).toEqual(numbers(1, 2))
    expect(stage.turn()).toEqual(numbers(2, 3))
    expect(stage.turn()).toEqual([])
    expect(stage.restless).toBe(false)
  })

  it("T12, B3: gives handshakes 0.2 ms of a turn at least, and as much as everything else took of the last one", () => {
    expect(flood(1000, 0.0625)).toEqual(numbers(0, 4))
    expect(stage.turn(0)).toEqual(numbers(4, 8))
    expect(stage.turn(1)).toEqual(numbers(8, 24))
    expect(stage.turn(0.125)).toEqual(numbers(24, 28))
    expect(stage.turn(2)).toEqual(numbers(28, 60))
  })

  it("T12, B3: handshakes take at most half of the time while there is traffic, and all of them finish", () => {
    flood(1000, 0.5)
    const began = stage.time
    let handshakes = 0
    let traffic = 0
    while (stage.restless) {
      handshakes += stage.turn(8).length * 0.5
      traffic += 8
    }
    expect(stage.ran).toEqual(numbers(0, 1000))
    expect(handshakes).toBeLessThanOrEqual(traffic)
    expect(stage.time - began).toBeCloseTo(handshakes + traffic)
  })

  it("lets a connection that ran in this turn run again, so that it holds up nobody", () => {
    const step = stage.step("again", 50)
    expect(pace.run(step)).toBe(true)
    flood(10, 50)
    expect(pace.run(step)).toBe(true)
    expect(stage.ran).toEqual(["again", "again"])
  })

  it("runs once what asks twice while it waits", () => {
    flood(1, 50)
    const step = stage.step("waiting", 1)
    expect([pace.run(step), pace.run(step)]).toEqual([false, false])
    expect(stage.turn()).toEqual(["waiting"])
    expect(stage.turn()).toEqual([])
  })

  it("lets go on by itself, in the turn after the next, who was expected to and did not", () => {
    pace.expect(stage.step("silent", 0.1))
    expect([stage.turn(), stage.turn(), stage.turn()]).toEqual([[], ["silent"], []])
    expect(stage.restless).toBe(false)
  })

  it("does not go on for who has done so meanwhile, or has gone", () => {
    const [quick, gone] = [stage.step("quick", 0.1), stage.step("gone", 0.1)]
    for (const newcomer of [quick, gone]) pace.expect(newcomer)
    expect(stage.turn()).toEqual([])
    pace.run(quick)
    pace.forget(gone)
    expect([stage.turn(), stage.turn()]).toEqual([[], []])
    expect(stage.ran).toEqual(["quick"])
    expect(stage.restless).toBe(false)
  })

  it("T12: those that were expected wait for their turn like the others", () => {
    for (let i = 0; i < 3; i++) pace.expect(stage.step(`${i}`, 50))
    expect([stage.turn(), stage.turn(), stage.turn(), stage.turn()]).toEqual([[], ["0"], ["1"], ["2"]])
  })

  it("B11: forgets who leaves while it waits, and rests when nobody is left", () => {
    flood(1, 50)
    const leaving = stage.step("leaving", 1)
    pace.run(leaving)
    pace.run(stage.step("staying", 1))
    pace.forget(leaving)
    expect(stage.turn()).toEqual(["staying"])
    expect(stage.turn()).toEqual([])
    expect(stage.restless).toBe(false)
    expect(pace.run(leaving)).toBe(true)
  })

  it("T12: counts those that ran and were given up at once, so that illegal handshakes wait like legal ones", () => {
    const failing = (name: string) => {
      const newcomer: Newcomer = new Newcomer(() => {
        stage.step(name, 50).step()
        pace.forget(newcomer)
      })
      return newcomer
    }
    for (let i = 0; i < 3; i++) pace.run(failing(`${i}`))
    expect(stage.ran).toEqual(numbers(0, 1))
    expect(stage.turn()).toEqual(numbers(1, 2))
    expect(stage.turn()).toEqual(numbers(2, 3))
  })

  it("goes on after a step that throws", () => {
    flood(1, 50)
    pace.run(
      new Newcomer(() => {
        throw new Error("a bug")
      }),
    )
    pace.run(stage.step("next", 1))
    expect(() => stage.turn()).toThrow("a bug")
    expect(stage.turn()).toEqual(["next"])
  })

  it("takes no notice of steps that want another step while they run", () => {
    flood(1, 50)
    pace.run(
      new Newcomer(() => {
        stage.ran.push("outer")
        pace.run(stage.step("inner", 1))
      }),
    )
    expect(stage.turn()).toEqual(["outer", "inner"])
  })

  it("is not stuck when the clock is replaced before the next turn", () => {
    expect(flood(2, 50)).toEqual(numbers(0, 1))
    stage.replaceClock()
    expect(pace.run(stage.step("under another clock", 50))).toBe(true)
    expect(stage.turn()).toEqual(["1"])
    stage.replaceClock()
    expect(pace.run(stage.step("under a third", 50))).toBe(true)
    stage.turn()
    stage.turn()
    expect(stage.restless).toBe(false)
  })
})

describe("HandshakePace under the timers of a test runner", () => {
  it.each([
    ["everything is faked", undefined],
    ["turns alone are", ["setImmediate" as const]],
  ])("is not stuck after they are gone, when %s", async (_, toFake) => {
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
    vi.useFakeTimers(toFake && { toFake })
    // Takes some milliseconds, whatever clocks say.
    const busy = (): void => void pbkdf2Sync("", "", 10_000, 32, "sha256")
    for (let i = 0; i < 8; i++) pace.run(new Newcomer(busy))
    vi.useRealTimers()
    let ran = 0
    for (let i = 0; i < 8; i++) pace.run(new Newcomer(() => ran++))
    await until(() => ran === 8, "all have run")
    expect(ran).toBe(8)
  })
})
