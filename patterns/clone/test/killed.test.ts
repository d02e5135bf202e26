// Processes that are killed in the middle: the server that serves, and a client that writes. They have to be built:
// `npm run build && npm run build:programs`.

import { once } from "node:events"
import { describe, expect, it } from "vitest"
import { Program } from "../../../test/support/program.ts"
import { until } from "../../../test/support/until.ts"
import { vacant } from "./relay.ts"
import { Stage, tableOf } from "./stage.ts"

const PROGRAMS = "../../patterns/clone/test/programs"
/** Longer than a server that goes on may be without a processor. */
const PATIENT = { serverTimeout: 2500 }

async function kill(program: Program<unknown>): Promise<void> {
  const ended = once(program.process, "exit")
  program.process.kill("SIGKILL")
  await ended
}

describe("when a process is killed", () => {
  it("that serves: the backup has what it acknowledged, the very last at most excepted, and all agree", async () => {
    await using stage = new Stage()
    const at = [await vacant(), await vacant()] as const
    await using primary = new Program<string>(`${PROGRAMS}/server`, at[0], "primary", at[1])
    await using backup = new Program<string>(`${PROGRAMS}/server`, at[1], "backup", at[0])
    expect(await primary.next()).toBe(at[0])
    expect(await backup.next()).toBe(at[1])
    expect(await primary.next()).toBe("active")
    expect(await backup.next()).toBe("passive")
    const [writer, reader] = [await stage.follower(at, PATIENT), await stage.follower(at, PATIENT)]
    const acknowledged: string[] = []
    let killed: Promise<void> | undefined
    // Changes go on all the time, through the death of the server and to the other one.
    for (let i = 0; i < 400; i++) {
      if (i === 200) killed = kill(primary)
      const key = `key/${i}`
      await writer.set(key, i, { timeout: -1 })
      acknowledged.push(key)
    }
    await killed
    expect(await backup.next()).toBe("active")
    // Publishing to a client and to the backup are two writes: death may come between them.
    expect(acknowledged.filter((key) => !writer.has(key)).length).toBeLessThanOrEqual(1)
    await until(() => reader.synchronized && reader.has("key/399"), "the reader has found the backup")
    expect(tableOf(reader)).toEqual(tableOf(writer))
    expect([writer.endpoint, reader.endpoint]).toEqual([at[1], at[1]])
    // The one that was killed comes back, copies, and takes over when the other is killed.
    await using again = new Program<string>(`${PROGRAMS}/server`, at[0], "primary", at[1])
    expect(await again.next()).toBe(at[0])
    expect(await again.next()).toBe("passive")
    await kill(backup)
    expect(await again.next()).toBe("active")
    await writer.set("last", 1, { timeout: -1 })
    await until(() => reader.has("last"), "the reader is back as well")
    expect(reader.size).toBeGreaterThanOrEqual(400)
    expect(tableOf(reader)).toEqual(tableOf(writer))
  })

  it("or stopped while it serves, and goes on: one of the two serves, and everybody has what it has", async () => {
    await using stage = new Stage()
    const at = [await vacant(), await vacant()] as const
    await using primary = new Program<string>(`${PROGRAMS}/server`, at[0], "primary", at[1])
    await using backup = new Program<string>(`${PROGRAMS}/server`, at[1], "backup", at[0])
    expect(await primary.next()).toBe(at[0])
    expect(await backup.next()).toBe(at[1])
    expect(await primary.next()).toBe("active")
    expect(await backup.next()).toBe("passive")
    const clients = [await stage.follower(at, PATIENT), await stage.follower(at, PATIENT)] as const
    const [writer, reader] = clients
    let written = 0
    const write = async (count: number): Promise<void> => {
      for (const end = written + count; written < end; written++) await writer.set("n", written, { timeout: -1 })
    }
    await write(50)
    for (const [victim, other] of [
      [primary, backup],
      [backup, primary],
    ] as const) {
      victim.process.kill("SIGSTOP")
      expect(await other.next()).toBe("active")
      await write(50)
      victim.process.kill("SIGCONT")
      expect(await victim.next()).toBe("passive")
      await write(50)
    }
    await until(() => reader.synchronized && reader.get("n") === written - 1, "the reader has the last value")
    expect(tableOf(reader)).toEqual(tableOf(writer))
    expect([writer.endpoint, reader.endpoint]).toEqual([at[0], at[0]])
  })

  it("that writes: what it kept alive ends, for everybody", async () => {
    await using stage = new Stage()
    const endpoint = await stage.server().bind("tcp://127.0.0.1:*")
    const reader = await stage.follower([endpoint])
    await using writer = new Program<number>(`${PROGRAMS}/writer`, endpoint)
    while ((await writer.next()) < 20);
    expect(reader.get("alive")).toBeGreaterThanOrEqual(19)
    const gone = reader.events.once("delete")
    await kill(writer)
    expect((await gone).key).toBe("alive")
    expect(reader.size).toBe(0)
  })
})
