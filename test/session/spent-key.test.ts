import { describe, expect, it } from "vitest"
import { loadLibsodium } from "../../src/curve/libsodium.ts"
import { curveServer } from "../../src/curve/security.ts"
import { CurveServer } from "../../src/zmtp/curve/server.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { counter, named, RawCurveClient, rawKeys, rawNonce, secretBox } from "../support/raw-curve.ts"
import { frame, greeting, property } from "../support/raw-peer.ts"
import { endOfTick, SessionRig } from "../support/session-rig.ts"

const primitives = await loadLibsodium()
const LIMITS = { maxProperties: 64, maxBytes: 8192 }

/** The body of a command of the handshake that was written last. */
function said(rig: SessionRig): Buffer {
  const octets = rig.stream.takeWritten()
  return octets.subarray(2)
}

/** A Pull that reads one message at a time, with a client whose handshake is complete. */
function joined(): { rig: SessionRig; client: RawCurveClient; server: CurveServer } {
  const keys = rawKeys()
  const security = curveServer({ ...keys, anyone: true })
  const metadata = encodeMetadata([["Socket-Type", "PULL"]])
  const server = new CurveServer({ metadata, limits: LIMITS }, primitives, keys)
  const options = { heartbeatInterval: 0, receiveHighWaterMark: 1, security }
  const rig = new SessionRig({ cls: "Pull", options, mechanism: () => server })
  const client = new RawCurveClient(keys.publicKey)
  rig.stream.takeWritten()
  rig.stream.receive(greeting({ mechanism: "CURVE" }))
  rig.stream.takeWritten()
  rig.stream.receive(frame(client.hello(), 4))
  client.takeWelcome(said(rig))
  rig.stream.receive(frame(client.initiate({ metadata: property("Socket-Type", "PUSH") }), 4))
  client.takeReady(said(rig))
  return { rig, client, server }
}

describe("what a session under CURVE has not read when its connection ends", () => {
  it("CURVE-19, CURVE-39: opens with no key that others know, so that nobody speaks for a peer that has gone", async () => {
    const { rig, client } = joined()
    expect(rig.established).toBe(1)

    // Somebody on the way adds to what the client says, and then cuts the line.
    const nonce = 1000n
    const plain = Buffer.from("\0forged")
    const forged = secretBox(plain, rawNonce("CurveZMQMESSAGEC", nonce), Buffer.alloc(32))
    const forgery = frame(named("MESSAGE", counter(nonce), forged))
    rig.stream.receive(Buffer.concat([frame(client.message("true")), forgery]))
    rig.stream.reset()
    await endOfTick()
    expect(rig.ends).toHaveLength(1)
    expect(rig.read()).toEqual(["true"])
    rig.hub[Symbol.dispose]()
  })

  it("is read all the same, as under NULL, and then the key is gone", async () => {
    const { rig, client, server } = joined()
    rig.stream.receive(Buffer.concat(["one", "two", "three"].map((text) => frame(client.message(text)))))
    rig.stream.reset()
    await endOfTick()
    expect(rig.read()).toEqual(["one", "two", "three"])
    expect(() => server.protection?.open(Buffer.alloc(40))).toThrow("is over")
    rig.hub[Symbol.dispose]()
  })
})
