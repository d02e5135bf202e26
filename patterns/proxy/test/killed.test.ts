// Devices and workers that are killed while messages pass.

import { once } from "node:events"
import { Pull, Push, Request } from "brokerless"
import { queue } from "brokerless/patterns/proxy"
import { describe, expect, it } from "vitest"
import { Meeting } from "../../../test/support/meeting.ts"
import { Program } from "../../../test/support/program.ts"
import type { Said as DeviceSaid } from "./programs/device.ts"
import type { Said as WorkerSaid } from "./programs/worker.ts"

const DEVICE = "../../patterns/proxy/test/programs/device"
const WORKER = "../../patterns/proxy/test/programs/worker"
const QUICK = { reconnectInterval: 20, reconnectMaxInterval: 100 }

describe("killed", () => {
  it("a streamer: its successor goes on, and only what was inside is missing", async () => {
    await using meeting = new Meeting()
    const [front, back] = [await meeting.vacant("ipc"), await meeting.vacant("tcp")]
    const push = meeting.ours(new Push({ ...QUICK, sendHighWaterMark: 10 }))
    const pull = meeting.ours(new Pull(QUICK))
    push.connect(front)
    pull.connect(back)
    const stop = new AbortController()
    const sending = (async () => {
      for (let i = 0; ; i++) await push.send(`${i}`, { signal: stop.signal })
    })().catch(() => {})
    let last = -1
    for (let life = 0; life < 3; life++) {
      await using device = new Program<DeviceSaid>(DEVICE, "streamer", front, back)
      await device.next()
      for (let i = 0; i < 200; i++) {
        const next = Number(String((await pull.receive({ timeout: 15_000 }))[0]))
        // In order, none twice, whoever carried it.
        expect(next).toBeGreaterThan(last)
        last = next
      }
      const ended = once(device.process, "exit")
      device.process.kill("SIGKILL")
      await ended
    }
    stop.abort()
    await sending
  })

  it("a worker behind a queue: its request is asked again, and the others go on", async () => {
    await using meeting = new Meeting()
    await using device = await queue({ frontend: "tcp://127.0.0.1:*", backend: "tcp://127.0.0.1:*" })
    const [front, back] = [device.frontend[0] as string, device.backend[0] as string]
    await using victim = new Program<WorkerSaid>(WORKER, back, "victim")
    await device.waitForPeers(0, 1)
    const request = meeting.ours(new Request())
    request.connect(front)
    const hanging = request.request("hang", { timeout: 60_000 }).catch(() => "closed")
    expect(await victim.next()).toBe("hanging")
    await using other = new Program<WorkerSaid>(WORKER, back, "other")
    await device.waitForPeers(1, 2)
    const left = (async () => {
      for await (const event of device.events) if (event.type === "leave") return
    })()
    victim.process.kill("SIGKILL")
    await left
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => request.request(`${i}`, { timeout: 2000, retries: 5 })),
    )
    expect(answers.map(String)).toEqual(Array.from({ length: 20 }, (_, i) => `${i} by other`))
    expect(other.process.exitCode).toBeNull()
    await request.close({ linger: 0 })
    expect(await hanging).toBe("closed")
    await device.close({ timeout: 0 })
  })
})
