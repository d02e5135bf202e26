import { describe, expect, it } from "vitest"
import { PendingCommands } from "../../src/session/pending-commands.ts"
import { Encoder } from "../../src/zmtp/encoder.ts"
import { Engine } from "../../src/zmtp/engine.ts"
import { greeting, ready } from "../support/raw-peer.ts"
import { nullOf, saidIn } from "../support/session-rig.ts"

const octets = (text: string): Buffer => Buffer.from(text)

/** What is said when the commands are gathered, to a peer of this minor version. */
function said(commands: PendingCommands, { timeToLive = 0, minor = 1 } = {}): string[] {
  const limits = {
    maxMessageSize: 1000,
    maxMessageFrames: 10,
    maxHandshakeBytes: 1000,
    maxHandshakeFrameSize: 1000,
    maxTopicSize: 1000,
  }
  const engine = new Engine("SUB", nullOf("SUB"), limits)
  engine.push(Buffer.concat([greeting({ minor }), ready("PUB")]))
  const encoder = new Encoder()
  commands.gather(encoder, engine, timeToLive)
  return saidIn(Buffer.concat(encoder.finish()?.chunks ?? []))
}

describe("PendingCommands", () => {
  it("says each command once, PONGs before PINGs before subscriptions", () => {
    const commands = new PendingCommands()
    expect(commands.waiting).toBe(false)
    commands.subscribe("subscribe", octets("A"))
    commands.subscribe("cancel", octets("B"))
    commands.ping(octets("one"))
    commands.pong(octets("two"), false)
    expect(commands.waiting).toBe(true)
    expect(said(commands)).toEqual(["/PONG two", "/PING \0\0one", "/SUBSCRIBE A", "/CANCEL B"])
    expect(commands.waiting).toBe(false)
    expect(said(commands)).toEqual([])
  })

  it("says subscriptions in the form that the peer understands", () => {
    const commands = new PendingCommands()
    commands.subscribe("subscribe", octets("A"))
    commands.subscribe("cancel", octets("A"))
    expect(said(commands, { minor: 0 })).toEqual(["\x01A", "\0A"])
  })

  it("says how long the peer is to wait for us, in tenths of a second", () => {
    const commands = new PendingCommands()
    commands.ping(octets("x"))
    expect(said(commands, { timeToLive: 30_099 })).toEqual(["/PING \x01\x2cx"])
  })

  it("says the same PING once, however often it is repeated while nothing leaves", () => {
    const commands = new PendingCommands()
    for (const context of ["1", "1", "1", "2", "2"]) commands.ping(octets(context))
    expect(said(commands)).toEqual(["/PING \0\x001", "/PING \0\x002"])
    commands.ping(octets("2"))
    expect(said(commands)).toEqual(["/PING \0\x002"])
  })

  it("HB-13, T13: answers every PING, and only the newest while output is blocked", () => {
    const commands = new PendingCommands()
    for (const context of ["1", "2", "3"]) commands.pong(octets(context), false)
    expect(said(commands)).toEqual(["/PONG 1", "/PONG 2", "/PONG 3"])
    for (let i = 0; i < 1000; i++) commands.pong(octets(`${i}`), true)
    expect(said(commands)).toEqual(["/PONG 999"])
  })
})
