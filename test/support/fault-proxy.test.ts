// The proxy does to a stream what it says, where it says, and nothing else.

import { once } from "node:events"
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net"
import { describe, expect, it } from "vitest"
import { type Fault, FaultProxy, type FaultyConnection, type Weather } from "./fault-proxy.ts"
import { turns } from "./sockets.ts"

/** A client, a server that does not answer by itself, and the proxy between them. */
class Line implements AsyncDisposable {
  readonly proxy: FaultProxy
  readonly #server: Server
  readonly #sockets: Socket[] = []

  private constructor(server: Server, proxy: FaultProxy) {
    this.#server = server
    this.proxy = proxy
  }

  static async lay(weather?: Weather, ...faults: (Fault | undefined)[]): Promise<Line> {
    const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const proxy = await FaultProxy.before(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, weather)
    proxy.plan(...faults)
    return new Line(server, proxy)
  }

  async call(): Promise<{ near: End; far: End; connection: FaultyConnection }> {
    const { hostname, port } = new URL(this.proxy.endpoint.replace("tcp:", "http:"))
    const index = this.proxy.connections.length
    const near = dial({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true })
    const [[far], connection] = await Promise.all([once(this.#server, "connection"), this.proxy.connection(index)])
    this.#sockets.push(near, far)
    return { near: new End(near), far: new End(far), connection }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await this.proxy.close()
  }
}

type Called = Awaited<ReturnType<Line["call"]>>

/** One end of a connection, and what it has heard. */
class End {
  readonly socket: Socket
  readonly chunks: Buffer[] = []
  readonly ended: Promise<unknown>
  readonly closed: Promise<unknown>
  /** Of a stream that was reset nobody reads the end. */
  readEnd = false
  error: NodeJS.ErrnoException | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on("data", (chunk) => this.chunks.push(chunk))
    socket.on("error", (error) => {
      this.error = error
    })
    this.ended = new Promise<void>((resolve) => socket.once("end", resolve)).then(() => {
      this.readEnd = true
    })
    this.closed = new Promise((resolve) => socket.once("close", resolve))
  }

  get heard(): string {
    return Buffer.concat(this.chunks).toString()
  }

  async hears(octets: number): Promise<string> {
    while (this.heard.length < octets) await once(this.socket, "data")
    return this.heard
  }
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz"

describe("what passes", () => {
  it.each<[string, Weather]>([
    ["in fine weather", {}],
    ["slices of one octet", { slices: 1 }],
    ["random slices", { slices: [1, 7], seed: 5 }],
    ["delay and jitter", { delay: 2, jitter: 5, slices: [1, 20] }],
    ["little bandwidth", { bandwidth: 200_000 }],
  ])("is the same, in the same order, to its end: %s", async (_, weather) => {
    await using line = await Line.lay(weather)
    const { near, far } = await line.call()
    const text = ALPHABET.repeat(50)
    near.socket.end(text)
    far.socket.write(text.toUpperCase())
    await far.ended
    expect(far.heard).toBe(text)
    far.socket.end()
    await near.ended
    expect(near.heard).toBe(text.toUpperCase())
  })

  it("comes in slices of one octet, each by itself", async () => {
    await using line = await Line.lay({ slices: 1 })
    const { near, far } = await line.call()
    near.socket.write(ALPHABET)
    await far.hears(26)
    // The system may join two that follow each other closely.
    expect(far.chunks.length).toBeGreaterThan(13)
  })

  it("takes as long as delay and bandwidth say, at least", async () => {
    await using slow = await Line.lay({ delay: 30 })
    await using narrow = await Line.lay({ bandwidth: 20_000 })
    for (const [line, octets, least] of [
      [slow, 1, 29],
      [narrow, 1000, 45],
    ] as const) {
      const { near, far } = await line.call()
      const before = performance.now()
      near.socket.write("x".repeat(octets))
      await far.hears(octets)
      expect(performance.now() - before).toBeGreaterThanOrEqual(least)
    }
  })

  it("waits for a reader that does not read, and is not kept without bound", async () => {
    await using line = await Line.lay()
    const { near, far, connection } = await line.call()
    far.socket.pause()
    let drained = false
    near.socket.once("drain", () => {
      drained = true
    })
    near.socket.write(Buffer.alloc(64 * 1024 * 1024))
    await turns(300)
    expect(drained).toBe(false)
    far.socket.resume()
    await connection.forwarded("forth", 64 * 1024 * 1024)
    expect(connection.octets("back")).toBe(0)
  })

  it("is seeded: the same seed cuts alike", async () => {
    const cutsOf = async (seed: number): Promise<number[]> => {
      await using line = await Line.lay({ slices: [1, 9], seed })
      const { near, connection } = await line.call()
      near.socket.write(ALPHABET)
      const cuts: number[] = []
      for (let octets = 0; octets < 26; cuts.push(octets)) {
        await connection.forwarded("forth", octets + 1)
        octets = connection.octets("forth")
      }
      return cuts
    }
    expect(await cutsOf(1)).toEqual(await cutsOf(1))
    expect(await cutsOf(1)).not.toEqual(await cutsOf(2))
  })
})

describe("a planned fault", () => {
  it.each([
    ["by its place", { after: 5 }, "abcde"],
    ["at once", { after: 0 }, ""],
    ["behind octets", { behind: "xyz" }, ALPHABET],
    ["and some octets after them", { behind: "fgh", after: 2 }, "abcdefghij"],
  ])("strikes exactly there: %s", async (_, place, before) => {
    for (const weather of [{}, { slices: 1 }, { slices: [2, 3] as const }]) {
      await using line = await Line.lay(weather, { blow: "reset", ...place })
      const { near, far, connection } = await line.call()
      near.socket.write(ALPHABET.repeat(2))
      await connection.struck
      await Promise.all([near.closed, far.closed, connection.closed])
      expect(far.heard).toBe(before)
      expect([far.error?.code, far.readEnd]).toEqual(["ECONNRESET", false])
      expect(connection.octets("forth")).toBe(before.length)
    }
  })

  it("behind octets that come in several chunks, in the other direction", async () => {
    await using line = await Line.lay({}, { blow: "stall", direction: "back", behind: "stop here" })
    const { near, far, connection } = await line.call()
    for (const part of ["do not st", "op but st", "op", " h", "ere and on"]) {
      far.socket.write(part)
      await turns(3)
    }
    expect(await near.hears(22)).toBe("do not stop but stop here".slice(0, 25))
    await connection.struck
    near.socket.write("goes on")
    expect(await far.hears(7)).toBe("goes on")
    connection.resume()
    expect(await near.hears(32)).toBe("do not stop but stop here and on")
  })

  it("finishes both, or one direction alone", async () => {
    await using line = await Line.lay({}, { blow: "finish", after: 3 }, { blow: "half-close", after: 3 })
    const both = await line.call()
    both.near.socket.write(ALPHABET)
    await Promise.all([both.near.ended, both.far.ended])
    expect([both.near.heard, both.far.heard]).toEqual(["", "abc"])
    expect([both.near.error, both.far.error]).toEqual([undefined, undefined])
    const one = await line.call()
    one.near.socket.write(ALPHABET)
    await one.far.ended
    expect(one.far.heard).toBe("abc")
    one.far.socket.write("still heard")
    expect(await one.near.hears(11)).toBe("still heard")
  })

  it("is for one connection, and the others are left in peace", async () => {
    await using line = await Line.lay({}, undefined, { blow: "reset" })
    const first = await line.call()
    const second = await line.call()
    await second.near.closed
    line.proxy.plan({ blow: "reset", direction: "back" })
    const third = await line.call()
    await third.far.closed
    first.near.socket.write(ALPHABET)
    expect(await first.far.hears(26)).toBe(ALPHABET)
  })
})

describe("on command", () => {
  it("stalls for a while, the end of a stream as well", async () => {
    await using line = await Line.lay()
    const { near, far, connection } = await line.call()
    connection.stall("forth")
    near.socket.end(ALPHABET)
    far.socket.write("the other way")
    await near.hears(13)
    await turns(20)
    expect([far.heard, far.readEnd]).toEqual(["", false])
    connection.resume()
    await far.ended
    expect(far.heard).toBe(ALPHABET)
  })

  it("resets, finishes and half-closes", async () => {
    await using line = await Line.lay()
    const one = await line.call()
    one.connection.reset()
    await Promise.all([one.near.closed, one.far.closed])
    expect([one.near.error?.code, one.far.error?.code]).toEqual(["ECONNRESET", "ECONNRESET"])
    const two = await line.call()
    two.connection.finish()
    await Promise.all([two.near.ended, two.far.ended])
    const three = await line.call()
    three.connection.halfClose("back")
    await three.near.ended
    three.near.socket.write("on")
    expect(await three.far.hears(2)).toBe("on")
  })

  it("refuses whoever comes for a while; who is there stays", async () => {
    await using line = await Line.lay()
    const before = await line.call()
    line.proxy.refuse()
    const { hostname, port } = new URL(line.proxy.endpoint.replace("tcp:", "http:"))
    await expect(once(dial(Number(port), hostname), "connect")).rejects.toMatchObject({ code: "ECONNREFUSED" })
    before.near.socket.write("still here")
    expect(await before.far.hears(10)).toBe("still here")
    await line.proxy.admit()
    const after = await line.call()
    after.near.socket.write("again")
    expect(await after.far.hears(5)).toBe("again")
  })

  it.each([
    ["while an end is being said", async ({ connection }: Called) => connection.finish()],
    ["while one direction ends", async ({ connection }: Called) => connection.halfClose("back")],
    ["twice", async ({ connection }: Called) => connection.reset()],
    ["after the peer was lost", async ({ near }: Called) => near.socket.destroy()],
  ])("resets %s, and is closed then", async (_, before) => {
    await using line = await Line.lay()
    const called = await line.call()
    await before(called)
    called.connection.reset()
    await called.connection.closed
    expect(line.proxy.connections).toHaveLength(1)
  })

  it("is closed although whoever was to be reached refuses, and the connection was reset", async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    server.close()
    await using proxy = await FaultProxy.before(`tcp://127.0.0.1:${port}`)
    const { hostname, port: at } = new URL(proxy.endpoint.replace("tcp:", "http:"))
    const near = new End(dial({ host: hostname, port: Number(at), allowHalfOpen: true }))
    const connection = await proxy.connection(0)
    connection.finish()
    connection.reset()
    await connection.closed
    await proxy.close()
    near.socket.destroy()
    await near.closed
    expect(near.heard).toBe("")
  })

  it("hands a reset of one peer to the other", async () => {
    await using line = await Line.lay()
    const { near, far, connection } = await line.call()
    near.socket.resetAndDestroy()
    await Promise.all([far.closed, connection.closed])
    expect(far.error?.code).toBe("ECONNRESET")
  })
})
