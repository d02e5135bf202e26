// Surveys within one process: who is asked, what comes back, and the ways in which a survey ends.

import { AbortError, ClosedError, Dealer, type Peer, StateError } from "brokerless"
import { json } from "brokerless/codec"
import { Respondent, type SurveyOutcome, Surveyor } from "brokerless/patterns/survey"
import { describe, expect, it, vi } from "vitest"
import { deferred } from "../../../test/support/deferred.ts"
import { stopClock } from "../../../test/support/stopped-clock.ts"
import { until } from "../../../test/support/until.ts"

const codec = json<string>()

function texts(outcome: SurveyOutcome<string>): string[] {
  return outcome.answers.map(({ value }) => value).sort()
}

describe.each(["tcp://127.0.0.1:*", "ipc://*", "inproc://survey-*"])("a survey over %s", (wildcard) => {
  it("asks all who are there, whoever bound, and ends when all have answered", async () => {
    const name = wildcard.replace("survey-*", `survey-${Math.random()}`)
    await using surveyor = new Surveyor({ codec, timeout: 60_000 })
    await using connecting = new Respondent((question) => `${question} 1`, { codec })
    await using binding = new Respondent((question) => `${question} 2`, { codec })
    connecting.connect(await surveyor.bind(name))
    surveyor.connect(await binding.bind(`${name}${wildcard.startsWith("inproc") ? "-b" : ""}`))
    await surveyor.waitForPeers(2)

    const outcome = await surveyor.survey("hello").all
    expect(texts(outcome)).toEqual(["hello 1", "hello 2"])
    expect(outcome).toMatchObject({ reason: "complete", asked: 2, declined: 0, left: 0, missing: [] })
    expect(surveyor.stats).toMatchObject({ surveys: 1, open: 0, asked: 2, answers: 2 })
    expect(connecting.stats).toMatchObject({ questions: 1, answered: 1, waiting: 0, running: 0 })
  })
})

describe("a survey", () => {
  async function crowd(
    handlers: ConstructorParameters<typeof Respondent<string>>[0][],
    setup: (surveyor: Surveyor<string>, respondents: Respondent<string>[]) => Promise<void>,
  ): Promise<void> {
    await using surveyor = new Surveyor({ codec, timeout: 60_000 })
    const endpoint = await surveyor.bind("tcp://127.0.0.1:*")
    const respondents = handlers.map((handler) => new Respondent(handler, { codec }))
    try {
      for (const respondent of respondents) respondent.connect(endpoint)
      await surveyor.waitForPeers(respondents.length)
      await setup(surveyor, respondents)
    } finally {
      await Promise.all(respondents.map((respondent) => respondent.close({ timeout: 0 })))
      await surveyor.close({ timeout: 0 })
    }
  }

  it("hands out answers as they come, each with its sender", async () => {
    const second = deferred<string>()
    await crowd([() => "first", () => second.promise], async (surveyor) => {
      const seen: string[] = []
      const peers = new Set<Peer>()
      for await (const { value, peer, after } of surveyor.survey("?")) {
        seen.push(value)
        peers.add(peer)
        expect(after).toBeGreaterThanOrEqual(0)
        second.resolve("second")
      }
      expect(seen).toEqual(["first", "second"])
      expect(peers).toEqual(new Set(surveyor.peers))
    })
  })

  it("ends at the count, and tells the others that nobody waits for them", async () => {
    const stopped = deferred<void>()
    const slow = (_: string, { signal }: { signal: AbortSignal }): Promise<undefined> =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          stopped.resolve()
          resolve(undefined)
        })
      })
    await crowd([() => "quick", slow], async (surveyor, [, lazy]) => {
      const outcome = await surveyor.survey("?", { count: 1 }).all
      expect(outcome).toMatchObject({ reason: "count", asked: 2 })
      expect(texts(outcome)).toEqual(["quick"])
      expect(outcome.missing).toHaveLength(1)
      await stopped.promise
      expect(lazy?.stats).toMatchObject({ expired: 1, answered: 0 })
    })
  })

  it("ends at its deadline with the answers there are, and drops late ones, counted", async () => {
    stopClock()
    await crowd([() => "in time"], async (surveyor) => {
      await using late = new Dealer({ linger: 0 })
      late.connect(surveyor.endpoints[0] as string)
      await surveyor.waitForPeers(2)
      const survey = surveyor.survey("?", { timeout: 1000 })
      await until(() => surveyor.stats.answers === 1, "there is an answer")
      vi.advanceTimersByTime(1000)
      const outcome = await survey.all
      expect(outcome).toMatchObject({ reason: "deadline", asked: 2 })
      expect(texts(outcome)).toEqual(["in time"])
      expect(outcome.missing).toHaveLength(1)

      const [signature, , id] = await late.receive()
      const told = surveyor.events.once("late")
      await late.send([signature!, Buffer.from([2]), id!, '"late"'])
      expect((await told).peer).toBe(outcome.missing[0])
      expect(surveyor.stats).toMatchObject({ late: 1, answers: 1, unexpected: 0 })
      expect(outcome.answers).toHaveLength(1)
    })
  })

  it("is given up by its signal", async () => {
    await crowd([() => "quick", () => new Promise<undefined>(() => {})], async (surveyor) => {
      const stop = new AbortController()
      const survey = surveyor.survey("?", { signal: stop.signal })
      const seen: string[] = []
      const iterating = (async () => {
        for await (const { value } of survey) {
          seen.push(value)
          stop.abort(new Error("enough"))
        }
      })()
      await expect(iterating).rejects.toThrow(AbortError)
      await expect(survey.all).rejects.toMatchObject({ code: "ABORT_ERR", cause: new Error("enough") })
      expect(seen).toEqual(["quick"])
      expect(() => surveyor.survey("?", { signal: stop.signal })).toThrow(AbortError)
      expect(surveyor.stats.open).toBe(0)
    })
  })

  it("does not wait for those who decline, or whose handler fails", async () => {
    const failing = (): string => {
      throw new Error("out of order")
    }
    await crowd([() => "yes", () => undefined, failing], async (surveyor, [, , broken]) => {
      const failure = (broken as Respondent<string>).events.once("failure")
      const outcome = await surveyor.survey("?").all
      expect(outcome).toMatchObject({ reason: "complete", asked: 3, declined: 2 })
      expect(texts(outcome)).toEqual(["yes"])
      expect((await failure).error).toEqual(new Error("out of order"))
      expect(broken?.stats).toMatchObject({ failed: 1, declined: 1 })
    })
  })

  it("does not wait for those who leave", async () => {
    await crowd([() => "stays", () => new Promise<undefined>(() => {})], async (surveyor, [, leaver]) => {
      const survey = surveyor.survey("?")
      await until(() => leaver?.stats.running === 1, "the handler runs")
      const left = surveyor.events.once("leave")
      await leaver?.close({ timeout: 0 })
      await left
      expect(await survey.all).toMatchObject({ reason: "complete", asked: 2, left: 1, missing: [] })
    })
  })

  it("counts what a respondent said before it left", async () => {
    for (let round = 0; round < 20; round++) {
      await crowd([(question) => question], async (surveyor, [respondent]) => {
        const survey = surveyor.survey(`${round}`)
        await until(() => respondent?.stats.answered === 1, "it has answered")
        await respondent?.close()
        expect(texts(await survey.all)).toEqual([`${round}`])
      })
    }
  })

  it("is over at once when nobody is there", async () => {
    await using surveyor = new Surveyor({ codec })
    expect(await surveyor.survey("?").all).toMatchObject({ reason: "complete", asked: 0, answers: [] })
  })

  it("keeps the surveyors of one respondent apart", async () => {
    await using respondent = new Respondent((question: string) => `re ${question}`, { codec, concurrency: 10 })
    const endpoint = await respondent.bind("tcp://127.0.0.1:*")
    const surveyors = ["a", "b", "c"].map(() => new Surveyor({ codec, timeout: 60_000 }))
    for (const surveyor of surveyors) surveyor.connect(endpoint)
    await Promise.all(surveyors.map((surveyor) => surveyor.waitForPeers()))
    await Promise.all(
      surveyors.map(async (surveyor, who) => {
        for (let i = 0; i < 50; i++) {
          expect(texts(await surveyor.survey(`${who}.${i}`).all)).toEqual([`re ${who}.${i}`])
        }
      }),
    )
    await Promise.all(surveyors.map((surveyor) => surveyor.close()))
    expect(respondent.stats.answered).toBe(150)
  })

  it("carries frames when there is no codec", async () => {
    await using surveyor = new Surveyor()
    await using respondent = new Respondent(([a, b]) => [String(b), String(a), ""])
    respondent.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    const { answers } = await surveyor.survey(["left", "right"], { timeout: 60_000 }).all
    expect(answers[0]?.value.map(String)).toEqual(["right", "left", ""])
  })
})

describe("closing", () => {
  it("lets the surveys of a surveyor come to their end, and begins no more", async () => {
    const go = deferred<string>()
    const surveyor = new Surveyor({ codec, timeout: 60_000 })
    await using respondent = new Respondent(() => go.promise, { codec })
    respondent.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    const survey = surveyor.survey("?")
    const closing = surveyor.close()
    expect(() => surveyor.survey("?")).toThrow(ClosedError)
    go.resolve("still counted")
    await closing
    expect(texts(await survey.all)).toEqual(["still counted"])
  })

  it("ends surveys that have no time left", async () => {
    const surveyor = new Surveyor({ codec, timeout: 60_000 })
    await using respondent = new Respondent(() => new Promise<undefined>(() => {}), { codec })
    respondent.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    const survey = surveyor.survey("?")
    await surveyor.close({ timeout: 0 })
    expect(await survey.all).toMatchObject({ reason: "closed", answers: [], asked: 1 })
    await respondent.close({ timeout: 0 })
  })

  it("lets the handlers of a respondent finish, and declines what waits", async () => {
    const go = deferred<string>()
    await using surveyor = new Surveyor({ codec, timeout: 60_000 })
    const respondent = new Respondent(() => go.promise, { codec })
    respondent.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    const first = surveyor.survey("1")
    const second = surveyor.survey("2")
    await until(() => respondent.stats.running === 1 && respondent.stats.waiting === 1, "one runs and one waits")
    const closing = respondent.close()
    expect(await second.all).toMatchObject({ reason: "complete", declined: 1, answers: [] })
    go.resolve("done")
    await closing
    expect(texts(await first.all)).toEqual(["done"])
  })
})

describe("bounds", () => {
  it("refuses surveys beyond maxSurveys", async () => {
    await using surveyor = new Surveyor({ codec, timeout: 60_000, maxSurveys: 2 })
    await using respondent = new Respondent(() => new Promise<undefined>(() => {}), { codec })
    respondent.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    surveyor.survey("1")
    surveyor.survey("2")
    expect(() => surveyor.survey("3")).toThrow(StateError)
    await surveyor.close({ timeout: 0 })
    await respondent.close({ timeout: 0 })
  })

  it("declines questions beyond maxWaiting", async () => {
    const go = deferred<string>()
    await using surveyor = new Surveyor({ codec, timeout: 60_000 })
    await using respondent = new Respondent(() => go.promise, { codec, maxWaiting: 2 })
    respondent.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    const surveys = [1, 2, 3, 4, 5].map((n) => surveyor.survey(`${n}`))
    await until(() => respondent.stats.refused === 2, "two are refused")
    go.resolve("yes")
    const outcomes = await Promise.all(surveys.map((survey) => survey.all))
    expect(outcomes.map(({ declined }) => declined)).toEqual([0, 0, 0, 1, 1])
  })

  it("does not ask who takes nothing any more, and says so", async () => {
    await using surveyor = new Surveyor({ timeout: 60_000, socket: { sendHighWaterMark: 1 } })
    await using deaf = new Dealer({ receiveHighWaterMark: 1, linger: 0 })
    deaf.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    const skipped = surveyor.events.once("skip")
    const large = Buffer.alloc(1_000_000)
    while (surveyor.stats.skipped === 0) {
      surveyor.survey(large, { timeout: 1 })
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await skipped).peer).toBe(surveyor.peers[0])
    expect(surveyor.stats.asked + surveyor.stats.skipped).toBe(surveyor.stats.surveys)
    await surveyor.close({ timeout: 0 })
  })

  it("names options that it does not take", () => {
    expect(() => new Surveyor({ codec, timeout: 0 })).toThrow(/"timeout" of a Surveyor.*got 0/)
    expect(() => new Surveyor({ codec, patience: 1 } as never)).toThrow(/no option "patience"/)
    expect(() => new Respondent(() => "", { codec: {} } as never)).toThrow(/"codec"/)
    expect(() => new Respondent("no function" as never, { codec })).toThrow(/function/)
    const surveyor = new Surveyor({ codec })
    expect(() => surveyor.survey("", { timeout: -1 })).toThrow(/timeout/)
    expect(() => surveyor.survey("", { count: 0 })).toThrow(/count/)
    return surveyor.close()
  })
})
