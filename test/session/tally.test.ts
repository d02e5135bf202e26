import { beforeEach, expect, it } from "vitest"
import { countReceived, countSent, countWrite } from "../../src/session/tally.ts"
import type { PeerStats } from "../../src/stats.ts"
import type { Batch } from "../../src/zmtp/encoder.ts"
import { endOfTick, SessionRig } from "../support/session-rig.ts"

function batch(messages: number, body: number): Batch {
  return { chunks: [], octets: 0, messages, body, slabs: [], users: 1 }
}

// Handshakes of one test hold up none of the next.
beforeEach(endOfTick)

it("counts for the socket and for the peer alike", () => {
  const { hub, pipe } = SessionRig.ready("PULL")
  const own = pipe.peer?.stats as PeerStats
  countWrite(hub, pipe)
  countSent(hub, pipe, batch(2, 30))
  countReceived(hub, pipe, 3, 40)
  for (const stats of [hub.stats, own]) {
    expect(stats).toMatchObject({ messagesSent: 2, bytesSent: 30, messagesReceived: 3, bytesReceived: 40, writes: 1 })
  }
})

it("counts for the socket alone while there is no peer", () => {
  const { hub } = SessionRig.ready("PULL")
  const pipe = hub.createPipe("tcp://127.0.0.1:5555", true)
  for (const where of [pipe, undefined]) {
    countWrite(hub, where)
    countSent(hub, where, batch(1, 10))
    countReceived(hub, where, 1, 5)
  }
  expect(hub.stats).toMatchObject({ messagesSent: 2, bytesSent: 20, messagesReceived: 2, bytesReceived: 10, writes: 2 })
})

it("does not count what was written without messages as sent", () => {
  const { hub, pipe } = SessionRig.ready("PULL")
  countSent(hub, pipe, batch(0, 0))
  expect(hub.stats).toMatchObject({ messagesSent: 0, bytesSent: 0 })
})
