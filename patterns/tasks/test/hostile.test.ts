// What strangers can do at a ventilator's port: nothing.

import { connect } from "node:net"
import { Dealer, Request } from "brokerless"
import { TaskWorker, Ventilator } from "brokerless/patterns/tasks"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { until } from "../../../test/support/until.ts"
import { encodeReady } from "../wire.ts"
import { json } from "./programs/jobs.ts"

describe("hostile octets at the ventilator's port", () => {
  it("end at worst the connection they came by: others are served meanwhile", async () => {
    await using ventilator = new Ventilator<number, number>({ codec: json() })
    const endpoint = await ventilator.bind("tcp://127.0.0.1:*")
    await using worker = new TaskWorker<number, number>({ codec: json() })
    worker.connect(endpoint)
    void worker.serve((n) => n + 1)
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      // What begins well.
      fc.tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 7), fc.uint8Array({ maxLength: 60 })).map(([kind, rest]) => {
        return Uint8Array.from([1, kind, ...rest])
      }),
    )
    let n = 0
    let sent = 0
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 4 }), async (frames) => {
        await using stranger = new Dealer({ linger: 1000 })
        stranger.connect(endpoint)
        await stranger.send(frames)
        sent++
        n++
        // A stranger that is taken for a worker may hold a task, so it may take another attempt.
        expect(await ventilator.run(n, { timeout: 200 })).toBe(n + 1)
      }),
      { numRuns: 100 },
    )
    await until(() => ventilator.stats.invalid > 0.5 * sent, "most of them are seen through")
    expect(ventilator.stats).toMatchObject({ done: n, failed: 0 })
  })

  it("are parted with, and told of", async () => {
    await using ventilator = new Ventilator()
    const endpoint = await ventilator.bind("tcp://127.0.0.1:*")
    const invalid = ventilator.events.once("message:invalid")
    await using stranger = new Dealer({ reconnectInterval: -1 })
    stranger.connect(endpoint)
    const left = stranger.events.once("peer:leave")
    await stranger.send("let me in")
    expect((await invalid).address).toContain("127.0.0.1")
    await left
    expect(ventilator.stats.invalid).toBe(1)
  })

  it("need not even be of this library: raw octets, and a socket of another pattern", async () => {
    await using ventilator = new Ventilator<number, number>({ codec: json() })
    const endpoint = await ventilator.bind("tcp://127.0.0.1:*")
    const socket = connect(Number(endpoint.split(":").at(-1)), "127.0.0.1")
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
    socket.on("error", () => {})
    socket.write("GET / HTTP/1.1\r\n\r\n")
    socket.resume()
    await closed
    await using request = new Request()
    request.connect(endpoint)
    await expect(request.request("hello", { timeout: 3000 })).rejects.toMatchObject({
      code: expect.stringMatching(/EHOSTUNREACH|EAGAIN/),
    })
    await using worker = new TaskWorker<number, number>({ codec: json() })
    worker.connect(endpoint)
    void worker.serve((n) => n + 1)
    expect(await ventilator.run(1)).toBe(2)
  })

  it("that ask for everything and do nothing get no more than they may, and only for a while", async () => {
    await using ventilator = new Ventilator<number, number>({ codec: json(), maxCredit: 10, timeout: 50 })
    const endpoint = await ventilator.bind("inproc://ask-for-everything")
    await using greedy = new Dealer()
    greedy.connect(endpoint)
    await greedy.send(encodeReady(Buffer.alloc(8), 2 ** 32 - 1, 2 ** 32 - 1, "n".repeat(64)))
    await until(() => ventilator.workers.length === 1, "it is taken for a worker")
    const all = Promise.all(Array.from({ length: 100 }, (_, n) => ventilator.run(n)))
    await until(() => ventilator.workers[0]?.held === 10, "it has what it may have")
    expect(ventilator.progress).toMatchObject({ running: 10, queued: 90 })
    await using worker = new TaskWorker<number, number>({ codec: json() })
    worker.connect(endpoint)
    void worker.serve((n) => n + 1)
    expect(await all).toEqual(Array.from({ length: 100 }, (_, n) => n + 1))
    expect(ventilator.workers[0]).toMatchObject({ held: 10, stuck: true })
  })
})
