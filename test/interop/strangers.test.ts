// Peers of other versions, and visitors that are no peers at all: old ones are turned away with an event, newer ones are
// talked to, and nobody else notices.

import { Dealer, Pull, Push } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { frames, Meeting } from "../support/meeting.ts"
import { command, commandData, commandName, greeting, message, RawPeer, RawServer, ready } from "../support/raw-peer.ts"

const SIGNATURE = Buffer.from("ff00000000000000017f", "hex")

const STRANGERS = {
  "ZMTP-8: ZMTP 2.0": Buffer.concat([SIGNATURE, Buffer.of(1, 8, 0, 0)]),
  "ZMTP-8: ZMTP 2.0, revision 2": Buffer.concat([SIGNATURE, Buffer.of(2, 8, 0, 0)]),
  "ZMTP-8: ZMTP 1.0 that announces version 0": Buffer.concat([SIGNATURE, Buffer.of(0)]),
  "ZMTP-15: ZMTP 1.0 with a short identity": Buffer.from("0100", "hex"),
  "ZMTP-15: ZMTP 1.0 with a long identity": Buffer.from("ff7ffffffffffffffe0041", "hex"),
  "ZMTP-15: ZMTP 1.0, a length with the top bit set": Buffer.from("fffffffffffffffffe00", "hex"),
  "ZMTP-16: HTTP": Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  "ZMTP-16: a TLS ClientHello": Buffer.from("16030100c8010000c40303", "hex"),
  "ZMTP-16: SSH": Buffer.from("SSH-2.0-OpenSSH_9.6\r\n"),
  "ZMTP-16: telnet": Buffer.from("fffd03fffb18fffb1ffffb20fffb21fffb22fffb27fffd05", "hex"),
  "ZMTP-9: another mechanism": greeting({ mechanism: "OTHER" }),
  "ZMTP-10: NULL and more": greeting({ mechanism: "NULL\0X" }),
  "NULL-4: a message before READY": Buffer.concat([greeting(), message("too early")]),
}

describe("visitors at our bound socket", () => {
  it.each(Object.entries(STRANGERS))("%s is turned away", async (_, opening) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Pull())
    const good = meeting.theirs(new zmq.Push())
    const endpoint = await meeting.join(ours, good)
    const refused = ours.events.once("handshake:error")
    using stranger = await RawPeer.connect(endpoint)
    stranger.send(opening)
    expect((await refused).error).toMatchObject({ code: "EPROTO" })
    await stranger.closed
    await good.send("none the worse")
    expect(await ours.receive()).toEqual(frames("none the worse"))
    expect(ours.peers).toHaveLength(1)
    expect(ours.stats.handshakeFailures).toBe(1)
  })

  it("all of them at once disturb nobody", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Pull())
    const good = meeting.theirs(new zmq.Push())
    const endpoint = await meeting.join(ours, good)
    const openings = Object.values(STRANGERS)
    const sending = (async () => {
      for (let i = 0; i < 500; i++) await good.send(String(i))
    })()
    const visits = openings.map(async (opening) => {
      using stranger = await RawPeer.connect(endpoint)
      stranger.send(opening)
      await stranger.closed
    })
    for (let i = 0; i < 500; i++) expect(await ours.receive()).toEqual(frames(String(i)))
    await Promise.all([sending, ...visits])
    expect(ours.stats.handshakeFailures).toBe(openings.length)
  })
})

describe("what our connecting socket may meet", () => {
  it.each(Object.entries(STRANGERS))("%s is left, and tried again later", async (_, opening) => {
    await using meeting = new Meeting()
    await using server = await RawServer.listen()
    const ours = meeting.ours(new Push({ reconnectInterval: 5 }))
    const refused = ours.events.once("handshake:error")
    ours.connect(server.endpoint)
    const stranger = await server.accept()
    stranger.send(opening)
    expect((await refused).error).toMatchObject({ code: "EPROTO" })
    // Whoever answers properly the next time is welcome.
    const peer = await server.admit("PULL")
    await ours.send("at last")
    expect((await peer.nextOfNote()).body.toString()).toBe("at last")
  })
})

describe("peers of other versions", () => {
  it.each([
    ["3.0", 3, 0],
    ["3.1", 3, 1],
    ["3.7", 3, 7],
    ["3.255", 3, 255],
    ["4.0", 4, 0],
    ["255.3", 255, 3],
  ])("ZMTP-6, ZMTP-7: one of ZMTP %s talks to ours", async (_, major, minor) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer())
    using peer = await RawPeer.connect(await meeting.bind(ours))
    peer.send(greeting({ major, minor }), ready("DEALER"), message("glued to READY", ""))
    expect(await ours.receive()).toEqual(frames("glued to READY", ""))
    await ours.send(["and", "back"])
    while (commandName(await peer.next()) !== "READY");
    expect([await peer.nextOfNote(), await peer.nextOfNote()]).toMatchObject([
      { flags: 1, body: Buffer.from("and") },
      { flags: 0, body: Buffer.from("back") },
    ])
  })

  it("one of ZMTP 3.0 is sent no PING, one of 3.1 is", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer({ heartbeatInterval: 10, heartbeatTimeout: 60_000 }))
    const endpoint = await meeting.bind(ours)
    using old = await RawPeer.join(endpoint, "DEALER", { minor: 0 })
    using young = await RawPeer.join(endpoint, "DEALER", { minor: 1 })
    for (let beats = 0; beats < 3; beats++) {
      const ping = await young.next()
      expect(commandName(ping)).toBe("PING")
      young.send(command("PONG", commandData(ping).subarray(2)))
    }
    // Each gets one: at the old one it is the first that came since READY.
    for (let i = 0; i < 2; i++) await ours.send("message")
    expect(await old.next()).toMatchObject({ flags: 0, body: Buffer.from("message") })
  })
})
