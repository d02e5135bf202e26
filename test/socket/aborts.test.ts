import { getEventListeners } from "node:events"
import { Pull, Request } from "brokerless"
import { describe, expect, it } from "vitest"

describe("a signal that bounds many calls", () => {
  it("is listened to once, and not at all when they are over", async () => {
    await using pull = new Pull()
    await using request = new Request()
    const controller = new AbortController()
    const { signal } = controller
    const calls = [
      ...Array.from({ length: 50 }, () => pull.receive({ signal })),
      ...Array.from({ length: 50 }, () => request.request("nobody is there", { signal })),
    ]
    expect(getEventListeners(signal, "abort")).toHaveLength(1)
    const outcomes = Promise.allSettled(calls)
    controller.abort("enough")
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "ABORT_ERR", cause: "enough" } })
    }
    expect(getEventListeners(signal, "abort")).toHaveLength(0)
  })

  it("is forgotten by a call that was served", async () => {
    await using pull = new Pull({ receiveTimeout: 1 })
    const { signal } = new AbortController()
    await expect(pull.receive({ signal })).rejects.toMatchObject({ code: "EAGAIN" })
    expect(getEventListeners(signal, "abort")).toHaveLength(0)
  })
})
