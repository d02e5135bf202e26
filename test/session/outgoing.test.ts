import { describe, expect, it } from "vitest"
import type { Pipe } from "../../src/pipe/pipe.ts"
import { Outgoing } from "../../src/session/outgoing.ts"
import { SharedBatch } from "../../src/session/shared-batch.ts"
import { type Batch, releaseBatch } from "../../src/zmtp/encoder.ts"
import { Engine, NOTHING } from "../../src/zmtp/engine.ts"
import { greeting, ready } from "../support/raw-peer.ts"
import { nullOf, RecordingHub, saidIn } from "../support/session-rig.ts"

/** What a connection of a Push has to write, and the pipe that its messages come from. */
function make(options: object = {}, shared?: SharedBatch): { outgoing: Outgoing; engine: Engine; pipe: Pipe } {
  const hub = new RecordingHub("Push", options)
  const engine = new Engine("PUSH", nullOf("PUSH"), hub.options)
  const pipe = hub.createPipe("tcp://127.0.0.1:5555", true)
  return { outgoing: new Outgoing(engine, hub, shared), engine, pipe }
}

/** One whose handshake is complete and said. */
function open(options: object = {}, shared?: SharedBatch): ReturnType<typeof make> {
  const made = make(options, shared)
  made.engine.push(Buffer.concat([greeting(), ready("PULL")]))
  made.engine.next()
  octets(made.outgoing.next())
  made.outgoing.open(made.pipe, undefined)
  return made
}

function octets(batch: Batch | undefined): Buffer {
  const all = Buffer.concat(batch?.chunks ?? [])
  if (batch !== undefined) releaseBatch(batch)
  return all
}

const push = (pipe: Pipe, ...texts: string[]): void => {
  for (const text of texts) pipe.push([Buffer.from(text)])
}

describe("Outgoing", () => {
  it("ZMTP-3: says the greeting once, the handshake as it comes, and no message before it is open", () => {
    const { outgoing, engine, pipe } = make()
    push(pipe, "queued")
    outgoing.commands.ping(Buffer.from("early"))
    expect(octets(outgoing.next()).equals(greeting())).toBe(true)
    expect(outgoing.next()).toBeUndefined()
    engine.push(greeting())
    expect(engine.next()).toBe(NOTHING)
    expect(octets(outgoing.next()).equals(ready("PUSH"))).toBe(true)
    expect(outgoing.next()).toBeUndefined()
    engine.push(ready("PULL"))
    engine.next()
    outgoing.open(pipe, undefined)
    expect(saidIn(octets(outgoing.next()))).toEqual(["/PING \0\0early", "queued"])
    expect(outgoing.next()).toBeUndefined()
  })

  it("says commands before messages", () => {
    const { outgoing, pipe } = open()
    push(pipe, "1", "2")
    outgoing.commands.pong(Buffer.from("x"), false)
    expect(saidIn(octets(outgoing.next()))).toEqual(["/PONG x", "1", "2"])
  })

  it("gathers messages up to batchBytes, and one at least", () => {
    const { outgoing, pipe } = open({ batchBytes: 1024 })
    push(pipe, ..."abcde".split("").map((letter) => letter.repeat(400)), "f".repeat(5000), "g")
    const batches: string[][] = []
    for (let batch = outgoing.next(); batch !== undefined; batch = outgoing.next()) {
      batches.push(saidIn(octets(batch)).map((text) => text.charAt(0)))
    }
    expect(batches).toEqual([["a", "b", "c"], ["d", "e", "f"], ["g"]])
  })

  it("gives two connections with the same messages the same batch", () => {
    const shared = new SharedBatch()
    const [one, other] = [open({}, shared), open({}, shared)]
    const messages = ["1", "2"].map((text) => [Buffer.from(text)])
    for (const { pipe } of [one, other]) for (const message of messages) pipe.push(message)
    const batch = one.outgoing.next()
    expect(other.outgoing.next()).toBe(batch)
    expect(saidIn(octets(batch))).toEqual(["1", "2"])
    expect([one.pipe.outbound.length, other.pipe.outbound.length]).toEqual([0, 0])
    // What is one connection's own is not shared.
    one.outgoing.commands.ping(Buffer.from("own"))
    for (const { pipe } of [one, other]) pipe.push(messages[0] as Buffer[])
    expect(saidIn(octets(one.outgoing.next()))).toEqual(["/PING \0\0own"])
  })
})
