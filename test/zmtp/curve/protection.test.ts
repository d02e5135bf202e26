import { describe, expect, it } from "vitest"
import { loadLibsodium } from "../../../src/curve/libsodium.ts"
import { ProtocolError } from "../../../src/errors.ts"
import { NonceCounter } from "../../../src/zmtp/curve/nonce.ts"
import { CurveProtection } from "../../../src/zmtp/curve/protection.ts"
import { chance, counter, named, opensSecretBox, rawNonce, secretBox } from "../../support/raw-curve.ts"

const primitives = await loadLibsodium()
const KEY = Buffer.alloc(32, 7)
const OVERHEAD = 33

function make(side: "client" | "server", sent = new NonceCounter(), received = new NonceCounter()): CurveProtection {
  return new CurveProtection({ side, boxes: primitives, key: Buffer.from(KEY), sent, received })
}

function sealed(by: CurveProtection, body: string | Buffer, flags = 0): Buffer {
  const octets = Buffer.from(body)
  const target = Buffer.alloc(by.overhead + octets.length)
  by.seal(flags, octets, target, 0)
  return target
}

/** A MESSAGE as the RFC has it, made by another library. */
function foreign(prefix: string, nonce: bigint, flags: number, payload: string | Buffer): Buffer {
  const plain = Buffer.concat([Buffer.of(flags), Buffer.from(payload)])
  return named("MESSAGE", counter(nonce), secretBox(plain, rawNonce(prefix, nonce), KEY))
}

describe("what CURVE puts around a frame", () => {
  it("CURVE-14, CURVE-15: is a MESSAGE of 33 octets more, its box as the RFC has it", () => {
    for (const [side, prefix] of [
      ["client", "CurveZMQMESSAGEC"],
      ["server", "CurveZMQMESSAGES"],
    ] as const) {
      const protection = make(side)
      expect(protection.overhead).toBe(OVERHEAD)
      expect(sealed(protection, "hello", 1)).toEqual(foreign(prefix, 1n, 1, "hello"))
      expect(sealed(protection, "", 0)).toEqual(foreign(prefix, 2n, 0, ""))
      expect(sealed(protection, "PING", 2)).toEqual(foreign(prefix, 3n, 2, "PING"))
    }
  })

  it("CURVE-35: is the MESSAGE of the published vector", () => {
    const key = Buffer.from("ec88f6e13b22bf9f04d480e0d8525c08ac7e2f48e212742bcbcafa104a74b08d", "hex")
    const sent = new NonceCounter(0, 2)
    const protection = new CurveProtection({ side: "client", boxes: primitives, key, sent, received: sent })
    expect(sealed(protection, "hi", 1).toString("hex")).toBe(
      `${Buffer.from("\x07MESSAGE").toString("hex")}0000000000000003aec7382038a395323c4d83f51270161923273d`,
    )
  })

  it("is written where it is to stand, and nothing beside it is touched", () => {
    for (const offset of [0, 1, 7, 64, 1001]) {
      for (const size of [0, 1, 15, 16, 255, 4096]) {
        const body = chance(size)
        const target = Buffer.alloc(offset + OVERHEAD + size + 50, 0xaa)
        make("client").seal(0, body, target, offset)
        expect(target.subarray(0, offset).every((octet) => octet === 0xaa)).toBe(true)
        expect(target.subarray(offset + OVERHEAD + size).every((octet) => octet === 0xaa)).toBe(true)
        const whole = target.subarray(offset, offset + OVERHEAD + size)
        expect(make("server").open(whole)).toEqual(body)
      }
    }
  })

  it("CURVE-20, CURVE-21: opens in its own memory, with the flags that stood inside", () => {
    const protection = make("server")
    for (const [nonce, flags] of [
      [1n, 0],
      [2n, 1],
      [3n, 2],
      [4n, 3],
    ] as const) {
      const octets = foreign("CurveZMQMESSAGEC", nonce, flags, "content")
      const opened = protection.open(octets)
      expect(opened.toString()).toBe("content")
      expect(opened.buffer).toBe(octets.buffer)
      expect(opened.byteOffset).toBe(octets.byteOffset + OVERHEAD)
      expect(protection.openedFlags).toBe(flags)
    }
  })

  it("takes no notice of reserved bits inside, as libzmq does", () => {
    const protection = make("server")
    expect(protection.open(foreign("CurveZMQMESSAGEC", 1n, 0xfd, "odd")).toString()).toBe("odd")
    expect(protection.openedFlags).toBe(1)
  })

  it("CURVE-14: is refused when it is shorter than 33 octets", () => {
    const whole = foreign("CurveZMQMESSAGEC", 1n, 0, "")
    expect(whole.length).toBe(OVERHEAD)
    for (let size = 0; size < OVERHEAD; size++) {
      expect(() => make("server").open(Buffer.from(whole.subarray(0, size)))).toThrow(ProtocolError)
    }
    expect(make("server").open(whole).length).toBe(0)
    // A box that opens, and has nothing inside: not even flags.
    const hollow = named("MESSAGE", counter(1n), secretBox(Buffer.alloc(0), rawNonce("CurveZMQMESSAGEC", 1n), KEY))
    expect(hollow.length).toBe(OVERHEAD - 1)
    expect(() => make("server").open(hollow)).toThrow(/at least 33 octets/)
  })

  it("CURVE-15: does not open for its sender, nor with any other prefix", () => {
    const client = make("client")
    const octets = sealed(client, "reflect me")
    expect(() => make("client").open(Buffer.from(octets))).toThrow(ProtocolError)
    expect(make("server").open(octets).toString()).toBe("reflect me")
    for (const prefix of ["CurveZMQMESSAGES", "CurveZMQMESSAGEc", "CurveZMQINITIATE", "CurveZMQREADY---"]) {
      expect(() => make("server").open(foreign(prefix, 1n, 0, "x"))).toThrow(ProtocolError)
    }
  })

  it("CURVE-14: is refused under any other name", () => {
    for (const name of ["MESSAGF", "message", "READY", "MESSAG", "MESSAGES"]) {
      const plain = Buffer.of(0, 1, 2, 3, 4)
      const nonce = rawNonce("CurveZMQMESSAGEC", 1n)
      expect(() => make("server").open(named(name, counter(1n), secretBox(plain, nonce, KEY)))).toThrow(ProtocolError)
    }
  })

  it("CURVE-16, CURVE-17, CURVE-18: opens with gaps, and never twice or out of order", () => {
    const protection = make("server")
    const say = (nonce: bigint): Buffer => foreign("CurveZMQMESSAGEC", nonce, 0, `${nonce}`)
    expect(protection.open(say(1n)).toString()).toBe("1")
    expect(protection.open(say(5n)).toString()).toBe("5")
    expect(() => protection.open(say(5n))).toThrow(ProtocolError)
    expect(() => protection.open(say(4n))).toThrow(ProtocolError)
    expect(() => protection.open(say(0n))).toThrow(ProtocolError)
    expect(protection.open(say(1n << 62n)).toString()).toBe(`${1n << 62n}`)
  })

  it("CURVE-34: is refused to us before a nonce would come twice", () => {
    const protection = make("client", new NonceCounter(0xffff_ffff, 0xffff_fffe))
    sealed(protection, "the last")
    expect(() => sealed(protection, "one too many")).toThrow(ProtocolError)
    expect(() => sealed(protection, "again")).toThrow(ProtocolError)
  })

  it("B15, CURVE-19: does not open with any single bit flipped", () => {
    const whole = foreign("CurveZMQMESSAGEC", 3n, 1, "the body of a message")
    const opened: number[] = []
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      try {
        make("server", new NonceCounter(), new NonceCounter(0, 2)).open(flipped)
        opened.push(bit)
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError)
      }
    }
    expect(opened).toEqual([])
    expect(make("server").open(whole).toString()).toBe("the body of a message")
  })

  it("CURVE-19: does not open when it is cut short or has more at its end", () => {
    const whole = foreign("CurveZMQMESSAGEC", 1n, 0, "x".repeat(100))
    for (let size = OVERHEAD; size < whole.length; size++) {
      expect(() => make("server").open(Buffer.from(whole.subarray(0, size)))).toThrow(ProtocolError)
    }
    expect(() => make("server").open(Buffer.concat([whole, Buffer.of(0)]))).toThrow(ProtocolError)
  })

  it("CURVE-39: seals and opens nothing once its key was overwritten", () => {
    const protection = make("server")
    protection.dispose()
    const nonce = rawNonce("CurveZMQMESSAGEC", 1n)
    const forged = named("MESSAGE", counter(1n), secretBox(Buffer.from("\0forged"), nonce, Buffer.alloc(32)))
    expect(() => protection.open(forged)).toThrow(ProtocolError)
    expect(() => sealed(protection, "secret")).toThrow(ProtocolError)
  })

  it("carries everything of all sizes, both ways at once", () => {
    const client = make("client")
    const server = make("server")
    for (const size of [0, 1, 2, 31, 32, 33, 63, 64, 65, 255, 256, 65_535, 65_536, 65_537, 1_048_576]) {
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        const body = chance(size)
        const octets = sealed(from, body)
        expect(size < 16 || !octets.includes(body.subarray(0, 16))).toBe(true)
        expect(to.open(octets).equals(body)).toBe(true)
      }
    }
    expect(opensSecretBox(sealed(client, "").subarray(16), rawNonce("CurveZMQMESSAGEC", 16n), KEY)).toEqual(
      Buffer.of(0),
    )
  })
})
