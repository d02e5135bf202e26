// What is in datagrams: groups before bodies, addresses beside them, and what is neither.

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { MessageError } from "../../../src/errors.ts"
import {
  ADDRESSED,
  formatAddress,
  GROUPED,
  MAX_DATAGRAM,
  MAX_SENT_GROUP,
  mapped,
  parseAddress,
} from "../../../src/transport/udp/format.ts"

const FROM = { host: "127.0.0.1", port: 5555 }

function octets(text: string): Buffer {
  return Buffer.from(text, "latin1")
}

function refusal(act: () => void): string {
  try {
    act()
  } catch (error) {
    if (error instanceof MessageError) return `${error.code}: ${error.message}`
    throw error
  }
  throw new Error("It was accepted")
}

describe("a datagram with a group", () => {
  it("is the length of the group, the group, and the body", () => {
    expect(GROUPED.encode([octets("ab"), octets("body")])).toEqual({ octets: octets("\x02abbody") })
    expect(GROUPED.encode([octets(""), octets("")])).toEqual({ octets: octets("\0") })
  })

  it("is read back as it was written, whatever is in it", () => {
    const group = fc.uint8Array({ maxLength: MAX_SENT_GROUP })
    fc.assert(
      fc.property(group, fc.uint8Array({ maxLength: 300 }), (name, body) => {
        const message = [Buffer.from(name), Buffer.from(body)]
        const datagram = GROUPED.encode(message)
        expect(GROUPED.decode(datagram?.octets as Buffer, FROM)).toEqual(message)
      }),
    )
  })

  it("that is malformed is none, and no other is", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (given) => {
        const datagram = Buffer.from(given)
        const size = datagram[0] ?? 0
        const whole = datagram.length > size
        const message = GROUPED.decode(datagram, FROM)
        expect(message).toEqual(whole ? [datagram.subarray(1, 1 + size), datagram.subarray(1 + size)] : undefined)
      }),
    )
  })

  it("may have a group of 255 octets when it is received, though libzmq would not survive it", () => {
    const long = "g".repeat(255)
    expect(GROUPED.decode(octets(`\xff${long}x`), FROM)).toEqual([octets(long), octets("x")])
    expect(refusal(() => GROUPED.check([octets("g".repeat(128)), octets("x")]))).toMatch(/^EMSGSIZE: .*127.*got 128$/)
    GROUPED.check([octets("g".repeat(127)), octets("x")])
  })

  it("is sent with 8192 octets and not with one more", () => {
    GROUPED.check([octets("abc"), Buffer.alloc(MAX_DATAGRAM - 4)])
    const tooLarge = [octets("abc"), Buffer.alloc(MAX_DATAGRAM - 3)]
    expect(refusal(() => GROUPED.check(tooLarge))).toMatch(/^EMSGSIZE: .*8192.*8193$/)
  })
})

describe("a datagram with an address", () => {
  it("is the body, and goes where its first frame says", () => {
    const message = [octets("127.0.0.1:5555"), octets("body")]
    expect(ADDRESSED.encode(message)).toEqual({ octets: octets("body"), target: FROM })
    expect(ADDRESSED.decode(octets("body"), FROM)).toEqual([octets("127.0.0.1:5555\0"), octets("body")])
    expect(ADDRESSED.decode(octets(""), FROM)).toEqual([octets("127.0.0.1:5555\0"), octets("")])
  })

  it("is sent with 8192 octets and not with one more", () => {
    ADDRESSED.check([octets("127.0.0.1:1"), Buffer.alloc(MAX_DATAGRAM)])
    const tooLarge = [octets("127.0.0.1:1"), Buffer.alloc(MAX_DATAGRAM + 1)]
    expect(refusal(() => ADDRESSED.check(tooLarge))).toMatch(/^EMSGSIZE: /)
  })

  it.each([
    "",
    ":",
    "nowhere:1",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "127.0.0.1:1x",
    "127.0.0.1:1\0\0",
    "256.0.0.1:1",
    "127.1:1",
    "::1:1",
    "[::1]",
    "[127.0.0.1]:1",
    "[::g]:1",
    " 127.0.0.1:1",
  ])("goes nowhere, if the address is %j", (address) => {
    expect(parseAddress(octets(address))).toBeUndefined()
    expect(ADDRESSED.encode([octets(address), octets("x")])).toBeUndefined()
  })

  it("has an address that is read back as it was written", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        expect(parseAddress(formatAddress({ host, port }))).toEqual({ host, port })
      }),
    )
  })
})

describe("an address of IPv4", () => {
  it("is written as one of IPv6 for a socket of both, and one of IPv6 is as it is", () => {
    expect(mapped("127.0.0.1")).toBe("::ffff:127.0.0.1")
    expect(mapped("::1")).toBe("::1")
  })
})
