// Nodes in processes of their own, killed, stopped and started again in the midst of calls.

import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MessagingError } from "brokerless"
import { DeadlineError, LostError, type MeshNode } from "brokerless/patterns/mesh"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { LOOPBACK } from "../../../test/support/loopback.ts"
import { Nodes, sees } from "./nodes.ts"
import type { Work } from "./work.ts"
import { WorkerProcess } from "./worker-process.ts"

const ANYWHERE = `tcp://${LOOPBACK}:*`
/** A timer of a machine that is busy comes late; a call that hangs never ends. */
const GRACE = 20_000

let folder: string
let ledger: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "brokerless-mesh-"))
  ledger = join(folder, "ledger")
})
afterEach(() => rmSync(folder, { recursive: true }))

function booked(): Map<string, number> {
  const times = new Map<string, number>()
  for (const id of readFileSync(ledger, "utf8").split("\n").filter(Boolean)) times.set(id, (times.get(id) ?? 0) + 1)
  return times
}

interface Outcome {
  readonly value?: unknown
  readonly error?: unknown
  readonly elapsed: number
}

/** There may be more of them than a function takes as arguments. */
function longest(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((most, { elapsed }) => Math.max(most, elapsed), 0)
}

/** Calls that go on until they are told to stop, so many at a time. */
class Traffic implements AsyncDisposable {
  readonly outcomes: Outcome[] = []
  readonly #running: Promise<void>[]
  #stopped = false
  #wake: () => void = () => {}

  constructor(lanes: number, call: (count: number) => Promise<unknown>) {
    let count = 0
    const lane = async (): Promise<void> => {
      while (!this.#stopped) {
        const begun = performance.now()
        const outcome = await call(count++).then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        )
        this.outcomes.push({ ...outcome, elapsed: performance.now() - begun })
        // A call that fails at once must not keep others from their turn.
        if ("error" in outcome) await new Promise(setImmediate)
        this.#wake()
      }
    }
    this.#running = Array.from({ length: lanes }, lane)
  }

  /** Resolves when so many more calls have ended that are wanted. */
  async more(count: number, wanted: (outcome: Outcome) => boolean = () => true): Promise<void> {
    const from = this.outcomes.length
    while (this.outcomes.slice(from).filter(wanted).length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async stop(): Promise<readonly Outcome[]> {
    this.#stopped = true
    await Promise.all(this.#running)
    return this.outcomes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

function up(...wanted: string[]): (node: MeshNode) => boolean {
  return (node) => {
    const seen = node.nodes.filter(({ state }) => state === "up").map(({ name }) => name)
    return seen.sort().join() === wanted.sort().join()
  }
}

/** Quick enough to wait for, and longer than a process that goes on may be without a processor. */
const QUICK = { staleAfter: 2500, lostAfter: 4000 }
/** Whoever is killed leaves at once; nobody else is to be taken for lost. */
const PATIENT = { staleAfter: 60_000, lostAfter: 600_000 }

describe("processes that come and go", () => {
  it("idempotent calls all succeed while one healthy node is left, and every call ends by its deadline", async () => {
    const deadline = 8000
    await using a = await WorkerProcess.start("a", ANYWHERE, ledger)
    await using b = await WorkerProcess.start("b", ANYWHERE, ledger, a.endpoint)
    await using c = await WorkerProcess.start("c", ANYWHERE, ledger, b.endpoint)
    await using nodes = new Nodes()
    const caller = nodes.make({ seeds: [a.endpoint], ...QUICK })
    await sees(caller, up("a", "b", "c"))
    const work = caller.service<Work>("work", { deadline })
    await using traffic = new Traffic(16, (n) => work.double(n))

    await traffic.more(100)
    await a.kill()
    await traffic.more(100)
    b.stop()
    await traffic.more(100, ({ value }) => (value as { by: string } | undefined)?.by === "c")
    await sees(caller, up("c"))
    b.goOn()
    await sees(caller, up("b", "c"))
    await using again = await WorkerProcess.start("a again", a.endpoint, ledger, b.endpoint)
    await sees(caller, up("a again", "b", "c"))
    await c.kill()
    await b.kill()
    await traffic.more(100, ({ value }) => (value as { by: string } | undefined)?.by === again.name)

    const outcomes = await traffic.stop()
    expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([])
    expect(longest(outcomes)).toBeLessThan(deadline + GRACE)
    expect(caller.stats.calls).toBe(outcomes.length)
    expect(caller.stats.answered).toBe(outcomes.length)
  })

  it("an idempotent call is answered by the seventh node when six are killed under it, one by one", async () => {
    await using first = await WorkerProcess.start("1", ANYWHERE, ledger)
    const names = ["2", "3", "4", "5", "6", "7"]
    const rest = await Promise.all(names.map((name) => WorkerProcess.start(name, ANYWHERE, ledger, first.endpoint)))
    await using _rest = { [Symbol.asyncDispose]: async () => void (await Promise.all(rest.map((each) => each.kill()))) }
    await using nodes = new Nodes()
    const caller = nodes.make({ seeds: [first.endpoint], ...PATIENT })
    await sees(caller, up(first.name, ...names))

    const call = caller.service<Work>("work", { deadline: 120_000, hedgeAfter: 120_000 }).hold()
    const left = new Set([first, ...rest])
    const asked = async (): Promise<WorkerProcess> => {
      const each = [...left].map(async (worker) => {
        await worker.says("holding")
        return worker
      })
      return Promise.race(each)
    }
    while (left.size > 1) {
      const worker = await asked()
      left.delete(worker)
      await worker.kill()
    }
    const last = await asked()
    last.tell("answer")
    expect(await call).toBe(last.name)
    expect(caller.stats).toMatchObject({ calls: 1, answered: 1, retries: 6, hedges: 0 })
  })

  it("a call that is not idempotent is begun once at most, and once exactly if it was answered", async () => {
    // Longer than it takes to give up a node.
    const deadline = 8000
    await using a = await WorkerProcess.start("a", ANYWHERE, ledger)
    await using b = await WorkerProcess.start("b", ANYWHERE, ledger, a.endpoint)
    await using c = await WorkerProcess.start("c", ANYWHERE, ledger, a.endpoint)
    await using nodes = new Nodes()
    const caller = nodes.make({ seeds: [a.endpoint, b.endpoint], ...QUICK })
    await sees(caller, up("a", "b", "c"))
    const work = caller.service<Work>("work", { deadline })
    const answered = new Set<string>()
    await using traffic = new Traffic(16, async (n) => {
      await work.book(`${n}`)
      answered.add(`${n}`)
    })

    await traffic.more(200)
    await a.kill()
    await traffic.more(200)
    b.stop()
    await traffic.more(1, ({ error }) => error instanceof DeadlineError || error instanceof LostError)
    await traffic.more(100, ({ error }) => error === undefined)
    b.goOn()
    await sees(caller, (node) => node.nodes.some(({ name, state }) => name === b.name && state === "up"))
    c.tell("drain")
    expect(await c.ended()).toBe(0)
    await traffic.more(200)

    const outcomes = await traffic.stop()
    const errors = outcomes.map(({ error }) => error).filter((error) => error !== undefined)
    expect(errors.filter((error) => !(error instanceof MessagingError))).toEqual([])
    expect(errors.filter((error) => error instanceof LostError).length).toBeGreaterThan(0)
    expect(longest(outcomes)).toBeLessThan(deadline + GRACE)
    const times = booked()
    expect([...times].filter(([, count]) => count > 1)).toEqual([])
    expect([...answered].filter((id) => times.get(id) !== 1)).toEqual([])
    expect(answered.size).toBeGreaterThan(500)
  })

  it("a handler in another process is told when whoever called is gone", async () => {
    await using called = await WorkerProcess.start("called", ANYWHERE, ledger)
    await using nodes = new Nodes()
    const caller = nodes.make({ seeds: [called.endpoint] })
    const pending = caller
      .service<Work>("work")
      .hang()
      .catch((error: unknown) => error)
    await called.says("hanging")
    await caller.close()
    await called.says("aborted")
    expect(await pending).toBeInstanceOf(MessagingError)
  })

  it("a stream whose process is killed ends in an error, after all that had come", async () => {
    await using source = await WorkerProcess.start("source", ANYWHERE, ledger)
    await using nodes = new Nodes()
    const caller = nodes.make({ seeds: [source.endpoint] })
    const items: number[] = []
    const reading = (async () => {
      for await (const item of caller.service<Work>("work").count(0)) {
        items.push(item)
        if (item === 1000) await source.kill()
      }
    })()
    await expect(reading).rejects.toBeInstanceOf(LostError)
    expect(items).toEqual(Array.from(items, (_, i) => i))
    expect(items.length).toBeGreaterThan(1000)
  })

  it("a stream whose process is stopped ends by its deadline, and without one when the node is given up", async () => {
    await using source = await WorkerProcess.start("source", ANYWHERE, ledger)
    await using nodes = new Nodes()
    const caller = nodes.make({ seeds: [source.endpoint], ...QUICK })
    const patient = nodes.make({ seeds: [source.endpoint], ...PATIENT })
    await Promise.all([sees(caller, up("source")), sees(patient, up("source"))])
    const unbounded = caller.service<Work>("work").count(0)[Symbol.asyncIterator]()
    const bounded = patient.service<Work>("work", { deadline: 5000 }).count(0)[Symbol.asyncIterator]()
    const read = async (stream: typeof bounded): Promise<void> => {
      while ((await stream.next()).done === false);
    }
    expect((await unbounded.next()).value).toBe(0)
    expect((await bounded.next()).value).toBe(0)
    source.stop()
    await expect(read(bounded)).rejects.toBeInstanceOf(DeadlineError)
    await expect(read(unbounded)).rejects.toBeInstanceOf(LostError)
    source.goOn()
    // It is the same node, and asked again.
    expect((await caller.service<Work>("work", { wait: true }).double(1)).by).toBe("source")
  })

  it("what is asked of a stopped process goes on elsewhere, long before the deadline", async () => {
    await using hung = await WorkerProcess.start("hung", ANYWHERE, ledger)
    await using nodes = new Nodes()
    const caller = nodes.make({ seeds: [hung.endpoint], ...QUICK })
    await sees(caller, up("hung"))
    hung.stop()
    const pending = caller.service<Work>("work", { deadline: 60_000 }).double(21)
    await using other = await WorkerProcess.start("other", ANYWHERE, ledger)
    caller.connect(other.endpoint)
    expect(await pending).toEqual({ by: "other", value: 42 })
  })

  it("nodes that hang and are given up do not use up the further attempts of a call", async () => {
    await using first = await WorkerProcess.start("first", ANYWHERE, ledger)
    await using second = await WorkerProcess.start("second", ANYWHERE, ledger, first.endpoint)
    await using nodes = new Nodes()
    const caller = nodes.make({ seeds: [first.endpoint], ...QUICK })
    await sees(caller, up("first", "second"))
    first.stop()
    second.stop()
    const pending = caller.service<Work>("work", { deadline: 60_000, retries: 1, hedgeAfter: 1 }).double(21)
    await sees(caller, (node) => node.nodes.length === 0)
    await using other = await WorkerProcess.start("other", ANYWHERE, ledger)
    caller.connect(other.endpoint)
    expect(await pending).toEqual({ by: "other", value: 42 })
  })
})
