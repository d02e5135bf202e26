// Work handed to their Pull sockets: to all of them by Fanout, and to the one that has least to do.

import { Fanout, Push } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { Meeting, TRANSPORTS } from "../support/meeting.ts"
import { turns } from "../support/sockets.ts"

/** Reads until it gets "end", and returns the rest. */
async function upToEnd(pull: zmq.Pull): Promise<string[]> {
  const heard: string[] = []
  for await (const message of pull) {
    if (message[0]?.toString() === "end") break
    heard.push(message.join())
  }
  return heard
}

describe("our Fanout", () => {
  it.each(TRANSPORTS)("PIPE-8: gives every message to each of their Pulls over %s", async (transport) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Fanout({ sendHighWaterMark: 10 }))
    const theirs = Array.from({ length: 3 }, () => meeting.theirs(new zmq.Pull({ receiveHighWaterMark: 5 })))
    const [connecting, ...bound] = theirs as [zmq.Pull, ...zmq.Pull[]]
    await meeting.join(ours, connecting, transport)
    for (const pull of bound) await meeting.join(pull, ours, transport)
    await ours.waitForPeers(3)
    const sent = Array.from({ length: 1000 }, (_, i) => [`${i}`, "", "body"])
    const send = async () => {
      for (const message of sent) await ours.send(message)
      await ours.send("end")
    }
    const [, ...heard] = await Promise.all([send(), ...theirs.map(upToEnd)])
    for (const messages of heard) expect(messages).toEqual(sent.map(String))
  })

  it("waits for the slowest of theirs, and goes on without one that leaves", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Fanout({ sendHighWaterMark: 5 }))
    const [reading, stuck] = [0, 5].map((mark) => meeting.theirs(new zmq.Pull({ receiveHighWaterMark: mark }))) as [
      zmq.Pull,
      zmq.Pull,
    ]
    await meeting.join(ours, reading)
    await meeting.join(ours, stuck)
    const count = 3000
    let accepted = 0
    const send = async () => {
      for (; accepted < count; accepted++) await ours.send([String(accepted), Buffer.alloc(10_000)])
    }
    const sending = send()
    let received = 0
    const receive = async () => expect(String((await reading.receive())[0])).toBe(String(received++))
    // Until the one has all that was accepted, and the other holds up the rest.
    while (ours.writable || received < accepted) await (received < accepted ? receive() : turns(1))
    expect(accepted).toBeLessThan(count)
    stuck.close()
    while (received < count) await receive()
    await sending
    expect(ours.peers).toHaveLength(1)
    expect(ours.stats.dropped["peer-left"] + ours.stats.dropped["in-flight"]).toBeGreaterThan(0)
  })
})

describe("our Push, least-loaded", () => {
  const WINDOW = 64
  const MARK = 10
  const COUNT = 5000

  it("PIPE-11: leaves one of theirs that never reads with no more than its mark and the window", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Push({ balance: "least-loaded", window: WINDOW }))
    const stuck = meeting.theirs(new zmq.Pull({ receiveHighWaterMark: MARK }))
    const reading = meeting.theirs(new zmq.Pull({ receiveHighWaterMark: MARK }))
    await meeting.join(ours, stuck)
    const held = ours.peers[0]
    await meeting.join(ours, reading)
    let received = 0
    const send = async () => {
      for (let i = 0; i < COUNT; i++) await ours.send(["work", String(i)])
    }
    // Everything is accepted, and all but what the other holds arrives here.
    const limit = WINDOW + MARK
    const receive = async () => {
      for (; received < COUNT - limit; received++) await reading.receive()
    }
    await Promise.all([send(), receive()])
    const left = (held?.stats.messagesSent ?? 0) + (held?.stats.queuedMessages ?? 0)
    expect(left).toBeGreaterThanOrEqual(MARK)
    expect(left).toBeLessThanOrEqual(limit)
    for (; received < COUNT - left; received++) await reading.receive()
    for (let i = 0; i < left; i++) expect(await stuck.receive()).toHaveLength(2)
    expect(ours.peers).toHaveLength(2)
  })

  it("gives each of theirs as much as it takes, and no more than the window ahead", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Push({ balance: "least-loaded", window: WINDOW }))
    const pulls = [10, 10, 1].map((pace) => ({
      pace,
      pull: meeting.theirs(new zmq.Pull({ receiveHighWaterMark: MARK })),
      taken: 0,
    }))
    for (const { pull } of pulls) await meeting.join(pull, ours)
    const stop = new AbortController()
    const sending = (async () => {
      for (;;) await ours.send("work", { signal: stop.signal })
    })()
    for (let round = 0; round < 200; round++) {
      const receiving = pulls.map(async (each) => {
        for (let i = 0; i < each.pace; i++) await each.pull.receive()
        each.taken += each.pace
      })
      await Promise.all(receiving)
      for (const [i, peer] of ours.peers.entries()) {
        expect(peer.stats.messagesSent - (pulls[i]?.taken ?? 0)).toBeLessThanOrEqual(WINDOW + MARK)
      }
    }
    stop.abort()
    await expect(sending).rejects.toMatchObject({ code: "ABORT_ERR" })
  })
})
