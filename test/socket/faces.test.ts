// Which classes send and which receive: that each has at run time what its type promises, and no more.

import * as door from "brokerless"
import { describe, expect, it } from "vitest"

const SENDING = ["send", "trySend", "toWritableStream"]
const RECEIVING = ["receive", "receiveFrom", "tryReceive", "receiveMany", "toReadableStream", Symbol.asyncIterator]

const FACES: Readonly<Record<string, readonly (string | symbol)[]>> = {
  Pair: [...SENDING, ...RECEIVING],
  Push: SENDING,
  Pull: RECEIVING,
  Publisher: SENDING,
  Subscriber: RECEIVING,
  XPublisher: [...SENDING, ...RECEIVING],
  XSubscriber: [...SENDING, ...RECEIVING],
  Request: [...SENDING, ...RECEIVING],
  Reply: [...SENDING, ...RECEIVING],
  Dealer: [...SENDING, ...RECEIVING],
  Router: [...SENDING, ...RECEIVING],
  Fanout: SENDING,
}

function prototypes(): Map<string, object> {
  const found = new Map<string, object>()
  for (const [name, value] of Object.entries(door)) {
    if (typeof value === "function" && value.prototype instanceof door.Socket) found.set(name, value.prototype)
  }
  return found
}

describe("the faces of sockets", () => {
  it("are known of every class there is", () => {
    expect([...prototypes().keys()].sort()).toEqual(Object.keys(FACES).sort())
  })

  it.each(Object.entries(FACES))("%s has the members of its own, and no others", (name, members) => {
    const prototype = prototypes().get(name) as Readonly<Record<string | symbol, unknown>>
    const there = [...SENDING, ...RECEIVING].filter((member) => typeof prototype[member] === "function")
    expect(there).toEqual(members)
    expect(Object.keys(prototype)).toEqual([])
  })
})
