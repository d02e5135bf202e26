import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { OptionError } from "../../src/errors.ts"
import { checkConfiguration, isPlainObject } from "../../src/security/configuration.ts"

describe("checkConfiguration", () => {
  it("gives what it was given, unchecked", () => {
    expect(checkConfiguration("maker", { one: 1, two: undefined }, ["one", "two"])).toEqual({ one: 1, two: undefined })
    expect(checkConfiguration("maker", {}, ["one"])).toEqual({})
  })

  it.each([undefined, null, 1, "hunter2", true, Symbol("x"), () => "hunter2", ["hunter2"]])(
    "B16: refuses %s without repeating it",
    (given) => {
      const check = () => checkConfiguration("maker", given, ["one", "two"])
      expect(check).toThrow(OptionError)
      expect(check).toThrow(/^maker takes an object with one, two, got a value of type \w+$/)
      expect(check).not.toThrow("hunter2")
    },
  )

  it("refuses names it does not know, and says which it knows", () => {
    const check = () => checkConfiguration("maker", { one: 1, tow: 2 }, ["one", "two"])
    expect(check).toThrow('maker knows no "tow"; it takes one, two')
  })
})

describe("isPlainObject", () => {
  it("is true of objects that hold nothing but their own properties", () => {
    for (const value of [{}, { a: 1 }, Object.create(null)]) expect(isPlainObject(value)).toBe(true)
  })

  it("is false of everything else", () => {
    class Own {}
    for (const value of [undefined, null, 0, "", [], new Map(), new Date(), new Own(), () => {}, Object.create({})]) {
      expect(isPlainObject(value)).toBe(false)
    }
    expect(isPlainObject(runInNewContext("[]"))).toBe(false)
  })
})
