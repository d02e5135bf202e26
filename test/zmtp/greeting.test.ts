import { describe, expect, it } from "vitest"
import { ProtocolError } from "../../src/errors.ts"
import {
  checkMechanism,
  encodeGreeting,
  GREETING_SIZE,
  type Greeting,
  GreetingReader,
} from "../../src/zmtp/greeting.ts"

const NULL_GREETING = `ff${"00".repeat(8)}7f03014e554c4c${"00".repeat(16)}00${"00".repeat(31)}`

function octets(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex")
}

/** A valid greeting with some octets replaced. */
function greetingWith(changes: Record<number, number>): Buffer {
  const greeting = octets(NULL_GREETING)
  for (const [at, octet] of Object.entries(changes)) greeting[Number(at)] = octet
  return greeting
}

function read(...chunks: Buffer[]): { greeting: Greeting | undefined; rest: number } {
  const reader = new GreetingReader()
  let rest = 0
  for (const chunk of chunks) rest += chunk.length - reader.push(chunk, 0)
  return { greeting: reader.greeting, rest }
}

/** How many octets it takes, one at a time, until the reader refuses. */
function refusedAfter(bytes: Buffer): number {
  const reader = new GreetingReader()
  for (let at = 0; at < bytes.length; at++) {
    try {
      reader.push(bytes.subarray(at, at + 1), 0)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return at + 1
    }
  }
  return Number.POSITIVE_INFINITY
}

describe("our greeting", () => {
  it("ZMTP-1: has 64 octets: signature, version 3.1, mechanism, as-server, filler", () => {
    expect(encodeGreeting("NULL", false).toString("hex")).toBe(NULL_GREETING)
    expect(encodeGreeting("NULL", false)).toHaveLength(GREETING_SIZE)
  })

  it("ZMTP-13: says as-server 1 for a server only", () => {
    const server = encodeGreeting("PLAIN", true)
    const client = encodeGreeting("PLAIN", false)
    expect(server[32]).toBe(1)
    expect(client[32]).toBe(0)
    server[32] = 0
    expect(server.equals(client)).toBe(true)
  })

  it("ZMTP-17: has zeros for padding and filler", () => {
    const greeting = encodeGreeting("A234567890B234567890", true)
    expect(greeting.subarray(1, 9).equals(Buffer.alloc(8))).toBe(true)
    expect(greeting.subarray(12, 32).toString()).toBe("A234567890B234567890")
    expect(greeting.subarray(33).equals(Buffer.alloc(31))).toBe(true)
  })
})

describe("the peer's greeting", () => {
  it("ZMTP-1: is read back", () => {
    expect(read(encodeGreeting("CURVE", true)).greeting).toEqual({ major: 3, minor: 1, mechanism: "CURVE" })
  })

  it("ZMTP-14: reads the same cut at every position, octet by octet, and glued to what follows", () => {
    const bytes = octets(NULL_GREETING)
    const expected = { greeting: { major: 3, minor: 1, mechanism: "NULL" }, rest: 0 }
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(read(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(expected)
    }
    expect(read(...Array.from(bytes, (octet) => Buffer.of(octet)))).toEqual(expected)
    expect(read(Buffer.concat([bytes, octets("04 01")]), octets("05"))).toEqual({ ...expected, rest: 3 })
  })

  it("ZMTP-14: starts at the offset it is given", () => {
    const reader = new GreetingReader()
    const chunk = Buffer.concat([octets("aa bb"), octets(NULL_GREETING), octets("cc")])
    expect(reader.push(chunk, 2)).toBe(66)
    expect(reader.push(chunk, 66)).toBe(66)
    expect(reader.greeting?.mechanism).toBe("NULL")
  })

  it("ZMTP-14: is not there before its last octet", () => {
    const reader = new GreetingReader()
    reader.push(octets(NULL_GREETING).subarray(0, 63), 0)
    expect(reader.greeting).toBeUndefined()
    reader.push(Buffer.of(0x99), 0)
    expect(reader.greeting).toBeDefined()
  })

  it("ZMTP-2, ZMTP-12, ZMTP-17: may hold anything as padding, as-server and filler", () => {
    for (const at of [1, 2, 3, 4, 5, 6, 7, 8, ...Array.from({ length: 32 }, (_, i) => 32 + i)]) {
      for (const octet of [0x01, 0x7f, 0xff]) {
        expect(read(greetingWith({ [at]: octet })).greeting).toEqual({ major: 3, minor: 1, mechanism: "NULL" })
      }
    }
  })

  it("ZMTP-2: passes with libzmq's padding, and with any odd octet 9", () => {
    expect(read(greetingWith({ 8: 1 })).greeting).toBeDefined()
    for (const octet of [0x01, 0x03, 0xff]) expect(read(greetingWith({ 9: octet })).greeting).toBeDefined()
  })

  it("ZMTP-6, ZMTP-7: may be of any later version", () => {
    for (const major of [3, 4, 7, 255]) {
      for (const minor of [0, 1, 7, 255]) {
        expect(read(greetingWith({ 10: major, 11: minor })).greeting).toEqual({ major, minor, mechanism: "NULL" })
      }
    }
  })

  it("ZMTP-8, ZMTP-11: is refused at octet 10 when it offers less than 3.0", () => {
    for (const major of [0, 1, 2]) expect(refusedAfter(greetingWith({ 10: major }))).toBe(11)
  })

  it("ZMTP-15: is refused at its first octet, or at octet 9, when that is ZMTP 1.0", () => {
    for (const first of [0x00, 0x01, 0x7f, 0xfe]) expect(refusedAfter(greetingWith({ 0: first }))).toBe(1)
    for (const last of [0x00, 0x7e, 0xfe]) expect(refusedAfter(greetingWith({ 9: last }))).toBe(10)
    expect(refusedAfter(octets("ff 7f ff ff ff ff ff ff ff 00 01"))).toBe(10)
  })

  it("ZMTP-16: is refused at once when it is another protocol", () => {
    const openings = {
      http: Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
      http2: Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      tls: octets("16 03 01 02 00 01 00 01 fc 03 03"),
      ssh: Buffer.from("SSH-2.0-OpenSSH_9.6\r\n"),
    }
    for (const opening of Object.values(openings)) expect(refusedAfter(opening)).toBe(1)
    // Telnet's negotiation begins with our first octet, and goes on like a version to come.
    expect(refusedAfter(octets("ff fd 18 ff fd 20 ff fd 23 ff fd 27 ff fb 1f ff fb"))).toBe(13)
    expect(() => read(openings.http)).toThrow("0x47")
  })
})

describe("the mechanism", () => {
  const bytes = encodeGreeting("NULL", false)

  it("ZMTP-9: accepts our own name and no other", () => {
    expect(() => checkMechanism(read(bytes).greeting as Greeting, "NULL")).not.toThrow()
    expect(() => checkMechanism(read(bytes).greeting as Greeting, "PLAIN")).toThrow(ProtocolError)
    expect(() => checkMechanism(read(encodeGreeting("NUL", false)).greeting as Greeting, "NULL")).toThrow(ProtocolError)
  })

  it("ZMTP-9, ZMTP-10, ZMTP-68: no other field of 20 octets passes for ours", () => {
    for (let at = 12; at < 32; at++) {
      for (let octet = 0; octet < 256; octet++) {
        if (octet === bytes[at]) continue
        expect(() => checkMechanism(read(greetingWith({ [at]: octet })).greeting as Greeting, "NULL")).toThrow(
          ProtocolError,
        )
      }
    }
  })

  it("ZMTP-16: is refused at the octet that no name has, or that follows a zero", () => {
    for (const octet of [0x20, 0x61, 0x7f, 0x80, 0xff]) expect(refusedAfter(greetingWith({ 15: octet }))).toBe(16)
    expect(refusedAfter(greetingWith({ 31: 0x41 }))).toBe(32)
    expect(read(encodeGreeting("A-_.+09Z", false)).greeting?.mechanism).toBe("A-_.+09Z")
  })

  it("PLAIN-10: compares names of the full 20 octets", () => {
    const name = "ABCDEFGHIJ0123456789"
    expect(() => checkMechanism(read(encodeGreeting(name, false)).greeting as Greeting, name)).not.toThrow()
  })

  it("names both, for the person who has to find out", () => {
    const greeting = read(encodeGreeting("CURVE", false)).greeting as Greeting
    expect(() => checkMechanism(greeting, "NULL")).toThrow('announced the mechanism "CURVE", ours is "NULL"')
  })
})
