// Servers that are killed, one after the other, while requests are made without pause.

import { once } from "node:events"
import { json } from "brokerless/codec"
import { FreelanceClient, ReliableRequest } from "brokerless/patterns/reliable-request"
import { describe, expect, it } from "vitest"
import { Meeting } from "../../../test/support/meeting.ts"
import { Program } from "../../../test/support/program.ts"
import type { Said } from "./programs/server.ts"

const SERVER = "../../patterns/reliable-request/test/programs/server"
const codec = json<string>()
const socket = { reconnectInterval: 20, reconnectMaxInterval: 100 }

interface Asking {
  request(value: string): Promise<string>
  close(): Promise<void>
}

const CLIENTS: Readonly<Record<string, (endpoints: readonly string[]) => Asking>> = {
  failover: (endpoints) => new ReliableRequest({ codec, endpoints, timeout: 5000, retries: 10, socket }),
  shotgun: (endpoints) =>
    new ReliableRequest({ codec, endpoints, strategy: "shotgun", timeout: 5000, retries: 10, socket }),
  freelance: (endpoints) => {
    const client = new FreelanceClient({ codec, timeout: 5000, retries: 10, socket })
    for (const endpoint of endpoints) client.connect(endpoint)
    return client
  },
}

describe.each(Object.entries(CLIENTS))("killed, %s", (name, make) => {
  it("servers: every request is answered while one of them is left", async () => {
    await using meeting = new Meeting()
    const endpoints = [await meeting.vacant("ipc"), await meeting.vacant("ipc")]
    const kind = name === "freelance" ? "freelance" : "reply"
    const start = (i: number): Program<Said> => new Program<Said>(SERVER, kind, endpoints[i % 2] as string, `${i}`)
    const client = make(endpoints)
    let done = false
    let answered = 0
    const asking = [1, 2, 3, 4].map(async (who) => {
      for (let i = 0; !done; i++) {
        expect(await client.request(`${who}.${i}`)).toMatch(`${who}.${i} by `)
        answered++
      }
    })
    let living = start(0)
    expect(await living.next()).toBe("ready")
    for (let life = 1; life <= 3; life++) {
      // It has been asked, and another one stands, when it is killed.
      expect(await living.next()).toBe("asked")
      const next = start(life)
      expect(await next.next()).toBe("ready")
      const ended = once(living.process, "exit")
      living.process.kill("SIGKILL")
      await ended
      living = next
    }
    expect(await living.next()).toBe("asked")
    done = true
    await Promise.all(asking)
    expect(answered).toBeGreaterThan(0)
    await client.close()
    await living[Symbol.asyncDispose]()
  })
})
