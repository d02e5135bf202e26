import { describe, expect, it } from "vitest"
import type { Message } from "../../src/message.ts"
import { Budget } from "../../src/pipe/budget.ts"
import { MessageQueue } from "../../src/pipe/queue.ts"
import { SharedBatch } from "../../src/session/shared-batch.ts"
import { type Batch, Encoder, releaseBatch } from "../../src/zmtp/encoder.ts"

const UNLIMITED = Number.POSITIVE_INFINITY

function messages(count: number): Message[] {
  return Array.from({ length: count }, (_, n) => [Buffer.from(`message ${n}`)])
}

function queue(...waiting: Message[]): MessageQueue {
  const made = new MessageQueue({ messages: UNLIMITED, bytes: UNLIMITED }, new Budget(UNLIMITED))
  for (const message of waiting) made.push(message)
  return made
}

function encode(list: readonly Message[]): Batch {
  const encoder = new Encoder()
  for (const message of list) encoder.add(message)
  return encoder.finish() as Batch
}

/** A batch of these messages that the first session has encoded and written. */
function kept(list: Message[]): { shared: SharedBatch; batch: Batch } {
  const shared = new SharedBatch()
  const batch = encode(list)
  shared.keep(list, batch)
  return { shared, batch }
}

/** The end of this tick, and what was to happen then. */
function endOfTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

describe("a batch for many", () => {
  it("is taken by a queue that begins with the very same messages, which then lacks them", () => {
    const list = messages(3)
    const { shared, batch } = kept(list)
    const more: Message = [Buffer.from("more")]
    const waiting = queue(...list, more)
    expect(shared.take(waiting)).toBe(batch)
    expect([waiting.length, waiting.at(0)]).toEqual([1, more])
    expect(shared.take(queue(...list))).toBe(batch)
  })

  it("is not for a queue of other messages, equal ones included, and leaves that alone", () => {
    const list = messages(3)
    const { shared } = kept(list)
    const others = [messages(3), list.slice(0, 2), [...list.slice(1), list[0] as Message], [list[0] as Message], []]
    for (const other of others) {
      const waiting = queue(...other)
      expect(shared.take(waiting)).toBeUndefined()
      expect(waiting.length).toBe(other.length)
    }
  })

  it("is nothing as long as nobody kept one", () => {
    expect(new SharedBatch().take(queue(...messages(1)))).toBeUndefined()
  })

  it("gives way to the next one", () => {
    const [first, second] = [messages(2), messages(2)]
    const { shared } = kept(first)
    const batch = encode(second)
    shared.keep(second, batch)
    expect(shared.take(queue(...first))).toBeUndefined()
    expect(shared.take(queue(...second))).toBe(batch)
  })

  it("is kept until the tick ends, and its memory by each user until that is done", async () => {
    const list = messages(2)
    const { shared, batch } = kept(list)
    expect(batch.users).toBe(2)
    shared.take(queue(...list))
    expect(batch.users).toBe(3)
    releaseBatch(batch)
    await endOfTick()
    expect(batch.users).toBe(1)
    expect(shared.take(queue(...list))).toBeUndefined()
  })

  it("gives up the memory of one that gave way, once", async () => {
    const { shared, batch } = kept(messages(1))
    const list = messages(1)
    const next = encode(list)
    shared.keep(list, next)
    expect([batch.users, next.users]).toEqual([1, 2])
    await endOfTick()
    expect([batch.users, next.users]).toEqual([1, 1])
  })

  it("is kept again after the tick in which another was", async () => {
    const { shared } = kept(messages(1))
    await endOfTick()
    const list = messages(1)
    const batch = encode(list)
    shared.keep(list, batch)
    expect(shared.take(queue(...list))).toBe(batch)
    await endOfTick()
    expect(batch.users).toBe(2)
  })
})
