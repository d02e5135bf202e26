// PLAIN with libzmq on the other side: its clients at our servers, and ours at its servers, where a handler of ZAP
// (RFC 27) says who may come in.

import { HandshakeError, Pull, Push, type PushOptions, plain, plainServer } from "brokerless"
import { beforeAll, describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { frames, Meeting, TRANSPORTS } from "../support/meeting.ts"
import { turns } from "../support/sockets.ts"
import { until } from "../support/until.ts"

const SERVER = plainServer({ allow: { admin: "secret", "": "" } })
const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 5, linger: 0 } as const

describe.each(TRANSPORTS)("their PLAIN client at our server, over %s", (transport) => {
  it.each([
    ["admin", "secret"],
    ["u".repeat(255), "p".repeat(255)],
  ])("PLAIN-2, PLAIN-6: comes in with the right password", async (plainUsername, plainPassword) => {
    await using meeting = new Meeting()
    const security = plainServer({ allow: { [plainUsername]: plainPassword } })
    const ours = meeting.ours(new Pull({ security }))
    const theirs = meeting.theirs(new zmq.Push({ plainUsername, plainPassword }))
    await meeting.join(ours, theirs, transport)
    await theirs.send(["in", "and", "out"])
    expect(await ours.receive()).toEqual(frames("in", "and", "out"))
    expect(ours.peers).toMatchObject([{ userId: plainUsername, socketType: "PUSH" }])
  })

  it("PLAIN-8: does not come in with a wrong one, however often it tries", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Pull({ security: SERVER }))
    const wrong = meeting.theirs(new zmq.Push({ plainUsername: "admin", plainPassword: "guess", reconnectInterval: 1 }))
    const right = meeting.theirs(new zmq.Push({ plainUsername: "admin", plainPassword: "secret" }))
    const endpoint = await meeting.bind(ours, await meeting.wildcard(transport))
    const failures: Error[] = []
    ours.events.on("handshake:error", ({ error }) => failures.push(error))
    wrong.connect(endpoint)
    await until(() => failures.length >= 1, "it was refused")
    expect(failures[0]).toBeInstanceOf(HandshakeError)
    right.connect(endpoint)
    await right.send("none the worse")
    expect(await ours.receive()).toEqual(frames("none the worse"))
    expect(ours.peers).toHaveLength(1)
  })
})

describe("PLAIN-10: theirs and ours of different mechanisms", () => {
  it("their NULL client does not come in at our PLAIN server", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Pull({ security: SERVER }))
    const theirs = meeting.theirs(new zmq.Push())
    const refused = ours.events.once("handshake:error")
    theirs.connect(await meeting.bind(ours))
    expect((await refused).error).toMatchObject({ code: "EPROTO" })
    expect(ours.peers).toEqual([])
  })

  it("our PLAIN client does not tell its password to their NULL server", async () => {
    await using meeting = new Meeting()
    const theirs = meeting.theirs(new zmq.Pull())
    const ours = meeting.ours(new Push({ security: plain({ username: "admin", password: "secret" }), ...QUICK }))
    const refused = ours.events.once("handshake:error")
    ours.connect(await meeting.bind(theirs))
    expect(await refused).toMatchObject({ fatal: false, error: { code: "EPROTO" } })
  })
})

/** The one handler of a process. It answers by the user name, and remembers what it was asked. */
class Handler {
  readonly asked: string[][] = []
  readonly #socket = new zmq.Reply()

  async serve(): Promise<void> {
    await this.#socket.bind("inproc://zeromq.zap.01")
    void this.#answer()
  }

  close(): void {
    this.#socket.close()
  }

  async #answer(): Promise<void> {
    for await (const frames of this.#socket) {
      const [version, id, domain, , , mechanism, username, password] = frames as Buffer[]
      this.asked.push([domain, mechanism, username, password].map(String))
      const status = { admin: "200", later: "300", eve: "400", broken: "500" }[String(username)] ?? "200"
      const answer = [version, id, status, "text", "user", ""] as (string | Buffer)[]
      await this.#socket.send(String(username) === "short" ? answer.slice(0, 3) : answer)
    }
  }
}

describe("our PLAIN client at their server", () => {
  // Bound once and to the end: their library knows one handler for the whole process.
  const handler = new Handler()
  beforeAll(async () => {
    await handler.serve()
    return () => handler.close()
  })

  async function meet(
    meeting: Meeting,
    username: string,
    options: PushOptions = {},
  ): Promise<{ theirs: zmq.Pull; ours: Push }> {
    const theirs = meeting.theirs(new zmq.Pull({ plainServer: true, zapDomain: "test" }))
    const ours = meeting.ours(new Push({ security: plain({ username, password: "secret" }), ...QUICK, ...options }))
    const endpoint = await meeting.bind(theirs)
    handler.asked.length = 0
    ours.connect(endpoint)
    return { theirs, ours }
  }

  it("PLAIN-1, PLAIN-3: comes in when the handler says 200", async () => {
    await using meeting = new Meeting()
    const { theirs, ours } = await meet(meeting, "admin")
    await ours.send("in")
    expect((await theirs.receive()).map(String)).toEqual(["in"])
    expect(handler.asked).toEqual([["test", "PLAIN", "admin", "secret"]])
  })

  it.each([
    ["400", "eve"],
    ["500", "broken"],
  ])("PLAIN-9: gives up when it says %s, which they misspell", async (status, username) => {
    await using meeting = new Meeting()
    const { ours } = await meet(meeting, username)
    const { error, fatal } = await ours.events.once("handshake:error")
    expect(error).toBeInstanceOf(HandshakeError)
    expect(error.message).toContain(`"${status}"`)
    expect(fatal).toBe(true)
    await turns(5)
    expect(ours.endpoints).toEqual([])
  })

  it.each([
    ["says 300, upon which they are silent", "later"],
    ["answers with too few frames", "short"],
  ])("tries again when it %s", async (_, username) => {
    await using meeting = new Meeting()
    const { ours } = await meet(meeting, username, { handshakeInterval: 100 })
    expect(await ours.events.once("handshake:error")).toMatchObject({ fatal: false })
    await until(() => handler.asked.length >= 2, "it was tried again")
    expect(ours.peers).toEqual([])
  })

  it("a NULL client of ours comes in where the handler is asked about NULL", async () => {
    await using meeting = new Meeting()
    const theirs = meeting.theirs(new zmq.Pull({ zapDomain: "null" }))
    const ours = meeting.ours(new Push(QUICK))
    handler.asked.length = 0
    await meeting.join(theirs, ours)
    await ours.send("in")
    expect((await theirs.receive()).map(String)).toEqual(["in"])
    expect(handler.asked.map(([domain, mechanism]) => [domain, mechanism])).toEqual([["null", "NULL"]])
  })
})

it("our server connects to their client that is bound", async () => {
  await using meeting = new Meeting()
  const ours = meeting.ours(new Push({ security: SERVER, ...QUICK }))
  const theirs = meeting.theirs(new zmq.Pull({ plainUsername: "admin", plainPassword: "secret" }))
  ours.connect(await meeting.bind(theirs))
  await ours.send("to who was bound")
  expect((await theirs.receive()).map(String)).toEqual(["to who was bound"])
  expect(ours.peers).toMatchObject([{ userId: "admin" }])
})
