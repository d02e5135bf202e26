import { Pull, Push } from "brokerless"
import { describe, expect, it } from "vitest"
import { take, untilPeers } from "../support/sockets.ts"
import { TRANSPORTS } from "../support/transports.ts"

describe.each(TRANSPORTS)("over $name", ({ any }) => {
  it("ZMTP-36: what came over the old connection is read before what comes over the new one", async () => {
    await using push = new Push()
    await using pull = new Pull({ reconnectInterval: 1, reconnectMaxInterval: 1 })
    pull.connect(await push.bind(any()))
    const expected: string[] = []
    for (let connection = 0; connection < 4; connection++) {
      await push.waitForPeers()
      await pull.waitForPeers()
      const before = pull.stats.messagesReceived
      const [peer] = pull.peers
      for (let i = 0; i < 3; i++) {
        expected.push(`${connection}.${i}`)
        await push.send(`${connection}.${i}`)
      }
      while (pull.stats.messagesReceived < before + 3) await new Promise(setImmediate)
      expect(pull.stats.queuedMessages).toBe(expected.length)
      if (connection === 3) break
      push.peers[0]?.disconnect()
      while (pull.peers.includes(peer as never)) await new Promise(setImmediate)
    }
    const received = await take(pull, expected.length)
    expect(received.map(String)).toEqual(expected)
    expect(pull.stats.queuedMessages).toBe(0)
    await pull.close()
    await untilPeers(push, 0)
  })
})
