import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { TimeoutError } from "../../src/errors.ts"
import { type Authorize, plainServer } from "../../src/index.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { PlainServer } from "../../src/zmtp/plain.ts"
import { command, greeting, property } from "../support/raw-peer.ts"
import { endOfTick, SessionRig } from "../support/session-rig.ts"

/** A session whose peer has named itself, and whose handshake has no deadline. */
function named(authorize: Authorize): SessionRig {
  const metadata = encodeMetadata([["Socket-Type", "PULL"]])
  const rig = new SessionRig({
    cls: "Pull",
    options: { heartbeatInterval: 0, handshakeInterval: 0, security: plainServer({ authorize }) },
    mechanism: () => new PlainServer({ metadata, limits: { maxProperties: 64, maxBytes: 8192 } }),
  })
  rig.stream.receive(greeting({ mechanism: "PLAIN" }), command("HELLO", "\x03ann\x06secret"))
  return rig
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
})

afterEach(() => {
  vi.useRealTimers()
})

describe("a handshake without a deadline", () => {
  it("T22: ends when nobody says whether the peer may come in", async () => {
    const rig = named(() => new Promise(() => {}))
    await endOfTick()
    vi.advanceTimersByTime(10_000)
    await endOfTick()
    expect(rig.end.error).toBeInstanceOf(TimeoutError)
    rig.hub[Symbol.dispose]()
  })

  it("has none after the answer either", async () => {
    const rig = named(() => true)
    await endOfTick()
    vi.advanceTimersByTime(60_000)
    await endOfTick()
    expect(rig.ends).toEqual([])
    rig.stream.receive(command("INITIATE", property("Socket-Type", "PUSH")))
    expect(rig.established).toBe(1)
    rig.hub[Symbol.dispose]()
  })
})
