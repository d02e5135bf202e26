// A process whose threads talk: it ends by itself, and while nobody says anything it does nothing.

import { once } from "node:events"
import { describe, expect, it } from "vitest"
import type { Said } from "../programs/threaded.ts"
import { Program } from "../support/program.ts"

describe("a process with threads", () => {
  it("OPT-21: that is done ends by itself, its threads first", async () => {
    await using program = new Program<Said>("threaded", "sum")
    const ended = once(program.process, "exit")
    expect(await program.next()).toBe((1000 * 1001 * 2001) / 6)
    expect(await ended).toEqual([0, null])
  })

  it("in which all is quiet takes no time of the processor", async () => {
    await using program = new Program<Said>("threaded", "idle")
    const { cpu, wall } = (await program.next()) as { cpu: number; wall: number }
    expect(wall).toBeGreaterThan(900)
    expect(cpu).toBeLessThan(wall / 20)
  })

  it("lets threads find each other although the one that started them does not know the library", async () => {
    await using program = new Program<Said>("threaded", "orphans")
    const ended = once(program.process, "exit")
    expect(await program.next()).toBe(42)
    expect(await ended).toEqual([0, null])
  })
})
