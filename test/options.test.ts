import { readFileSync } from "node:fs"
import ts from "typescript"
import { describe, expect, expectTypeOf, it } from "vitest"
import { OptionError } from "../src/errors.ts"
import {
  applicableOptions,
  type FanoutOverflow,
  OPTIONS,
  type OptionName,
  type OptionRow,
  type OptionsByClass,
  type PeerLoad,
  type PushOptions,
  type ResolvedOptions,
  resolveOptions,
  type SocketClass,
} from "../src/options.ts"

const NAMES = Object.keys(OPTIONS) as OptionName[]
const CLASSES: readonly SocketClass[] = OPTIONS.linger.on
const ROWS = NAMES.map((option) => [option, OPTIONS[option] as OptionRow<unknown>] as const)

/** What the constructor of a class says to these options. */
function refusal(cls: SocketClass, given: unknown): OptionError {
  try {
    resolveOptions(cls, given as object)
  } catch (error) {
    expect(error).toBeInstanceOf(OptionError)
    return error as OptionError
  }
  throw new Error(`${cls} accepted ${JSON.stringify(given)}`)
}

/** The value that an option gets when a class is given this one. */
function resolved(cls: SocketClass, option: OptionName, value: unknown): unknown {
  return resolveOptions(cls, { [option]: value })[option]
}

describe.each(ROWS)("the option %s", (option, row) => {
  it("has a default, which may also be given", () => {
    for (const cls of row.on) {
      const byDefault = row.defaultOn?.[cls] ?? row.default
      expect(resolveOptions(cls, undefined)[option]).toBe(byDefault)
      expect(resolved(cls, option, undefined)).toBe(byDefault)
      if (byDefault !== undefined && !(byDefault instanceof Map)) {
        expect(resolved(cls, option, byDefault)).toBe(byDefault)
      }
    }
  })

  it("refuses values of a wrong type, and says what it takes", () => {
    for (const cls of row.on) {
      const accepts = (row.kindOn?.[cls] ?? row.kind).accepts
      for (const wrong of [new Date(), Number.NaN, Symbol("wrong")]) {
        const error = refusal(cls, { [option]: wrong })
        expect(error).toMatchObject({ option, code: "EINVAL" })
        expect(error.message).toContain(`"${option}" of ${cls} must be ${accepts}`)
        if (row.unit !== undefined) expect(error.message).toContain(` ${row.unit}, got `)
      }
    }
  })

  it("is refused by the classes that do not take it, unless it is undefined", () => {
    for (const cls of CLASSES.filter((cls) => !row.on.includes(cls))) {
      const error = refusal(cls, { [option]: row.default ?? {} })
      expect(error.option).toBe(option)
      expect(error.message).toBe(`${cls} does not take the option "${option}": it is for ${row.on.join(", ")}`)
      expect(resolveOptions(cls, { [option]: undefined })[option]).toBe(row.default)
      expect(applicableOptions(cls)).not.toContain(option)
    }
    expect(row.on.every((cls) => applicableOptions(cls).includes(option))).toBe(true)
  })
})

describe("what is given", () => {
  it("must be an object", () => {
    for (const given of [null, 5, "x", [], () => {}]) {
      const error = refusal("Push", given)
      expect(error.option).toBe("options")
      expect(error.message).toMatch(/^The options of Push must be an object, got /)
    }
  })

  it.each([
    ["sendHighWatermark", "sendHighWaterMark"],
    ["lingr", "linger"],
    ["reconectInterval", "reconnectInterval"],
    ["maxMesageSize", "maxMessageSize"],
  ])("is refused if there is no such option: %s, and the nearest is named", (wrong, right) => {
    const error = refusal("Push", { [wrong]: 1 })
    expect(error.option).toBe(wrong)
    expect(error.message).toContain(`did you mean "${right}"? Push takes codec, `)
  })

  it("is refused if there is nothing like it, with the list of what there is", () => {
    const error = refusal("Pull", { colour: "blue" })
    expect(error.message).toMatch(/^There is no option "colour"; Pull takes codec, receiveHighWaterMark, /)
    expect(error.message).not.toContain("sendHighWaterMark")
    expect(refusal("Pull", JSON.parse('{"__proto__": 1}')).option).toBe("__proto__")
    expect(refusal("Pull", { hasOwnProperty: 1 }).option).toBe("hasOwnProperty")
    expect(refusal("Pull", { colour: undefined }).option).toBe("colour")
  })

  it("is left alone, and its later changes change nothing", () => {
    const routingId = Buffer.from("name")
    const given = { linger: 5, routingId, metadata: { "X-A": new Uint8Array([1]) } }
    const options = resolveOptions("Dealer", Object.freeze(given))
    routingId.fill(0)
    given.metadata["X-A"].fill(0)
    expect(options.routingId?.toString()).toBe("name")
    expect([...(options.metadata.get("X-A") ?? [])]).toEqual([1])
  })

  it("gives a record that is frozen and of one shape", () => {
    const records = CLASSES.map((cls) => resolveOptions(cls, {}))
    expect(records.every((record) => Object.isFrozen(record))).toBe(true)
    for (const record of records) expect(Object.keys(record)).toEqual(NAMES)
    expect(() => {
      ;(records[0] as { linger: number }).linger = 1
    }).toThrow(TypeError)
  })
})

describe("the values of", () => {
  it.each([
    ["linger", [-1, 0, 1, 0x7fffffff], [-2, 0.5, 0x80000000, "10", Number.POSITIVE_INFINITY, 10n]],
    ["sendTimeout", [-1, 0, 250], [-2, null]],
    ["sendHighWaterMark", [0, 1, 1_000_000], [-1, 1.5]],
    ["sendHighWaterMarkBytes", [0, 2 ** 40], [-1]],
    ["reconnectInterval", [-1, 1], [0, -2]],
    ["reconnectMaxInterval", [0, 1], [-1]],
    ["heartbeatInterval", [0, 1], [-1]],
    ["heartbeatTimeout", [1], [0, -1]],
    ["heartbeatTimeToLive", [0, 100, 65_500], [1, 99, 65_501, -1]],
    ["batchBytes", [1], [0]],
    ["maxConnections", [0, 1], [-1]],
    ["maxMessageFrames", [1], [0]],
    ["maxMessageSize", [0, 1], [-2, 0.5]],
    ["maxHandshakeBytes", [64], [63]],
    ["ipcMode", [0, 0o777], [0o1000, "600"]],
    ["tcpKeepaliveIdle", [1000], [999]],
    ["immediate", [true, false], [0, 1, "true"]],
    ["window", [1], [0]],
  ] as const)("%s are checked", (option, right, wrong) => {
    for (const value of right) expect(resolved("Push", option, value)).toBe(value)
    for (const value of wrong) expect(refusal("Push", { [option]: value }).option).toBe(option)
  })

  it("heartbeatTimeToLive stay where libzmq reads them rightly (HB-10)", () => {
    expect(refusal("Pull", { heartbeatTimeToLive: 65_600 }).message).toContain(
      "0 or a whole number from 100 to 65500 ms",
    )
  })

  it("maxMessageSize: -1 is kept as a limit that nothing exceeds", () => {
    expect(resolved("Pull", "maxMessageSize", -1)).toBe(Number.MAX_SAFE_INTEGER)
  })

  it("linger is 0 where nothing is sent, and 10 s elsewhere", () => {
    const zero = CLASSES.filter((cls) => resolveOptions(cls, {}).linger === 0)
    expect(zero).toEqual(["Pull", "Subscriber"])
    expect(resolveOptions("XSubscriber", {}).linger).toBe(10_000)
  })

  it("overflow depend on the class", () => {
    for (const value of ["drop", "drop-oldest", "conflate", "wait", "disconnect"]) {
      expect(resolved("Publisher", "overflow", value)).toBe(value)
      expect(resolved("XPublisher", "overflow", value)).toBe(value)
    }
    for (const value of ["wait", "drop", "disconnect"]) expect(resolved("Fanout", "overflow", value)).toBe(value)
    expect(resolveOptions("Publisher", {}).overflow).toBe("drop")
    expect(resolveOptions("Fanout", {}).overflow).toBe("wait")
    expect(refusal("Fanout", { overflow: "conflate" }).message).toBe(
      'Option "overflow" of Fanout must be "wait" or "drop" or "disconnect", got "conflate"',
    )
    expectTypeOf<OptionsByClass["Fanout"]["overflow"]>().toEqualTypeOf<FanoutOverflow | undefined>()
  })

  it("conflate may be set beside overflow on a Publisher", () => {
    const options = resolveOptions("Publisher", { conflate: true, overflow: "drop-oldest" })
    expect(options).toMatchObject({ conflate: true, overflow: "drop-oldest" })
  })

  it("verbosity include null, which is the default", () => {
    for (const value of [null, "allSubs", "allSubsUnsubs"])
      expect(resolved("XPublisher", "verbosity", value)).toBe(value)
    expect(refusal("XPublisher", { verbosity: "all" }).message).toContain('null or "allSubs" or "allSubsUnsubs"')
  })

  it("routingId are 1 to 255 octets without a leading zero (ZMTP-59)", () => {
    const text = (value: unknown): string => String(resolved("Router", "routingId", value))
    expect(text("zoë")).toBe("zoë")
    expect(text(Buffer.from("b"))).toBe("b")
    expect(text(new Uint16Array([0x4141]))).toBe("AA")
    expect(text(new Uint8Array([0x43, 0x44]).buffer)).toBe("CD")
    expect(text("x".repeat(255))).toHaveLength(255)
    expect(refusal("Router", { routingId: "" }).message).toMatch(/got 0 octets$/)
    expect(refusal("Router", { routingId: "x".repeat(256) }).message).toMatch(/got 256 octets$/)
    expect(refusal("Router", { routingId: "\0a" }).message).toMatch(/got a leading zero$/)
    expect(refusal("Router", { routingId: null }).option).toBe("routingId")
    expect(refusal("Router", { routingId: ["a"] }).option).toBe("routingId")
  })

  it("routingId are refused once their memory was taken away", () => {
    const view = new Uint8Array(4)
    structuredClone(view.buffer, { transfer: [view.buffer] })
    expect(refusal("Dealer", { routingId: view }).option).toBe("routingId")
    expect(refusal("Dealer", { routingId: view.buffer }).option).toBe("routingId")
  })

  it("welcomeMessage are octets, of which there may be none, or null", () => {
    expect(resolved("XPublisher", "welcomeMessage", "hello")).toEqual(Buffer.from("hello"))
    expect(resolved("XPublisher", "welcomeMessage", "")).toEqual(Buffer.alloc(0))
    expect(resolved("XPublisher", "welcomeMessage", null)).toBeUndefined()
    expect(refusal("XPublisher", { welcomeMessage: 5 }).message).toMatch(/got 5$/)
  })

  it("balance are a name, a key or a function", () => {
    const byKey = { kind: "byKey", key: (message: string) => message }
    const strategy = (peers: readonly PeerLoad[]): PeerLoad | undefined => peers[0]
    for (const value of ["round-robin", "least-loaded", byKey, strategy]) {
      expect(resolved("Dealer", "balance", value)).toBe(value)
    }
    for (const wrong of ["random", { kind: "byKey" }, { key: () => "" }, null]) {
      expect(refusal("Dealer", { balance: wrong }).option).toBe("balance")
    }
    expectTypeOf<{ balance: (peers: readonly PeerLoad[], job: { id: number }) => undefined }>().toExtend<
      PushOptions<{ id: number }>
    >()
  })

  it("codec are any object with encode and decode, inherited or not", () => {
    class Codec {
      encode(value: unknown): string {
        return JSON.stringify(value)
      }
      decode(frame: Buffer): unknown {
        return JSON.parse(String(frame))
      }
    }
    const codec = new Codec()
    expect(resolved("Pair", "codec", codec)).toBe(codec)
    for (const wrong of [{}, { encode: () => "" }, Codec, null]) {
      expect(refusal("Pair", { codec: wrong }).option).toBe("codec")
    }
  })

  it("security are mechanisms, and a secret given by mistake is not repeated", () => {
    const security = { mechanism: "PLAIN", create: () => ({}) }
    expect(resolved("Pull", "security", security)).toBe(security)
    for (const wrong of ["hunter2", { password: "hunter2" }, { mechanism: "hunter2" }, () => "hunter2"]) {
      expect(refusal("Pull", { security: wrong }).message).not.toContain("hunter2")
    }
  })
})

describe("metadata", () => {
  const told = (given: unknown): [string, string][] =>
    [...(resolved("Push", "metadata", given) as ReadonlyMap<string, Buffer>)].map(([name, value]) => [name, `${value}`])
  const refused = (given: unknown): string => refusal("Push", { metadata: given }).message

  it("is kept as octets by name, in order", () => {
    expect(told({ "X-B": "two", "x-a.b_c+d": Buffer.from("1"), "X-Empty": "" })).toEqual([
      ["X-B", "two"],
      ["x-a.b_c+d", "1"],
      ["X-Empty", ""],
    ])
    expect(told({})).toEqual([])
    expect(told(Object.assign(Object.create(null), { "X-A": "1" }))).toEqual([["X-A", "1"]])
  })

  it.each(["Socket-Type", "A", "X-", "X-ü", "X-a b", `X-${"a".repeat(254)}`, "X-a\n"])(
    "ZMTP-49: refuses the name %j",
    (name) => {
      expect(refused({ [name]: "1" })).toContain("got a property")
    },
  )

  it("ZMTP-50: refuses two names that differ in case only", () => {
    expect(refused({ "X-Name": "1", "x-nAME": "2" })).toMatch(/got the property "x-nAME" twice$/)
  })

  it("refuses values that are no octets, without repeating them", () => {
    expect(refused({ "X-Age": 123456 })).toMatch(/got a property "X-Age" that is neither text nor memory$/)
    expect(refused({ "X-Age": null })).toContain('"X-Age"')
  })

  it("refuses what is not a plain object", () => {
    for (const wrong of [null, "X-A", ["X-A"], new Map([["X-A", "1"]]), new Uint8Array(1)]) {
      expect(refused(wrong)).toContain("must be an object of at most 62 properties")
    }
  })

  it("stays below what a peer with the default limits reads", () => {
    const many = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, ""]))
    expect(told(many(62))).toHaveLength(62)
    expect(refused(many(63))).toMatch(/got 63 properties$/)
    const overhead = 1 + "X-Big".length + 4
    expect(told({ "X-Big": "x".repeat(7168 - overhead) })).toHaveLength(1)
    expect(refused({ "X-Big": "x".repeat(7681 - overhead) })).toMatch(/got 7681 octets$/)
    // READY holds these, Socket-Type and Identity; a peer accepts 64 properties of 8 KiB in one frame of 8 KiB.
    const ownProperties = 1 + 11 + 4 + 6 + (1 + 8 + 4 + 255)
    expect(62 + 2).toBeLessThanOrEqual(OPTIONS.maxMetadataProperties.default)
    expect(7168 + ownProperties + 6).toBeLessThanOrEqual(OPTIONS.maxMetadataBytes.default)
  })
})

describe("the interfaces and the table", () => {
  const path = new URL("../src/options.ts", import.meta.url)
  const source = ts.createSourceFile("options.ts", readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true)
  const interfaces = new Map(source.statements.filter(ts.isInterfaceDeclaration).map((node) => [node.name.text, node]))

  /** The options an interface has, those of the interfaces it extends included. */
  function membersOf(name: string): Map<string, ts.Node> {
    const node = interfaces.get(name)
    if (node === undefined) throw new Error(`there is no interface ${name}`)
    const members = new Map<string, ts.Node>()
    for (const clause of node.heritageClauses ?? []) {
      for (const base of clause.types) {
        for (const [option, member] of membersOf(base.expression.getText())) members.set(option, member)
      }
    }
    for (const member of node.members) members.set(member.name?.getText() ?? "", member)
    return members
  }

  function docOf(node: ts.Node): { text: string; defaultValue: string } {
    const comment = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc)
    const tag = comment?.tags?.find((tag) => tag.tagName.text === "defaultValue")
    const text = (comment: Parameters<typeof ts.getTextOfJSDocComment>[0]): string =>
      (ts.getTextOfJSDocComment(comment) ?? "").replace(/\s+/g, " ")
    return { text: text(comment?.comment), defaultValue: text(tag?.comment) }
  }

  /** A default, as people write it. */
  function printed(option: OptionName, value: unknown, unit: string | undefined): string {
    if (value === undefined || value instanceof Map) return "none"
    if (option === "ipcMode") return `0o${(value as number).toString(8)}`
    if (unit !== "bytes") return unit === undefined ? JSON.stringify(value) : `${value} ${unit}`
    const power = [30, 20, 10].find((power) => (value as number) % 2 ** power === 0) ?? 0
    return `${(value as number) / 2 ** power} ${{ 30: "GiB", 20: "MiB", 10: "KiB", 0: "B" }[power]}`
  }

  it.each(CLASSES)("offer the same options of %s", (cls) => {
    const members = [...membersOf(`${cls}Options`).keys()].sort()
    expect(members).toEqual(
      applicableOptions(cls)
        .filter((option) => option !== "codec")
        .sort(),
    )
  })

  it("know the same classes", () => {
    expect(new Set(ROWS.flatMap(([, row]) => row.on))).toEqual(new Set(CLASSES))
    const named = [...interfaces.get("OptionsByClass")!.members].map((member) => member.name?.getText())
    expect(named).toEqual([...CLASSES])
  })

  it.each(ROWS.filter(([option]) => option !== "codec"))("tell the same about %s", (option, row) => {
    const member = membersOf("AllOptions").get(option)
    const { text, defaultValue } = docOf(member!)
    expect(text.replaceAll("`null`: ", "").startsWith(row.doc)).toBe(true)
    const exceptions = new Map<unknown, string[]>()
    for (const [cls, value] of Object.entries(row.defaultOn ?? {})) {
      exceptions.set(value, [...(exceptions.get(value) ?? []), cls])
    }
    const others = [...exceptions].map(([value, on]) => `; ${JSON.stringify(value)} on ${on.join(" and ")}`)
    expect(defaultValue).toBe(printed(option, row.default, row.unit) + others.join(""))
  })
})

it("types resolved values without undefined, and keeps those that may be absent", () => {
  expectTypeOf<ResolvedOptions["linger"]>().toEqualTypeOf<number>()
  expectTypeOf<ResolvedOptions["verbosity"]>().toEqualTypeOf<"allSubs" | "allSubsUnsubs" | null>()
  expectTypeOf<ResolvedOptions["routingId"]>().toEqualTypeOf<Buffer | undefined>()
  // @ts-expect-error: what a class does not take does not compile
  const options: PushOptions = { receiveTimeout: 1 }
  expect(refusal("Push", options).option).toBe("receiveTimeout")
})
