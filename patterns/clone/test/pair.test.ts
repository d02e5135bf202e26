// Two servers: who of them serves. First the rules one by one, then two of them with clients.

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { turns } from "../../../test/support/sockets.ts"
import { slowIntervals } from "../../../test/support/stopped-clock.ts"
import { until } from "../../../test/support/until.ts"
import { next, type Situation } from "../pair.ts"
import { Relay, vacant } from "./relay.ts"
import { Stage, tableOf } from "./stage.ts"

const situation = (given: Partial<Situation>): Situation => ({
  role: "backup",
  state: "starting",
  peer: undefined,
  mirrored: false,
  asked: false,
  ...given,
})

const anySituation = fc.record<Situation>({
  role: fc.constantFrom("primary", "backup"),
  state: fc.constantFrom("starting", "passive", "active"),
  peer: fc.constantFrom(undefined, "silent", "starting", "passive", "active"),
  mirrored: fc.boolean(),
  asked: fc.boolean(),
})

describe("a server of a pair", () => {
  it("never begins to serve while the other does, nor on silence alone if it is the backup", () => {
    fc.assert(
      fc.property(anySituation, (s) => {
        if (s.state === "active" || next(s) !== "active") return
        expect(s.peer).not.toBe("active")
        expect(s.peer).toBeDefined()
        if (s.role === "backup" && s.peer === "silent") expect(s.asked).toBe(true)
      }),
    )
    expect(next(situation({ peer: "silent" }))).toBe("starting")
    expect(next(situation({ peer: "silent", state: "passive" }))).toBe("passive")
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

/** Longer than this process may be without a processor: a server that stood still for as long serves no more. */
const FAILOVER = 2500

async function pair(stage: Stage) {
  const at = [await vacant(), await vacant()] as const
  return {
    at,
    primary: () => stage.server({ peer: at[1], failoverTimeout: FAILOVER }),
    backup: () => stage.server({ peer: at[0], role: "backup", failoverTimeout: FAILOVER }),
  }
}

describe("two servers", () => {
  it("have one table: the backup copies, takes over when the primary is gone, and is copied then", async () => {
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
    // Each looks for the other where nobody is until the relays open.
    const [toPrimary, toBackup] = [await vacant(), await vacant()]
    const primary = stage.server({ peer: toBackup, failoverTimeout: FAILOVER })
    const backup = stage.server({ peer: toPrimary, role: "backup", failoverTimeout: FAILOVER })
    const at = [await primary.bind("tcp://127.0.0.1:*"), await backup.bind("tcp://127.0.0.1:*")] as const
    const left = await stage.follower([at[0], at[1]])
    const right = await stage.follower([at[1], at[0]])
    await Promise.all([left.set("left", 1), right.set("right", 1), right.set("right", 2)])
    expect([primary.state, backup.state]).toEqual(["active", "active"])
    expect([tableOf(left), tableOf(right)]).toEqual([{ left: 1 }, { right: 2 }])
    const yielded = backup.events.once("yielded")
    const relays = [stage.use(await Relay.open(toPrimary, at[0])), stage.use(await Relay.open(toBackup, at[1]))]
    expect(await yielded).toMatchObject({ updates: 2 })
    await until(() => backup.state === "passive", "the backup copies")
    expect([primary.state, [...backup.keys()]]).toEqual(["active", ["left"]])
    await until(() => right.has("left"), "its clients find the primary")
    expect([right.endpoint, tableOf(right)]).toEqual([at[0], { left: 1 }])
    expect(relays).toHaveLength(2)
  })

  it("do not take each other for silent before they have read what came while they stood still", async () => {
    const fire = slowIntervals()
    await using stage = new Stage()
    const { at } = await pair(stage)
    const times = { heartbeatInterval: 1000, failoverTimeout: 4000 }
    const first = stage.server({ peer: at[1], ...times })
    const second = stage.server({ peer: at[0], role: "backup", ...times })
    await Promise.all([first.bind(at[0]), second.bind(at[1])])
    const meeting = first.events.once("state")
    await stage.follower([at[0]])
    await meeting
    while (second.state !== "passive") {
      fire(1000)
      await turns()
    }
    // It would take over for this one.
    stage.client([at[1]])
    await until(() => second.stats.waiting > 0, "the backup is asked")
    const states: string[] = []
    second.events.on("state", ({ state }) => states.push(state))
    fire(2700)
    fire(1400)
    await turns(50)
    expect(states).toEqual([])
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
