import { describe, expect, it } from "vitest"
import { HandshakeError, ProtocolError } from "../../src/errors.ts"
import { error, hello, initiate, ready, welcome } from "../../src/zmtp/command.ts"
import type { MechanismSetup } from "../../src/zmtp/mechanism.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { PlainClient, PlainServer } from "../../src/zmtp/plain.ts"
import { credentials } from "../support/raw-plain.ts"

const EMPTY = Buffer.alloc(0)
const LIMITS = { maxProperties: 64, maxBytes: 8192 }

function setup(socketType: string, limits = LIMITS): MechanismSetup {
  return { metadata: encodeMetadata([["Socket-Type", socketType]]), limits }
}

function client(username = "admin", password = "secret", limits = LIMITS): PlainClient {
  return new PlainClient(setup("PUSH", limits), Buffer.from(username), Buffer.from(password))
}

function server(limits = LIMITS): PlainServer {
  return new PlainServer(setup("PULL", limits))
}

const METADATA = encodeMetadata([["Socket-Type", "PUSH"]])
const HELLO = hello(credentials("admin", "secret"))
const INITIATE = initiate(METADATA)
const READY = ready(METADATA)
const WELCOME = welcome(EMPTY)

/** A client that has said HELLO. */
function greetedClient(): PlainClient {
  const side = client()
  side.produce()
  return side
}

/** A server that has taken HELLO, and let the client in. */
function welcomingServer(): PlainServer {
  const side = server()
  side.consume(HELLO)
  side.admit()
  return side
}

describe("the client's side of PLAIN", () => {
  it("ZMTP-13: is announced by its name, and not as server", () => {
    expect(client()).toMatchObject({ name: "PLAIN", asServer: false })
  })

  it("PLAIN-1: opens with HELLO, user name and password each with a length, and says it once", () => {
    const side = client()
    expect(side.produce()?.toString("hex")).toBe("0548454c4c4f0561646d696e06736563726574")
    expect(side.produce()).toBeUndefined()
  })

  it("PLAIN-6: says user names and passwords of 0 and of 255 octets", () => {
    expect(client("", "").produce()?.toString("hex")).toBe("0548454c4c4f0000")
    const long = client("u".repeat(255), "p".repeat(255)).produce() as Buffer
    expect(long.subarray(6).equals(credentials("u".repeat(255), "p".repeat(255)))).toBe(true)
  })

  it("PLAIN-3, PLAIN-7: says INITIATE after WELCOME, and is ready after READY", () => {
    const side = greetedClient()
    side.consume(WELCOME)
    expect(side.produce()?.equals(initiate(encodeMetadata([["Socket-Type", "PUSH"]])))).toBe(true)
    expect(side.produce()).toBeUndefined()
    expect(side.status).toBe("handshake")
    side.consume(ready(encodeMetadata([["Socket-Type", "PULL"]])))
    expect(side.status).toBe("ready")
    expect(String(side.metadata?.get("socket-type"))).toBe("PULL")
  })

  it.each([
    ["READY before WELCOME", READY],
    ["HELLO", HELLO],
    ["INITIATE", INITIATE],
    ["WELCOME with data", welcome(Buffer.of(0))],
    ["an unknown command", Buffer.from("\x04PING\0\0")],
    ["a name in small letters", Buffer.from("\x07welcome")],
    ["nothing", EMPTY],
  ])("PLAIN-4: does not stand %s where WELCOME is due", (_, body) => {
    expect(() => greetedClient().consume(body)).toThrow(ProtocolError)
  })

  it("PLAIN-4: does not stand a second WELCOME, nor one before HELLO was said", () => {
    const side = greetedClient()
    side.consume(WELCOME)
    expect(() => side.consume(WELCOME)).toThrow(ProtocolError)
    side.produce()
    expect(() => side.consume(WELCOME)).toThrow(ProtocolError)
    for (const body of [WELCOME, READY, HELLO]) expect(() => client().consume(body)).toThrow(ProtocolError)
  })

  it("PLAIN-9: takes ERROR for a refusal in any state, spelt by the RFC or by libzmq, and gives the reason", () => {
    const misspelt = Buffer.from("5e52524f5203343030", "hex")
    for (const body of [error("400"), misspelt]) {
      const welcomed = greetedClient()
      welcomed.consume(WELCOME)
      for (const side of [greetedClient(), welcomed]) {
        expect(() => side.consume(body)).toThrow(HandshakeError)
        expect(() => side.consume(body)).toThrow('"400"')
      }
    }
    expect(() => greetedClient().consume(Buffer.from("^RROR"))).toThrow(HandshakeError)
    expect(() => greetedClient().consume(Buffer.from("^RRO"))).toThrow(ProtocolError)
    expect(() => greetedClient().consume(Buffer.from("^rror\x03400"))).toThrow(ProtocolError)
  })

  it("LIMIT-12: shows no more than 32 octets of what the peer says, and nothing that is not printable", () => {
    const loud = Buffer.concat([Buffer.from("\x05ERROR\xc8", "latin1"), Buffer.alloc(200, "R")])
    expect(() => greetedClient().consume(loud)).toThrow(/: "R{32}"$/)
    expect(() => greetedClient().consume(error("a\n\x1b[31mb"))).toThrow('"a??[31mb"')
    const unknown = Buffer.concat([Buffer.of(200), Buffer.alloc(200, "Q")])
    expect(() => greetedClient().consume(unknown)).toThrow(/sent Q{32}$/)
  })

  it("LIMIT-8: refuses metadata that is malformed or over the limits", () => {
    for (const [limits, body] of [
      [LIMITS, READY.subarray(0, -1)],
      [{ maxProperties: 0, maxBytes: 8192 }, READY],
      [{ maxProperties: 64, maxBytes: 10 }, READY],
    ] as const) {
      const side = client("", "", limits)
      side.produce()
      side.consume(WELCOME)
      side.produce()
      expect(() => side.consume(body)).toThrow(ProtocolError)
      expect(side.status).toBe("handshake")
    }
  })
})

describe("the server's side of PLAIN", () => {
  it("ZMTP-13: is announced by its name, and as server", () => {
    expect(server()).toMatchObject({ name: "PLAIN", asServer: true })
  })

  it("PLAIN-2, PLAIN-8: says nothing until it is told that the peer may come in", () => {
    const side = server()
    expect(side.produce()).toBeUndefined()
    expect(side.status).toBe("handshake")
    side.consume(HELLO)
    expect(side.status).toBe("asking")
    expect(String(side.credentials?.username)).toBe("admin")
    expect(String(side.credentials?.password)).toBe("secret")
    expect(side.produce()).toBeUndefined()
    expect(() => side.consume(INITIATE)).toThrow(ProtocolError)
    side.admit()
    expect(side.credentials).toBeUndefined()
    expect(side.produce()?.toString("hex")).toBe("0757454c434f4d45")
    expect(side.produce()).toBeUndefined()
  })

  it("PLAIN-3, PLAIN-7: is ready once it has said READY, not before", () => {
    const side = welcomingServer()
    side.produce()
    side.consume(INITIATE)
    expect(side.status).toBe("handshake")
    expect(side.produce()?.equals(ready(encodeMetadata([["Socket-Type", "PULL"]])))).toBe(true)
    expect(side.status).toBe("ready")
    expect(side.produce()).toBeUndefined()
    expect(String(side.metadata?.get("socket-type"))).toBe("PUSH")
  })

  it("PLAIN-6: takes user names and passwords of 0 and of 255 octets", () => {
    for (const [username, password] of [
      ["", ""],
      ["u", ""],
      ["", "p"],
      ["u".repeat(255), "p".repeat(255)],
    ] as const) {
      const side = server()
      side.consume(hello(credentials(username, password)))
      expect(String(side.credentials?.username)).toBe(username)
      expect(String(side.credentials?.password)).toBe(password)
    }
  })

  it.each([
    ["without lengths", ""],
    ["without the password's length", "0561646d696e"],
    ["with a user name past the end", "0661646d696e"],
    ["with a user name over everything", "ff61646d696e06736563726574"],
    ["with a password past the end", "0561646d696e07736563726574"],
    ["with a password cut short", "0561646d696e0673656372"],
    ["with an octet behind the password", "0561646d696e0673656372657400"],
    ["with an octet behind two that are empty", "000000"],
  ])("PLAIN-5: refuses a HELLO %s", (_, data) => {
    const side = server()
    expect(() => side.consume(hello(Buffer.from(data, "hex")))).toThrow(ProtocolError)
    expect(side.status).toBe("handshake")
    expect(side.credentials).toBeUndefined()
    expect(side.produce()).toBeUndefined()
  })

  it.each([
    ["INITIATE", INITIATE],
    ["WELCOME", WELCOME],
    ["READY", READY],
    ["ERROR", error("400")],
    ["nothing", EMPTY],
    ["a name without a length", Buffer.from("HELLO")],
  ])("PLAIN-4: does not stand %s where HELLO is due", (_, body) => {
    const side = server()
    expect(() => side.consume(body)).toThrow(ProtocolError)
    expect(side.status).toBe("handshake")
  })

  it("PLAIN-4: does not stand a second HELLO, READY for INITIATE, nor a second INITIATE", () => {
    const side = welcomingServer()
    side.produce()
    for (const body of [HELLO, READY, WELCOME]) expect(() => side.consume(body)).toThrow(ProtocolError)
    side.consume(INITIATE)
    expect(() => side.consume(INITIATE)).toThrow(ProtocolError)
    side.produce()
    expect(() => side.consume(INITIATE)).toThrow(ProtocolError)
  })

  it("PLAIN-11: repeats nothing of a HELLO that it refuses", () => {
    const body = hello(Buffer.concat([credentials("admin", "secret"), Buffer.of(0)]))
    for (const side of [server(), welcomingServer()]) {
      expect(() => side.consume(body)).toThrow(/^(?!.*(admin|secret))/)
    }
  })

  it("LIMIT-8: refuses metadata that is malformed or over the limits", () => {
    for (const [limits, body] of [
      [LIMITS, INITIATE.subarray(0, -1)],
      [{ maxProperties: 0, maxBytes: 8192 }, INITIATE],
      [{ maxProperties: 64, maxBytes: 10 }, INITIATE],
    ] as const) {
      const side = server(limits)
      side.consume(HELLO)
      side.admit()
      side.produce()
      expect(() => side.consume(body)).toThrow(ProtocolError)
      expect(side.produce()).toBeUndefined()
    }
  })
})

it("PLAIN-2, PLAIN-3: both sides come to terms", () => {
  const [one, other] = [client(), server()]
  const passed: string[] = []
  for (let turn = 0; turn < 4; turn++) {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const body = from.produce()
      if (body === undefined) continue
      passed.push(body.toString("latin1", 1, 1 + (body[0] ?? 0)))
      to.consume(body)
      if (other.status === "asking") other.admit()
    }
  }
  expect(passed).toEqual(["HELLO", "WELCOME", "INITIATE", "READY"])
  expect([one.status, other.status]).toEqual(["ready", "ready"])
})
