import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { OptionError } from "../../src/errors.ts"
import { Applicant, type Authorize, ask, checkAuthorize } from "../../src/security/authorize.ts"

const { signal } = new AbortController()

function applicant(): Applicant {
  return new Applicant({ mechanism: "PLAIN", address: "192.0.2.7:49152", username: "ann", password: "hunter2", signal })
}

/** What comes of an authorizer that gives this, at once and later. */
async function asked(answer: unknown): Promise<unknown> {
  const atOnce = ask((() => answer) as Authorize, applicant())
  const later = ask((() => Promise.resolve(answer)) as Authorize, applicant())
  const [one, other] = await Promise.allSettled([atOnce, later])
  expect(other).toEqual(one)
  return atOnce
}

describe("Applicant", () => {
  it("shows the facts, and the password to who asks for it", () => {
    const { mechanism, address, username, password } = applicant()
    expect([mechanism, address, username, password]).toEqual(["PLAIN", "192.0.2.7:49152", "ann", "hunter2"])
    const curve = new Applicant({ mechanism: "CURVE", address: "/tmp/socket", publicKey: "key", signal })
    expect([curve.username, curve.password, curve.publicKey]).toEqual([undefined, undefined, "key"])
  })

  it("B16, T21: shows the password to nobody who logs, prints, copies or serialises it", () => {
    const peer = applicant()
    const shown = [
      inspect(peer, { showHidden: true, depth: Number.POSITIVE_INFINITY, getters: true, showProxy: true }),
      JSON.stringify(peer),
      JSON.stringify({ ...peer }),
      JSON.stringify(Object.entries(Object.getOwnPropertyDescriptors(peer))),
      `${peer}`,
    ]
    expect(shown.join()).toContain("ann")
    expect(shown.join()).not.toContain("hunter2")
  })
})

describe("checkAuthorize", () => {
  it("takes functions, and nothing else", () => {
    expect(() => checkAuthorize("maker", async () => true)).not.toThrow()
    for (const value of [undefined, null, true, "yes", {}]) {
      expect(() => checkAuthorize("maker", value)).toThrow(OptionError)
    }
  })
})

describe("ask", () => {
  it("T22: a true is a yes, to the one who was named", async () => {
    expect(await asked(true)).toEqual({ userId: "ann", metadata: new Map() })
    const curve = new Applicant({ mechanism: "CURVE", address: "/", publicKey: "key", signal })
    expect(await ask(() => true, curve)).toEqual({ userId: "key", metadata: new Map() })
  })

  it("T22: a grant is a yes, and says more", async () => {
    expect(await asked({ userId: "user:1" })).toEqual({ userId: "user:1", metadata: new Map() })
    expect(await asked({ userId: "" })).toEqual({ userId: "", metadata: new Map() })
    expect(await asked({ metadata: {} })).toEqual({ userId: "ann", metadata: new Map() })
    const metadata = { "X-Role": "editor", raw: Uint8Array.of(1, 2), none: null }
    expect(await asked({ userId: undefined, metadata })).toEqual({
      userId: "ann",
      metadata: new Map([
        ["x-role", Buffer.from("editor")],
        ["raw", Buffer.of(1, 2)],
        ["none", Buffer.alloc(0)],
      ]),
    })
  })

  it.each([
    ["false", false],
    ["undefined", undefined],
    ["null", null],
    ["0", 0],
    ["1", 1],
    ["NaN", Number.NaN],
    ["an empty text", ""],
    ["the text true", "true"],
    ["a user name", "ann"],
    ["a bigint", 1n],
    ["a symbol", Symbol("yes")],
    ["a function", () => true],
    ["an object Boolean", new Boolean(true)],
    ["an empty object", {}],
    ["an empty list", []],
    ["a list", [{ userId: "ann" }]],
    ["an error", new Error("no such user")],
    ["a Map", new Map([["userId", "ann"]])],
    ["an object that says something else", { allowed: false }],
    ["a grant in which nobody was found", { userId: undefined, metadata: undefined }],
  ])("T22: %s is a no", async (_, answer) => {
    expect(await asked(answer)).toBeUndefined()
  })

  it.each([
    ["an object that says more than a grant", { userId: "ann", allowed: false }],
    ["a userId that is a number", { userId: 1 }],
    ["a userId that is null", { userId: null }],
    ["a userId that is an object", { userId: { password: "hunter2" } }],
    ["metadata that is a Map", { metadata: new Map([["a", "hunter2"]]) }],
    ["metadata that is a list", { userId: "ann", metadata: ["hunter2"] }],
    ["metadata that is a text", { userId: "ann", metadata: "hunter2" }],
    ["metadata that is null", { userId: "ann", metadata: null }],
    ["metadata with a number", { metadata: { age: 7 } }],
    ["metadata with an object", { metadata: { a: { b: "hunter2" } } }],
    ["metadata with nothing", { metadata: { a: undefined } }],
  ])("T22: %s is a mistake that lets nobody in and is told without repeating it", async (_, answer) => {
    const asking = asked(answer)
    await expect(asking).rejects.toThrow(Error)
    await expect(asking).rejects.not.toThrow("hunter2")
  })

  it("T20, T22: an exception is no answer, and neither is a rejection", async () => {
    const wrong = new Error("the accounts are away")
    const thrower: Authorize = () => {
      throw wrong
    }
    await expect(ask(thrower, applicant())).rejects.toBe(wrong)
    await expect(ask(() => Promise.reject(wrong), applicant())).rejects.toBe(wrong)
    const trap = {
      get userId(): string {
        throw wrong
      },
    }
    await expect(ask(() => trap, applicant())).rejects.toBe(wrong)
  })
})
