import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type Bytes, EMPTY } from "../../src/bytes.ts"
import type { Admitted, Question, Security } from "../../src/security/security.ts"
import { Admission, factsOf } from "../../src/session/admission.ts"
import { LimitError } from "../../src/zmtp/decoder.ts"
import { DenialError } from "../../src/zmtp/engine.ts"
import { deferred } from "../support/deferred.ts"
import { turns } from "../support/sockets.ts"

const ADMITTED: Admitted = { userId: "ann", metadata: new Map() }
const CREDENTIALS = { username: Buffer.from("ann") }
const ADDRESS = "192.0.2.7:49152"

let time = 0

beforeEach(() => {
  time = 1000
  vi.spyOn(performance, "now").mockImplementation(() => time)
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** Asks a security that judges like this; what comes of it is gathered. */
function ask(
  judge: Security["judge"] | Security,
  bounds = { most: 10, mostPerAddress: 10, patience: 1000 },
): { admission: Admission; settled: (Error | undefined)[] } {
  const create = (): never => {
    throw new Error("Nobody connects here")
  }
  const security = typeof judge === "object" ? judge : { mechanism: "PLAIN", create, ...(judge && { judge }) }
  const admission = new Admission()
  const settled: (Error | undefined)[] = []
  admission.ask(security, CREDENTIALS, ADDRESS, bounds, (error) => settled.push(error))
  return { admission, settled }
}

/** A security whose answers the test gives, one after the other. */
function slow(): Security & {
  readonly questions: Question[]
  readonly answers: ReturnType<typeof deferred<Admitted>>[]
} {
  const questions: Question[] = []
  const answers: ReturnType<typeof deferred<Admitted>>[] = []
  return {
    mechanism: "PLAIN",
    questions,
    answers,
    create: () => {
      throw new Error("Nobody connects here")
    },
    judge: (question) => {
      questions.push(question)
      answers.push(deferred())
      return (answers.at(-1) as (typeof answers)[0]).promise
    },
  }
}

describe("Admission", () => {
  it("hands on the question, and settles at once what is answered at once", () => {
    const seen: Question[] = []
    const { admission, settled } = ask((question) => {
      seen.push(question)
      return ADMITTED
    })
    expect(settled).toEqual([undefined])
    expect(admission.answer).toBe(ADMITTED)
    expect(seen).toMatchObject([{ credentials: CREDENTIALS, address: ADDRESS }])
  })

  it("T22: a no is final, and the peer is told; so it is where nobody judges", () => {
    for (const judge of [() => undefined, undefined]) {
      const { admission, settled } = ask(judge)
      expect(settled).toMatchObject([expect.any(DenialError)])
      expect(String((settled[0] as DenialError).command)).toBe("\x05ERROR\x03400")
      expect(admission.answer).toBeUndefined()
    }
  })

  it("T20, T22: an exception is no answer: the peer is not told, and the cause is kept", async () => {
    const wrong = new Error("the accounts are away")
    for (const judge of [
      () => {
        throw wrong
      },
      () => Promise.reject(wrong),
    ]) {
      const { settled } = ask(judge)
      await turns(2)
      expect(settled).toMatchObject([{ cause: wrong }])
      expect((settled[0] as DenialError).command).toBeUndefined()
    }
  })

  it("settles once, when the answer comes", async () => {
    const security = slow()
    const { admission, settled } = ask(security)
    await turns(2)
    expect(settled).toEqual([])
    security.answers[0]?.resolve(ADMITTED)
    await turns(2)
    expect([settled, admission.answer]).toEqual([[undefined], ADMITTED])
    admission.cancel()
    expect(security.questions[0]?.signal.aborted).toBe(false)
  })

  it.each(["resolve", "reject"] as const)(
    "T22: once it is wanted no more, an answer changes nothing: %s",
    async (how) => {
      const security = slow()
      const { admission, settled } = ask(security)
      admission.cancel()
      admission.cancel()
      expect(security.questions[0]?.signal.aborted).toBe(true)
      security.answers[0]?.[how](ADMITTED)
      await turns(2)
      expect([settled, admission.answer]).toEqual([[], undefined])
    },
  )

  it("T22: awaits so many answers of one security, and of each for so long", async () => {
    const security = slow()
    const bounds = { most: 2, mostPerAddress: 2, patience: 1000 }
    const others = [ask(security, bounds), ask(security, bounds)]
    for (const { admission } of others) admission.cancel()
    expect(ask(security, bounds).settled).toMatchObject([expect.any(LimitError)])
    expect(ask(security, bounds).settled).toMatchObject([{ limit: "maxPendingHandshakes" }])
    expect(security.questions).toHaveLength(2)
    // Another has answers of its own.
    expect(ask(slow(), bounds).settled).toEqual([])

    security.answers[0]?.resolve(ADMITTED)
    await turns(2)
    expect(ask(security, bounds).settled).toEqual([])
    expect(ask(security, bounds).settled).toHaveLength(1)

    time += 999
    expect(ask(security, bounds).settled).toHaveLength(1)
    time += 1
    expect(ask(security, bounds).settled).toEqual([])
    expect(security.questions).toHaveLength(4)
  })

  it("T22: awaits only so many of them for one address, and lets this machine's own have all", () => {
    const bounds = { most: 3, mostPerAddress: 2, patience: 1000 }
    const asked = (security: Security, address: string): (Error | undefined)[] => {
      const settled: (Error | undefined)[] = []
      new Admission().ask(security, CREDENTIALS, address, bounds, (error) => settled.push(error))
      return settled
    }
    const security = slow()
    expect(asked(security, "192.0.2.1:1000")).toEqual([])
    expect(asked(security, "192.0.2.1:1001")).toEqual([])
    expect(asked(security, "192.0.2.1:1002")).toMatchObject([{ limit: "maxPendingHandshakesPerAddress" }])
    expect(asked(security, "192.0.2.2:1000")).toEqual([])
    expect(asked(security, "192.0.2.3:1000")).toMatchObject([{ limit: "maxPendingHandshakes" }])
    const local = slow()
    for (let port = 1; port <= 3; port++) expect(asked(local, `127.0.0.1:${port}`)).toEqual([])
  })

  it("an answer after its time frees no place twice", async () => {
    const security = slow()
    const bounds = { most: 1, mostPerAddress: 1, patience: 10 }
    ask(security, bounds)
    time += 10
    ask(security, bounds)
    security.answers[0]?.resolve(ADMITTED)
    await turns(2)
    expect(ask(security, bounds).settled).toHaveLength(1)
  })
})

describe("factsOf", () => {
  const claimed = new Map([
    ["x-role", Buffer.from("admin")],
    ["x-own", Buffer.from("own")],
  ])

  const metadataOf = (metadata: ReadonlyMap<string, Bytes>, admitted: Admitted | undefined) =>
    factsOf({ socketType: "REQ", routingId: EMPTY, metadata }, admitted, "tcp://*:5555", ADDRESS).metadata

  it("takes who it is from the judge, what it is from the peer, and where it is from the connection", () => {
    const routingId = Buffer.from("me")
    const facts = factsOf({ socketType: "REQ", routingId, metadata: claimed }, ADMITTED, "tcp://*:5555", ADDRESS)
    const known = { endpoint: "tcp://*:5555", address: ADDRESS, socketType: "REQ", routingId, userId: "ann" }
    expect(facts).toEqual({ ...known, metadata: claimed })
  })

  it("T9: puts what was granted over what is claimed", () => {
    const metadata = metadataOf(claimed, { userId: "ann", metadata: new Map([["x-role", Buffer.from("reader")]]) })
    expect([...metadata].map(([name, value]) => `${name}=${value}`)).toEqual(["x-role=reader", "x-own=own"])
    expect(String(claimed.get("x-role"))).toBe("admin")
  })

  it("T9: takes away what only we may say, judged or not", () => {
    const liar = new Map([...claimed, ["user-id", Buffer.from("root")], ["peer-address", Buffer.from("10.0.0.1")]])
    for (const admitted of [undefined, ADMITTED]) {
      expect([...metadataOf(liar, admitted).keys()]).toEqual(["x-role", "x-own"])
    }
    const granted = metadataOf(liar, { userId: "ann", metadata: new Map([["user-id", Buffer.from("ann")]]) })
    expect(String(granted.get("user-id"))).toBe("ann")
  })
})
