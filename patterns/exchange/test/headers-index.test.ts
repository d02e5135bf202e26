// Headers against the rules of RabbitMQ, written out.

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readHeaders, writeHeaders } from "../headers.ts"
import { HeadersIndex } from "../headers-index.ts"

type Value = string | number | boolean | null

function matches(binding: Record<string, Value>, headers: Record<string, Value>): boolean {
  const wanted = Object.entries(binding).filter(([name]) => !name.startsWith("x-"))
  const has = ([name, value]: [string, Value]): boolean =>
    Object.hasOwn(headers, name) && (value === null || headers[name] === value)
  return binding["x-match"] === "any" ? wanted.some(has) : wanted.every(has)
}

const name = fc.constantFrom("format", "pages", "draft", "x-ignored", "__proto__")
const value = fc.constantFrom<string | number | boolean>("pdf", "1", 1, true, false)
const headers = fc.dictionary(name, value, { maxKeys: 4 })
const binding = fc
  .tuple(
    fc.dictionary(name, fc.oneof(value, fc.constant(null)), { maxKeys: 3 }),
    fc.constantFrom("all", "any", undefined),
  )
  .map(([wanted, match]) => (match === undefined ? wanted : { ...wanted, "x-match": match }) as Record<string, Value>)

describe("a headers index", () => {
  it("agrees with the rules, while bindings come and go", () => {
    fc.assert(
      fc.property(fc.array(binding, { maxLength: 10 }), fc.array(fc.nat(9)), headers, (bindings, removed, message) => {
        const index = new HeadersIndex<string>()
        const there = new Map(bindings.map((each) => [writeHeaders(each as never, "a binding"), each]))
        for (const text of there.keys()) index.add(text, text)
        for (const at of removed) {
          const text = [...there.keys()][at]
          if (text === undefined) continue
          index.remove(text, text)
          there.delete(text)
        }
        const found = new Set<string>()
        index.match(new Map(Object.entries(message)), found)
        const expected = [...there].filter(([, each]) => matches(each, message)).map(([text]) => text)
        expect(found).toEqual(new Set(expected))
      }),
      { numRuns: 2000 },
    )
  })
})

describe("headers as they are written", () => {
  it("are read as they were, whatever their order", () => {
    fc.assert(
      fc.property(headers, (given) => {
        const text = writeHeaders(given, "a message")
        expect(readHeaders(text)).toEqual(new Map(Object.entries(given)))
        expect(writeHeaders(Object.fromEntries(Object.entries(given).reverse()), "a message")).toBe(text)
      }),
    )
  })

  it("never throw, whatever comes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const read = readHeaders(text)
        for (const each of read?.values() ?? []) expect(typeof each === "object" ? each : null).toBeNull()
        expect(read === undefined || read.size <= 64).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it("are refused when they cannot be", () => {
    expect(() => writeHeaders({ a: { b: 1 } } as never, "a message")).toThrow(/header "a"/)
    expect(() => writeHeaders({ a: Number.NaN }, "a message")).toThrow(/finite/)
    expect(() => writeHeaders({ a: null } as never, "a message")).toThrow(/header "a"/)
    expect(() => writeHeaders({ a: "x".repeat(9000) }, "a message")).toThrow(/8192/)
    expect(() => writeHeaders([] as never, "a message")).toThrow(/object/)
  })
})
