import { describe, expect, it } from "vitest"
import { HandshakeError, ProtocolError } from "../../src/errors.ts"
import { error, ping, ready, subscribe } from "../../src/zmtp/command.ts"
import type { Mechanism } from "../../src/zmtp/mechanism.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { nullMechanism } from "../../src/zmtp/null.ts"

function make(socketType: string, limits = { maxProperties: 64, maxBytes: 8192 }): Mechanism {
  return nullMechanism({ metadata: encodeMetadata([["Socket-Type", socketType]]), limits })
}

const THEIR_READY = ready(encodeMetadata([["Socket-Type", "PULL"]]))

describe("NULL", () => {
  it("ZMTP-13: is announced by its name, and never as server", () => {
    expect(make("PUSH")).toMatchObject({ name: "NULL", asServer: false })
  })

  it("NULL-1: says READY once, at once, with its metadata", () => {
    const mechanism = make("PUSH")
    const body = mechanism.produce()
    expect(body?.toString("hex")).toBe("0552454144590b536f636b65742d547970650000000450555348")
    expect(mechanism.produce()).toBeUndefined()
  })

  it("NULL-2: is ready only when READY was sent and received, in either order", () => {
    const first = make("PUSH")
    expect(first.status).toBe("handshake")
    first.produce()
    expect(first.status).toBe("handshake")
    first.consume(THEIR_READY)
    expect(first.status).toBe("ready")

    const second = make("PUSH")
    second.consume(THEIR_READY)
    expect(second.status).toBe("handshake")
    second.produce()
    expect(second.status).toBe("ready")
  })

  it("NULL-1: two of them come to terms, whoever moves first", () => {
    for (const turns of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      const sides = { a: make("PUSH"), b: make("PULL") }
      for (const turn of turns) {
        const body = sides[turn].produce()
        if (body !== undefined) sides[turn === "a" ? "b" : "a"].consume(body)
      }
      expect(sides.a.status).toBe("ready")
      expect(sides.b.status).toBe("ready")
      expect(sides.a.metadata?.get("socket-type")?.toString()).toBe("PULL")
      expect(sides.b.metadata?.get("socket-type")?.toString()).toBe("PUSH")
    }
  })

  it("knows the peer's metadata from its READY on", () => {
    const mechanism = make("PUSH")
    expect(mechanism.metadata).toBeUndefined()
    mechanism.consume(ready(Buffer.alloc(0)))
    expect(mechanism.metadata?.size).toBe(0)
  })

  it("NULL-5: refuses a second READY", () => {
    const mechanism = make("PUSH")
    mechanism.consume(THEIR_READY)
    expect(() => mechanism.consume(THEIR_READY)).toThrow(ProtocolError)
  })

  it("HB-9: refuses anything else during the handshake", () => {
    for (const body of [ping(0, Buffer.alloc(0)), subscribe(Buffer.from("A")), Buffer.from("\x05HELLO")]) {
      expect(() => make("PUSH").consume(body)).toThrow(ProtocolError)
    }
    expect(() => make("PUSH").consume(Buffer.from("\x05ready"))).toThrow(ProtocolError)
    expect(() => make("PUSH").consume(Buffer.alloc(0))).toThrow(ProtocolError)
  })

  it("ZMTP-44: takes ERROR for a refusal, and gives the peer's reason", () => {
    expect(() => make("PUSH").consume(error("Invalid socket type"))).toThrow(HandshakeError)
    expect(() => make("PUSH").consume(error("Invalid socket type"))).toThrow("Invalid socket type")
    expect(() => make("PUSH").consume(Buffer.from("\x05ERROR"))).toThrow(HandshakeError)
  })

  it("LIMIT-8, ZMTP-52: refuses metadata that is malformed or over the limits", () => {
    expect(() => make("PUSH").consume(THEIR_READY.subarray(0, -1))).toThrow(ProtocolError)
    expect(() => make("PUSH", { maxProperties: 0, maxBytes: 8192 }).consume(THEIR_READY)).toThrow(ProtocolError)
    expect(() => make("PUSH", { maxProperties: 64, maxBytes: 10 }).consume(THEIR_READY)).toThrow(ProtocolError)
  })

  it("LIMIT-12: shows no more than 32 octets of a name it does not know", () => {
    const body = Buffer.concat([Buffer.of(200), Buffer.alloc(200, "Q")])
    expect(() => make("PUSH").consume(body)).toThrow(/sent Q{32}$/)
  })
})
