import { describe, expect, it } from "vitest"
import { sameSecret } from "../../src/security/same-secret.ts"

const same = (a: string, b: string): boolean => sameSecret(Buffer.from(a, "latin1"), Buffer.from(b, "latin1"))

describe("sameSecret", () => {
  it("PLAIN-11: knows a secret from every other, wherever they differ", () => {
    const secret = "abcdefgh".repeat(31)
    expect(same(secret, secret)).toBe(true)
    for (const at of [0, 1, 100, secret.length - 1]) {
      const other = `${secret.slice(0, at)}!${secret.slice(at + 1)}`
      expect(same(secret, other)).toBe(false)
      expect(same(other, secret)).toBe(false)
    }
    for (let bit = 0; bit < 8; bit++) expect(same("a", String.fromCharCode(97 ^ (1 << bit)))).toBe(false)
  })

  it("takes nothing for a beginning, an end or zeros behind", () => {
    expect(same("", "")).toBe(true)
    expect(same("secret", "secre")).toBe(false)
    expect(same("secret", "")).toBe(false)
    expect(same("secret", "secret\0")).toBe(false)
    expect(same("", "\0")).toBe(false)
    expect(same("\0", "\0\0")).toBe(false)
  })

  it("PLAIN-6: compares 255 octets to the last, whatever was compared before", () => {
    const long = "x".repeat(255)
    expect(same(long, long)).toBe(true)
    expect(same(long, `${"x".repeat(254)}y`)).toBe(false)
    expect(same("x", "x")).toBe(true)
    expect(same("x", long)).toBe(false)
  })

  it("PLAIN-11: takes as long for a wrong first octet as for a wrong last one, and for any length", () => {
    const secret = Buffer.alloc(255, "s")
    const wrongFirst = Buffer.concat([Buffer.from("x"), secret.subarray(1)])
    const wrongLast = Buffer.concat([secret.subarray(1), Buffer.from("x")])
    const candidates = [wrongFirst, wrongLast, Buffer.alloc(0), secret]
    const best = candidates.map(() => Number.POSITIVE_INFINITY)
    // The best of many rounds, by turns: whatever else the machine does, some of them are undisturbed.
    for (let round = 0; round < 60; round++) {
      for (const [i, candidate] of candidates.entries()) {
        const began = performance.now()
        for (let n = 0; n < 300; n++) sameSecret(candidate, secret)
        best[i] = Math.min(best[i] as number, performance.now() - began)
      }
    }
    // One that stops at the first difference is a hundred times as fast there.
    expect(Math.max(...best) / Math.min(...best)).toBeLessThan(3)
  })

  it("leaves what it was given as it was", () => {
    const [a, b] = [Buffer.from("left"), Buffer.from("right")]
    sameSecret(a, b)
    expect([String(a), String(b)]).toEqual(["left", "right"])
  })
})
