import { describe, expect, it } from "vitest"
import type { Bytes } from "../../src/bytes.ts"
import { ProtocolError } from "../../src/errors.ts"
import { FRAME_CHARGE, type Message } from "../../src/message.ts"
import { Peer } from "../../src/peer.ts"
import { Budget } from "../../src/pipe/budget.ts"
import { JoinEnd } from "../../src/pipe/join.ts"
import { Pipe, type PipeOwner } from "../../src/pipe/pipe.ts"
import { PeerStats, SocketStats } from "../../src/stats.ts"
import type { SubscriptionKind } from "../../src/subscription.ts"

const UNLIMITED = Number.POSITIVE_INFINITY

/** One socket's side of a join. */
class Side implements PipeOwner {
  readonly stats = new SocketStats()
  readonly log: string[] = []
  readonly ends: (Error | undefined)[] = []
  readonly intake = undefined
  readonly pipe: Pipe
  readonly end: JoinEnd
  lost = 0

  constructor(marks: { out?: number; in?: number }) {
    this.pipe = new Pipe(
      {
        owner: this,
        outbound: { messages: marks.out ?? UNLIMITED, bytes: UNLIMITED },
        inbound: { messages: marks.in ?? UNLIMITED, bytes: UNLIMITED },
        budget: new Budget(UNLIMITED),
        window: 0,
        maxOutstanding: UNLIMITED,
      },
      "inproc://join",
      true,
    )
    this.end = new JoinEnd(this.pipe, {
      stats: this.stats,
      left: (error) => {
        this.pipe.state = "gone"
        this.ends.push(error)
      },
      detached: () => this.lost++,
    })
    this.pipe.link = this.end
    this.pipe.state = "ready"
    const facts = { endpoint: "inproc://join", address: "", socketType: "PAIR", routingId: Buffer.alloc(0) }
    this.pipe.peer = new Peer({ ...facts, metadata: new Map() }, new PeerStats(), () => {})
  }

  pipeReadable(): void {
    this.log.push("readable")
  }

  pipeWritable(): void {
    this.log.push("writable")
  }

  pipeFull(): void {}

  pipeLimited(): void {}

  pipeSubscribed(pipe: Pipe, kind: SubscriptionKind, topic: Bytes): void {
    expect(pipe).toBe(this.pipe)
    this.log.push(`${kind} ${topic}`)
  }

  /** Everything that waits to be read. */
  read(): string[] {
    const all: string[] = []
    for (let each = this.pipe.pop(); each !== undefined; each = this.pipe.pop()) all.push(each.join("|"))
    return all
  }
}

/** Two sides put together; opened unless told otherwise. */
function join(one: { out?: number; in?: number } = {}, two: typeof one = {}, opened = true): [Side, Side] {
  const sides: [Side, Side] = [new Side(one), new Side(two)]
  JoinEnd.between(sides[0].end, sides[1].end)
  if (opened) for (const side of sides) side.end.open()
  return sides
}

function message(...texts: string[]): Message {
  return texts.map((text) => Buffer.from(text))
}

describe("two pipes end to end", () => {
  it("hand over the very same message, at once", () => {
    const [near, far] = join()
    const sent = message("a", "b")
    near.pipe.push(sent)
    expect(near.pipe.outbound.length).toBe(0)
    expect(far.log).toEqual(["readable"])
    expect(far.pipe.pop()).toBe(sent)
  })

  it("carry messages both ways", () => {
    const [near, far] = join()
    near.pipe.push(message("there"))
    far.pipe.push(message("back"))
    expect([far.read(), near.read()]).toEqual([["there"], ["back"]])
  })

  it("OPT-2: hold both marks together and not one more", () => {
    const [near, far] = join({ out: 3 }, { in: 2 })
    let taken = 0
    while (near.pipe.hasRoom) {
      near.pipe.push(message(`${taken++}`))
      expect(taken).toBeLessThanOrEqual(5)
    }
    expect(taken).toBe(5)
    expect([near.pipe.outbound.length, far.pipe.inbound.length]).toEqual([3, 2])
  })

  it("ZMTP-36: keep the order through a full queue, and wake the sender", () => {
    const [near, far] = join({ out: 3 }, { in: 2 })
    for (let n = 0; n < 5; n++) near.pipe.push(message(`${n}`))
    expect(near.pipe.hasRoom).toBe(false)
    expect(far.read()).toEqual(["0", "1", "2", "3", "4"])
    expect(near.log).toEqual(["writable"])
    expect(near.pipe.outbound.length).toBe(0)
  })

  it("move nothing until both are opened, and then what waited", () => {
    const [near, far] = join({}, {}, false)
    near.pipe.push(message("early"))
    near.end.open()
    near.pipe.push(message("later"))
    expect(far.pipe.inbound.length).toBe(0)
    far.end.open()
    near.end.flush()
    expect(far.read()).toEqual(["early", "later"])
  })

  it("tell subscriptions to the other side's socket, early ones when they open", () => {
    const [near, far] = join({}, {}, false)
    near.end.subscribe("subscribe", Buffer.from("A"))
    far.end.open()
    expect(far.log).toEqual([])
    near.end.open()
    near.end.subscribe("cancel", Buffer.from("A"))
    expect(far.log).toEqual(["subscribe A", "cancel A"])
  })

  it("count what passes, on both sockets and both peers", () => {
    const [near, far] = join()
    near.pipe.push(message("abc", "de"))
    near.pipe.push(message("f"))
    for (const stats of [near.stats, near.pipe.peer?.stats]) {
      expect(stats).toMatchObject({ messagesSent: 2, bytesSent: 6, messagesReceived: 0 })
    }
    for (const stats of [far.stats, far.pipe.peer?.stats]) {
      expect(stats).toMatchObject({ messagesReceived: 2, bytesReceived: 6, messagesSent: 0 })
    }
  })

  it("drop and report a message whose memory was taken away while it was queued, and no other", () => {
    const [near, far] = join({}, { in: 1 })
    near.pipe.push(message("first"))
    const frame = Buffer.from(new ArrayBuffer(8))
    near.pipe.push([frame])
    near.pipe.push(message("last"))
    expect(near.pipe.outbound.bytes).toBe(2 * FRAME_CHARGE + 12)
    structuredClone(frame.buffer, { transfer: [frame.buffer as ArrayBuffer] })
    expect(far.read()).toEqual(["first", "last"])
    expect(near.lost).toBe(1)
  })

  it("give nothing more to a side that reads no more", () => {
    const [near, far] = join()
    near.pipe.push(message("before"))
    far.end.halt()
    near.pipe.push(message("after"))
    expect(far.read()).toEqual(["before"])
    expect(near.pipe.outbound.length).toBe(1)
  })
})

describe("the end of a join", () => {
  it("comes to both sides, once, with its reason", async () => {
    const [near, far] = join()
    const reason = new ProtocolError("enough")
    near.end.end(reason)
    far.end.end()
    near.end.end()
    expect([near.ends, far.ends]).toEqual([[reason], [reason]])
    await expect(Promise.all([near.end.done, far.end.done])).resolves.toBeDefined()
  })

  it("comes at once when a side finishes with nothing queued", () => {
    const [near, far] = join()
    near.end.finish()
    expect([near.ends, far.ends]).toEqual([[undefined], [undefined]])
  })

  it("waits until everything queued was taken", () => {
    const [near, far] = join({}, { in: 1 })
    for (const text of ["1", "2", "3"]) near.pipe.push(message(text))
    near.end.finish()
    expect(near.ends).toEqual([])
    expect(far.read()).toEqual(["1", "2", "3"])
    expect([near.ends, far.ends]).toEqual([[undefined], [undefined]])
    near.end.finish()
    expect(near.ends).toHaveLength(1)
  })

  it("leaves what was received to be read", () => {
    const [near, far] = join()
    near.pipe.push(message("kept"))
    near.end.end()
    expect(far.read()).toEqual(["kept"])
  })

  it("lets nothing through any more", () => {
    const [near, far] = join()
    near.end.end()
    near.end.flush()
    near.end.subscribe("subscribe", Buffer.from("A"))
    expect(near.end.pass(message("late"))).toBe(false)
    expect(far.log).toEqual([])
  })
})
