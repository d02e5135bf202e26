import { describe, expect, it } from "vitest"
import type { Bytes } from "../../src/bytes.ts"
import type { Message } from "../../src/message.ts"
import { Budget } from "../../src/pipe/budget.ts"
import { type Link, Pipe, type PipeOwner, type PipeSetup, type QueueLimit } from "../../src/pipe/pipe.ts"
import type { SubscriptionKind } from "../../src/subscription.ts"

const UNLIMITED = Number.POSITIVE_INFINITY

class Owner implements PipeOwner {
  readonly log: string[] = []
  intake: ((pipe: Pipe, message: Message) => boolean) | undefined

  pipeReadable(): void {
    this.log.push("readable")
  }

  pipeWritable(): void {
    this.log.push("writable")
  }

  pipeFull(): void {
    this.log.push("full")
  }

  pipeLimited(_pipe: Pipe, limit: QueueLimit): void {
    this.log.push(`limit ${limit}`)
  }

  pipeSubscribed(_pipe: Pipe, kind: SubscriptionKind, topic: Bytes): void {
    this.log.push(`${kind} ${topic}`)
  }
}

class RecordingLink implements Link {
  readonly log: string[] = []
  readonly passed: Message[] = []
  passes = false
  readonly done: Promise<void> = Promise.resolve()

  pass(message: Message): boolean {
    if (this.passes) this.passed.push(message)
    return this.passes
  }

  flush(urgent: boolean): void {
    this.log.push(urgent ? "flush at once" : "flush")
  }

  resume(): void {
    this.log.push("resume")
  }

  subscribe(): void {}
  halt(): void {}
  finish(): void {}
  end(): void {}
}

interface Made {
  readonly pipe: Pipe
  readonly owner: Owner
  readonly link: RecordingLink
}

/** A pipe whose peer is there, with these marks of messages. */
function make(setup: Partial<PipeSetup> & { out?: number; in?: number } = {}): Made {
  const owner = new Owner()
  const pipe = new Pipe(
    {
      owner,
      outbound: { messages: setup.out ?? UNLIMITED, bytes: UNLIMITED },
      inbound: { messages: setup.in ?? UNLIMITED, bytes: UNLIMITED },
      budget: new Budget(UNLIMITED),
      window: 0,
      maxOutstanding: UNLIMITED,
      ...setup,
    },
    "tcp://127.0.0.1:1",
    true,
  )
  const link = new RecordingLink()
  pipe.link = link
  pipe.state = "ready"
  return { pipe, owner, link }
}

function message(size = 1): Message {
  return [Buffer.alloc(size)]
}

describe("the socket's face of a pipe", () => {
  it("queues, and asks for a flush at the end of the tick", () => {
    const { pipe, link } = make()
    pipe.push(message())
    pipe.push(message())
    expect(pipe.outbound.length).toBe(2)
    expect(link.log).toEqual(["flush", "flush"])
  })

  it("asks for a flush at once when much is queued: octets, or all that the mark allows", () => {
    const many = make({ out: 3 })
    for (let n = 0; n < 3; n++) many.pipe.push(message())
    expect(many.link.log).toEqual(["flush", "flush", "flush at once"])
    const large = make()
    large.pipe.push(message(200_000))
    expect(large.link.log).toEqual(["flush at once"])
  })

  it("passes a message on without queueing it where the link can, but never past one that is queued", () => {
    const { pipe, link } = make()
    const first = message()
    pipe.push(first)
    link.passes = true
    pipe.push(message())
    expect([pipe.outbound.length, link.passed.length]).toEqual([2, 0])
    pipe.outbound.drain()
    pipe.push(first)
    expect(pipe.outbound.length).toBe(0)
    expect(link.passed[0]).toBe(first)
  })

  it("PIPE-4: queues for a peer that is still to come", () => {
    const { pipe } = make()
    pipe.link = undefined
    pipe.state = "waiting"
    expect(pipe.hasRoom).toBe(true)
    pipe.push(message())
    expect(pipe.outbound.length).toBe(1)
  })

  it("takes nothing once its peer is gone or is being parted with", () => {
    for (const state of ["gone", "leaving"] as const) {
      const { pipe } = make()
      pipe.state = state
      expect(pipe.hasRoom).toBe(false)
    }
  })

  it("has no room from its mark on until half is gone, and then says so once", () => {
    const { pipe, owner } = make({ out: 20 })
    for (let n = 0; n < 20; n++) {
      expect(pipe.hasRoom).toBe(true)
      pipe.push(message())
    }
    expect(pipe.hasRoom).toBe(false)
    expect(owner.log).toEqual(["full"])
    for (let left = 19; left > 10; left--) {
      pipe.outbound.shift()
      pipe.relieve()
      expect(pipe.hasRoom).toBe(false)
    }
    pipe.outbound.shift()
    pipe.relieve()
    pipe.relieve()
    expect(owner.log).toEqual(["full", "writable"])
    expect(pipe.hasRoom).toBe(true)
  })

  it("tells of a slow peer when its queue reaches the mark, and again only after half is gone", () => {
    const { pipe, owner } = make({ out: 20 })
    const fill = () => {
      while (pipe.outbound.length < 20) pipe.push(message())
    }
    fill()
    pipe.outbound.shift()
    pipe.relieve()
    fill()
    expect(owner.log).toEqual(["full"])
    for (let n = 0; n < 10; n++) pipe.outbound.shift()
    pipe.relieve()
    fill()
    expect(owner.log.filter((what) => what === "full")).toHaveLength(2)
  })

  it("says nothing of room to the owner of a pipe that is gone", () => {
    const { pipe, owner } = make({ out: 1 })
    pipe.push(message())
    expect(pipe.hasRoom).toBe(false)
    pipe.state = "gone"
    pipe.outbound.drain()
    pipe.relieve()
    expect(owner.log).not.toContain("writable")
  })

  it("has no room while what is unproven fills the window", () => {
    const { pipe, owner } = make({ window: 3 })
    pipe.unproven = 2
    expect(pipe.hasRoom).toBe(true)
    pipe.push(message())
    expect(pipe.hasRoom).toBe(false)
    pipe.outbound.shift()
    pipe.unproven = 3
    pipe.relieve()
    expect(pipe.hasRoom).toBe(false)
    pipe.unproven = 2
    pipe.relieve()
    expect(owner.log).toEqual(["writable"])
    expect(pipe.hasRoom).toBe(true)
  })

  it("has no room while as many requests are unanswered as may be", () => {
    const { pipe, owner } = make({ maxOutstanding: 1 })
    pipe.outstanding = 1
    expect(pipe.hasRoom).toBe(false)
    pipe.outstanding = 0
    pipe.relieve()
    expect(owner.log).toEqual(["writable"])
  })

  it("LIMIT-9: waits for the budget of the socket, whichever queue held it", () => {
    const budget = new Budget(1000)
    const { pipe: hog } = make({ budget })
    const { pipe, owner } = make({ budget })
    hog.push(message(2000))
    pipe.push(message())
    expect(pipe.hasRoom).toBe(false)
    expect(pipe.hasRoom).toBe(false)
    hog.outbound.shift()
    expect(owner.log).toEqual(["limit maxBufferedBytes", "writable"])
    expect(pipe.hasRoom).toBe(true)
  })

  it("LIMIT-9: waits for the budget also when that ran out while it waited for its own mark", () => {
    const budget = new Budget(1000)
    const { pipe: hog } = make({ budget })
    const { pipe, owner } = make({ budget, out: 2 })
    pipe.push(message())
    pipe.push(message())
    expect(pipe.hasRoom).toBe(false)
    hog.push(message(2000))
    pipe.outbound.shift()
    pipe.relieve()
    expect(owner.log).not.toContain("writable")
    hog.outbound.shift()
    expect(owner.log).toContain("writable")
  })
})

describe("the session's face of a pipe", () => {
  it("tells its owner that there is something to read, once until it is empty again", () => {
    const { pipe, owner } = make()
    pipe.deliver(message())
    pipe.deliver(message())
    expect(owner.log).toEqual(["readable"])
    pipe.pop()
    pipe.pop()
    expect(pipe.pop()).toBeUndefined()
    pipe.deliver(message())
    expect(owner.log).toEqual(["readable", "readable"])
  })

  it("shows what arrives to the socket first, which may deal with it", () => {
    const { pipe, owner } = make()
    const [dealt, kept] = [message(), message()]
    owner.intake = (_, arrived) => arrived === kept
    expect(pipe.deliver(dealt)).toBe(true)
    expect(pipe.deliver(kept)).toBe(true)
    expect(pipe.inbound.length).toBe(1)
    expect(pipe.pop()).toBe(kept)
  })

  it("says when it takes no more, and calls for more once half is gone", () => {
    const { pipe, link } = make({ in: 20 })
    for (let n = 1; n < 20; n++) expect(pipe.deliver(message())).toBe(true)
    expect(pipe.deliver(message())).toBe(false)
    for (let left = 19; left > 10; left--) pipe.pop()
    expect(link.log).toEqual([])
    pipe.pop()
    expect(link.log).toEqual(["resume"])
    pipe.pop()
    expect(link.log).toEqual(["resume"])
  })

  it("calls for more after every message when the mark is 1", () => {
    const { pipe, link } = make({ in: 1 })
    for (let n = 1; n <= 3; n++) {
      expect(pipe.deliver(message())).toBe(false)
      pipe.pop()
      expect(link.log).toHaveLength(n)
    }
  })

  it("LIMIT-9: stops reading when the budget is used up, and goes on when another queue gives way", () => {
    const budget = new Budget(1000)
    const { pipe: hog } = make({ budget })
    const { pipe, link } = make({ budget })
    hog.deliver(message(2000))
    expect(pipe.deliver(message())).toBe(false)
    expect(link.log).toEqual([])
    hog.pop()
    expect(link.log).toEqual(["resume"])
  })

  it("LIMIT-9: goes on also when the budget ran out while it was full for its own mark", () => {
    const budget = new Budget(1000)
    const { pipe: hog } = make({ budget })
    const { pipe, link } = make({ budget, in: 2 })
    expect(pipe.deliver(message())).toBe(true)
    expect(pipe.deliver(message())).toBe(false)
    hog.deliver(message(2000))
    pipe.pop()
    expect(link.log).toEqual([])
    hog.pop()
    expect(link.log).toEqual(["resume"])
  })
})

describe("a peer that says many subscriptions", () => {
  it("T5: is heard again in the next turn of the event loop", async () => {
    const { pipe, link } = make()
    for (let n = 0; n < 127; n++) pipe.subscribed()
    expect(pipe.wantsMore).toBe(true)
    for (let n = 0; n < 300; n++) pipe.subscribed()
    expect(pipe.wantsMore).toBe(false)
    expect(pipe.deliver(message())).toBe(false)
    await new Promise((resolve) => setImmediate(resolve))
    expect(link.log).toEqual(["resume"])
    expect(pipe.wantsMore).toBe(true)
  })

  it("T5, LIMIT-9: is heard no sooner than there is room for its messages", async () => {
    const { pipe, link } = make({ in: 1 })
    pipe.deliver(message())
    for (let n = 0; n < 128; n++) pipe.subscribed()
    await new Promise((resolve) => setImmediate(resolve))
    expect(link.log).toEqual([])
    pipe.pop()
    expect(link.log).toEqual(["resume"])
  })
})

describe("a pipe whose connection was made anew", () => {
  /** A pipe of a connection that has gone and left these messages with its link, and takes them as room allows. */
  function leftover(budget: Budget, messages: Message[]): Pipe {
    const { pipe, link } = make({ budget })
    link.resume = () => {
      for (let more = pipe.wantsMore; more; ) {
        const next = messages.shift()
        if (next === undefined) break
        more = pipe.deliver(next)
      }
    }
    link.resume()
    return pipe
  }

  it("ZMTP-36: is read after all that the old one left, though there was no room for that", () => {
    const budget = new Budget(1000)
    const { pipe: other } = make({ budget })
    other.deliver(message(2000))
    const left = [message(1), message(2), message(3)]
    const before = leftover(budget, [...left])
    expect(before.inbound.length).toBe(1)
    const { pipe: after } = make({ budget })
    after.follow(before)
    expect(after.predecessor).toBe(before)
    expect(left.map(() => before.pop()?.[0]?.length)).toEqual([1, 2, 3])
    expect(before.pop()).toBeUndefined()
  })

  it("follows nothing when the old one left nothing", () => {
    const before = leftover(new Budget(1000), [])
    const { pipe: after } = make()
    after.follow(before)
    expect(after.predecessor).toBeUndefined()
  })
})

describe("an exhausted budget", () => {
  it("LIMIT-9: is not waited for by who is cut off", () => {
    const budget = new Budget(1000)
    const { pipe: hog } = make({ budget })
    const { pipe, owner } = make({ budget })
    hog.push(message(2000))
    pipe.push(message())
    expect(pipe.hasRoom).toBe(false)
    pipe.cutOff()
    hog.outbound.shift()
    expect(owner.log).not.toContain("writable")
  })

  it("LIMIT-9: goes on reading once what was left behind is read, though what is to be sent takes up the rest", () => {
    const budget = new Budget(4000)
    const { pipe: former } = make({ budget })
    const { pipe, link } = make({ budget })
    pipe.push(message(5000))
    former.deliver(message(3000))
    former.inbound.leaveBehind()
    expect(pipe.wantsMore).toBe(false)
    former.pop()
    // The peer may be waiting to be heard before it takes what is to be sent.
    expect(budget.exhausted).toBe(true)
    expect(link.log).toContain("resume")
    expect(pipe.wantsMore).toBe(true)
  })

  it("T14: leaves an empty queue one message, either way: it may be the one that makes room again", () => {
    const budget = new Budget(1000)
    const { pipe: hog } = make({ budget })
    const { pipe, owner, link } = make({ budget })
    hog.deliver(message(2000))
    expect(pipe.hasRoom).toBe(true)
    pipe.push(message())
    expect(pipe.hasRoom).toBe(false)
    pipe.outbound.shift()
    pipe.relieve()
    expect(owner.log).toContain("writable")
    expect(pipe.hasRoom).toBe(true)

    expect(pipe.wantsMore).toBe(true)
    expect(pipe.deliver(message())).toBe(false)
    pipe.pop()
    expect(link.log).toContain("resume")
    expect(pipe.wantsMore).toBe(true)
  })
})
