// One server and its clients: snapshots, updates, subtrees, ends of life, bounds.

import { CodecError, MessageError, OptionError, StateError, TimeoutError } from "brokerless"
import { json } from "brokerless/codec"
import { type CloneChange, CloneClient, CloneServer } from "brokerless/patterns/clone"
import { describe, expect, it } from "vitest"
import { LOOPBACK } from "../../../test/support/loopback.ts"
import { turns } from "../../../test/support/sockets.ts"
import { slowIntervals } from "../../../test/support/stopped-clock.ts"
import { until } from "../../../test/support/until.ts"
import { Stage, tableOf } from "./stage.ts"

describe("a table", () => {
  it("is the same for who sets, who follows, and who comes later", async () => {
    await using stage = new Stage()
    const server = stage.server()
    const endpoint = await server.bind("tcp://127.0.0.1:*")
    const writer = await stage.follower([endpoint])
    const reader = await stage.follower([endpoint])
    await writer.set("a", 1)
    expect(writer.get("a")).toBe(1)
    await Promise.all([writer.set("b", 2), writer.set("a", 3), writer.set("c", 4)])
    await writer.delete("c")
    await until(() => reader.size === 2 && reader.get("a") === 3, "the reader has all")
    const late = await stage.follower([endpoint])
    for (const client of [writer, reader, late]) expect(tableOf(client)).toEqual({ a: 3, b: 2 })
    expect([late.has("c"), late.size, [...late.keys()].sort()]).toEqual([false, 2, ["a", "b"]])
    expect(server.stats).toMatchObject({ keys: 2, sequence: 5, updates: 5, snapshots: 3, refused: 0, invalid: 0 })
    expect(String(server.get("a"))).toBe("3")
  })

  it.each(["ipc://*", "inproc://clone-server"])("is served at %s, too", async (wildcard) => {
    await using stage = new Stage()
    const endpoint = await stage.server().bind(wildcard)
    const writer = await stage.follower([endpoint])
    await writer.set("a", 1)
    expect(tableOf(await stage.follower([endpoint]))).toEqual({ a: 1 })
  })

  it("of many keys arrives whole, however it changes meanwhile", async () => {
    await using stage = new Stage()
    const endpoint = await stage.server().bind("tcp://127.0.0.1:*")
    const writer = await stage.follower([endpoint], { maxPending: 10_000 })
    await Promise.all(Array.from({ length: 5000 }, (_, i) => writer.set(`key/${i}`, i)))
    const late = stage.client([endpoint])
    const changing = Promise.all(
      Array.from({ length: 2000 }, (_, i) => (i % 2 ? writer.delete(`key/${i}`) : writer.set(`key/${i}`, -i))),
    )
    await late.ready()
    await changing
    await until(() => late.size === 4000 && late.get("key/1998") === -1998, "all has arrived")
    expect(tableOf(late)).toEqual(tableOf(writer))
  })

  it("is waited for no longer than said", async () => {
    await using stage = new Stage()
    const client = stage.client(["tcp://127.0.0.1:9"])
    await expect(client.ready({ timeout: 20 })).rejects.toThrow(TimeoutError)
    const controller = new AbortController()
    const waiting = client.ready({ signal: controller.signal })
    controller.abort(new Error("enough"))
    await expect(waiting).rejects.toMatchObject({ code: "ABORT_ERR", cause: new Error("enough") })
    const closing = client.ready()
    await Promise.all([expect(closing).rejects.toMatchObject({ code: "EBADF" }), client.close()])
  })
})

describe("a subtree", () => {
  it("is all that a client gets, and all that it may change", async () => {
    await using stage = new Stage()
    const endpoint = await stage.server().bind("tcp://127.0.0.1:*")
    const all = await stage.follower([endpoint])
    await all.set("/a/1", 1)
    await all.set("/b/1", 2)
    const part = await stage.follower([endpoint], { subtree: "/a/" })
    expect(tableOf(part)).toEqual({ "/a/1": 1 })
    await all.set("/b/2", 3)
    await all.set("HUGZ of a kind", 3)
    await part.set("/a/2", 4)
    expect(tableOf(part)).toEqual({ "/a/1": 1, "/a/2": 4 })
    expect(Object.fromEntries(all.entries("/b/"))).toEqual({ "/b/1": 2, "/b/2": 3 })
    await expect(part.set("/b/1", 5)).rejects.toThrow(OptionError)
    await expect(part.delete("a")).rejects.toThrow(/not below/)
  })
})

describe("changes", () => {
  it("are told as events, with what was there before", async () => {
    await using stage = new Stage()
    const endpoint = await stage.server().bind("tcp://127.0.0.1:*")
    const client = await stage.follower([endpoint])
    const told: unknown[] = []
    client.events.on("update", ({ key, value, former }) => told.push([key, value, former]))
    client.events.on("delete", ({ key, former }) => told.push([key, "gone", former]))
    await client.set("a", 1)
    await client.set("a", 2)
    await client.set("a", 2)
    await client.delete("a")
    await client.delete("a")
    expect(told).toEqual([
      ["a", 1, undefined],
      ["a", 2, 1],
      ["a", "gone", 2],
    ])
  })

  it("reach a loop that is slow as the newest of each key, and none that came and went", async () => {
    await using stage = new Stage()
    const endpoint = await stage.server().bind("tcp://127.0.0.1:*")
    const client = await stage.follower([endpoint])
    await client.set("old", 0)
    const changes = client.changes()
    for (let i = 0; i < 20; i++) await client.set("counter", i)
    await client.set("brief", 1)
    await client.delete("brief")
    await client.delete("old")
    const seen: CloneChange<number>[] = []
    for await (const change of changes) {
      seen.push(change)
      if (change.type === "delete") break
    }
    expect(seen).toEqual([
      { type: "update", key: "counter", value: 19 },
      { type: "delete", key: "old" },
    ])
    const waiting = client.changes()
    const next = waiting.next()
    await client.set("counter", 20)
    expect((await next).value).toEqual({ type: "update", key: "counter", value: 20 })
    const last = waiting.next()
    await client.close()
    expect((await last).done).toBe(true)
    expect((await client.changes().next()).done).toBe(true)
  })
})

describe("a value with an end", () => {
  it("is deleted everywhere when its time has come, unless it is set again", async () => {
    await using stage = new Stage()
    const server = stage.server()
    const endpoint = await server.bind("tcp://127.0.0.1:*")
    const client = await stage.follower([endpoint])
    const other = await stage.follower([endpoint])
    const gone: string[] = []
    other.events.on("delete", ({ key }) => gone.push(key))
    await Promise.all([client.set("a", 1, { ttl: 1 }), client.set("b", 1, { ttl: 1000 }), client.set("c", 1)])
    await client.set("d", 1, { ttl: 1000 })
    await client.set("d", 2)
    await until(() => gone.length === 2, "two are gone")
    expect(gone.sort()).toEqual(["a", "b"])
    await until(() => client.size === 2, "for the other, too")
    expect(tableOf(client)).toEqual({ c: 1, d: 2 })
    expect(server.stats).toMatchObject({ expired: 2, keys: 2 })
  })
})

describe("bounds", () => {
  it("of a server refuse what does not fit, and leave what is there", async () => {
    await using stage = new Stage()
    const server = stage.server({ maxKeys: 2, maxValueBytes: 100, maxBytes: 400 })
    const endpoint = await server.bind("tcp://127.0.0.1:*")
    const client = await stage.follower<string>([endpoint], { timeout: 300 })
    const refused: string[] = []
    server.events.on("refused", ({ key, limit }) => refused.push(`${key} ${limit}`))
    await client.set("a", "1")
    await client.set("b", "2")
    await expect(client.set("c", "3")).rejects.toThrow(TimeoutError)
    await expect(client.set("a", "x".repeat(200))).rejects.toThrow(TimeoutError)
    await client.set("a", "x".repeat(90))
    await expect(client.set("b", "x".repeat(90))).rejects.toThrow(TimeoutError)
    expect(refused).toEqual(["c keys", "a value-size", "b bytes"])
    expect(tableOf(client)).toEqual({ a: "x".repeat(90), b: "2" })
    await client.delete("a")
    await client.set("b", "x".repeat(90))
    expect(server.stats.bytes).toBe(1 + 92 + 128)
  })

  it("of a client leave out what does not fit, and say so", async () => {
    await using stage = new Stage()
    const endpoint = await stage.server().bind("tcp://127.0.0.1:*")
    const writer = await stage.follower([endpoint])
    const small = stage.client([endpoint], { maxKeys: 2 })
    const refused: string[] = []
    small.events.on("refused", ({ key, limit }) => refused.push(`${key} ${limit}`))
    await small.ready()
    for (const [i, key] of ["a", "b", "c"].entries()) await writer.set(key, i)
    await until(() => refused.length === 1, "one is too many")
    expect(refused).toEqual(["c maxKeys"])
    expect(tableOf(small)).toEqual({ a: 0, b: 1 })
    await writer.delete("a")
    await writer.set("d", 3)
    await until(() => small.has("d"), "there is room again")
  })

  it("of changes on their way refuse the next one", async () => {
    await using stage = new Stage()
    const client = stage.client(["tcp://127.0.0.1:9"], { maxPending: 1 })
    const first = client.set("a", 1)
    first.catch(() => {})
    await expect(client.set("b", 2)).rejects.toThrow(StateError)
    await client.close({ linger: 0 })
    await expect(first).rejects.toMatchObject({ code: "EBADF" })
  })
})

describe("a client", () => {
  it("waits for its changes when it is closed", async () => {
    await using stage = new Stage()
    const server = stage.server()
    const endpoint = await server.bind("tcp://127.0.0.1:*")
    const client = await stage.follower([endpoint])
    const changes = Array.from({ length: 50 }, (_, i) => client.set("a", i))
    await client.close({ linger: 60_000 })
    await Promise.all(changes)
    expect(String(server.get("a"))).toBe("49")
    await expect(client.set("a", 1)).rejects.toMatchObject({ code: "EBADF" })
    expect(client.get("a")).toBe(49)
  })

  it("ends a wait by its signal or its time, and is none the worse", async () => {
    await using stage = new Stage()
    const client = stage.client(["tcp://127.0.0.1:9"])
    await expect(client.set("a", 1, { timeout: 10 })).rejects.toThrow(TimeoutError)
    const controller = new AbortController()
    const waiting = client.set("a", 1, { signal: controller.signal })
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: "ABORT_ERR" })
    await expect(client.delete("a", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORT_ERR" })
    expect(client.stats.pending).toBe(0)
  })

  it("does not show a value that does not decode, and keeps all others", async () => {
    await using stage = new Stage()
    const endpoint = await stage.server().bind("tcp://127.0.0.1:*")
    const text = await stage.follower<string>([endpoint], {
      codec: { encode: (value) => value, decode: (frame) => frame.toString() },
    })
    const numbers = await stage.follower([endpoint])
    await text.set("a", "1")
    await text.set("b", "2")
    await until(() => numbers.size === 2, "both are there")
    const invalid = numbers.events.once("invalid")
    await text.set("a", "{")
    expect(await invalid).toMatchObject({ key: "a", error: expect.any(CodecError) })
    expect(tableOf(numbers)).toEqual({ b: 2 })
    await expect(text.set("c", "")).rejects.toThrow(MessageError)
  })

  it("does not take its server for silent before it has read what came while it stood still", async () => {
    const fire = slowIntervals()
    await using stage = new Stage()
    const endpoint = await stage.server().bind("tcp://127.0.0.1:*")
    const client = await stage.follower([endpoint], { serverTimeout: 4000 })
    fire(5000)
    fire(500)
    await turns(50)
    await client.set("a", 1)
    expect(client.stats).toMatchObject({ lost: 0, snapshots: 1 })
  })

  it("begins anew when its server does, and loses what that has lost", async () => {
    await using stage = new Stage()
    const first = stage.server()
    const endpoint = await first.bind(`tcp://${LOOPBACK}:*`)
    const client = await stage.follower([endpoint])
    await client.set("a", 1)
    const lost = client.events.once("lost")
    await first.close()
    expect(await lost).toEqual({ type: "lost", endpoint, reason: "connection" })
    expect([client.synchronized, client.get("a")]).toEqual([false, 1])
    const setting = client.set("b", 2)
    await stage.server().bind(endpoint)
    await setting
    expect(tableOf(client)).toEqual({ b: 2 })
    expect(client.stats).toMatchObject({ snapshots: 2, pending: 0 })
  })
})

describe("what is given wrongly", () => {
  it("is refused at once, by its name", async () => {
    expect(() => new CloneServer({ maxKeys: 0 })).toThrow(OptionError)
    expect(() => new CloneServer({ role: "third" as never })).toThrow(/"primary", "backup"/)
    expect(() => new CloneServer({ peer: "tcp://host" })).toThrow(/three ports/)
    expect(() => new CloneClient({} as never)).toThrow(/codec/)
    expect(() => new CloneClient({ codec: json<number>(), subtree: "a/" })).toThrow(/slash/)
    await using client = new CloneClient({ codec: json<number>() })
    expect(() => client.connect()).toThrow(OptionError)
    expect(() => client.connect("tcp://127.0.0.1:65534")).toThrow(/three ports/)
    client.connect("inproc://no-server-of-any-kind")
    expect(() => client.connect("inproc://another")).toThrow(StateError)
    for (const key of ["", "HUGZ", "KTHXBAI", "x".repeat(1025), "\ud800", 7 as never]) {
      await expect(client.set(key, 1)).rejects.toThrow(OptionError)
    }
    for (const ttl of [0, -1, Number.NaN, 1e15]) await expect(client.set("a", 1, { ttl })).rejects.toThrow(/ttl/)
    await expect(client.set("a", undefined as never)).rejects.toThrow(CodecError)
    await expect(client.set("a", 1, { timeout: 1.5 })).rejects.toThrow(/timeout/)
    await using server = new CloneServer()
    await expect(server.bind("tcp://127.0.0.1:65534")).rejects.toThrow(/three ports/)
    await server.bind("inproc://a-server-of-some-kind")
    await expect(server.bind("inproc://another")).rejects.toThrow(StateError)
    await server.close()
    await expect(server.bind("inproc://another")).rejects.toMatchObject({ code: "EBADF" })
  })
})
