// PLAIN, clause by clause (RFC 24), against a peer that says exactly what it is told to.

import {
  Fanout,
  HandshakeError,
  ProtocolError,
  Publisher,
  Pull,
  Push,
  type PushOptions,
  plain,
  plainServer,
  Subscriber,
} from "brokerless"
import { describe, expect, it } from "vitest"
import { deferred } from "../support/deferred.ts"
import {
  command,
  commandData,
  commandName,
  frame,
  greeting,
  message,
  property,
  RawPeer,
  RawServer,
  ready,
} from "../support/raw-peer.ts"
import {
  comeIn,
  credentials,
  hello,
  initiate,
  misspeltRefusal,
  PLAIN_GREETING,
  refusal,
  welcome,
} from "../support/raw-plain.ts"
import { link, receiveText, turns } from "../support/sockets.ts"
import { TRANSPORTS, transport } from "../support/transports.ts"
import { until } from "../support/until.ts"

const COMMAND = 4
const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 5 } as const
const SERVER = plainServer({ allow: { admin: "secret", "": "", ["u".repeat(255)]: "p".repeat(255) } })
const CLIENT = plain({ username: "admin", password: "secret" })
const METADATA = property("Socket-Type", "PUSH")

const OVER_STREAMS = TRANSPORTS.filter(({ name }) => name !== "inproc")

/** A Pull that asks for a password, and what it tells of those that do not get in. */
async function guarded(
  endpoint = "tcp://127.0.0.1:*",
  security = SERVER,
): Promise<Pull & { errors: Error[]; at: string }> {
  const pull = Object.assign(new Pull({ security }), { errors: [] as Error[], at: "" })
  pull.events.on("handshake:error", ({ error }) => pull.errors.push(error))
  pull.at = await pull.bind(endpoint)
  return pull
}

/** Commands until the connection ends, by their names. */
async function commandsOf(peer: RawPeer): Promise<(string | undefined)[]> {
  const names: (string | undefined)[] = []
  for (;;) {
    const found = await peer.next().catch(() => undefined)
    if (found === undefined) return names
    names.push(commandName(found))
  }
}

/** A Push that has a password, and the bare server that it is connected to. */
async function calling(server: RawServer, options: PushOptions = {}): Promise<{ push: Push; peer: RawPeer }> {
  const push = new Push({ security: CLIENT, linger: 0, ...QUICK, ...options })
  push.connect(server.endpoint)
  return { push, peer: await server.accept() }
}

describe.each(OVER_STREAMS)("PLAIN (RFC 24) over $name", ({ any, named, name }) => {
  it("PLAIN-2, PLAIN-3: our server answers HELLO by an empty WELCOME, and INITIATE by READY", async () => {
    await using pull = await guarded(any())
    using peer = await RawPeer.connect(pull.at)
    peer.send(PLAIN_GREETING, hello("admin", "secret"))
    const first = await peer.next()
    expect([first.flags, commandName(first), commandData(first)]).toEqual([COMMAND, "WELCOME", Buffer.alloc(0)])
    peer.send(initiate("PUSH"))
    const second = await peer.next()
    expect(commandName(second)).toBe("READY")
    expect(commandData(second).equals(property("Socket-Type", "PULL"))).toBe(true)
    peer.send(message("let in"))
    expect(await receiveText(pull)).toEqual(["let in"])
    expect(pull.peers).toMatchObject([{ userId: "admin", socketType: "PUSH" }])
  })

  it("PLAIN-1, PLAIN-3, PLAIN-7: our client says HELLO, then INITIATE, and messages after READY only", async () => {
    await using server = await RawServer.listen(name === "ipc" ? await named() : undefined)
    const { push, peer } = await calling(server)
    await using _ = push
    void push.send("queued before anybody was there")
    const seen: string[] = []
    const watching = (async () => {
      for (let i = 0; i < 3; i++) {
        const found = await peer.next()
        seen.push(commandName(found) ?? found.body.toString())
        if (i === 0) expect(commandData(found).equals(credentials("admin", "secret"))).toBe(true)
        if (i === 1) expect(commandData(found).equals(METADATA)).toBe(true)
      }
    })()
    await turns(5)
    expect(seen).toEqual([])
    peer.send(PLAIN_GREETING)
    await until(() => seen.length === 1, "HELLO came")
    await turns(5)
    peer.send(welcome())
    await until(() => seen.length === 2, "INITIATE came")
    await turns(5)
    expect(seen).toEqual(["HELLO", "INITIATE"])
    expect(push.peers).toEqual([])
    peer.send(ready("PULL"))
    await watching
    expect(seen).toEqual(["HELLO", "INITIATE", "queued before anybody was there"])
  })

  it("PLAIN-8: a wrong password is answered by ERROR 400 and the end, at our server and our client", async () => {
    await using pull = await guarded(any())
    await using push = new Push({ security: plain({ username: "admin", password: "secre" }), linger: 0, ...QUICK })
    const refused = push.events.once("handshake:error")
    const closed = push.events.once("close")
    push.connect(pull.at)
    expect(await refused).toMatchObject({ fatal: true, error: { code: "EACCES" } })
    expect((await closed).error).toBeInstanceOf(HandshakeError)
    expect(push.endpoints).toEqual([])
    expect(push.stats.handshakeFailures).toBe(1)
    expect(pull.errors).toMatchObject([{ code: "EACCES" }])
    expect(pull.stats).toMatchObject({ handshakeFailures: 1, peers: 0 })
  })
})

describe("our PLAIN server", () => {
  it.each([
    ["INITIATE first", [], initiate("PUSH")],
    ["READY first", [], ready("PUSH")],
    ["WELCOME first", [], welcome()],
    ["ERROR", [], refusal("400")],
    ["a message first", [], message("let me in")],
    ["a second HELLO", [hello("admin", "secret")], hello("admin", "secret")],
    ["READY for INITIATE", [hello("admin", "secret")], ready("PUSH")],
    ["PING for INITIATE", [hello("admin", "secret")], command("PING", "\0\0")],
    ["a message for INITIATE", [hello("admin", "secret")], message("let me in")],
    ["a second INITIATE", [hello("admin", "secret"), initiate("PUSH")], initiate("PUSH")],
  ])("PLAIN-4: ends the connection upon %s", async (_, legal, illegal) => {
    await using pull = await guarded()
    using peer = await RawPeer.connect(pull.at)
    peer.send(PLAIN_GREETING)
    for (const said of legal) {
      peer.send(said)
      expect(["WELCOME", "READY"]).toContain(commandName(await peer.next()))
    }
    peer.send(illegal)
    expect(await commandsOf(peer)).toEqual([])
    expect(pull.tryReceive()).toBeUndefined()
    if (legal.length < 2) expect(pull.errors).toMatchObject([{ code: "EPROTO" }])
  })

  it.each([
    ["nothing", ""],
    ["a user name alone", "0561646d696e"],
    ["a user name past the end", "ff61646d696e06736563726574"],
    ["a password past the end", "0561646d696e07736563726574"],
    ["an octet too many", "0561646d696e0673656372657400"],
    ["a second password", "0561646d696e0673656372657406736563726574"],
  ])("PLAIN-5: refuses a HELLO with %s", async (_, data) => {
    await using pull = await guarded()
    using peer = await RawPeer.connect(pull.at)
    peer.send(PLAIN_GREETING, command("HELLO", Buffer.from(data, "hex")))
    expect(await commandsOf(peer)).toEqual([])
    expect(pull.errors).toMatchObject([{ code: "EPROTO" }])
    expect(pull.errors.map(String).join()).not.toMatch(/admin|secret/)
  })

  it("PLAIN-6: takes user names and passwords of 0 and of 255 octets", async () => {
    await using pull = await guarded()
    for (const [username, password] of [
      ["", ""],
      ["u".repeat(255), "p".repeat(255)],
    ] as const) {
      using peer = await RawPeer.connect(pull.at)
      comeIn(peer, username, password, "PUSH")
      expect(commandName(await peer.next())).toBe("WELCOME")
      expect(commandName(await peer.next())).toBe("READY")
      await using push = new Push({ security: plain({ username, password }) })
      push.connect(pull.at)
      await push.send(`as ${username.length}`)
      const { peer: from } = await pull.receiveFrom()
      expect(from?.userId).toBe(username)
    }
    expect(pull.errors).toEqual([])
  })

  it("PLAIN-8: wrong credentials never lead to WELCOME, whatever comes along with them", async () => {
    await using pull = await guarded()
    for (const [username, password] of [
      ["admin", ""],
      ["admin", "Secret"],
      ["admin", "secret\0"],
      ["admin\0", "secret"],
      ["", "secret"],
      ["nobody", ""],
      ["__proto__", ""],
      ["u".repeat(254), "p".repeat(255)],
    ] as const) {
      using peer = await RawPeer.connect(pull.at)
      comeIn(peer, username, password, "PUSH")
      peer.send(message("let me in"))
      const answer = await peer.next()
      expect([commandName(answer), commandData(answer).toString()]).toEqual(["ERROR", "\x03400"])
      await expect(peer.next()).rejects.toThrow()
    }
    expect(pull.tryReceive()).toBeUndefined()
    expect(pull.errors.every((error) => error instanceof HandshakeError)).toBe(true)
    expect(pull.stats).toMatchObject({ handshakeFailures: 8, messagesReceived: 0, peers: 0 })
  })

  it("PLAIN-7: a client that says everything at once is let in, and its messages count from READY on", async () => {
    const verdict = deferred<boolean>()
    await using pull = await guarded("tcp://127.0.0.1:*", plainServer({ authorize: () => verdict.promise }))
    using peer = await RawPeer.connect(pull.at)
    comeIn(peer, "admin", "secret", "PUSH")
    await turns(20)
    expect(pull.peers).toEqual([])
    verdict.resolve(true)
    expect(commandName(await peer.next())).toBe("WELCOME")
    expect(commandName(await peer.next())).toBe("READY")
    peer.send(message("in"))
    expect(await receiveText(pull)).toEqual(["in"])
  })

  it("T1, T22: who floods while it is being judged fills no more memory than a handshake may", async () => {
    const verdict = deferred<boolean>()
    await using pull = await guarded("tcp://127.0.0.1:*", plainServer({ authorize: () => verdict.promise }))
    using peer = await RawPeer.connect(pull.at)
    peer.send(PLAIN_GREETING, hello("admin", "secret"))
    const FLOOD = 32 * 1024 * 1024
    peer.send(Buffer.alloc(FLOOD))
    // Until nothing more leaves: what is left waits at the sender, for the system takes no more.
    let left = -1
    for (let still = 0; still < 50; still++) {
      if (peer.socket.writableLength !== left) still = 0
      left = peer.socket.writableLength
      await turns(2)
    }
    expect(left).toBe(FLOOD)
    expect(peer.socket.writableNeedDrain).toBe(true)
    expect(pull.errors).toEqual([])
    verdict.resolve(true)
    await peer.closed
    await until(() => pull.errors.length === 1, "the flood was refused")
    expect(pull.errors).toMatchObject([{ code: "EPROTO" }])
  })

  it.each([
    ["ZMTP-11: ZMTP 2.0", greeting({ major: 1 })],
    ["ZMTP-11: ZMTP 1.0", Buffer.from("0100", "hex")],
    ["PLAIN-10: NULL", Buffer.concat([greeting(), ready("PUSH"), message("let me in")])],
    ["T10: CURVE", greeting({ mechanism: "CURVE" })],
    ["T10: PLAIN in small letters", greeting({ mechanism: "plain" })],
    ["T10: a longer name", greeting({ mechanism: "PLAIN2" })],
    ["T10: no name", greeting({ mechanism: "" })],
    ["T10: PLAIN and something behind", greeting({ mechanism: "PLAIN\0NULL" })],
  ])("%s is refused, and hears nothing but our greeting", async (_, opening) => {
    await using pull = await guarded()
    using peer = await RawPeer.connect(pull.at)
    peer.send(opening)
    expect(await commandsOf(peer)).toEqual([])
    expect(pull.errors).toMatchObject([expect.any(ProtocolError)])
    expect(pull.tryReceive()).toBeUndefined()
  })
})

describe("our PLAIN client", () => {
  it.each([
    ["READY before WELCOME", [ready("PULL")]],
    ["HELLO: two clients", [hello("admin", "secret")]],
    ["WELCOME with data", [command("WELCOME", "x")]],
    ["a second WELCOME", [welcome(), welcome()]],
    ["a message before READY", [welcome(), message("early")]],
    ["another spelling of WELCOME", [command("Welcome")]],
  ])("PLAIN-4: leaves upon %s, and tries again", async (_, said) => {
    await using server = await RawServer.listen()
    const { push, peer } = await calling(server)
    await using _push = push
    const failed = push.events.once("handshake:error")
    peer.send(PLAIN_GREETING, ...said)
    expect(await failed).toMatchObject({ fatal: false, error: { code: "EPROTO" } })
    await peer.closed
    await server.accept()
  })

  it.each([
    ["ERROR", refusal("400")],
    ["ERROR the way libzmq spells it", misspeltRefusal("400")],
    ["ERROR without the COMMAND flag", frame("\x05ERROR\x03400")],
  ])("PLAIN-9: takes %s for a refusal, and gives up", async (_, said) => {
    for (const before of [[], [welcome()]]) {
      await using server = await RawServer.listen()
      const { push, peer } = await calling(server)
      await using _push = push
      const failed = push.events.once("handshake:error")
      const closed = push.events.once("close")
      peer.send(PLAIN_GREETING, ...before, said)
      const { error, fatal } = await failed
      expect(error).toBeInstanceOf(HandshakeError)
      expect(error.message).toContain('"400"')
      expect(error.message).not.toMatch(/admin|secret/)
      expect(fatal).toBe(true)
      await closed
      expect(push.endpoints).toEqual([])
    }
  })

  it.each([
    ["PLAIN-10: NULL", Buffer.concat([greeting(), ready("PULL")])],
    ["ZMTP-11: ZMTP 2.0", greeting({ major: 1 })],
    ["T10: CURVE", greeting({ mechanism: "CURVE" })],
  ])("%s is left without a word about our password", async (_, opening) => {
    await using server = await RawServer.listen()
    const { push, peer } = await calling(server)
    await using _push = push
    const failed = push.events.once("handshake:error")
    peer.send(opening)
    expect((await failed).error).toBeInstanceOf(ProtocolError)
    expect(await commandsOf(peer)).toEqual([])
  })

  it("PLAIN-10: a NULL socket of ours and one of PLAIN refuse each other, whoever binds", async () => {
    for (const [bound, connecting] of [
      [SERVER, undefined],
      [undefined, CLIENT],
    ]) {
      await using pull = new Pull({ security: bound })
      await using push = new Push({ ...QUICK, security: connecting, linger: 0 })
      const failures = [pull, push].map((socket) => socket.events.once("handshake:error"))
      push.connect(await pull.bind("tcp://127.0.0.1:*"))
      for (const { error, fatal } of await Promise.all(failures)) {
        expect(error).toBeInstanceOf(ProtocolError)
        expect(fatal).toBe(false)
      }
    }
  })
})

describe("sockets of ours under PLAIN", () => {
  it("who binds and who connects may each be the server", async () => {
    await using pull = new Pull({ security: CLIENT })
    await using push = new Push({ security: SERVER })
    await link(pull, push, transport("tcp").any())
    await push.send("from the server that connects")
    expect(await receiveText(pull)).toEqual(["from the server that connects"])
    expect(push.peers).toMatchObject([{ userId: "admin" }])
    expect(pull.peers).toMatchObject([{ userId: undefined }])
  })

  it.each([
    ["Publisher", (): Publisher => new Publisher({ security: SERVER })],
    ["Fanout", (): Fanout => new Fanout({ security: SERVER })],
  ])("no message of a %s goes to who has not been let in", async (_, make) => {
    await using sender = make()
    const endpoint = await sender.bind("tcp://127.0.0.1:*")
    const [theirs, ours] = sender instanceof Publisher ? ["SUB", Subscriber] : ["PULL", Pull]
    using waiting = await RawPeer.connect(endpoint)
    waiting.send(PLAIN_GREETING, hello("admin", "secret"))
    expect(commandName(await waiting.next())).toBe("WELCOME")
    using wrong = await RawPeer.connect(endpoint)
    wrong.send(PLAIN_GREETING, hello("admin", "guess"), initiate(theirs), command("SUBSCRIBE", ""))
    await using friend = new ours({ security: CLIENT })
    if (friend instanceof Subscriber) friend.subscribe("")
    friend.connect(endpoint)
    await sender.waitForPeers()
    if (sender instanceof Publisher) await sender.waitForSubscribers("")
    await sender.send("for friends")
    expect(await receiveText(friend)).toEqual(["for friends"])
    expect(await commandsOf(wrong)).toEqual(["ERROR"])
    waiting.send(initiate(theirs))
    expect(commandName(await waiting.next())).toBe("READY")
    expect(sender.stats.messagesSent).toBe(1)
  })
})
