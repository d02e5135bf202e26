import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ProtocolError } from "../../src/errors.ts"
import {
  cancel,
  error,
  parseCommand,
  parseError,
  parsePing,
  ping,
  pong,
  ready,
  subscribe,
} from "../../src/zmtp/command.ts"

const NOTHING = Buffer.alloc(0)

function octets(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex")
}

describe("bodies", () => {
  it.each([
    ["READY", ready(octets("0161 00000001 62")), "05 52 45 41 44 59 01 61 00 00 00 01 62"],
    ["ERROR 400", error("400"), "05 45 52 52 4f 52 03 34 30 30"],
    ["ERROR without a reason", error(""), "05 45 52 52 4f 52 00"],
    ["PING without TTL or context", ping(0, NOTHING), "04 50 49 4e 47 00 00"],
    ["PING with a context", ping(0, Buffer.from("LOL")), "04 50 49 4e 47 00 00 4c 4f 4c"],
    ["PING with a TTL of 30 s", ping(300, NOTHING), "04 50 49 4e 47 01 2c"],
    ["PONG without a context", pong(NOTHING), "04 50 4f 4e 47"],
    ["PONG with a context", pong(Buffer.from("LOL")), "04 50 4f 4e 47 4c 4f 4c"],
    ["SUBSCRIBE A", subscribe(Buffer.from("A")), "09 53 55 42 53 43 52 49 42 45 41"],
    ["SUBSCRIBE to everything", subscribe(NOTHING), "09 53 55 42 53 43 52 49 42 45"],
    ["CANCEL A", cancel(Buffer.from("A")), "06 43 41 4e 43 45 4c 41"],
  ])("ZMTP-40: %s", (_, body, hex) => {
    expect(body.toString("hex")).toBe(hex.replaceAll(" ", ""))
  })

  it("PUBSUB-30: a topic of 245 octets makes a body of 255, one of 246 a body of 256", () => {
    expect(subscribe(Buffer.alloc(245))).toHaveLength(255)
    expect(subscribe(Buffer.alloc(246))).toHaveLength(256)
  })

  it("PUBSUB-14: topics hold any octets", () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet))
    expect(parseCommand(subscribe(every)).data.equals(every)).toBe(true)
    expect(parseCommand(cancel(every)).data.equals(every)).toBe(true)
  })

  it("HB-10: no TTL above 655 tenths, below 0 or between two is ever sent", () => {
    for (const [given, sent] of [
      [655, 655],
      [656, 655],
      [65_535, 655],
      [Number.POSITIVE_INFINITY, 655],
      [-1, 0],
      [9.9, 9],
    ] as const) {
      expect(ping(given, NOTHING).readUInt16BE(5)).toBe(sent)
    }
  })

  it("HB-2: no context above 16 octets is ever sent", () => {
    const context = Buffer.from("0123456789abcdefX")
    expect(ping(0, context).subarray(7).toString()).toBe("0123456789abcdef")
    expect(pong(context).subarray(5).toString()).toBe("0123456789abcdef")
  })

  it("ERROR holds at most 255 printable characters", () => {
    expect(error("x".repeat(300))).toHaveLength(6 + 1 + 255)
    expect(error("a\nb\x00ž").subarray(7).toString()).toBe("a?b??")
  })
})

describe("parseCommand", () => {
  it("ZMTP-40: reads the name and the data", () => {
    const { name, data } = parseCommand(octets("09 53 55 42 53 43 52 49 42 45 41"))
    expect(name).toBe("SUBSCRIBE")
    expect(data.toString()).toBe("A")
  })

  it("ZMTP-43: reads commands nobody knows, with names of up to 255 letters", () => {
    expect(parseCommand(Buffer.from("\x03fOo"))).toEqual({ name: "fOo", data: NOTHING })
    expect(parseCommand(Buffer.from(`\x00${"z".repeat(255)}!`).fill(255, 0, 1)).name).toBe("z".repeat(255))
  })

  it("ZMTP-42: refuses a name of no letters, and one that runs past the end", () => {
    for (const body of ["", "00", "00 41", "01", "02 41", "ff 41 42"]) {
      expect(() => parseCommand(octets(body))).toThrow(ProtocolError)
    }
    const whole = octets("04 50 49 4e 47")
    for (let cut = 0; cut < whole.length; cut++) {
      expect(() => parseCommand(whole.subarray(0, cut))).toThrow(ProtocolError)
    }
  })

  it("ZMTP-40: refuses a name that is not made of letters", () => {
    for (const name of ["PING1", "PI G", "PING\n", "PING\0", "P-G", "\xc4", "@", "[", "`", "{"]) {
      const body = Buffer.concat([Buffer.of(name.length), Buffer.from(name, "latin1")])
      expect(() => parseCommand(body)).toThrow(ProtocolError)
    }
  })

  it("LIMIT-12: answers any octets with a command or a ProtocolError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        try {
          const { name, data } = parseCommand(Buffer.from(bytes))
          expect(name.length + data.length + 1).toBe(bytes.length)
        } catch (problem) {
          expect(problem).toBeInstanceOf(ProtocolError)
        }
      }),
    )
  })
})

describe("parseError", () => {
  it("ZMTP-44: reads the reason", () => {
    expect(parseError(parseCommand(error("400")).data)).toBe("400")
  })

  it("takes what cannot be read for no reason at all", () => {
    for (const data of ["", "00", "05 34 30 30", "ff"]) expect(parseError(octets(data))).toBe("")
    expect(parseError(octets("02 34 30 30"))).toBe("40")
  })

  it("shows 32 octets at most, and none that cannot be printed", () => {
    expect(parseError(parseCommand(error("x".repeat(255))).data)).toBe("x".repeat(32))
    expect(parseError(octets("06 61 0a 1b 00 ff 7f"))).toBe("a?????")
  })
})

describe("parsePing", () => {
  it("HB-1: reads the context that the PONG has to echo", () => {
    const { context } = parsePing(parseCommand(octets("04 50 49 4e 47 00 00 4c 4f 4c")).data)
    expect(pong(context).toString("hex")).toBe("04504f4e474c4f4c")
  })

  it("HB-2: reads no more than 16 octets of context", () => {
    for (const [given, kept] of [
      [0, 0],
      [1, 1],
      [15, 15],
      [16, 16],
      [17, 16],
      [1000, 16],
    ] as const) {
      expect(parsePing(Buffer.alloc(2 + given)).context).toHaveLength(kept)
    }
  })

  it("HB-3: reads the TTL as tenths of a second", () => {
    expect(parsePing(octets("00 00")).ttl).toBe(0)
    expect(parsePing(octets("00 01")).ttl).toBe(100)
    expect(parsePing(octets("01 2c")).ttl).toBe(30_000)
    expect(parsePing(octets("ff ff")).ttl).toBe(6_553_500)
  })

  it("HB-11: refuses a body of less than 7 octets", () => {
    for (const data of ["", "00"]) expect(() => parsePing(octets(data))).toThrow(ProtocolError)
  })
})
