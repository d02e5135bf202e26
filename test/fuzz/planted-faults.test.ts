// The fuzz targets prove themselves: each finds the faults planted for it within its ordinary number of cases, and none
// where there is none (which is what fuzz.test.ts shows). Every fault has a copy of the source to itself, and a process,
// since what is broken on purpose may do anything.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
// biome-ignore lint/correctness/useImportExtensions: what lies beside it as .d.mts are only its types.
import { erasedCopy, remove } from "../../scripts/erased-copy.mjs"
import { FAULTS } from "./planted-faults.ts"
import { TARGETS } from "./targets.ts"

const FOLDERS = ["src", "test/fuzz", "test/support"]

/** Runs a target in a copy, from a seed that is always the same: its exit code, and what it said. */
async function fuzzIn(copy: string, target: string): Promise<{ code: number | null; said: string }> {
  const { cases } = TARGETS.find(({ name }) => name === target) as (typeof TARGETS)[number]
  const program = join(copy, "test/fuzz/main.js")
  const options = ["--target", target, "--seed", "1", "--cases", `${cases}`]
  const env = { ...process.env, FUZZ_PATIENCE: "2000", NODE_OPTIONS: "" }
  const child = spawn(process.execPath, [program, ...options], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  })
  let said = ""
  const hear = (chunk: Buffer): void => {
    said += chunk
  }
  child.stdout.on("data", hear)
  child.stderr.on("data", hear)
  await once(child, "close")
  return { code: child.exitCode, said }
}

describe("a planted fault is found", () => {
  it.each(FAULTS.map((fault) => [fault.about, fault] as const))("%s", { timeout: 120_000 }, async (_about, fault) => {
    const copy = erasedCopy(FOLDERS, [fault])
    try {
      const { code, said } = await fuzzIn(copy, fault.target)
      expect(said).toMatch(new RegExp(`^${fault.target} failed: `, "m"))
      expect(code).toBe(1)
    } finally {
      remove(copy)
    }
  })

  it("for every target", () => {
    const names = TARGETS.map(({ name }) => name)
    expect(new Set(FAULTS.map(({ target }) => target))).toEqual(new Set(names))
  })
})

describe("a planted fault that does not fit the source any more", () => {
  it.each([
    ["its place is gone", { file: "src/endpoint.ts", find: "there is nothing of the kind", replace: "" }],
    ["there are many such places", { file: "src/endpoint.ts", find: "return", replace: "" }],
    ["its file is gone", { file: "src/nowhere.ts", find: "x", replace: "" }],
  ])("fails loudly: %s", (_about, change) => {
    expect(() => erasedCopy(FOLDERS, [change])).toThrow(/^src\/endpoint.ts has \d+ places|^There is no src\/nowhere.ts/)
  })
})
