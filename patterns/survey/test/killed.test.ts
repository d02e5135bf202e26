// Processes that are killed in the middle of a survey.

import { once } from "node:events"
import { json } from "brokerless/codec"
import { Surveyor } from "brokerless/patterns/survey"
import { describe, expect, it } from "vitest"
import { Meeting } from "../../../test/support/meeting.ts"
import { Program } from "../../../test/support/program.ts"
import type { Said as RespondentSaid } from "./programs/respondent.ts"
import type { Said as SurveyorSaid } from "./programs/surveyor.ts"

const RESPONDENT = "../../patterns/survey/test/programs/respondent"
const SURVEYOR = "../../patterns/survey/test/programs/surveyor"

describe("killed", () => {
  it("a respondent: the survey ends with the answers of the others, long before its deadline", async () => {
    await using surveyor = new Surveyor({ codec: json<string>(), timeout: 600_000 })
    const endpoint = await surveyor.bind("tcp://127.0.0.1:*")
    await using one = new Program<RespondentSaid>(RESPONDENT, endpoint, "one", "answer")
    await using two = new Program<RespondentSaid>(RESPONDENT, endpoint, "two", "answer")
    await using victim = new Program<RespondentSaid>(RESPONDENT, endpoint, "victim", "hang")
    await surveyor.waitForPeers(3)
    const survey = surveyor.survey("who is there?")
    expect(await Promise.all([one.next(), two.next(), victim.next()])).toEqual(["asked", "asked", "asked"])
    victim.process.kill("SIGKILL")
    const outcome = await survey.all
    expect(outcome.answers.map(({ value }) => value).sort()).toEqual(["one: who is there?", "two: who is there?"])
    expect(outcome).toMatchObject({ reason: "complete", asked: 3, left: 1, missing: [] })
  })

  it("a surveyor: its question is given up, and its successor at the same place is answered", async () => {
    await using meeting = new Meeting()
    const endpoint = await meeting.vacant("ipc")
    await using one = new Program<RespondentSaid>(RESPONDENT, endpoint, "one", "answer")
    await using two = new Program<RespondentSaid>(RESPONDENT, endpoint, "two", "hang")
    await using victim = new Program<SurveyorSaid>(SURVEYOR, endpoint, 2, "first")
    expect(await Promise.all([one.next(), two.next()])).toEqual(["asked", "asked"])
    const ended = once(victim.process, "exit")
    victim.process.kill("SIGKILL")
    await ended
    expect(await two.next()).toBe("aborted")

    await using successor = new Program<SurveyorSaid>(SURVEYOR, endpoint, 2, "second")
    expect(await Promise.all([one.next(), two.next()])).toEqual(["asked", "asked"])
    two.process.kill("SIGKILL")
    expect(await successor.next()).toEqual(["one: second"])
  })
})
