// What peers say that they should not, and peers that were written by hand from the README.

import { Dealer, type Message } from "brokerless"
import { json } from "brokerless/codec"
import { Respondent, Surveyor } from "brokerless/patterns/survey"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { deferred } from "../../../test/support/deferred.ts"
import { Meeting } from "../../../test/support/meeting.ts"
import { until } from "../../../test/support/until.ts"

const codec = json<string>()
const SIGNATURE = Buffer.from("SURVEY1")

/** Frames that are nearly, or not at all, of the protocol. */
const messages = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 12 }).map((octets) => Buffer.from(octets)),
    fc.constantFrom(SIGNATURE, Buffer.from([1]), Buffer.from([2]), Buffer.from([3]), Buffer.from([4]), Buffer.alloc(8)),
  ),
  { minLength: 1, maxLength: 6 },
)

describe("a surveyor", () => {
  it("takes one answer of each who was asked, and none of anybody else", async () => {
    await using meeting = new Meeting()
    await using surveyor = new Surveyor({ codec, timeout: 60_000 })
    const endpoint = await surveyor.bind("tcp://127.0.0.1:*")
    const [honest, twice, stranger] = [1, 2, 3].map(() => meeting.ours(new Dealer())) as [Dealer, Dealer, Dealer]
    honest.connect(endpoint)
    twice.connect(endpoint)
    await surveyor.waitForPeers(2)
    const survey = surveyor.survey("?")
    stranger.connect(endpoint)
    await surveyor.waitForPeers(3)

    const [signature, , id] = (await honest.receive()) as Message
    await twice.receive()
    await stranger.send([signature!, Buffer.from([2]), id!, '"I was not asked"'])
    await stranger.send([signature!, Buffer.from([2]), Buffer.alloc(8), '"to nothing"'])
    await twice.send([signature!, Buffer.from([2]), id!, '"one"'])
    await twice.send([signature!, Buffer.from([2]), id!, '"one more"'])
    await until(() => surveyor.stats.unexpected === 3, "three are not expected")
    await honest.send([signature!, Buffer.from([2]), id!, '"honest"'])
    const { answers, reason } = await survey.all
    expect(answers.map(({ value }) => value)).toEqual(["one", "honest"])
    expect(reason).toBe("complete")
  })

  it("counts an answer that does not decode, and waits for its sender no more", async () => {
    await using meeting = new Meeting()
    await using surveyor = new Surveyor({ codec, timeout: 60_000 })
    const dealer = meeting.ours(new Dealer())
    dealer.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    const survey = surveyor.survey("?")
    const [signature, , id] = (await dealer.receive()) as Message
    await dealer.send([signature!, Buffer.from([2]), id!, "{ no JSON"])
    expect(await survey.all).toMatchObject({ reason: "complete", invalid: 1, answers: [] })
    expect(surveyor.stats.invalid).toBe(1)
  })

  it("disconnects who makes no sense, and goes on with the others", async () => {
    await using meeting = new Meeting()
    await using surveyor = new Surveyor({ codec, timeout: 60_000 })
    await using respondent = new Respondent((question: string) => question, { codec })
    const endpoint = await surveyor.bind("tcp://127.0.0.1:*")
    respondent.connect(endpoint)
    await surveyor.waitForPeers()
    await fc.assert(
      fc.asyncProperty(messages, async (message) => {
        const before = surveyor.stats
        const dealer = meeting.ours(new Dealer({ reconnectInterval: -1 }))
        dealer.connect(endpoint)
        await dealer.waitForPeers()
        await dealer.send(message)
        const after = (): number => surveyor.stats.invalid + surveyor.stats.unexpected + surveyor.stats.late
        await until(() => after() > before.invalid + before.unexpected + before.late, "it is noticed")
        await dealer.close({ linger: 0 })
        expect((await surveyor.survey("still here", { count: 1 }).all).answers[0]?.value).toBe("still here")
      }),
      { numRuns: 60 },
    )
  })
})

describe("a respondent", () => {
  it("disconnects who makes no sense, and goes on with the others", async () => {
    await using meeting = new Meeting()
    await using respondent = new Respondent((question: string) => question, { codec })
    const endpoint = await respondent.bind("tcp://127.0.0.1:*")
    await using surveyor = new Surveyor({ codec, timeout: 60_000 })
    surveyor.connect(endpoint)
    await surveyor.waitForPeers()
    await fc.assert(
      fc.asyncProperty(messages, async (message) => {
        const dealer = meeting.ours(new Dealer({ reconnectInterval: -1 }))
        dealer.connect(endpoint)
        await dealer.waitForPeers()
        const heard = respondent.peers.length
        expect(heard).toBeGreaterThan(0)
        await dealer.send(message)
        await dealer.close()
        const { answers } = await surveyor.survey("still here").all
        expect(answers[0]?.value).toBe("still here")
      }),
      { numRuns: 60 },
    )
  })

  it("works on a question once, however often it is asked meanwhile", async () => {
    await using meeting = new Meeting()
    const go = deferred<string>()
    await using respondent = new Respondent(() => go.promise, { codec, concurrency: 2 })
    const dealer = meeting.ours(new Dealer())
    dealer.connect(await respondent.bind("tcp://127.0.0.1:*"))
    const time = Buffer.from([0, 0, 0xff, 0xff])
    for (let i = 0; i < 2; i++) await dealer.send([SIGNATURE, Buffer.from([1]), Buffer.alloc(8), time, '"?"'])
    await until(() => respondent.stats.questions === 2, "both came")
    expect(respondent.stats).toMatchObject({ running: 1, waiting: 0, invalid: 1 })
    go.resolve("once")
    expect(String((await dealer.receive())[3])).toBe('"once"')
    expect(respondent.stats).toMatchObject({ running: 0, answered: 1 })
  })
})

describe("peers written by hand, with sockets of theirs", () => {
  it("answer as the README says", async () => {
    await using meeting = new Meeting()
    await using surveyor = new Surveyor({ codec, timeout: 60_000 })
    const dealer = meeting.theirs(new zmq.Dealer())
    dealer.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    const survey = surveyor.survey("what is it?")
    const [signature, kind, id, time, body] = (await dealer.receive()) as Buffer[]
    expect([String(signature), kind, id?.length, String(body)]).toEqual([
      "SURVEY1",
      Buffer.from([1]),
      8,
      '"what is it?"',
    ])
    expect(time?.readUInt32BE(0)).toBe(60_000)
    await dealer.send([signature!, Buffer.from([2]), id!, '"theirs"'])
    expect((await survey.all).answers.map(({ value }) => value)).toEqual(["theirs"])
  })

  it("ask as the README says", async () => {
    await using meeting = new Meeting()
    await using respondent = new Respondent((question: string) => (question === "?" ? "!" : undefined), { codec })
    const dealer = meeting.theirs(new zmq.Dealer())
    dealer.connect(await respondent.bind("tcp://127.0.0.1:*"))
    const id = Buffer.from("12345678")
    const time = Buffer.from([0, 0, 0xff, 0xff])
    await dealer.send([SIGNATURE, Buffer.from([1]), id, time, '"?"'])
    expect(await dealer.receive()).toEqual([SIGNATURE, Buffer.from([2]), id, Buffer.from('"!"')])
    await dealer.send([SIGNATURE, Buffer.from([1]), id, time, '"??"'])
    expect(await dealer.receive()).toEqual([SIGNATURE, Buffer.from([3]), id])
  })
})
