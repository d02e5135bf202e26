// `validated()`: the same contract kept by schemas of three libraries, and what becomes of schemas that are asynchronous,
// talkative, or none.

import { type } from "arktype"
import { type Codec, CodecError, OptionError } from "brokerless"
import { json, msgpack, type StandardIssue, type StandardSchema, text, validated } from "brokerless/codec"
import * as v from "valibot"
import { describe, expect, it } from "vitest"
import { z } from "zod"
import { there, thereAndBack } from "./values.ts"

/** Accepts `{ id: number, at: string of a date, tags?: string[] }`; makes a Date of `at`, and fills in no tags. */
interface Input {
  id: number
  at: string
  tags?: string[] | undefined
}
interface Output {
  id: number
  at: Date
  tags: string[]
}

const LIBRARIES: readonly (readonly [name: string, codec: Codec<Input, Output>])[] = [
  [
    "zod",
    validated(
      msgpack(),
      z.object({
        id: z.number(),
        at: z.iso.datetime().transform((at) => new Date(at)),
        tags: z.array(z.string()).default([]),
      }),
    ),
  ],
  [
    "valibot",
    validated(
      msgpack(),
      v.object({
        id: v.number(),
        at: v.pipe(
          v.string(),
          v.isoTimestamp(),
          v.transform((at) => new Date(at)),
        ),
        tags: v.optional(v.array(v.string()), []),
      }),
    ),
  ],
  [
    "arktype",
    validated(msgpack(), type({ id: "number", at: "string.date.iso.parse", tags: "string[] = []" }) as never),
  ],
]

const AT = "2026-11-27T10:00:00.000Z"

describe.each(LIBRARIES)("a codec validated by %s", (_name, codec) => {
  it("sends what the schema accepts, as it is, and receives what the schema makes of it", () => {
    const frame = there(codec, { id: 7, at: AT })
    expect(msgpack().decode(frame)).toEqual({ id: 7, at: AT })
    expect(codec.decode(frame)).toEqual({ id: 7, at: new Date(AT), tags: [] })
    expect(thereAndBack(codec, { id: 7, at: AT, tags: ["a"] }).tags).toEqual(["a"])
  })

  it("sends nothing that the schema refuses, and says what is wrong, and where", () => {
    const wrong = { id: "7", at: AT } as unknown as Input
    expect(() => codec.encode(wrong)).toThrow(CodecError)
    expect(() => codec.encode(wrong)).toThrow(/^The schema refused a value: .*id/)
    expect(() => codec.encode({ id: 7, at: new Date(AT) } as unknown as Input)).toThrow(CodecError)
  })

  it("receives nothing that the schema refuses", () => {
    for (const value of [null, "text", {}, { id: 7 }, { id: 7, at: "soon" }, { id: 7, at: AT, tags: [1] }]) {
      expect(() => codec.decode(there(msgpack(), value))).toThrow(CodecError)
      expect(() => codec.decode(there(msgpack(), value))).toThrow(/^The schema refused a value: /)
    }
  })
})

/** A schema made by hand. */
function schemaOf(validate: (value: unknown) => unknown): StandardSchema<unknown, unknown> {
  return { "~standard": { version: 1, vendor: "by hand", validate: validate as never } }
}

describe("validated()", () => {
  it("takes any codec and gives one for which the same holds", () => {
    const word = validated(text(), z.string().regex(/^[a-z]+$/))
    expect(thereAndBack(word, "word")).toBe("word")
    expect(() => word.encode("two words")).toThrow(/schema refused/)
    const loud = validated(json(), z.object({ name: z.string().transform((name) => name.toUpperCase()) }))
    expect(thereAndBack(loud, { name: "anna" })).toEqual({ name: "ANNA" })
    // Keys that the schema does not know are sent, and gone when they are received.
    expect(thereAndBack(loud, { name: "anna", age: 5 } as { name: string })).toEqual({ name: "ANNA" })
  })

  it("needs no `this`, so that halves of two codecs can be put together", () => {
    const question = validated(json(), z.object({ ask: z.string() }))
    const answer = validated(json(), z.number())
    const client = { encode: question.encode, decode: answer.decode }
    expect(String(client.encode({ ask: "how many" }))).toBe('{"ask":"how many"}')
    expect(client.decode(Buffer.from("42"))).toBe(42)
  })

  it("refuses a schema that is asynchronous, in both directions, and leaves no rejection behind", async () => {
    const rejections: unknown[] = []
    const note = (reason: unknown): void => {
      rejections.push(reason)
    }
    process.on("unhandledRejection", note)
    try {
      const late: readonly StandardSchema<unknown, unknown>[] = [
        z.string().refine(async () => true),
        v.pipeAsync(
          v.string(),
          v.checkAsync(async () => false),
        ),
        schemaOf(() => Promise.reject(new Error("later"))),
        // biome-ignore lint/suspicious/noThenProperty: a promise of another make.
        schemaOf(() => ({ then: (_resolve: unknown, reject: (reason: Error) => void) => reject(new Error("later")) })),
      ]
      for (const schema of late) {
        const codec = validated(json(), schema)
        expect(() => codec.encode("text")).toThrow(CodecError)
        expect(() => codec.encode("text")).toThrow(/validates asynchronously; a codec needs one that does not/)
        expect(() => codec.decode(Buffer.from('"text"'))).toThrow(/asynchronously/)
      }
      for (let i = 0; i < 3; i++) await new Promise(setImmediate)
    } finally {
      process.off("unhandledRejection", note)
    }
    expect(rejections).toEqual([])
  })

  it("tells of the first issues, shortly and on one line, and has all of them in the cause", () => {
    const issues: StandardIssue[] = [
      { message: "first\n\u0007line", path: ["a", { key: 0 }, Symbol("s")] },
      { message: "x".repeat(1000) },
      { message: "third", path: [] },
      { message: "fourth" },
      { message: "fifth" },
    ]
    const codec = validated(
      json(),
      schemaOf(() => ({ issues })),
    )
    let thrown: unknown
    try {
      codec.decode(Buffer.from("1"))
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(CodecError)
    const { message, cause } = thrown as CodecError
    expect(message).toMatch(/^The schema refused a value: a\.0\.Symbol\(s\): first line; x{120}…; third; and 2 more$/)
    expect(cause).toBe(issues)
  })

  it.each([
    ["schema", () => validated(json(), undefined as never), /follows Standard Schema, got undefined/],
    ["schema", () => validated(json(), { parse() {} } as never), /follows Standard Schema, got an object/],
    [
      "schema",
      () => validated(json(), { "~standard": { version: 2, vendor: "x", validate() {} } } as never),
      /of version 1, got 2/,
    ],
    ["codec", () => validated(undefined as never, z.string()), /needs a codec, got undefined/],
    ["codec", () => validated({ encode() {} } as never, z.string()), /needs a codec, got an object/],
  ])("checks its %s at once", (option, make, message) => {
    expect(make).toThrow(OptionError)
    expect(make).toThrow(message)
    expect(make).toThrow(expect.objectContaining({ option }))
  })
})
