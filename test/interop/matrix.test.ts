// Every legal pair of socket types, ours with theirs: either binding, over every transport, messages in every direction
// that the pair allows.

import type { Socket } from "brokerless"
import { describe, expect, it } from "vitest"
import type * as zmq from "zeromq"
import { OURS, THEIRS } from "../support/every-type.ts"
import { EXCHANGES, exchange, PAIRS } from "../support/exchanges.ts"
import { type End, Meeting, TRANSPORTS } from "../support/meeting.ts"

describe.each(TRANSPORTS)("over %s", (transport) => {
  describe.each(PAIRS)("ZMTP-64, ZMTP-36: our $ours and their $theirs", (types) => {
    it.each(["ours", "theirs"])("talk when %s binds", async (binder) => {
      await using meeting = new Meeting()
      const ours = meeting.ours(OURS[types.ours]())
      const theirs = meeting.theirs(THEIRS[types.theirs]())
      await (binder === "ours" ? meeting.join(ours, theirs, transport) : meeting.join(theirs, ours, transport))
      await exchange(types, ours as Socket & End, theirs as zmq.Socket & End)
      expect(ours.stats.handshakeFailures).toBe(0)
      expect(ours.peers).toMatchObject([{ socketType: types.theirs }])
    })
  })
})

it("has an exchange for every legal pair", () => {
  expect(PAIRS.length).toBe(21)
  for (const { ours, theirs } of PAIRS) {
    expect(EXCHANGES[`${ours} ${theirs}`] ?? EXCHANGES[`${theirs} ${ours}`]).toBeDefined()
  }
})
