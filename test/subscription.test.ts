import { describe, expect, it } from "vitest"
import { encodeSubscription, parseSubscription } from "../src/subscription.ts"

describe("a subscription as a message", () => {
  it("PUBSUB-20: begins with 1 to subscribe and with 0 to cancel", () => {
    expect(encodeSubscription("subscribe", Buffer.from("A")).toString("hex")).toBe("0141")
    expect(encodeSubscription("cancel", Buffer.from("A")).toString("hex")).toBe("0041")
    expect(encodeSubscription("subscribe", Buffer.alloc(0)).toString("hex")).toBe("01")
  })

  it("PUBSUB-31: is read back, with any octets for a topic", () => {
    const topic = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet))
    for (const kind of ["subscribe", "cancel"] as const) {
      expect(parseSubscription(encodeSubscription(kind, topic))).toEqual({ kind, topic })
      expect(parseSubscription(encodeSubscription(kind, Buffer.alloc(0)))).toEqual({ kind, topic: Buffer.alloc(0) })
    }
  })

  it("PUBSUB-35: anything else is none", () => {
    expect(parseSubscription(Buffer.alloc(0))).toBeUndefined()
    for (let first = 2; first < 256; first++) expect(parseSubscription(Buffer.of(first, 0x41))).toBeUndefined()
  })
})
