import { describe, expect, it } from "vitest"
import { MessageError } from "../src/errors.ts"
import {
  chargeOf,
  describe as describeValue,
  FRAME_CHARGE,
  type FrameLike,
  type MessageLike,
  sizeOf,
  toFrame,
  toMessage,
} from "../src/message.ts"

describe("what can be sent as a frame", () => {
  it("is a string as UTF-8, and nothing as an empty frame", () => {
    expect(toFrame("é€").toString("hex")).toBe("c3a9e282ac")
    expect(toFrame("")).toHaveLength(0)
    expect(toFrame(null)).toHaveLength(0)
  })

  it("is a Buffer as it is, and any other octets as the same memory", () => {
    const buffer = Buffer.from("abc")
    expect(toFrame(buffer)).toBe(buffer)
    const memory = new ArrayBuffer(8)
    const octets: FrameLike[] = [new Uint8Array(memory), new DataView(memory), new Float64Array(memory), memory]
    for (const each of octets) {
      const frame = toFrame(each)
      expect(Buffer.isBuffer(frame)).toBe(true)
      expect([frame.buffer, frame.length]).toEqual([memory, 8])
    }
    const part = toFrame(new Uint8Array(memory, 2, 3))
    expect([part.byteOffset, part.length]).toEqual([2, 3])
    const shared = new SharedArrayBuffer(4)
    expect(toFrame(shared).buffer).toBe(shared)
  })

  it.each([
    [undefined, "undefined"],
    [5, "5"],
    [5n, "5n"],
    [true, "true"],
    [{}, "an object (Object)"],
    [new Date(0), "an object (Date)"],
    [Object.create(null), "an object (no prototype)"],
    [["a"], "an array"],
    [() => {}, "a function"],
    [Symbol("s"), "Symbol(s)"],
  ])("is nothing else: %s", (value, shown) => {
    expect(() => toFrame(value as FrameLike)).toThrow(MessageError)
    expect(() => toFrame(value as FrameLike)).toThrow(`got ${shown}`)
    expect(() => toMessage(["first", value as FrameLike])).toThrow(`got ${shown}`)
  })
})

describe("what can be sent as a message", () => {
  it("is one frame", () => {
    const buffer = Buffer.from("abc")
    expect(toMessage(buffer)).toEqual([buffer])
    expect(toMessage(buffer)[0]).toBe(buffer)
    expect(toMessage("text").map(String)).toEqual(["text"])
    expect(toMessage(null).map(({ length }) => length)).toEqual([0])
    expect(toMessage(new Uint8Array([1, 2]))).toEqual([Buffer.from([1, 2])])
  })

  it("is a list of frames of any kind, which itself is left alone", () => {
    const list: FrameLike[] = ["a", null, Buffer.from("b"), new Uint8Array([99])]
    const message = toMessage(list)
    expect(message.map(String)).toEqual(["a", "", "b", "c"])
    expect(message).not.toBe(list)
    expect(list[0]).toBe("a")
  })

  it("has at least one frame, and no lists within", () => {
    expect(() => toMessage([])).toThrow(MessageError)
    expect(() => toMessage([["a"]] as unknown as MessageLike)).toThrow(MessageError)
    expect(() => toMessage(undefined as unknown as MessageLike)).toThrow(MessageError)
  })

  it("may not have holes", () => {
    const holes: FrameLike[] = ["a"]
    holes[2] = "c"
    expect(() => toMessage(holes)).toThrow("got undefined")
  })

  it("carries the code of its error", () => {
    expect(() => toMessage([])).toThrow(expect.objectContaining({ code: "EINVAL", name: "MessageError" }))
  })
})

describe("how large a message is", () => {
  it.each([
    [[""], 0],
    [["abc"], 3],
    [["abc", "", "de"], 5],
  ])("%j has %i octets, and is charged for its frames as well", (frames, size) => {
    const message = toMessage(frames)
    expect(sizeOf(message)).toBe(size)
    expect(chargeOf(message)).toBe(size + frames.length * FRAME_CHARGE)
  })

  it("is told in octets, not in elements of the views it was given", () => {
    expect(sizeOf(toMessage(new Float64Array(4)))).toBe(32)
  })
})

describe("a value in an error message", () => {
  it("is short, whatever it is", () => {
    expect(describeValue("x".repeat(64))).toBe(`"${"x".repeat(64)}"`)
    expect(describeValue("x".repeat(65))).toBe(`"${"x".repeat(64)}…"`)
    expect(describeValue("line\nbreak")).toBe('"line\\nbreak"')
    expect(describeValue(Array.from({ length: 1000 }))).toBe("an array")
    expect(describeValue(null)).toBe("null")
  })

  it("is described whatever becomes of looking at it", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(describeValue(proxy)).toBe("an object")
    expect(describeValue({ constructor: { name: Symbol("odd") } })).toBe("an object (no name)")
    expect(describeValue(Object.create(null))).toBe("an object (no prototype)")
  })
})
