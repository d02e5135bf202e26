// The directory of names: each has one holder at most, seen alike through every view of the memory.

import { threadId } from "node:worker_threads"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Directory, FULL, type Place } from "../../../src/transport/inproc/directory.ts"

const STATE_OF_FIRST_SLOT = 16
const THREAD_OF_FIRST_SLOT = 19
const RESERVED = 1

function claim(directory: Directory, name: string): Place {
  const claimed = directory.claim(name)
  if (claimed === FULL || "holder" in claimed) throw new Error(`${name} is not free`)
  return claimed
}

describe("a directory of names", () => {
  it("does as a table would, through two views of one memory", () => {
    const step = fc.record({
      what: fc.constantFrom("claim" as const, "claim" as const, "release" as const, "find" as const, "bury" as const),
      name: fc.constantFrom("a", "b", "c", "ab", "ba", "ünïcode", ""),
      view: fc.integer({ min: 0, max: 1 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const one = Directory.create()
        const views = [one, new Directory(one.memory)] as const
        const model = new Map<string, Place>()
        const old: Place[] = []
        for (const { what, name, view } of steps) {
          const directory = views[view] as Directory
          const holder = model.get(name)
          const { changes } = directory
          if (what === "claim") {
            const claimed = directory.claim(name)
            if (holder !== undefined) {
              expect([claimed, directory.changes]).toEqual([{ holder }, changes])
            } else {
              expect(claimed).toMatchObject({ thread: threadId })
              model.set(name, claimed as Place)
              expect(directory.changes).toBe(changes + 1)
            }
          } else if (what === "release") {
            if (holder !== undefined) old.push(holder)
            model.delete(name)
            // To give back what was given back already takes nothing from who has it now.
            for (const place of old) directory.release(place)
          } else if (what === "bury") {
            directory.bury(threadId + 1)
          }
          for (const each of ["a", "b", "c", "ab", "ba", "ünïcode", ""]) {
            expect(views[1 - view]?.find(each)).toEqual(model.get(each))
          }
        }
      }),
    )
  })

  it("is full at 16384 names, and not any more when one is given back", () => {
    const directory = Directory.create()
    // What is taken is passed over without a look at its name.
    const words = new Int32Array(directory.memory)
    for (let slot = 0; slot < 16_384; slot++) words[STATE_OF_FIRST_SLOT + slot * 4] = RESERVED
    expect(directory.claim("one more")).toBe(FULL)
    words[STATE_OF_FIRST_SLOT + 9000 * 4] = 0
    const place = claim(directory, "one more")
    expect([place.slot, directory.find("one more")]).toEqual([9000, place])
    expect(directory.claim("another")).toEqual(FULL)
    directory.release(place)
    expect(claim(directory, "another").slot).toBe(9000)
  })

  it("counts generations beyond 32 bits", () => {
    const directory = Directory.create()
    const words = new Int32Array(directory.memory)
    words[STATE_OF_FIRST_SLOT] = 0x7fff_fffc
    for (let i = 0; i < 3; i++) {
      const place = claim(directory, "name")
      expect([place.slot, directory.find("name")]).toEqual([0, place])
      expect(directory.claim("name")).toEqual({ holder: place })
      directory.release(place)
      expect(directory.find("name")).toBeUndefined()
    }
    words[STATE_OF_FIRST_SLOT] = -4
    directory.release(claim(directory, "name"))
    expect(words[STATE_OF_FIRST_SLOT]).toBe(0)
  })

  it("frees the names of a thread that has ended, and of no other", () => {
    const directory = Directory.create()
    const place = claim(directory, "name")
    directory.bury(threadId + 1)
    expect(directory.find("name")).toEqual(place)
    directory.bury(threadId)
    expect(directory.find("name")).toBeUndefined()
  })

  it("leaves a slot alone in which somebody is just writing, whose it ever was before", () => {
    const directory = Directory.create()
    const words = new Int32Array(directory.memory)
    directory.release(claim(directory, "name"))
    const reserved = (words[STATE_OF_FIRST_SLOT] as number) | RESERVED
    words[STATE_OF_FIRST_SLOT] = reserved
    expect(words[THREAD_OF_FIRST_SLOT]).toBe(threadId)
    directory.bury(threadId)
    expect(words[STATE_OF_FIRST_SLOT]).toBe(reserved)
  })

  it("tells of a change, also of one that came before", async () => {
    const directory = Directory.create()
    const seen = directory.changes
    const change = directory.change(seen)
    claim(new Directory(directory.memory), "name")
    await change
    await directory.change(seen)
    expect(directory.changes).toBe(seen + 1)
  })

  it("of two one is older, and a view is as old as its memory", () => {
    const [one, two] = [Directory.create(), Directory.create()]
    const view = new Directory(one.memory)
    expect([one.equals(view), one.isOlderThan(view), one.equals(two)]).toEqual([true, false, one.equals(two)])
    expect(one.isOlderThan(two) || one.equals(two)).toBe(true)
    expect(two.isOlderThan(one)).toBe(false)
  })
})
