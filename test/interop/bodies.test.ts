// Bodies of every size at which a length changes its form, and messages of many frames, both ways. Then more than any
// buffer holds, to a reader that is slower than its sender.

import { randomBytes } from "node:crypto"
import { Dealer, Pull, Push } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { type End, Meeting, TRANSPORTS } from "../support/meeting.ts"
import { turns } from "../support/sockets.ts"

const SIZES = [0, 1, 254, 255, 256, 257, 8191, 8192, 8193, 65_535, 65_536, 16 * 1024 * 1024]
const RANDOM = randomBytes(16 * 1024 * 1024)

/** Content that differs from size to size. */
function body(size: number): Buffer {
  return RANDOM.subarray(RANDOM.length - size)
}

async function arrivesWhole(from: End, to: End, message: Buffer[]): Promise<void> {
  const [arrived] = await Promise.all([to.receive(), from.send(message)])
  expect(arrived.map((frame) => frame.length)).toEqual(message.map((frame) => frame.length))
  // Compared as octets: a difference of 16 MiB is nothing that anybody wants to see printed.
  expect(arrived.every((frame, i) => frame.equals(message[i] as Buffer))).toBe(true)
}

describe.each(TRANSPORTS)("over %s", (transport) => {
  it("ZMTP-39, ZMTP-21: bodies of all sizes survive both directions, alone and in one message", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer())
    const theirs = meeting.theirs(new zmq.Dealer())
    await meeting.join(ours, theirs, transport)
    for (const [from, to] of [
      [ours, theirs],
      [theirs, ours],
    ] as const) {
      for (const size of SIZES) await arrivesWhole(from, to, [body(size)])
      await arrivesWhole(from, to, SIZES.map(body))
    }
  })

  it("ZMTP-31, ZMTP-36: what is sent without waiting arrives in order, both ways at once", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer())
    const theirs = meeting.theirs(new zmq.Dealer())
    await meeting.join(theirs, ours, transport)
    const count = 3000
    const message = (i: number) => [String(i), "", body(i % 300), ""]
    const send = async (from: End) => {
      for (let i = 0; i < count; i++) await from.send(message(i))
    }
    const receive = async (to: End) => {
      let right = 0
      for (let i = 0; i < count; i++) {
        const arrived = await to.receive()
        if (arrived.length === 4 && arrived[0]?.toString() === String(i) && arrived[2]?.equals(body(i % 300))) right++
      }
      return right
    }
    const [atOurs, atTheirs] = await Promise.all([receive(ours), receive(theirs), send(ours), send(theirs)])
    expect({ atOurs, atTheirs }).toEqual({ atOurs: count, atTheirs: count })
  })
})

describe("a reader slower than its sender", () => {
  const COUNT = 6000
  const SIZE = 10_000
  const MARK = 20

  /** Reads everything, letting the event loop turn after each, and looks on each time. */
  async function readSlowly(from: End, look: () => void): Promise<number> {
    let inOrder = 0
    for (let i = 0; i < COUNT; i++) {
      const [frame] = await from.receive()
      if (frame?.length === SIZE && frame.readUInt32BE(0) === i) inOrder++
      look()
      await turns(1)
    }
    return inOrder
  }

  async function sendAll(to: End): Promise<void> {
    for (let i = 0; i < COUNT; i++) {
      const frame = Buffer.alloc(SIZE)
      frame.writeUInt32BE(i, 0)
      await to.send([frame])
    }
  }

  it("PIPE-2, LIMIT-9: loses nothing of ours, and our queue stays below its mark", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Push({ sendHighWaterMark: MARK }))
    const theirs = meeting.theirs(new zmq.Pull({ receiveHighWaterMark: MARK }))
    await meeting.join(ours, theirs)
    let most = 0
    const look = () => {
      most = Math.max(most, ours.stats.queuedMessages)
    }
    const sending = sendAll(ours as unknown as End)
    expect(await readSlowly(theirs as unknown as End, look)).toBe(COUNT)
    await sending
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(MARK)
    expect(Object.values(ours.stats.dropped).every((dropped) => dropped === 0)).toBe(true)
  })

  it("LIMIT-9: loses nothing of theirs, and what we hold stays at our mark", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Pull({ receiveHighWaterMark: MARK }))
    const theirs = meeting.theirs(new zmq.Push({ sendHighWaterMark: MARK }))
    await meeting.join(theirs, ours)
    let most = 0
    const look = () => {
      most = Math.max(most, ours.stats.queuedMessages)
    }
    const sending = sendAll(theirs as unknown as End)
    expect(await readSlowly(ours as unknown as End, look)).toBe(COUNT)
    await sending
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(MARK)
  })
})
