// Any value for any option of any class: an error that names the option and repeats little of what was given, or a
// record that is frozen and keeps what was accepted; the sockets made meanwhile go on as they did.

import {
  Dealer,
  Fanout,
  OptionError,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type Socket,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "brokerless"
import {
  applicableOptions,
  OPTIONS,
  type OptionName,
  type OptionRow,
  resolveOptions,
  type SocketClass,
} from "../../src/options.ts"
import { type FuzzTarget, holds, type Stage, same } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"

const CLASSES: Readonly<Record<SocketClass, new (...options: never) => Socket>> = {
  Pair,
  Push,
  Pull,
  Publisher,
  Subscriber,
  XPublisher,
  XSubscriber,
  Request,
  Reply,
  Dealer,
  Router,
  Fanout,
}
const CLASS_NAMES = Object.keys(CLASSES) as SocketClass[]
const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[]

/** A value that is not always one that a file can keep, and how it comes about. */
type Recipe =
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "plain"; readonly value: unknown }
  | { readonly kind: "octets"; readonly value: Buffer; readonly as: "Buffer" | "Uint8Array" | "ArrayBuffer" }
  | { readonly kind: "special"; readonly name: string }

/** Made anew each time. */
const SPECIALS: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  symbol: () => Symbol("odd"),
  "a symbol without a name": () => Symbol(),
  bigint: () => 5n,
  function: () => () => undefined,
  class: () => class Odd {},
  date: () => new Date(0),
  map: () => new Map([["X-A", "b"]]),
  "no prototype": () => Object.create(null) as object,
  "a number as an object": () => Object(5) as object,
  "a text as an object": () => Object("drop") as object,
  codec: () => ({ encode: () => [], decode: () => undefined }),
  "half a codec": () => ({ encode: () => [] }),
  "by key": () => ({ kind: "byKey", key: () => "a" }),
  security: () => ({ mechanism: "NULL", create: () => ({}) }),
  "a constructor without a name": () => ({ constructor: undefined }),
  "a constructor that is no text": () => ({ constructor: { name: Symbol("odd") } }),
  "a getter that throws": () =>
    Object.defineProperty({}, "constructor", {
      get() {
        throw new Error("odd")
      },
    }),
  "a proxy that is no more": () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  "a detached memory": () => {
    const octets = new Uint8Array(8)
    structuredClone(octets, { transfer: [octets.buffer] })
    return octets
  },
  metadata: () => ({ "X-A": "b", "X-B": new Uint8Array(3) }),
  "metadata that claims to be ours": () => ({ "Socket-Type": "PUB" }),
  "metadata by the name of a prototype": () => JSON.parse('{"__proto__": "x", "X-A": "b"}') as object,
}

interface Input {
  readonly cls: SocketClass
  readonly given: readonly { readonly name: string; readonly recipe: Recipe }[]
}

export const options: FuzzTarget<Input> = {
  name: "options",
  cases: 2500,

  generate(random: Random): Input {
    const cls = random.pick(CLASS_NAMES)
    const name = (): string =>
      random.choose<string>(
        [12, () => random.pick(applicableOptions(cls))],
        [4, () => random.pick(OPTION_NAMES)],
        [1, () => random.pick(["__proto__", "constructor", "lingerr", "", "toString", "x".repeat(5000)])],
      )
    const one = (): Input["given"][number] => {
      const chosen = name()
      return { name: chosen, recipe: random.once(2) ? recipe(random) : fitting(random, chosen) }
    }
    return { cls, given: random.list(0, random.pick([1, 1, 3]), one) }
  },

  open(): Stage<Input> {
    const table = snapshot()
    return {
      check({ cls, given }) {
        const values = given.map(({ name, recipe }) => [name, cook(recipe)] as const)
        const named = new Set(values.map(([name]) => name))
        const object = Object.freeze(Object.fromEntries(values))
        let socket: Socket | undefined
        try {
          socket = Reflect.construct(CLASSES[cls], [object]) as Socket
        } catch (error) {
          if (!(error instanceof OptionError)) throw error
          holds(named.has(error.option), () => `${error.option} was refused, and not given`)
          holds(error.message.length < 2500, () => `A message of ${error.message.length} characters`)
        }
        if (socket !== undefined) {
          same([socket.closed, socket.endpoints, socket.peers], [false, [], []], "A new socket")
          const resolved = resolveOptions(cls, object)
          holds(Object.isFrozen(resolved), () => "The record is not frozen")
          same(Object.keys(resolved), OPTION_NAMES, "What is in the record")
          for (const name of OPTION_NAMES) keeps(cls, name, resolved[name], object[name])
          void socket.close()
          same(socket.closed, true, "A closed socket")
        }
        same(snapshot(), table, "The table of options")
      },
    }
  },
}

/** An option has the value it was given, one that stands for it, or its default. */
function keeps(cls: SocketClass, name: OptionName, value: unknown, given: unknown): void {
  const row = OPTIONS[name] as OptionRow<unknown>
  if (given === undefined) {
    holds(Object.is(value, row.defaultOn?.[cls] ?? row.default), () => `${name} has not its default`)
    return
  }
  holds(row.on.includes(cls), () => `${cls} took ${name}`)
  if (typeof value === "number") {
    const none = given === -1 && value === Number.MAX_SAFE_INTEGER
    holds(
      (Object.is(value, given) || none) && Number.isSafeInteger(value),
      () => `${name} is ${value} for ${String(given)}`,
    )
  } else if (typeof value === "boolean" || typeof value === "string") {
    same(value, given, `The option ${name}`)
  } else if (Buffer.isBuffer(value)) {
    holds(value !== given && (!ArrayBuffer.isView(given) || value.buffer !== given.buffer), () => `${name} is no copy`)
  }
}

function snapshot(): unknown {
  return OPTION_NAMES.map((name) => {
    const { default: byDefault, on, defaultOn } = OPTIONS[name] as OptionRow<unknown>
    return [name, byDefault instanceof Map ? [...byDefault] : byDefault, on, defaultOn]
  })
}

function recipe(random: Random): Recipe {
  return random.choose<Recipe>(
    [6, () => ({ kind: "number", text: random.pick(NUMBERS) })],
    [2, () => ({ kind: "number", text: String(random.within(-10, 100_000)) })],
    [4, () => ({ kind: "plain", value: random.pick(PLAIN) })],
    [
      2,
      () => ({
        kind: "octets",
        value: random.octets(random.size(300)),
        as: random.pick(["Buffer", "Uint8Array", "ArrayBuffer"]),
      }),
    ],
    [5, () => ({ kind: "special", name: random.pick(Object.keys(SPECIALS)) })],
  )
}

/** More or less of the kind that the option takes. */
function fitting(random: Random, name: string): Recipe {
  const row = OPTIONS[name as OptionName] as OptionRow<unknown> | undefined
  if (typeof row?.default === "number") return { kind: "number", text: random.pick(NUMBERS) }
  if (typeof row?.default === "boolean") return { kind: "plain", value: random.once(2) }
  if (name !== "routingId" && name !== "welcomeMessage") return recipe(random)
  const as = random.pick(["Buffer", "Uint8Array", "ArrayBuffer"])
  return { kind: "octets", value: random.octets(random.size(256)), as }
}

const NUMBERS = [
  "0",
  "-0",
  "1",
  "-1",
  "0.5",
  "NaN",
  "Infinity",
  "-Infinity",
  "2147483647",
  "2147483648",
  "9007199254740991",
  "1e300",
  "511",
  "65500",
]
const PLAIN = [
  true,
  false,
  null,
  "",
  "drop",
  "wait",
  "round-robin",
  "least-loaded",
  "allSubs",
  "x".repeat(5000),
  [],
  [1],
  {},
  { "X-A": "b" },
  "5",
]

function cook(recipe: Recipe): unknown {
  switch (recipe.kind) {
    case "number":
      return Number(recipe.text)
    case "plain":
      return recipe.value
    case "octets":
      if (recipe.as === "Buffer") return recipe.value
      return recipe.as === "Uint8Array" ? new Uint8Array(recipe.value) : new Uint8Array(recipe.value).buffer
    case "special":
      return SPECIALS[recipe.name]?.()
  }
}
