// Two servers: who of them serves. First the rules one by one, then two of them with clients.

import { CloneServer } from "brokerless/patterns/clone"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Meeting } from "../../../test/support/meeting.ts"
import { until } from "../../../test/support/until.ts"
import { next, type Situation } from "../pair.ts"
import { Stage, tableOf } from "./stage.ts"

const situation = (given: Partial<Situation>): Situation => ({
  role: "backup",
  state: "starting",
  peer: undefined,
  silent: false,
  mirrored: false,
  asked: false,
  ...given,
})

const anySituation = fc.record<Situation>({
  role: fc.constantFrom("primary", "backup"),
  state: fc.constantFrom("starting", "passive", "active"),
  peer: fc.constantFrom(undefined, "starting", "passive", "active"),
  silent: fc.boolean(),
  mirrored: fc.boolean(),
  asked: fc.boolean(),
})

describe("a server of a pair", () => {
  it("never begins to serve while the other does, nor on silence alone if it is the backup", () => {
    fc.assert(
      fc.property(anySituation, (s) => {
        if (s.state === "active" || next(s) !== "active") return
        expect(s.peer).not.toBe("active")
        if (s.role === "backup" && s.peer === undefined) expect([s.silent, s.asked]).toEqual([true, true])
      }),
    )
    expect(next(situation({ silent: true }))).toBe("starting")
    expect(next(situation({ silent: true, state: "passive" }))).toBe("passive")
  })

  it("stops serving only for the primary that serves, too", () => {
    fc.assert(
      fc.property(anySituation, (s) => {
        const stops = s.state === "active" && next(s) !== "active"
        expect(stops).toBe(s.state === "active" && s.role === "backup" && s.peer === "active")
      }),
    )
  })

  it("serves when the other has begun anew and has nothing, and waits when the other has it", () => {
    expect(next(situation({ state: "passive", peer: "starting", mirrored: true }))).toBe("active")
    expect(next(situation({ role: "primary", peer: "passive" }))).toBe("starting")
    expect(next(situation({ role: "primary", peer: "starting" }))).toBe("active")
    expect(next(situation({ peer: "starting" }))).toBe("starting")
    expect(next(situation({ peer: "active", mirrored: true }))).toBe("passive")
  })
})

async function pair(stage: Stage) {
  await using meeting = new Meeting()
  const at = [await free(meeting), await free(meeting)] as const
  const primary = (): CloneServer => stage.server({ peer: at[1] })
  const backup = (): CloneServer => stage.server({ peer: at[0], role: "backup" })
  return { at, primary, backup }
}

/** An endpoint with two free ones behind it. */
async function free(meeting: Meeting): Promise<string> {
  const server = new CloneServer()
  try {
    return await server.bind(await meeting.wildcard())
  } finally {
    await server.close()
  }
}

describe("two servers", () => {
  it("have one table: the backup copies, takes over when the primary is gone, and the primary copies then", async () => {
    await using stage = new Stage()
    const { at, primary, backup } = await pair(stage)
    const first = primary()
    const second = backup()
    await Promise.all([first.bind(at[0]), second.bind(at[1])])
    const client = await stage.follower(at)
    expect([first.state, client.endpoint]).toEqual(["active", at[0]])
    await client.set("a", 1)
    await client.set("brief", 1, { ttl: 1000 })
    await until(() => second.state === "passive" && String(second.get("a")) === "1", "the backup has a copy")
    const takesOver = second.events.once("state")
    await first.close()
    const setting = client.set("b", 2)
    expect(await takesOver).toMatchObject({ state: "active", former: "passive" })
    await setting
    expect(client.endpoint).toBe(at[1])
    await until(() => client.size === 2, "the end of a value is known to the backup")
    expect(tableOf(client)).toEqual({ a: 1, b: 2 })
    // The primary comes back, and does not take over: it copies.
    const again = primary()
    await again.bind(at[0])
    await until(() => again.state === "passive", "the primary has a copy")
    expect([String(again.get("b")), second.state, client.endpoint]).toEqual(["2", "active", at[1]])
    await client.set("c", 3)
    const late = await stage.follower(at)
    expect(tableOf(late)).toEqual({ a: 1, b: 2, c: 3 })
    expect(late.endpoint).toBe(at[1])
  })

  it("lose nothing when the primary begins anew before anybody has missed it", async () => {
    await using stage = new Stage()
    const { at, primary, backup } = await pair(stage)
    const first = primary()
    const second = backup()
    await Promise.all([first.bind(at[0]), second.bind(at[1])])
    const client = await stage.follower(at)
    await client.set("a", 1)
    await until(() => second.state === "passive" && String(second.get("a")) === "1", "the backup has a copy")
    await first.close()
    const again = primary()
    await again.bind(at[0])
    await until(() => second.state === "active" && again.state === "passive", "the one that has the table serves")
    await client.set("b", 2)
    expect(tableOf(client)).toEqual({ a: 1, b: 2 })
  })

  it("that have both served without knowing of each other: the backup yields, and says what is lost", async () => {
    await using stage = new Stage()
    const { at, primary, backup } = await pair(stage)
    const second = backup()
    await second.bind(at[1])
    const lonely = await stage.follower([at[1]])
    await lonely.set("of the backup", 1)
    // A primary that knows of nobody, as behind a wall; then the wall falls.
    const alone = stage.server()
    const elsewhere = await alone.bind("tcp://127.0.0.1:*")
    const client = await stage.follower([elsewhere])
    await client.set("of the primary", 1)
    await alone.close()
    const yielded = second.events.once("yielded")
    const first = new CloneServer({ heartbeatInterval: 100 })
    stage.use(first)
    await first.bind(at[0])
    expect(await yielded).toMatchObject({ updates: 1 })
    await until(() => second.state === "passive", "the backup copies")
    expect([...second.keys()]).toEqual([])
    expect(primary).toBeTypeOf("function")
  })

  it("of the same role are told of it", async () => {
    await using stage = new Stage()
    const { at } = await pair(stage)
    const servers = [stage.server({ peer: at[1] }), stage.server({ peer: at[0] })] as const
    const told = servers[0].events.once("misconfigured")
    await Promise.all([servers[0].bind(at[0]), servers[1].bind(at[1])])
    expect((await told).role).toBe("primary")
  })
})
