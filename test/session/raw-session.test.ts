import { describe, expect, it } from "vitest"
import type { Pipe } from "../../src/pipe/pipe.ts"
import { RawSession } from "../../src/session/raw-session.ts"
import type { SessionEnd } from "../../src/session/session.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { nullMechanism } from "../../src/zmtp/null.ts"
import { MemoryStream } from "../support/memory-stream.ts"
import { endOfTick, RecordingHub } from "../support/session-rig.ts"

class Rig {
  readonly hub: RecordingHub
  readonly stream: MemoryStream = new MemoryStream()
  readonly session: RawSession
  readonly ends: SessionEnd[] = []
  established = 0

  constructor(notify = true, options: object = {}) {
    this.hub = new RecordingHub("Pair", options)
    const limits = { maxProperties: 1, maxBytes: 1 }
    this.session = new RawSession(
      {
        stream: this.stream,
        mechanism: nullMechanism({ metadata: encodeMetadata([]), limits }),
        host: this.hub,
        endpoint: "tcp://127.0.0.1:5555",
        pipe: undefined,
        shared: undefined,
        established: () => this.established++,
        ended: (end) => this.ends.push(end),
      },
      notify,
    )
  }

  /** A session whose peer is there. */
  static async begun(notify = true, options: object = {}): Promise<Rig> {
    const rig = new Rig(notify, options)
    await endOfTick()
    return rig
  }

  get pipe(): Pipe {
    return this.hub.joined[0] as Pipe
  }

  /** What the socket can read. */
  received(): string[] {
    return this.pipe.inbound.drain().map(([frame]) => String(frame))
  }

  send(text: string): void {
    this.pipe.push([Buffer.from(text)])
    this.pipe.link?.flush(true)
  }
}

describe("a connection without a protocol", () => {
  it("writes nothing of its own, and its peer is there as soon as whoever opened it can know", async () => {
    const rig = new Rig()
    expect([rig.established, rig.hub.joined.length]).toEqual([0, 0])
    await endOfTick()
    expect([rig.established, rig.hub.joined.length]).toEqual([1, 1])
    expect(rig.pipe.peer).toMatchObject({ address: "127.0.0.1:49152", socketType: "" })
    expect(rig.stream.writes).toEqual([])
  })

  it.each([true, false])(
    "tells of its beginning and its end by empty messages, if that is asked: %s",
    async (notify) => {
      const rig = await Rig.begun(notify)
      const { pipe } = rig
      rig.stream.receive(Buffer.from("one"), Buffer.from("two"))
      rig.stream.receiveEnd()
      await endOfTick()
      const told = pipe.inbound.drain().map(([frame]) => String(frame))
      expect(told).toEqual(notify ? ["", "one", "two", ""] : ["one", "two"])
      expect(rig.hub.left).toEqual([pipe])
      expect(rig.ends).toMatchObject([{ error: undefined, established: true, refused: false }])
      await rig.session.done
    },
  )

  it.each([
    [true, 1],
    [false, 0],
  ])("reads nothing while there is no room, not even at first; telling of itself: %s", async (notify, told) => {
    const rig = new Rig(notify, { maxBufferedBytes: 1000 })
    const before = rig.hub.createPipe("tcp://127.0.0.1:5555", false)
    before.deliver([Buffer.alloc(1000)])
    before.inbound.leaveBehind()
    await endOfTick()
    expect(rig.pipe.inbound.length).toBe(told)
    expect(rig.stream.paused).toBe(true)
    before.pop()
    rig.received()
    expect(rig.stream.paused).toBe(false)
  })

  it("keeps what it was lent", async () => {
    const rig = await Rig.begun(false)
    const lent = Buffer.from("first")
    rig.stream.receive(lent)
    lent.fill("x")
    expect(rig.received()).toEqual(["first"])
  })

  it("sends messages as they are, one write each, the next when the system has taken the last", async () => {
    const rig = await Rig.begun()
    rig.stream.blocked = true
    for (const text of ["one", "two", "three"]) rig.send(text)
    expect(rig.stream.writes.map(String)).toEqual(["one"])
    expect(rig.hub.stats).toMatchObject({ messagesSent: 0, bytesSent: 0 })
    rig.stream.drain()
    expect(rig.stream.writes.map(String)).toEqual(["one", "two", "three"])
    expect(rig.hub.stats).toMatchObject({ messagesSent: 3, bytesSent: 11 })
  })

  it("is ended by an empty message, after what came before it", async () => {
    const rig = await Rig.begun()
    rig.send("last")
    rig.send("")
    expect(rig.stream.writes.map(String)).toEqual(["last"])
    expect(rig.stream.finished).toBe(true)
    expect(rig.hub.left).toHaveLength(1)
  })

  it("stops reading while the socket takes no more, and goes on when it does", async () => {
    const rig = await Rig.begun(false, { receiveHighWaterMark: 2 })
    for (let i = 0; i < 4; i++) rig.stream.receive(Buffer.from(`${i}`))
    expect(rig.stream.paused).toBe(true)
    expect(rig.pipe.inbound.length).toBe(2)
    const told: string[] = []
    while (told.length < 4) {
      const message = rig.pipe.pop()
      if (message === undefined) await endOfTick()
      else told.push(String(message[0]))
    }
    expect(told).toEqual(["0", "1", "2", "3"])
    expect(rig.stream.paused).toBe(false)
  })

  it("finishes what is queued before it ends, and then says nothing more", async () => {
    const rig = await Rig.begun()
    rig.stream.blocked = true
    rig.send("one")
    rig.send("two")
    rig.pipe.link?.finish()
    expect(rig.stream.finished).toBe(false)
    rig.stream.drain()
    expect(rig.stream.writes.map(String)).toEqual(["one", "two"])
    expect(rig.stream.finished).toBe(true)
    rig.stream.receive(Buffer.from("too late"))
    expect(rig.hub.stats.messagesReceived).toBe(0)
  })

  it("counts as dropped what was in flight when it was lost, and says why", async () => {
    const rig = await Rig.begun()
    rig.stream.blocked = true
    rig.send("never")
    rig.stream.reset()
    expect(rig.hub.stats.dropped["in-flight"]).toBe(1)
    expect(rig.ends).toMatchObject([{ error: { code: "ECONNRESET" } }])
    expect(rig.hub.eventTypes).toContain("disconnect")
  })

  it("may be ended before it began, and begins no more", async () => {
    const rig = new Rig()
    rig.session.abort(undefined)
    await endOfTick()
    expect(rig.stream.destroyed).toBe(true)
    expect([rig.established, rig.hub.joined.length]).toEqual([0, 0])
  })
})
