// Nodes found by name: with a resolver of the test's own, and with that of Node.js asking a server of the test's own.

import { createSocket, type Socket } from "node:dgram"
import { Resolver } from "node:dns/promises"
import { once } from "node:events"
import type { MeshResolver } from "brokerless/patterns/mesh"
import { describe, expect, it } from "vitest"
import { LOOPBACK } from "../../../test/support/loopback.ts"
import { Nodes, names, sees } from "./nodes.ts"

interface Who {
  name(): Promise<string>
}

function portOf(endpoint: string): number {
  return Number(endpoint.split(":").at(-1))
}

const nothing: MeshResolver = {
  resolve4: () => Promise.reject(new Error("no such name")),
  resolve6: () => Promise.reject(new Error("no such name")),
  resolveSrv: () => Promise.reject(new Error("no such name")),
}

describe("names", () => {
  it("are looked up again and again, and nodes join and leave with their records", async () => {
    await using nodes = new Nodes()
    const [, one] = await nodes.bound({ name: "one" })
    const [two, atTwo] = await nodes.bound({ name: "two" })
    let records = [{ name: "node", port: portOf(one) }]
    const client = nodes.make({
      dns: [{ name: "_mesh._tcp.test", type: "SRV", interval: 10 }],
      resolver: { ...nothing, resolve4: async () => [LOOPBACK], resolveSrv: async () => records },
    })
    await sees(client, names("one"))
    records = [...records, { name: "node", port: portOf(atTwo) }]
    await sees(client, names("one", "two"))
    await two.close()
    await sees(client, names("one"))
    expect(client.settled).toBe(true)
  })

  it("that are being looked up are waited for, before nobody is said to offer anything", async () => {
    await using nodes = new Nodes()
    const [one, endpoint] = await nodes.bound({ name: "one" })
    one.offer<Who>("who", { name: () => "one" })
    let answer = (_: string[]): void => {}
    const resolve4 = (): Promise<string[]> => new Promise((resolve) => (answer = resolve))
    const client = nodes.make({
      dns: [{ name: "nodes.test", type: "A", port: portOf(endpoint) }],
      resolver: { ...nothing, resolve4 },
    })
    const call = client.service<Who>("who").name()
    answer([LOOPBACK])
    expect(await call).toBe("one")
    await expect(client.service<Who>("whom").name()).rejects.toThrow("nobody offers this")
  })

  it("that cannot be looked up are told of, and what was found stays", async () => {
    await using nodes = new Nodes()
    const [, endpoint] = await nodes.bound({ name: "one" })
    let works = false
    const client = nodes.make({
      dns: [{ name: "nodes.test", type: "A", port: portOf(endpoint), interval: 10 }],
      resolver: { ...nothing, resolve4: async (name) => (works ? [LOOPBACK] : nothing.resolve4(name)) },
    })
    const failed = await client.events.once("dns:error")
    expect(failed).toMatchObject({ name: "nodes.test", error: { message: "no such name" } })
    works = true
    await sees(client, names("one"))
    works = false
    await client.events.once("dns:error")
    expect(client.nodes.map(({ name }) => name)).toEqual(["one"])
  })

  it("that bring no endpoint bring nobody", async () => {
    await using nodes = new Nodes()
    const client = nodes.make({
      dns: [{ name: "nodes.test", type: "AAAA", port: 1 }],
      resolver: { ...nothing, resolve6: async () => ["no address at all"] },
    })
    await sees(client, ({ settled }) => settled)
    expect(client.stats.invalid).toBe(1)
    await expect(client.service<Who>("who").name()).rejects.toThrow("nobody offers this")
  })

  it("are understood as a real server gives them: A, and SRV with the addresses of its targets", async () => {
    await using nodes = new Nodes()
    const [one, atOne] = await nodes.bound({ name: "one" })
    one.offer<Who>("who", { name: () => "one" })
    await using server = await DnsServer.start(portOf(atOne))
    const resolver = new Resolver({ timeout: 2000 })
    resolver.setServers([`127.0.0.1:${server.port}`])
    const byAddress = nodes.make({
      dns: [{ name: "nodes.mesh.test", type: "A", port: portOf(atOne) }],
      resolver,
    })
    await sees(byAddress, names("one"))
    expect(await byAddress.service<Who>("who").name()).toBe("one")
    const byService = nodes.make({ dns: [{ name: "_mesh._tcp.mesh.test", type: "SRV" }], resolver })
    await sees(byService, names("one"))
    expect(await byService.service<Who>("who").name()).toBe("one")
    expect(new Set(server.asked)).toEqual(
      new Set(["A nodes.mesh.test", "SRV _mesh._tcp.mesh.test", "A node-0.mesh.test"]),
    )
  })
})

/** Answers A with the address at which tests listen, and SRV with one target at a port (RFC 1035, RFC 2782). */
class DnsServer implements AsyncDisposable {
  readonly asked: string[] = []
  readonly #socket: Socket

  static async start(target: number): Promise<DnsServer> {
    const socket = createSocket("udp4")
    socket.bind(0, "127.0.0.1")
    await once(socket, "listening")
    return new DnsServer(socket, target)
  }

  private constructor(socket: Socket, target: number) {
    this.#socket = socket
    socket.on("message", (query, { port, address }) => socket.send(this.#answer(query, target), port, address))
  }

  get port(): number {
    return this.#socket.address().port
  }

  #answer(query: Buffer, target: number): Buffer {
    const labels: string[] = []
    let at = 12
    for (let length = query[at] as number; length > 0; length = query[at] as number) {
      labels.push(query.toString("latin1", at + 1, at + 1 + length))
      at += 1 + length
    }
    const end = at + 5
    const type = query.readUInt16BE(at + 1)
    this.asked.push(`${type === 33 ? "SRV" : type === 1 ? "A" : type} ${labels.join(".")}`)
    const data =
      type === 33
        ? Buffer.concat([Buffer.from([0, 0, 0, 0, target >> 8, target & 0xff]), toName("node-0.mesh.test")])
        : Buffer.from(LOOPBACK.split(".").map(Number))
    const head = Buffer.from(query.subarray(0, 12))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(1, 6)
    head.writeUInt32BE(0, 8)
    const record = Buffer.alloc(12)
    record.writeUInt16BE(0xc00c, 0)
    record.writeUInt16BE(type, 2)
    record.writeUInt16BE(1, 4)
    record.writeUInt32BE(1, 6)
    record.writeUInt16BE(data.length, 10)
    return Buffer.concat([head, query.subarray(12, end), record, data])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, "close")
    this.#socket.close()
    await closed
  }
}

function toName(name: string): Buffer {
  return Buffer.concat([
    ...name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ])
}
