import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { chargeOf, FRAME_CHARGE, type Message } from "../../src/message.ts"
import { Budget } from "../../src/pipe/budget.ts"
import { type Marks, MessageQueue } from "../../src/pipe/queue.ts"

const UNLIMITED = Number.POSITIVE_INFINITY

function queue(marks: Partial<Marks> = {}, budget = new Budget(UNLIMITED)): MessageQueue {
  return new MessageQueue({ messages: UNLIMITED, bytes: UNLIMITED, ...marks }, budget)
}

function message(...sizes: number[]): Message {
  return sizes.map((size) => Buffer.alloc(size))
}

describe("a queue of messages", () => {
  it("gives the same objects back in their order, and counts what it holds", () => {
    const budget = new Budget(UNLIMITED)
    const waiting = queue({}, budget)
    const messages = Array.from({ length: 40 }, (_, n) => message(n))
    for (const each of messages) waiting.push(each)
    expect(waiting.length).toBe(40)
    expect(waiting.bytes).toBe(messages.reduce((sum, each) => sum + chargeOf(each), 0))
    expect(budget.bytes).toBe(waiting.bytes)
    for (const each of messages) expect(waiting.shift()).toBe(each)
    expect(waiting.shift()).toBeUndefined()
    expect([waiting.length, waiting.bytes, budget.bytes]).toEqual([0, 0, 0])
  })

  it("LIMIT-9: charges every frame 64 octets on top of its body, so that empty ones are not free", () => {
    const waiting = queue()
    waiting.push(message(0))
    expect(waiting.bytes).toBe(FRAME_CHARGE)
    waiting.push(message(0, 10, 0))
    expect(waiting.bytes).toBe(4 * FRAME_CHARGE + 10)
  })

  it("OPT-1: has room below its mark of messages, and counts messages, not frames", () => {
    const waiting = queue({ messages: 2 })
    waiting.push(message(1, 1, 1))
    expect(waiting.hasRoom).toBe(true)
    waiting.push(message(1))
    expect(waiting.hasRoom).toBe(false)
  })

  it("LIMIT-9: has room below its mark of octets for one more message of any size", () => {
    const waiting = queue({ bytes: 1000 })
    waiting.push(message(900 - FRAME_CHARGE))
    expect(waiting.hasRoom).toBe(true)
    waiting.push(message(1_000_000))
    expect(waiting.hasRoom).toBe(false)
  })

  it("LIMIT-9: has no room while the queues of the socket together are over the budget", () => {
    const budget = new Budget(1000)
    const [one, other] = [queue({}, budget), queue({}, budget)]
    one.push(message(1000))
    // An empty one takes a message all the same (T14).
    expect([other.hasRoom, other.relieved]).toEqual([true, true])
    other.push(message(1))
    expect([other.hasRoom, other.relieved]).toEqual([false, false])
    one.shift()
    expect(other.hasRoom).toBe(true)
  })

  it("counts as relieved at half its marks, or one below if it is small", () => {
    const relievedAt = (messages: number) => {
      const waiting = queue({ messages })
      for (let n = 0; n < messages; n++) waiting.push(message(1))
      while (!waiting.relieved) waiting.shift()
      return waiting.length
    }
    expect([1, 2, 16, 17, 1000].map(relievedAt)).toEqual([0, 1, 15, 8, 500])
  })

  it("counts as relieved only when its octets are at half as well", () => {
    const waiting = queue({ messages: 4, bytes: 1000 })
    for (let n = 0; n < 4; n++) waiting.push(message(200))
    waiting.shift()
    expect(waiting.relieved).toBe(false)
    waiting.shift()
    expect(waiting.relieved).toBe(false)
    waiting.shift()
    expect(waiting.relieved).toBe(true)
  })

  it("balances its accounts though memory is taken from a frame while it waits, and shows that it was", () => {
    const budget = new Budget(UNLIMITED)
    const waiting = queue({}, budget)
    const frame = Buffer.from(new ArrayBuffer(100))
    waiting.push([frame])
    const charge = waiting.headCharge
    structuredClone(frame.buffer, { transfer: [frame.buffer as ArrayBuffer] })
    expect(waiting.headCharge).toBe(charge)
    expect(chargeOf(waiting.at(0) as Message)).not.toBe(charge)
    waiting.shift()
    expect([waiting.bytes, budget.bytes]).toEqual([0, 0])
  })

  it("shows any message by its distance from the front", () => {
    const waiting = queue()
    const messages = [message(1), message(2), message(3)]
    for (const each of messages) waiting.push(each)
    waiting.shift()
    expect([waiting.at(0), waiting.at(1), waiting.at(2)]).toEqual([messages[1], messages[2], undefined])
    expect(waiting.position).toBe(1)
  })

  it("keeps the position of a message that waits, however the queue grows and empties", () => {
    const waiting = queue()
    for (let n = 0; n < 10; n++) waiting.push(message(1))
    for (let n = 0; n < 5; n++) waiting.shift()
    const marked = message(7)
    const position = waiting.position + waiting.length
    waiting.push(marked)
    for (let n = 0; n < 100; n++) waiting.push(message(1))
    expect(waiting.at(position - waiting.position)).toBe(marked)
    waiting.drain()
    expect(waiting.position).toBe(111)
  })

  it("replaces a message in its place, charge included, and wakes who waited for the octets", () => {
    const budget = new Budget(5000)
    const waiting = queue({}, budget)
    waiting.push(message(10))
    waiting.push(message(6000))
    waiting.push(message(30))
    let woken = 0
    budget.await(() => woken++)
    const newer = message(20)
    waiting.replace(1, newer)
    expect(woken).toBe(1)
    expect(waiting.bytes).toBe(60 + 3 * FRAME_CHARGE)
    expect(budget.bytes).toBe(waiting.bytes)
    waiting.shift()
    expect(waiting.shift()).toBe(newer)
  })

  it("charges what is kept of a peer that left, until its last message is read", () => {
    const budget = new Budget(3000)
    const waiting = queue({}, budget)
    waiting.leaveBehind()
    expect(budget.leftBehind).toBe(0)
    waiting.push(message(100))
    waiting.push(message(100))
    waiting.leaveBehind()
    waiting.leaveBehind()
    expect([waiting.bytes, budget.bytes, budget.leftBehind]).toEqual([2376, 2376, 2376])
    // What has arrived, and was not looked at before it left.
    waiting.push(message(1000))
    expect([budget.leftBehind, budget.clogged]).toEqual([3440, true])
    waiting.shift()
    expect([budget.leftBehind, budget.clogged]).toEqual([3276, true])
    waiting.shift()
    expect([budget.leftBehind, budget.clogged]).toEqual([1064, false])
    waiting.shift()
    expect([waiting.bytes, budget.bytes, budget.leftBehind]).toEqual([0, 0, 0])
  })

  it("drains to a list, oldest first, and is usable afterwards", () => {
    const budget = new Budget(UNLIMITED)
    const waiting = queue({}, budget)
    const messages = Array.from({ length: 20 }, () => message(5))
    for (const each of messages) waiting.push(each)
    expect(waiting.drain()).toEqual(messages)
    expect([waiting.length, waiting.bytes, budget.bytes]).toEqual([0, 0, 0])
    expect(waiting.drain()).toEqual([])
    waiting.push(message(1))
    expect(waiting.length).toBe(1)
  })

  it("keeps what it holds when it is asked to trim", () => {
    const waiting = queue()
    const only = message(3)
    waiting.push(only)
    waiting.trim()
    expect(waiting.shift()).toBe(only)
    waiting.trim()
    expect(waiting.shift()).toBeUndefined()
  })

  it("does what an array does, whatever the order of calls", () => {
    const call = fc.record({ name: fc.constantFrom("push", "push", "shift", "replace"), n: fc.nat(500) })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
        const budget = new Budget(UNLIMITED)
        const waiting = queue({}, budget)
        const model: Message[] = []
        for (const { name, n } of calls) {
          const next = message(n)
          if (name === "push") {
            waiting.push(next)
            model.push(next)
          } else if (name === "shift") {
            expect(waiting.shift()).toBe(model.shift())
          } else if (model.length > 0) {
            waiting.replace(n % model.length, next)
            model[n % model.length] = next
          }
          expect(waiting.length).toBe(model.length)
          expect(waiting.bytes).toBe(model.reduce((sum, each) => sum + chargeOf(each), 0))
          expect(waiting.at(model.length - 1)).toBe(model.at(-1))
        }
        expect(budget.bytes).toBe(waiting.bytes)
      }),
    )
  })
})
