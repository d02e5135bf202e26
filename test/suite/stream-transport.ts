// What every stream transport must do, whatever it runs on. A transport's own test calls this, and adds what only it
// can do.

import { createHash } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { allocate, type Bytes, concat, EMPTY, fromString } from "../../src/bytes.ts"
import { parseEndpoint } from "../../src/endpoint.ts"
import { EndpointError } from "../../src/errors.ts"
import type { ByteStream, StreamTransport } from "../../src/transport/transport.ts"
import { eventually, openHandles, type Pair, roundTrip, STREAM_OPTIONS, StreamPairs } from "../support/stream-pairs.ts"
import { StreamRecorder } from "../support/stream-recorder.ts"

/** One transport under test. */
export interface StreamTransportCase {
  readonly transport: StreamTransport
  /** An endpoint to bind that gets a free address each time: `tcp://127.0.0.1:*`. */
  readonly wildcard: string
  /** An endpoint that can be bound by its name, and is free now. */
  free(): Promise<string>
  /** An endpoint at which nobody listens, given a connection that is open. */
  deserted(pair: Pair): string
}

/** More than any kernel takes at once. */
const MUCH = 32 * 1024 * 1024

export function streamTransportSuite(make: () => StreamTransportCase): void {
  const { transport, wildcard, free, deserted } = make()

  describe(`as a stream transport: ${transport.name}`, () => {
    let pairs: StreamPairs
    let handles: number

    beforeEach(() => {
      handles = openHandles()
      pairs = new StreamPairs(transport)
    })

    afterEach(async () => {
      vi.restoreAllMocks()
      await pairs.clear()
      await eventually(() => openHandles() <= handles)
    })

    const pair = async () => pairs.pair(await pairs.listen(wildcard))

    it("carries octets both ways, several chunks as one run", async () => {
      const { near, far } = await pair()
      expect(near.stream.write([fromString("to "), EMPTY, fromString("the far "), fromString("end")])).toBe(true)
      expect(far.stream.write([fromString("to the near end")])).toBe(true)
      await Promise.all([far.untilReceived(14), near.untilReceived(15)])
      expect(far.content.toString()).toBe("to the far end")
      expect(near.content.toString()).toBe("to the near end")
    })

    it("knows the addresses of both peers", async () => {
      const server = await pairs.listen(wildcard)
      const { near, far } = await pairs.pair(server)
      expect(`${transport.name}://${near.stream.address}`).toBe(server.endpoint)
      expect(far.stream.address).not.toBe("")
    })

    it("takes a write of nothing", async () => {
      const both = await pair()
      expect(both.near.stream.write([])).toBe(true)
      expect(both.near.stream.write([EMPTY])).toBe(true)
      expect(both.near.stream.write([EMPTY, EMPTY])).toBe(true)
      await roundTrip(both)
      expect(both.near.drains).toBe(0)
    })

    it("carries 16 MiB in pieces of all sizes, in order", async () => {
      const { near, far } = await pair()
      const total = 16 * 1024 * 1024
      const sent = createHash("sha256")
      const arrived = createHash("sha256")
      far.onData = (chunk) => arrived.update(chunk)
      for (let left = total, turn = 0; left > 0; turn++) {
        const chunks: Bytes[] = []
        for (let i = 0; i <= turn % 5 && left > 0; i++) {
          const chunk = noise(Math.min(left, [1, 100, 65_536, 1_000_000, 8192][(turn + i) % 5] as number), turn)
          chunks.push(chunk)
          sent.update(chunk)
          left -= chunk.length
        }
        const drains = near.drains
        if (!near.stream.write(chunks)) await near.until(() => near.drains > drains)
      }
      await far.untilReceived(total)
      expect(arrived.digest("hex")).toBe(sent.digest("hex"))
    })

    it("tells of a write that did not go out at once, once, when it is out", async () => {
      const both = await pair()
      const { near, far } = both
      far.stream.pause()
      const content = noise(MUCH, 7)
      expect(near.stream.write([content.subarray(0, 100), content.subarray(100)])).toBe(false)
      expect(near.stream.pending).toBeGreaterThan(0)
      expect(near.drains).toBe(0)
      far.stream.resume()
      await Promise.all([near.until(() => near.drains > 0), far.untilReceived(MUCH)])
      expect(near.pendingWhenDrained).toBe(0)
      expect(near.stream.pending).toBe(0)
      expect(far.content.equals(content)).toBe(true)
      await roundTrip(both)
      expect(near.drains).toBe(1)
    })

    it("does not take the end of one write for the end of the next", async () => {
      const both = await pair()
      const { near, far } = both
      far.stream.pause()
      // The first is out at once, though its callback comes in the next tick, when the second is still on its way.
      expect(near.stream.write([fromString("first")])).toBe(true)
      expect(near.stream.write([noise(MUCH, 3)])).toBe(false)
      far.stream.resume()
      await near.until(() => near.drains > 0)
      expect(near.pendingWhenDrained).toBe(0)
      await far.untilReceived(5 + MUCH)
      await roundTrip(both)
      expect(near.drains).toBe(1)
    })

    it("says nothing about writes that went out at once", async () => {
      const both = await pair()
      for (let i = 0; i < 100; i++) expect(both.near.stream.write([fromString("x")])).toBe(true)
      await both.far.untilReceived(100)
      await roundTrip(both)
      expect(both.near.drains).toBe(0)
    })

    it("tells of each blocked write by itself", async () => {
      const { near, far } = await pair()
      for (let round = 1; round <= 3; round++) {
        expect(near.stream.write([noise(MUCH, round)])).toBe(false)
        await near.until(() => near.drains === round)
      }
      await far.untilReceived(3 * MUCH)
      expect(near.drains).toBe(3)
    })

    it("stops the sender while the receiver is paused", async () => {
      const server = await pairs.listen(wildcard)
      const both = await pairs.pair(server)
      const other = await pairs.pair(server)
      const { near, far } = both
      await roundTrip(both)
      far.stream.pause()
      expect(near.stream.write([noise(MUCH, 1)])).toBe(false)
      // Meanwhile everybody else's octets come and go.
      for (let i = 0; i < 50; i++) await roundTrip(other)
      expect(far.received).toBeLessThan(1024 * 1024)
      expect(near.stream.pending).toBeGreaterThan(0)
      expect(near.drains).toBe(0)
      far.stream.resume()
      await far.untilReceived(4 + MUCH)
      await near.until(() => near.drains === 1)
    })

    it("ends one side and still carries the other", async () => {
      const { near, far } = await pair()
      near.stream.write([fromString("last words")])
      near.stream.end()
      await far.until(() => far.ends > 0)
      expect(far.content.toString()).toBe("last words")
      far.stream.write([noise(MUCH, 5)])
      far.stream.end()
      await near.until(() => near.ends > 0)
      expect(near.received).toBe(MUCH)
      await Promise.all([near.untilClosed(), far.untilClosed()])
      expect([near.closures, far.closures, near.ends, far.ends]).toEqual([[undefined], [undefined], 1, 1])
    })

    it("lets a blocked write leave before it ends", async () => {
      const { near, far } = await pair()
      far.stream.pause()
      expect(near.stream.write([noise(MUCH, 2)])).toBe(false)
      near.stream.end()
      far.stream.resume()
      await far.until(() => far.ends > 0)
      expect(far.received).toBe(MUCH)
      await near.until(() => near.drains > 0)
      expect(near.drains).toBe(1)
    })

    it("tells of a reset once, with its error", async () => {
      const { near, far } = await pair()
      far.stream.pause()
      expect(near.stream.write([noise(MUCH, 4)])).toBe(false)
      // Octets that nobody will read any more turn the end of a connection into a reset.
      far.stream.destroy()
      await Promise.all([near.untilClosed(), far.untilClosed()])
      expect(near.closures.map((error) => error?.code)).toEqual([expect.stringMatching(/^(ECONNRESET|EPIPE)$/)])
      expect(far.closures).toEqual([undefined])
      expect(near.drains).toBe(0)
      expect(near.stream.write([fromString("too late")])).toBe(false)
    })

    it("tells of its own giving up once, without an error, and of nothing after it", async () => {
      const { near, far } = await pair()
      far.stream.write([noise(1000, 1)])
      await near.untilReceived(1)
      expect(near.stream.write([noise(MUCH, 6)])).toBe(false)
      const { received } = near
      near.stream.destroy()
      near.stream.destroy()
      expect(near.closures).toEqual([])
      await near.untilClosed()
      await far.until(() => far.ends + far.closures.length > 0)
      near.stream.end()
      expect(near).toMatchObject({ closures: [undefined], drains: 0, ends: 0, received })
    })

    it("gives nothing from its buffers after it was given up", async () => {
      const server = await pairs.listen(wildcard)
      const { near, far } = await pairs.pair(server)
      const other = await pairs.pair(server)
      near.stream.pause()
      for (let i = 0; i < 3; i++) {
        far.stream.write([fromString("a chunk of its own")])
        await roundTrip(other)
      }
      const first = new Promise<void>((resolve) => {
        near.onData = () => {
          near.stream.destroy()
          resolve()
        }
      })
      near.stream.resume()
      await first
      const { received } = near
      await near.untilClosed()
      expect(near.received).toBe(received)
      expect(near.chunks.length).toBe(1)
      expect(near.ends).toBe(0)
    })

    it("answers writes after its end with false", async () => {
      const { near, far } = await pair()
      near.stream.end()
      expect(near.stream.write([fromString("x")])).toBe(false)
      await far.until(() => far.ends > 0)
      expect(far.received).toBe(0)
      expect(near.closures).toEqual([])
    })

    it("keeps what comes before it is started", async () => {
      const server = await pairs.listen(wildcard)
      const [stream, accepted] = await Promise.all([pairs.connect(server.endpoint), server.accept()])
      const near = new StreamRecorder(stream)
      near.stream.write([fromString("early")])
      near.stream.end()
      // By the time another connection has been made and used, these octets are there.
      await roundTrip(await pairs.pair(server))
      const far = new StreamRecorder(accepted)
      await far.until(() => far.ends > 0)
      expect(far.content.toString()).toBe("early")
    })

    it("tells of an end that came before it was started", async () => {
      const server = await pairs.listen(wildcard)
      const [near, accepted] = await Promise.all([pairs.connect(server.endpoint), server.accept()])
      near.end()
      await roundTrip(await pairs.pair(server))
      const far = new StreamRecorder(accepted)
      expect(far.ends).toBe(0)
      await far.until(() => far.ends > 0)
      far.stream.end()
      await far.untilClosed()
      expect(far).toMatchObject({ received: 0, ends: 1, closures: [undefined] })
    })

    it("tells of no such end if it is given up right after the start", async () => {
      const server = await pairs.listen(wildcard)
      const [near, accepted] = await Promise.all([pairs.connect(server.endpoint), server.accept()])
      near.end()
      await roundTrip(await pairs.pair(server))
      const far = new StreamRecorder(accepted)
      far.stream.destroy()
      await far.untilClosed()
      expect(far).toMatchObject({ ends: 0, closures: [undefined] })
    })

    it("tells of its closing even when it is started after it", async () => {
      const server = await pairs.listen(wildcard)
      const [stream] = await Promise.all([pairs.connect(server.endpoint), server.accept()])
      const before = openHandles()
      stream.destroy()
      await eventually(() => openHandles() < before)
      const near = new StreamRecorder(stream)
      expect(near.closures).toEqual([])
      await near.untilClosed()
      expect(near.closures).toEqual([undefined])
    })

    it("LIMIT-12: survives peers that reset before anybody has looked at them", async () => {
      const server = await pairs.listen(wildcard)
      const far: ByteStream[] = []
      for (let i = 0; i < 20; i++) {
        const [near, accepted] = await Promise.all([pairs.connect(server.endpoint), server.accept()])
        accepted.write([noise(100_000, i)])
        far.push(accepted)
        near.destroy()
      }
      await roundTrip(await pairs.pair(server))
      const recorders = far.map((stream) => new StreamRecorder(stream))
      for (const recorder of recorders) await recorder.until(() => recorder.ends + recorder.closures.length > 0)
      expect(server.errors).toEqual([])
    })

    it("fails to connect where nobody listens, later and once", async () => {
      const endpoint = deserted(await pair())
      let failures = 0
      const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
        let returned = false
        transport.connect(parseEndpoint(endpoint, "connect"), STREAM_OPTIONS, {
          connected: () => expect.unreachable(),
          failed: (error) => {
            failures++
            expect(returned).toBe(true)
            resolve(error)
          },
        })
        returned = true
      })
      expect(error).toBeInstanceOf(EndpointError)
      expect(error.code).toBe("ECONNREFUSED")
      expect(error.message).toContain(endpoint)
      expect(error.cause).toMatchObject({ code: "ECONNREFUSED", syscall: "connect" })
      expect(failures).toBe(1)
    })

    it("hears nothing of an attempt that was cancelled", async () => {
      const server = await pairs.listen(wildcard)
      const both = await pairs.pair(server)
      const told: string[] = []
      const handler = { connected: () => told.push("connected"), failed: () => told.push("failed") }
      const good = transport.connect(parseEndpoint(server.endpoint, "connect"), STREAM_OPTIONS, handler)
      const bad = transport.connect(parseEndpoint(deserted(both), "connect"), STREAM_OPTIONS, handler)
      good.cancel()
      bad.cancel()
      bad.cancel()
      good.hold(false)
      const later = transport.connect(parseEndpoint(server.endpoint, "connect"), STREAM_OPTIONS, handler)
      await Promise.resolve()
      later.cancel()
      await roundTrip(both)
      await roundTrip(await pair())
      expect(told).toEqual([])
    })

    it("refuses an endpoint of another transport", async () => {
      const foreign = parseEndpoint("inproc://foreign", "bind")
      const handler = { accepted: () => {}, connected: () => {}, failed: () => {} }
      await expect(transport.listen(foreign, STREAM_OPTIONS, handler)).rejects.toMatchObject({
        code: "EPROTONOSUPPORT",
      })
      expect(() => transport.connect(foreign, STREAM_OPTIONS, handler)).toThrow(EndpointError)
    })

    it("OPT-13: binds a wildcard to an address of its own, and says which", async () => {
      const [one, two] = await Promise.all([pairs.listen(wildcard), pairs.listen(wildcard)])
      expect(one.endpoint).not.toBe(two.endpoint)
      await roundTrip(await pairs.pair(one))
      await roundTrip(await pairs.pair(two))
    })

    it("OPT-19: refuses an address that is served, and leaves its server alone", async () => {
      const server = await pairs.listen(await free())
      const error = await pairs.listen(server.endpoint).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(EndpointError)
      expect(error).toMatchObject({ code: "EADDRINUSE", endpoint: server.endpoint })
      await roundTrip(await pairs.pairAmongOthers(server))
      expect(server.errors).toEqual([])
    })

    it("gives an address that several want at once to one of them", async () => {
      const endpoint = await free()
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => pairs.listen(endpoint)))
      const codes = outcomes.map((one) => (one.status === "fulfilled" ? "bound" : (one.reason as EndpointError).code))
      expect(codes.sort()).toEqual([...Array<string>(7).fill("EADDRINUSE"), "bound"])
    })

    it("OPT-14: frees its address at once, and leaves those who came in alone", async () => {
      const server = await pairs.listen(await free())
      const both = await pairs.pair(server)
      await server.listener.close()
      const again = await pairs.listen(server.endpoint)
      expect(again.endpoint).toBe(server.endpoint)
      await roundTrip(both)
      await roundTrip(await pairs.pair(again))
      await again.listener.close()
      await again.listener.close()
      await expect(pairs.connect(server.endpoint)).rejects.toMatchObject({
        code: expect.stringMatching(/^(ECONNREFUSED|ENOENT)$/),
      })
      await roundTrip(both)
    })

    it("OPT-21: holds the process only as long as it is told to", async () => {
      const before = openHandles()
      const server = await pairs.listen(wildcard)
      expect(openHandles()).toBe(before + 1)
      server.listener.hold(false)
      expect(openHandles()).toBe(before)
      const near = new StreamRecorder(await pairs.connect(server.endpoint))
      const far = new StreamRecorder(await server.accept())
      expect(openHandles()).toBe(before + 2)
      near.stream.hold(false)
      far.stream.hold(false)
      expect(openHandles()).toBe(before)
      near.stream.hold(true)
      server.listener.hold(true)
      expect(openHandles()).toBe(before + 2)
      // A stream holds the process whatever its attempt was told.
      const stream = new Promise<ByteStream>((connected, failed) => {
        transport.connect(parseEndpoint(server.endpoint, "connect"), STREAM_OPTIONS, { connected, failed }).hold(false)
      })
      expect(openHandles()).toBe(before + 2)
      const [connected, accepted] = await Promise.all([stream, server.accept()])
      accepted.hold(false)
      expect(openHandles()).toBe(before + 3)
      connected.destroy()
    })

    it("OPT-21: leaves no timer behind, whatever becomes of an attempt", async () => {
      const both = await pair()
      const server = await pairs.listen(wildcard)
      const set = vi.spyOn(globalThis, "setTimeout")
      const cleared = vi.spyOn(globalThis, "clearTimeout")
      const options = { connectTimeout: 54_321 }
      await pairs.connect(server.endpoint, options)
      await pairs.connect(deserted(both), options).catch(() => {})
      const handler = { connected: () => {}, failed: () => {} }
      transport.connect(parseEndpoint(server.endpoint, "connect"), { ...STREAM_OPTIONS, ...options }, handler).cancel()
      const deadlines = set.mock.results.flatMap(({ value }, i) => (set.mock.calls[i]?.[1] === 54_321 ? [value] : []))
      expect(deadlines.length).toBe(3)
      for (const timer of deadlines) expect(cleared.mock.calls).toContainEqual([timer])
    })

    it("OPT-21: leaves nothing open behind a hundred connections", async () => {
      const before = openHandles()
      const server = await pairs.listen(wildcard)
      for (let i = 0; i < 100; i++) {
        const both = await pairs.pair(server)
        await roundTrip(both)
        both.near.stream.end()
        await both.far.until(() => both.far.ends > 0)
        both.far.stream.end()
        await Promise.all([both.near.untilClosed(), both.far.untilClosed()])
      }
      await server.listener.close()
      await eventually(() => openHandles() <= before)
      expect(openHandles()).toBe(before)
    })
  })
}

/** Octets that differ from place to place. */
function noise(size: number, seed: number): Bytes {
  const block = allocate(Math.min(size, 65_537))
  let state = (seed * 2654435761 + 1) >>> 0
  for (let i = 0; i < block.length; i++) {
    state = (state * 1664525 + 1013904223) >>> 0
    block[i] = state >>> 24
  }
  if (size <= block.length) return block
  return concat(Array<Bytes>(Math.ceil(size / block.length)).fill(block), size)
}
