// What order and count survive when room comes in the middle of taking a message out.

import { Dealer, Pull, Push } from "brokerless"
import { describe, expect, it } from "vitest"

const SIZE = 200_000
const COUNT = 60

function numbered(n: number): Buffer {
  const message = Buffer.alloc(SIZE)
  message.writeUInt32BE(n)
  return message
}

describe("order at the limit of the budget", () => {
  for (const endpoint of ["tcp://127.0.0.1:*", "ipc://*", "inproc://order-at-the-budget"]) {
    it(`keeps the order of sends that wait for maxBufferedBytes over ${endpoint}`, async () => {
      await using pull = new Pull({ receiveHighWaterMark: 1 })
      await using push = new Push({ maxBufferedBytes: 1 << 20, linger: 0 })
      push.connect(await pull.bind(endpoint))
      await push.waitForPeers()
      const sends = Array.from({ length: COUNT }, (_, n) => push.send(numbered(n)))
      const order: number[] = []
      for (let n = 0; n < COUNT; n++) {
        const [frame] = await pull.receive()
        order.push((frame as Buffer).readUInt32BE())
      }
      await Promise.all(sends)
      expect(order).toEqual(Array.from({ length: COUNT }, (_, n) => n))
    })
  }

  it("keeps the order of what waited for somebody to come", async () => {
    await using push = new Push({ maxBufferedBytes: 1 << 20, linger: 0 })
    const endpoint = await push.bind("inproc://backlog-at-the-budget")
    const first = new Pull({ receiveHighWaterMark: 1 })
    first.connect(endpoint)
    await push.waitForPeers()
    const sends = Array.from({ length: COUNT }, (_, n) => push.send(numbered(n)))
    await first.close()
    await using second = new Pull({ receiveHighWaterMark: 1 })
    second.connect(endpoint)
    const order: number[] = []
    const { dropped } = first.stats
    for (let n = 0; n < COUNT - dropped.unread; n++) {
      const [frame] = await second.receive()
      order.push((frame as Buffer).readUInt32BE())
    }
    await Promise.all(sends)
    expect(order).toEqual(Array.from({ length: COUNT - dropped.unread }, (_, n) => n + dropped.unread))
  })

  it("loses nothing uncounted when a peer parts while it still has messages to send", async () => {
    const parting = new Dealer({ sendHighWaterMark: 3 })
    await using staying = new Dealer({ receiveHighWaterMark: 1, sendHighWaterMark: 2 })
    parting.connect(await staying.bind("inproc://parting-with-messages"))
    await staying.waitForPeers()
    while (parting.trySend("still to be read"));
    const closing = parting.close()
    await Promise.resolve()
    let accepted = 0
    while (staying.trySend("too late")) accepted++
    await new Promise(setImmediate)
    while (staying.trySend("too late")) accepted++
    while (staying.peers.length > 0) await staying.receive()
    await closing
    while (staying.tryReceive());
    const kept = staying.stats.queuedMessages
    expect(parting.stats.dropped.unread + kept).toBe(accepted)
  })
})
