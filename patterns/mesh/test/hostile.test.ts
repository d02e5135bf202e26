// Peers that send what they please: it is counted, it harms nobody, and the node goes on.

import { Dealer, type Frame, Router } from "brokerless"
import { RemoteError } from "brokerless/patterns/mesh"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readKnown, readNode, readThrown, writeThrown } from "../documents.ts"
import { json } from "../json.ts"
import { callHeader, header, numberOf, REFUSAL, TYPE, targetOf, typeOf } from "../wire.ts"
import { Nodes, sees } from "./nodes.ts"

interface Echo {
  echo(value: unknown): Promise<unknown>
}

const node = {
  id: "0".repeat(32),
  since: 1,
  version: 1,
  name: "stranger",
  endpoints: [],
  draining: false,
  services: [],
}

describe("a peer that calls", () => {
  it("reaches no method but those on offer, by whatever name", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    server.offer<Echo>("echo", { echo: (_, value) => value })
    await using peer = new Dealer({ linger: 0 })
    peer.connect(endpoint)
    const targets = [
      ["echo", "__proto__"],
      ["echo", "constructor"],
      ["echo", "toString"],
      ["__proto__", "echo"],
      ["constructor", "constructor"],
      ["hasOwnProperty", "call"],
    ] as const
    for (const [id, [service, method]] of targets.entries()) {
      await peer.send([callHeader(targetOf(service, method), id, 1000, 1, 0), "[]"])
      const [head] = await peer.receive()
      expect(typeOf(head)).toBe(TYPE.refused)
      expect(head?.readUInt32BE(4)).toBe(id)
    }
    expect(server.stats).toMatchObject({ served: 0, refused: targets.length })
  })

  it("is told when its arguments are none, and handlers see no prototype that it planted", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    const seen: unknown[] = []
    server.offer<Echo>("echo", { echo: (_, value) => void seen.push(Object.assign({}, value)) })
    await using peer = new Dealer({ linger: 0 })
    peer.connect(endpoint)
    const target = targetOf("echo", "echo")
    for (const [id, body] of ["{}", "nonsense", '"text"', ""].entries()) {
      await peer.send([callHeader(target, id, 1000, 1, 0), body])
      expect(typeOf((await peer.receive())[0])).toBe(TYPE.error)
    }
    for (const key of ["__proto__", "\\u005f_proto__"]) {
      await peer.send([callHeader(target, 9, 1000, 1, 0), `[{"${key}":{"admin":true},"a":1}]`])
      expect(typeOf((await peer.receive())[0])).toBe(TYPE.answer)
    }
    expect(seen).toEqual([{ a: 1 }, { a: 1 }])
    expect(seen.map((value) => (value as { admin?: boolean }).admin)).toEqual([undefined, undefined])
    expect(server.stats.handlerFailures).toBe(4)
  })

  it("may send any octets at all, and others are served as ever", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    server.offer<Echo>("echo", { echo: (_, value) => value })
    const client = nodes.make({ seeds: [endpoint] })
    const echo = client.service<Echo>("echo")
    await using peer = new Dealer({ linger: 0 })
    peer.connect(endpoint)
    const types = Object.values(TYPE)
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.constantFrom(...types), fc.nat(3), fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 12 }))
        .map(([type, id, number, rest]) => Buffer.concat([header(type, id, number), rest])),
      fc.json().map((text) => Buffer.from(text)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 4 }), async (message) => {
        await peer.send(message)
        while (peer.tryReceive() !== undefined);
        expect(server.health.state).toBe("up")
      }),
      { numRuns: 300 },
    )
    // All that it sent has been heard when this is answered.
    await peer.send(header(TYPE.ping, 0, 0xfade))
    for (let head = header(0); typeOf(head) !== TYPE.pong || numberOf(head) !== 0xfade; ) {
      head = (await peer.receive())[0] as Frame
    }
    expect(server.stats.invalid).toBeGreaterThan(0)
    expect(await echo.echo("still here")).toBe("still here")
  })

  it("cannot make a node keep more than it may: of calls, of credit, of itself", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound({ maxConcurrency: 3 })
    server.offer<Echo>("echo", { echo: () => new Promise(() => {}) })
    await using peer = new Dealer({ linger: 0 })
    peer.connect(endpoint)
    const target = targetOf("echo", "echo")
    for (let id = 0; id < 10; id++) await peer.send([callHeader(target, id, 60_000, 1, 0), "[]"])
    // The same id while it runs is no call.
    await peer.send([callHeader(target, 0, 60_000, 1, 0), "[]"])
    await peer.send([header(TYPE.credit, 0, 0xffff_ffff)])
    for (let refused = 0; refused < 7; refused++) expect(typeOf((await peer.receive())[0])).toBe(TYPE.refused)
    expect(server.health.services).toEqual([{ name: "echo", healthy: true, running: 3 }])
    while (server.stats.invalid === 0) await new Promise(setImmediate)
    expect(server.stats).toMatchObject({ served: 3, refused: 7, invalid: 1 })
  })

  it("introduces no more places than a node may keep, and none that it does not accept", async () => {
    await using nodes = new Nodes()
    const accepted: string[] = []
    const [server, endpoint] = await nodes.bound({
      maxNodes: 4,
      accepts: (each) => {
        accepted.push(each)
        return each.startsWith("ipc:///nowhere")
      },
    })
    await using peer = new Dealer({ linger: 0 })
    peer.connect(endpoint)
    for (let i = 0; i < 20; i++) {
      const id = i.toString(16).padStart(32, "0")
      const endpoints = [`ipc:///nowhere/${i}`, "inproc://inside", "nonsense"]
      await peer.send([header(TYPE.hello), JSON.stringify({ ...node, id, endpoints })])
    }
    while (accepted.length < 60) await new Promise(setImmediate)
    expect(server.stats.limited).toBeGreaterThan(0)
    expect(server.nodes).toEqual([])
  })
})

describe("a peer that is called", () => {
  /** A Router that answers as it likes. */
  async function stranger(nodes: Nodes, answers: (id: number) => (Frame | string)[][]) {
    const router = new Router({ linger: 0 })
    const endpoint = await router.bind("tcp://127.0.0.1:*")
    void (async () => {
      for await (const [route, head] of router) {
        if (typeOf(head) === TYPE.hello) {
          const services = [["echo", true, [["echo", false]]]]
          await router.send([route as Frame, header(TYPE.state), JSON.stringify({ ...node, services })])
        } else if (typeOf(head) === TYPE.call) {
          for (const answer of answers((head as Frame).readUInt32BE(4))) await router.send([route as Frame, ...answer])
        }
      }
    })()
    const client = nodes.make({ seeds: [endpoint] })
    await sees(client, ({ nodes: seen }) => seen.length === 1)
    return { router, client, echo: client.service<Echo>("echo", { deadline: 5000 }) }
  }

  it("cannot answer twice, nor what it was not asked", async () => {
    await using nodes = new Nodes()
    const { router, client, echo } = await stranger(nodes, (id) => [
      [header(TYPE.answer, id + 7), "0"],
      [header(TYPE.answer, id), "1"],
      [header(TYPE.answer, id), "2"],
      [header(TYPE.error, id), "{}"],
      [header(TYPE.item, id, 0), "3"],
    ])
    expect(await echo.echo(0)).toBe(1)
    expect(await echo.echo(0)).toBe(1)
    while (client.stats.late < 8) await new Promise(setImmediate)
    expect(client.stats).toMatchObject({ calls: 2, answered: 2, late: 8 })
    await router.close()
  })

  it("ends only its own call with an answer that does not decode, and with an error that is none", async () => {
    await using nodes = new Nodes()
    const bodies = ["{", "{}", '{"name":{},"message":7}']
    const { router, echo } = await stranger(nodes, (id) => {
      const body = bodies.shift() as string
      return [[header(body === "{" ? TYPE.answer : TYPE.error, id), body]]
    })
    await expect(echo.echo(0)).rejects.toThrow("does not decode")
    await expect(echo.echo(0)).rejects.toBeInstanceOf(RemoteError)
    await expect(echo.echo(0)).rejects.toMatchObject({ remoteName: "Error", remoteCode: undefined })
    await router.close()
  })

  it("cannot send more of a stream than it was given credit for, nor out of order", async () => {
    await using nodes = new Nodes()
    let flood = true
    const { router, client, echo } = await stranger(nodes, (id) =>
      flood
        ? Array.from({ length: 65 }, (_, i) => [header(TYPE.item, id, i), "1"])
        : [
            [header(TYPE.item, id, 0), "1"],
            [header(TYPE.item, id, 2), "1"],
          ],
    )
    for (const expected of [64, 1]) {
      const stream = (await echo.echo(0)) as AsyncIterator<number>
      // All has come when it has been cancelled.
      while (client.nodes[0]?.outstanding !== 0) await new Promise(setImmediate)
      for (let i = 0; i < expected; i++) expect((await stream.next()).value).toBe(1)
      await expect(stream.next()).rejects.toThrow("an item too many, or lacks one")
      flood = false
    }
    await router.close()
  })

  it("cannot have a stream that has begun made anew, by refusing it", async () => {
    await using nodes = new Nodes()
    let calls = 0
    const { router, client, echo } = await stranger(nodes, (id) => {
      calls++
      return [
        [header(TYPE.item, id, 0), "1"],
        [header(TYPE.refused, id, REFUSAL.overloaded)],
        [header(TYPE.item, id, 1), "2"],
      ]
    })
    const stream = (await echo.echo(0)) as AsyncIterator<number>
    while (client.stats.late === 0) await new Promise(setImmediate)
    expect((await stream.next()).value).toBe(1)
    await expect(stream.next()).rejects.toThrow("A stream ended in a refusal")
    expect(calls).toBe(1)
    expect(client.nodes[0]?.outstanding).toBe(0)
    await router.close()
  })
})

describe("documents", () => {
  it("are read, or are none, whatever they are; nothing throws", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets)),
      fc.json().map((text) => Buffer.from(text)),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify({ ...node, services: value }))),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify({ ...node, endpoints: value }))),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify([[node.id, value, 1, []]]))),
    )
    fc.assert(
      fc.property(anything, (frame) => {
        const read = readNode(frame)
        expect(read === undefined || read.id === node.id).toBe(true)
        for (const { endpoints } of readKnown(frame, 10) ?? []) expect(Array.isArray(endpoints)).toBe(true)
        expect(typeof readThrown(frame).message).toBe("string")
      }),
    )
  })

  it("tell of whatever is thrown", () => {
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    for (const thrown of [undefined, null, "text", 7n, Symbol("x"), {}, Object.create(null), new Error("m")]) {
      expect(readThrown(writeThrown(thrown)).name).toBe("Error")
    }
  })

  it("of JSON lose nothing but planted prototypes", () => {
    const unplanted = fc.jsonValue().filter((value) => !JSON.stringify(value).includes("__proto__"))
    fc.assert(
      fc.property(unplanted, (value) => {
        expect(json.decode(Buffer.from(json.encode(value) as string))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
    const planted = '[{"a":{"__proto__":{"b":1},"c":[{"__proto__":0}]}}]'
    expect(json.encode(json.decode(Buffer.from(planted)))).toBe('[{"a":{"c":[{}]}}]')
    expect(() => json.encode(() => 1)).toThrow("function")
  })
})
