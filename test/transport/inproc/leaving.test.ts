// Who hears of something may make others leave who were to hear of it next.

import { MessageChannel } from "node:worker_threads"
import { describe, expect, it } from "vitest"
import { Cable } from "../../../src/transport/inproc/cable.ts"
import type { Bound } from "../../../src/transport/inproc/meeting.ts"
import { type Caller, Names } from "../../../src/transport/inproc/names.ts"
import type { SocketHost } from "../../../src/transport/transport.ts"

const bound: Bound = { endpoint: "inproc://name", host: {} as SocketHost }

describe("names", () => {
  it("tell all who wait for one, in order, and each once", () => {
    const names = new Names()
    const told: string[] = []
    const caller = (who: string): Caller => ({ join: (what) => void told.push(`${who} ${what.endpoint}`) })
    for (const who of ["a", "b", "c"]) expect(names.meet("name", caller(who))).toBeUndefined()
    names.bind("name", bound)
    expect(told).toEqual(["a inproc://name", "b inproc://name", "c inproc://name"])
    names.unbind("name")
    names.bind("name", bound)
    expect(told).toHaveLength(3)
  })

  it("do not tell who has left because another was told", () => {
    const names = new Names()
    const told: string[] = []
    const second: Caller = { join: () => void told.push("second") }
    const first: Caller = {
      join() {
        told.push("first")
        names.leave("name", second)
      },
    }
    names.meet("name", first)
    names.meet("name", second)
    names.bind("name", bound)
    expect(told).toEqual(["first"])
  })

  it("keep those who wait for one that the first of them has had given back", () => {
    const names = new Names()
    const told: string[] = []
    names.meet("name", {
      join() {
        told.push("first")
        names.unbind("name")
      },
    })
    names.meet("name", { join: () => void told.push("second") })
    names.bind("name", bound)
    expect(told).toEqual(["first"])
    names.bind("name", bound)
    expect(told).toEqual(["first", "second"])
  })
})

describe("a cable", () => {
  it("carries conversations apart, each until it is left", async () => {
    const { port1, port2 } = new MessageChannel()
    const answering = new Cable(
      port2,
      (opening, line) => {
        line.say(`${opening} heard`)
        return { heard: (what) => line.say(what), ended() {} }
      },
      () => {},
    )
    const cable = new Cable(port1, undefined, () => {})
    const heard: unknown[] = []
    const ask = (what: string): Promise<void> =>
      new Promise((resolve) => {
        const line = cable.begin(what, [], {
          heard(answer) {
            heard.push(answer)
            line.leave()
            resolve()
          },
          ended() {},
        })
        // What is said on a line that was left is not taken for the beginning of another.
        line.say("more")
      })
    await Promise.all([ask("one"), ask("two")])
    await ask("three")
    expect(heard).toEqual(["one heard", "two heard", "three heard"])
    cable.end()
    answering.end()
  })

  it("that ends tells each conversation once, and not one that another leaves because of that", async () => {
    const { port1, port2 } = new MessageChannel()
    const told: string[] = []
    const ended = new Promise<void>((resolve) => {
      const cable = new Cable(port1, undefined, () => told.push("cable"))
      cable.begin("x", [], {
        heard() {},
        ended() {
          told.push("first")
          second.leave()
        },
      })
      const second = cable.begin("x", [], { heard() {}, ended: () => void told.push("second") })
      cable.begin("x", [], {
        heard() {},
        ended() {
          told.push("third")
          cable.end()
          resolve()
        },
      })
    })
    port2.close()
    await ended
    expect(told).toEqual(["cable", "first", "third"])
  })
})
