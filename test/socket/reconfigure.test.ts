import { Push, Router, XPublisher, XSubscriber } from "brokerless"
import { describe, expect, it } from "vitest"
import { OptionError } from "../../src/errors.ts"
import { reconfigure } from "../../src/socket/socket.ts"

describe("an open socket that is given other options", () => {
  it("OPT-16: has its marks changed for the queues that it has", async () => {
    await using push = new Push<string>({ sendHighWaterMark: 1, linger: 0 })
    push.connect("inproc://reconfigured-marks")
    expect([push.trySend("1"), push.trySend("2")]).toEqual([true, false])
    reconfigure(push, { sendHighWaterMark: 3, linger: 0 })
    expect([push.trySend("2"), push.trySend("3"), push.trySend("4")]).toEqual([true, true, false])
    expect(push.options.sendHighWaterMark).toBe(3)
  })

  it("OPT-16: sends what waited for a mark that was raised", async () => {
    await using push = new Push<string>({ sendHighWaterMark: 1, linger: 0 })
    push.connect("inproc://reconfigured-waiting")
    await push.send("1")
    const second = push.send("2")
    reconfigure(push, { sendHighWaterMark: 4, linger: 0 })
    await second
    expect(push.stats.queuedMessages).toBe(2)
  })

  it("obeys at its next send", async () => {
    await using router = new Router()
    await router.send(["nobody", "x"])
    reconfigure(router, { mandatory: true })
    await expect(router.send(["nobody", "x"])).rejects.toMatchObject({ code: "EHOSTUNREACH" })
  })

  it("welcomes whoever comes from now on", async () => {
    await using publisher = new XPublisher()
    const endpoint = await publisher.bind("inproc://reconfigured-welcome")
    reconfigure(publisher, { welcomeMessage: "welcome" })
    await using subscriber = new XSubscriber()
    subscriber.connect(endpoint)
    expect((await subscriber.receive()).map(String)).toEqual(["welcome"])
  })

  it("checks them as its constructor does", async () => {
    await using push = new Push<string>()
    expect(() => reconfigure(push, { mandatory: true })).toThrow(OptionError)
    expect(push.options.sendHighWaterMark).toBe(1000)
  })
})
