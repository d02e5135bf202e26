import { readFileSync } from "node:fs"
import { type AddressInfo, createServer, isIPv4, Server, Socket } from "node:net"
import { networkInterfaces } from "node:os"
import { Worker } from "node:worker_threads"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { fromString } from "../../src/bytes.ts"
import { parseEndpoint } from "../../src/endpoint.ts"
import { EndpointError } from "../../src/errors.ts"
import { tcp } from "../../src/transport/tcp.ts"
import { streamTransportSuite } from "../suite/stream-transport.ts"
import { vacantEndpoint } from "../support/loopback.ts"
import { roundTrip, StreamPairs } from "../support/stream-pairs.ts"
import { StreamRecorder } from "../support/stream-recorder.ts"

const interfaces = Object.entries(networkInterfaces())
const loopback = interfaces.find(([, addresses]) => addresses?.some(({ address }) => address === "127.0.0.1"))?.[0]
const hasIPv6 = interfaces.some(([, addresses]) => addresses?.some(({ address }) => address === "::1"))
const linkLocal = interfaces.flatMap(([name, addresses]) =>
  (addresses ?? []).filter((one) => one.family === "IPv6" && one.scopeid > 0).map((one) => `${one.address}%${name}`),
)[0]

const portOf = (endpoint: string) => endpoint.slice(endpoint.lastIndexOf(":") + 1)

describe("tcp", () => {
  streamTransportSuite(() => ({
    transport: tcp,
    wildcard: "tcp://127.0.0.1:*",
    free: vacantEndpoint,
    // The port of somebody who connected is nobody's to listen at.
    deserted: ({ far }) => `tcp://${far.stream.address}`,
  }))

  let pairs: StreamPairs

  beforeEach(() => {
    pairs = new StreamPairs(tcp)
  })

  afterEach(async () => {
    vi.restoreAllMocks()
    await pairs.clear()
  })

  describe("binds", () => {
    it.each(["tcp://*:*", "tcp://*:0"])("OPT-13: %s to an endpoint that can be connected to", async (text) => {
      const server = await pairs.listen(text)
      expect(server.endpoint).toMatch(/^tcp:\/\/0\.0\.0\.0:[1-9][0-9]*$/)
      await roundTrip(await pairs.pair(server))
      expect(parseEndpoint(server.endpoint, "bind")).toMatchObject({ host: "0.0.0.0" })
      await expect(pairs.listen(server.endpoint)).rejects.toMatchObject({ code: "EADDRINUSE" })
    })

    it("* for IPv4 alone when ipv6 is off", async () => {
      const server = await pairs.listen("tcp://*:*", { ipv6: false })
      await roundTrip(await pairs.pair(server, `tcp://127.0.0.1:${portOf(server.endpoint)}`))
      await expect(pairs.connect(`tcp://[::1]:${portOf(server.endpoint)}`)).rejects.toBeInstanceOf(EndpointError)
    })

    it.runIf(hasIPv6).each(["tcp://*:*", "tcp://[::]:*"])("%s for both families", async (text) => {
      const server = await pairs.listen(text)
      for (const host of ["127.0.0.1", "[::1]"]) {
        const both = await pairs.pair(server, `tcp://${host}:${portOf(server.endpoint)}`)
        await roundTrip(both)
        expect(both.near.stream.address).toBe(`${host}:${portOf(server.endpoint)}`)
        // Never as IPv4 within IPv6.
        expect(both.far.stream.address.slice(0, host.length + 1)).toBe(`${host}:`)
      }
      await roundTrip(await pairs.pair(server))
    })

    it.runIf(hasIPv6)("an IPv6 address", async () => {
      const server = await pairs.listen("tcp://[0:0::1]:*")
      expect(server.endpoint).toMatch(/^tcp:\/\/\[::1\]:[1-9][0-9]*$/)
      const { near, far } = await pairs.pair(server)
      expect(near.stream.address).toBe(server.endpoint.slice(6))
      expect(far.stream.address).toMatch(/^\[::1\]:[1-9][0-9]*$/)
    })

    it.runIf(linkLocal)("a link-local address with its zone", async () => {
      const server = await pairs.listen(`tcp://[${linkLocal}]:*`)
      expect(server.endpoint).toBe(`tcp://[${linkLocal}]:${portOf(server.endpoint)}`)
      await roundTrip(await pairs.pair(server))
    })

    it.runIf(loopback)("the IPv4 address of an interface", async () => {
      const server = await pairs.listen(`tcp://${loopback}:*`)
      expect(server.endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9][0-9]*$/)
      await roundTrip(await pairs.pair(server))
    })

    it("the IPv4 address of a name", async () => {
      const server = await pairs.listen("tcp://localhost:*")
      expect(server.endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9][0-9]*$/)
      await roundTrip(await pairs.pair(server))
    })

    it("no IPv6 address when ipv6 is off", async () => {
      const error = await pairs.listen("tcp://[::1]:*", { ipv6: false }).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(EndpointError)
      expect(error).toMatchObject({ code: "EINVAL", endpoint: "tcp://[::1]:*" })
      expect((error as Error).message).toContain("ipv6 is off")
    })

    it.each([
      ["tcp://192.0.2.77:*", "EADDRNOTAVAIL", "no such address"],
      ["tcp://host.invalid:*", expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/), "name"],
      ["tcp://__proto__:*", expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN|ENODATA)$/), "__proto__"],
    ])("not %s, and says why", async (text, code, why) => {
      const error = await pairs.listen(text).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(EndpointError)
      expect(error).toMatchObject({ code, endpoint: text, cause: expect.any(Error) })
      expect((error as Error).message).toContain(text)
      expect((error as Error).message).toContain(why)
    })

    it("no port that is taken in the other family's name", async () => {
      const server = await pairs.listen("tcp://0.0.0.0:*")
      await expect(pairs.listen(`tcp://*:${portOf(server.endpoint)}`)).rejects.toMatchObject({ code: "EADDRINUSE" })
    })

    it("exclusively, with the backlog asked for", async () => {
      const listen = vi.spyOn(Server.prototype, "listen")
      await pairs.listen("tcp://127.0.0.1:*", { backlog: 7 })
      expect(listen.mock.calls[0]?.[0]).toMatchObject({ exclusive: true, backlog: 7, port: 0 })
    })
  })

  describe("connects", () => {
    it("to a name", async () => {
      const server = await pairs.listen("tcp://127.0.0.1:*")
      const both = await pairs.pair(server, `tcp://localhost:${portOf(server.endpoint)}`)
      await roundTrip(both)
      expect(both.near.stream.address).toBe(server.endpoint.slice(6))
    })

    it("not to a name without an address", async () => {
      const error = await pairs.connect("tcp://host.invalid:9").catch((error: unknown) => error)
      expect(error).toBeInstanceOf(EndpointError)
      expect((error as EndpointError).code).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/)
    })

    it("not to IPv6 addresses when ipv6 is off", async () => {
      for (const text of ["tcp://[::1]:9", "tcp://[::1]:*;127.0.0.1:9"]) {
        const error = await pairs.connect(text, { ipv6: false }).catch((error: unknown) => error)
        expect(error).toBeInstanceOf(EndpointError)
        expect(error).toMatchObject({ code: "EINVAL", endpoint: text })
      }
    })

    it.runIf(process.platform === "linux")("from the source asked for", async () => {
      const server = await pairs.listen("tcp://127.0.0.1:*")
      const target = server.endpoint.slice(6)
      const fromAddress = await pairs.pair(server, `tcp://127.0.0.2:*;${target}`)
      expect(fromAddress.far.stream.address).toMatch(/^127\.0\.0\.2:/)
      await roundTrip(fromAddress)
      const fromInterface = await pairs.pair(server, `tcp://${loopback}:0;${target}`)
      expect(fromInterface.far.stream.address).toMatch(/^127\.0\.0\.1:/)
      // A port that is free on one address, because it is somebody's on another.
      const port = portOf((await pairs.listen("tcp://127.0.0.4:*")).endpoint)
      const fromPort = await pairs.pair(server, `tcp://127.0.0.3:${port};${target}`)
      expect(fromPort.far.stream.address).toBe(`127.0.0.3:${port}`)
      await expect(pairs.connect(`tcp://127.0.0.4:${port};${target}`)).rejects.toMatchObject({ code: "EADDRINUSE" })
    })

    it("from no source that is not here", async () => {
      await expect(pairs.connect("tcp://nowhere:0;127.0.0.1:9")).rejects.toMatchObject({ code: "EINVAL" })
      await expect(pairs.connect("tcp://192.0.2.77:0;127.0.0.1:9")).rejects.toMatchObject({ code: "EADDRNOTAVAIL" })
    })

    it.runIf(process.platform === "linux")("OPT-23: not to itself", async () => {
      const listener = await pairs.listen("tcp://127.0.0.1:*")
      const endpoint = listener.endpoint
      await listener.listener.close()
      // Leaving from the very port it wants to reach, the connection meets itself, as happens by chance otherwise.
      const self = parseEndpoint(`tcp://127.0.0.1:${portOf(endpoint)};127.0.0.1:${portOf(endpoint)}`, "connect")
      const error = await pairs.connect(self).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(EndpointError)
      expect(error).toMatchObject({ code: "ECONNREFUSED", message: expect.stringContaining("itself") })
      // The port is free again for whoever is to listen there.
      await roundTrip(await pairs.pair(await pairs.listen(endpoint)))
    })

    it.runIf(process.platform === "linux")("only for as long as it may", async () => {
      // It listens, and never accepts: once its queue is full, nobody is answered any more.
      const worker = new Worker(
        `const { parentPort } = require("node:worker_threads")
         const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
           parentPort.postMessage(server.address().port)
           Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
         })`,
        { eval: true },
      )
      const port = await new Promise<number>((resolve) => worker.once("message", resolve))
      const endpoint = `tcp://127.0.0.1:${port}`
      const attempts = Array.from({ length: 5 }, () => pairs.connect(endpoint, { connectTimeout: 300 }))
      const failures = (await Promise.allSettled(attempts)).filter((one) => one.status === "rejected")
      await worker.terminate()
      expect(failures.length).toBeGreaterThan(0)
      for (const { reason } of failures) {
        expect(reason).toBeInstanceOf(EndpointError)
        expect(reason).toMatchObject({ code: "ETIMEDOUT", endpoint, message: expect.stringContaining("300 ms") })
      }
    })
  })

  describe("sets", () => {
    it.each([true, false])("noDelay to %s on both ends", async (noDelay) => {
      const setNoDelay = vi.spyOn(Socket.prototype, "setNoDelay")
      const server = await pairs.listen("tcp://127.0.0.1:*", { noDelay })
      await Promise.all([pairs.connect(server.endpoint, { noDelay }), server.accept()])
      expect(setNoDelay.mock.calls).toEqual([[noDelay], [noDelay]])
    })

    it.runIf(process.platform === "linux")("keep-alive on both ends, or on none", async () => {
      const alive = { tcpKeepalive: true, tcpKeepaliveIdle: 60_000 }
      const server = await pairs.listen("tcp://127.0.0.1:*", alive)
      const [near, far] = await Promise.all([pairs.connect(server.endpoint, alive), server.accept()])
      for (const [local, other] of [
        [near.address, far.address],
        [far.address, near.address],
      ] as const) {
        const seconds = keepAliveTimer(local, other)
        expect(seconds).toBeGreaterThan(30)
        expect(seconds).toBeLessThanOrEqual(61)
      }
      const dead = { tcpKeepalive: false }
      const mute = await pairs.listen("tcp://127.0.0.1:*", dead)
      const [one, two] = await Promise.all([pairs.connect(mute.endpoint, dead), mute.accept()])
      expect(keepAliveTimer(one.address, two.address)).toBeUndefined()
      expect(keepAliveTimer(two.address, one.address)).toBeUndefined()
    })
  })

  it("speaks with sockets that are not ours", async () => {
    const foreign = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve))
    const { port } = foreign.address() as AddressInfo
    const near = new StreamRecorder(await pairs.connect(`tcp://127.0.0.1:${port}`))
    near.stream.write([fromString("echo")])
    near.stream.end()
    await near.untilClosed()
    expect(near.content.toString()).toBe("echo")
    expect(near.closures).toEqual([undefined])
    foreign.close()
  })
})

/** Seconds to the next keep-alive probe of a connection, as Linux shows it; undefined when none is due. */
function keepAliveTimer(local: string, other: string): number | undefined {
  const wanted = [hex(local), hex(other)].join(" ")
  const row = readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((columns) => `${columns[1]} ${columns[2]}` === wanted)
  if (row === undefined) throw new Error(`${local} has no connection to ${other}`)
  const [kind, when] = (row[5] as string).split(":")
  return kind === "02" ? Number.parseInt(when as string, 16) / 100 : undefined
}

function hex(address: string): string {
  const [host = "", port] = address.split(":")
  expect(isIPv4(host)).toBe(true)
  const octets = host.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))
  return `${octets.reverse().join("")}:${Number(port).toString(16).padStart(4, "0")}`.toUpperCase()
}
