// Connecting to names that have addresses of both families, whatever the resolver of this machine knows.

import { lookup } from "node:dns"
import { networkInterfaces } from "node:os"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { parseEndpoint } from "../../src/endpoint.ts"
import { tcp } from "../../src/transport/tcp.ts"
import { roundTrip, STREAM_OPTIONS, StreamPairs } from "../support/stream-pairs.ts"

vi.mock("node:dns", () => ({ lookup: vi.fn() }))

const BOTH = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
]

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some((one) => one.address === "::1"))

describe.runIf(hasIPv6)("tcp connects to a name", () => {
  let pairs: StreamPairs

  beforeEach(() => {
    pairs = new StreamPairs(tcp)
    vi.mocked(lookup).mockReset()
    vi.mocked(lookup).mockImplementation(((_name: string, options: object, callback: (...found: unknown[]) => void) => {
      const { all, family } = options as { all?: boolean; family?: number }
      const found = BOTH.filter((one) => !family || one.family === family)
      process.nextTick(() => (all ? callback(null, found) : callback(null, found[0]?.address, found[0]?.family)))
    }) as unknown as typeof lookup)
  })

  afterEach(() => pairs.clear())

  const named = (endpoint: string) => `tcp://both.test:${endpoint.slice(endpoint.lastIndexOf(":") + 1)}`

  it("at its IPv4 address first", async () => {
    const server = await pairs.listen("tcp://*:*")
    const both = await pairs.pair(server, named(server.endpoint))
    await roundTrip(both)
    expect(both.near.stream.address).toMatch(/^127\.0\.0\.1:/)
    expect(vi.mocked(lookup).mock.calls[0]?.[1]).toMatchObject({ order: "ipv4first" })
  })

  it("at its IPv6 address when nobody listens at the other", async () => {
    const server = await pairs.listen("tcp://[::1]:*")
    const both = await pairs.pair(server, named(server.endpoint))
    await roundTrip(both)
    expect(both.near.stream.address).toMatch(/^\[::1\]:/)
  })

  it("at its IPv4 address alone when ipv6 is off", async () => {
    const server = await pairs.listen("tcp://[::1]:*")
    const attempt = pairs.connect(named(server.endpoint), { ipv6: false })
    await expect(attempt).rejects.toMatchObject({ code: "ECONNREFUSED" })
  })

  it.runIf(process.platform === "linux")("at an address of its source's family", async () => {
    const server = await pairs.listen("tcp://*:*")
    const target = named(server.endpoint).slice(6)
    const { near } = await pairs.pair(server, `tcp://[::1]:*;${target}`)
    expect(near.stream.address).toMatch(/^\[::1\]:/)
    const { far } = await pairs.pair(server, `tcp://127.0.0.2:*;${target}`)
    expect(far.stream.address).toMatch(/^127\.0\.0\.2:/)
  })

  it("and fails once when nobody listens at any of its addresses", async () => {
    const { far } = await pairs.pair(await pairs.listen("tcp://127.0.0.1:*"))
    const error = await pairs.connect(named(far.stream.address)).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: "ECONNREFUSED", cause: { errors: [{}, {}] } })
  })

  it("and hears nothing once it is cancelled, at whatever step", async () => {
    const server = await pairs.listen("tcp://[::1]:*")
    const told: string[] = []
    const handler = { connected: () => told.push("connected"), failed: () => told.push("failed") }
    const endpoint = parseEndpoint(named(server.endpoint), "connect")
    const start = () => tcp.connect(endpoint, STREAM_OPTIONS, handler)
    start().cancel()
    const inLookup = start()
    await Promise.resolve()
    inLookup.cancel()
    const afterLookup = start()
    await new Promise((resolve) => setImmediate(resolve))
    afterLookup.cancel()
    await roundTrip(await pairs.pair(await pairs.listen("tcp://[::1]:*")))
    expect(told).toEqual([])
  })
})
