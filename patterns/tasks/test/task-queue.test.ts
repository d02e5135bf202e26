import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Prefetch } from "../prefetch.ts"
import { Rate } from "../progress.ts"
import { Task } from "../task.ts"
import { precedes, TaskQueue } from "../task-queue.ts"

function task(id: number, priority = 0): Task {
  return new Task(id, { priority, key: "", timeout: 0, retries: 0 }, undefined, Buffer.alloc(0))
}

describe("TaskQueue", () => {
  it("hands out by priority, then by age, whoever came back or left meanwhile", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("push" as const), priority: fc.integer({ min: -3, max: 3 }) }),
      fc.record({ do: fc.constant("take" as const) }),
      fc.record({ do: fc.constant("restore" as const), which: fc.nat() }),
      fc.record({ do: fc.constant("remove" as const), which: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const queue = new TaskQueue<Task>()
        let waiting: Task[] = []
        const taken: Task[] = []
        let ids = 0
        for (const each of steps) {
          if (each.do === "push") {
            const fresh = task(++ids, each.priority)
            queue.push(fresh)
            waiting.push(fresh)
          } else if (each.do === "take") {
            const head = queue.head
            expect(head).toBe(waiting[0])
            if (head === undefined) continue
            head.list?.remove(head)
            waiting = waiting.slice(1)
            taken.push(head)
          } else if (each.do === "restore" && taken.length > 0) {
            const [back] = taken.splice(each.which % taken.length, 1) as [Task]
            queue.restore(back)
            waiting.push(back)
          } else if (each.do === "remove" && waiting.length > 0) {
            const [gone] = waiting.splice(each.which % waiting.length, 1) as [Task]
            gone.list?.remove(gone)
          }
          waiting.sort((a, b) => (precedes(a, b) ? -1 : 1))
          expect(queue.length).toBe(waiting.length)
          expect([...queue]).toEqual(waiting)
        }
      }),
    )
  })
})

describe("Rate", () => {
  it("counts per second over the last five seconds", () => {
    let now = 1000
    const rate = new Rate(() => now)
    expect(rate.perSecond).toBe(0)
    for (let i = 0; i < 20; i++) {
      rate.add(50)
      now += 100
    }
    expect(rate.perSecond).toBeCloseTo(500, -2)
    now += 4000
    expect(rate.perSecond).toBeLessThan(250)
    now += 60_000
    expect(rate.perSecond).toBe(0)
  })
})

describe("Prefetch", () => {
  it("asks for what will be done in a little while, and for a thousand at most", () => {
    const auto = new Prefetch("auto")
    expect(auto.tasks(4)).toBe(4)
    for (let i = 0; i < 200; i++) auto.took(5)
    expect(auto.tasks(1)).toBe(4)
    for (let i = 0; i < 200; i++) auto.took(0.001)
    expect(auto.tasks(1)).toBe(1024)
    for (let i = 0; i < 400; i++) auto.took(60_000)
    expect(auto.tasks(1)).toBe(1)
  })

  it("asks for what it was told to", () => {
    const fixed = new Prefetch(7)
    expect(fixed.took(1)).toBe(false)
    expect(fixed.tasks(3)).toBe(7)
  })
})
