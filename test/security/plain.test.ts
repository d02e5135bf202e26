import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { OptionError, StateError } from "../../src/errors.ts"
import type { Applicant } from "../../src/security/authorize.ts"
import {
  type PlainClientConfiguration,
  type PlainServerConfiguration,
  type PlainServerSecurity,
  plain,
  plainServer,
} from "../../src/security/plain.ts"
import type { Admitted } from "../../src/security/security.ts"
import { credentials } from "../support/raw-plain.ts"

const SETUP = { metadata: Buffer.alloc(0), limits: { maxProperties: 64, maxBytes: 8192 } }
const { signal } = new AbortController()

/** What becomes of a peer with these. */
function judge(
  security: PlainServerSecurity,
  username: string | Buffer,
  password: string | Buffer,
): Promise<Admitted | undefined> | Admitted | undefined {
  const octets = { username: Buffer.from(username), password: Buffer.from(password) }
  return security.judge?.({ credentials: octets, address: "192.0.2.7:49152", signal })
}

describe("plain", () => {
  it("PLAIN-1: makes a client for each connection, which says user name and password", () => {
    const security = plain({ username: "ünï", password: "pässword" })
    expect(security.mechanism).toBe("PLAIN")
    const [one, other] = [security.create(SETUP), security.create(SETUP)]
    expect(one).not.toBe(other)
    expect(one.produce()?.subarray(6).equals(credentials("ünï", "pässword"))).toBe(true)
    expect(other.produce()?.subarray(6).equals(credentials("ünï", "pässword"))).toBe(true)
  })

  it("PLAIN-6: takes 0 to 255 octets, not characters", () => {
    for (const text of ["", "x".repeat(255), "é".repeat(127)]) {
      expect(plain({ username: text, password: text }).mechanism).toBe("PLAIN")
    }
    for (const text of ["x".repeat(256), "é".repeat(128)]) {
      expect(() => plain({ username: text, password: "" })).toThrow("at most 255 octets, got 256")
      expect(() => plain({ username: "", password: text })).toThrow("at most 255 octets, got 256")
    }
  })

  it.each([
    [undefined, "takes an object"],
    ["ann:hunter2", "takes an object"],
    [{}, "username must be a string"],
    [{ username: "ann" }, "password must be a string"],
    [{ password: "hunter2" }, "username must be a string"],
    [{ username: 7, password: "hunter2" }, "username must be a string, got a value of type number"],
    [{ username: "ann", password: Buffer.from("hunter2") }, "password must be a string, got a value of type object"],
    [{ username: "ann", password: ["hunter2"] }, "password must be a string, got a value of type object"],
    [{ username: "ann", password: 1234, user: "" }, 'knows no "user"'],
    [{ username: "ann", password: "hunter2", allow: {} }, 'knows no "allow"'],
  ])("B16: refuses half a configuration, and repeats nothing that is secret", (configuration, told) => {
    const make = () => plain(configuration as unknown as PlainClientConfiguration)
    expect(make).toThrow(OptionError)
    expect(make).toThrow(told)
    expect(make).not.toThrow(/hunter2|1234/)
  })
})

describe("plainServer", () => {
  it("PLAIN-8: lets in who is on the list with the password, and nobody else", () => {
    const security = plainServer({ allow: { ann: "hunter2", bob: "", "": "nameless" } })
    expect(security.mechanism).toBe("PLAIN")
    expect(security.create(SETUP).asServer).toBe(true)
    expect(judge(security, "ann", "hunter2")).toEqual({ userId: "ann", metadata: new Map() })
    expect(judge(security, "bob", "")).toMatchObject({ userId: "bob" })
    expect(judge(security, "", "nameless")).toMatchObject({ userId: "" })
    for (const [username, password] of [
      ["ann", ""],
      ["ann", "hunter"],
      ["ann", "hunter22"],
      ["ann", "Hunter2"],
      ["Ann", "hunter2"],
      ["ann\0", "hunter2"],
      ["bob", "hunter2"],
      ["", ""],
      ["eve", ""],
      ["eve", "hunter2"],
      ["__proto__", ""],
      ["constructor", ""],
      ["toString", ""],
    ] as const) {
      expect(judge(security, username, password)).toBeUndefined()
    }
  })

  it("PLAIN-8: nobody has a password that is empty by not being there", () => {
    const nobody = plainServer({ allow: {} })
    expect(judge(nobody, "", "")).toBeUndefined()
    expect(nobody.judge?.({ credentials: {}, address: "", signal })).toBeUndefined()
    expect(nobody.judge?.({ credentials: { username: Buffer.alloc(0) }, address: "", signal })).toBeUndefined()
  })

  it("takes no octets for a name that are not that name in UTF-8", () => {
    const security = plainServer({ allow: { "\ufffd": "p", "\ufeffann": "q", ann: "p" } })
    expect(judge(security, Buffer.of(0xff), "p")).toBeUndefined()
    expect(judge(security, "\ufffd", "p")).toMatchObject({ userId: "\ufffd" })
    expect(judge(security, "\ufeffann", "p")).toBeUndefined()
    expect(judge(security, "\ufeffann", "q")).toMatchObject({ userId: "\ufeffann" })
  })

  it("asks a function for everybody else's sake, with all there is to know", async () => {
    const seen: Applicant[] = []
    const security = plainServer({
      authorize: (peer) => {
        seen.push(peer)
        return peer.password === "hunter2"
      },
    })
    expect(await judge(security, "ann", "hunter2")).toEqual({ userId: "ann", metadata: new Map() })
    expect(await judge(security, "ann", "guess")).toBeUndefined()
    expect(seen).toMatchObject([
      { mechanism: "PLAIN", address: "192.0.2.7:49152", username: "ann", password: "hunter2", signal },
      { username: "ann", password: "guess" },
    ])
    // What is not text cannot be shown, and is not asked about.
    expect(await judge(security, Buffer.of(0xc0), "hunter2")).toBeUndefined()
    expect(await judge(security, "ann", Buffer.of(0xc0))).toBeUndefined()
    expect(seen).toHaveLength(2)
  })

  it("allows and revokes while it is in use", () => {
    const security = plainServer({ allow: { ann: "old" } })
    security.allow("ann", "new")
    security.allow("bob", "builder")
    expect(judge(security, "ann", "old")).toBeUndefined()
    expect(judge(security, "ann", "new")).toBeDefined()
    expect(judge(security, "bob", "builder")).toBeDefined()
    security.revoke("ann", "bob", "nobody")
    expect(judge(security, "ann", "new")).toBeUndefined()
    expect(judge(security, "bob", "builder")).toBeUndefined()
  })

  it("knows its list from the object it was made of", () => {
    const allow: Record<string, string> = { ann: "hunter2" }
    const security = plainServer({ allow })
    allow.eve = "too"
    delete allow.ann
    expect(judge(security, "eve", "too")).toBeUndefined()
    expect(judge(security, "ann", "hunter2")).toBeDefined()
  })

  it("changes nothing by half", () => {
    const security = plainServer({ allow: { ann: "hunter2" } })
    for (const [username, password] of [
      ["ann", undefined],
      ["ann", 7],
      ["ann", "x".repeat(256)],
      ["x".repeat(256), "hunter2"],
      [undefined, "hunter2"],
    ] as unknown as [string, string][]) {
      expect(() => security.allow(username, password)).toThrow(OptionError)
      expect(() => security.allow(username, password)).not.toThrow("hunter2")
    }
    expect(judge(security, "ann", "hunter2")).toBeDefined()
  })

  it("has no list where a function judges", () => {
    const security = plainServer({ authorize: () => true })
    expect(() => security.allow("ann", "hunter2")).toThrow(StateError)
    expect(() => security.revoke("ann")).toThrow(StateError)
  })

  it.each([
    [undefined, "takes an object"],
    [{}, "who may come in"],
    [{ allow: undefined, authorize: undefined }, "who may come in"],
    [{ allow: { ann: "hunter2" }, authorize: () => true }, "one of them"],
    [{ allow: null }, "must be a plain object"],
    [{ allow: "ann:hunter2" }, "must be a plain object"],
    [{ allow: ["hunter2"] }, "must be a plain object"],
    [{ allow: new Map([["ann", "hunter2"]]) }, "must be a plain object"],
    [{ allow: { ann: 7 } }, "a password must be a string, got a value of type number"],
    [{ allow: { ann: null } }, "a password must be a string"],
    [{ allow: { ann: "hunter2".repeat(40) } }, "at most 255 octets, got 280"],
    [{ authorize: true }, "authorize must be a function"],
    [{ authorize: null }, "authorize must be a function"],
    [{ username: "ann", password: "hunter2" }, 'knows no "username"'],
    [{ allow: {}, anyone: true }, 'knows no "anyone"'],
  ])(
    "B16: refuses half a configuration and two policies, and repeats nothing that is secret",
    (configuration, told) => {
      const make = () => plainServer(configuration as unknown as PlainServerConfiguration)
      expect(make).toThrow(OptionError)
      expect(make).toThrow(told)
      expect(make).not.toThrow("hunter2")
    },
  )
})

it("B16: neither side shows what it knows", () => {
  const client = plain({ username: "ann", password: "hunter2" })
  const server = plainServer({ allow: { ann: "hunter2" } })
  const mechanism = client.create(SETUP)
  const shown = [client, server, mechanism].map(
    (each) => inspect(each, { showHidden: true, depth: Number.POSITIVE_INFINITY }) + JSON.stringify(each),
  )
  expect(shown.join()).toContain("PLAIN")
  expect(shown.join()).not.toMatch(/hunter2|68 75 6e 74|104,117,110/)
})
