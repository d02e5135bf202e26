// Options that are kept and change nothing: what the library is told is the same, whatever they are.

import { describe, expect, it } from "vitest"
import { ContextState } from "../../src/zeromq/context.ts"
import { coreOptions } from "../../src/zeromq/core-options.ts"
import { type Layout, type OptionValue, OptionValues } from "../../src/zeromq/option-values.ts"
import type { SocketKind } from "../../src/zeromq/socket-kind.ts"
import { SOCKET_KINDS } from "../../src/zeromq/socket-kinds.ts"

const DEALER = 5
const kind = SOCKET_KINDS.get(DEALER) as SocketKind

type Row = readonly [name: string, number: number, value: OptionValue, layout: Layout]

const NOT_OFFERED: readonly Row[] = [
  ["sendBufferSize", 11, 4096, 4],
  ["receiveBufferSize", 12, 4096, 4],
  ["tcpKeepaliveCount", 35, 3, 4],
  ["tcpKeepaliveInterval", 37, 3, 4],
  ["typeOfService", 57, 8, 4],
  ["tcpMaxRetransmitTimeout", 80, 1000, 4],
]

const OF_LIBZMQ: readonly Row[] = [
  ["affinity", 4, 3, 8],
  ["rate", 8, 7, 4],
  ["recoveryInterval", 9, 7, 4],
  ["multicastHops", 25, 3, 4],
  ["multicastMaxTransportDataUnit", 84, 900, 4],
  ["loopbackFastPath", 94, 1, 4],
]

describe("options that are kept and change nothing", () => {
  it.each([
    ["what Node.js does not offer", NOT_OFFERED],
    ["what only libzmq has a use for", OF_LIBZMQ],
  ])("%s", (_, rows) => {
    const context = new ContextState("")
    const untouched = coreOptions(kind, new OptionValues(DEALER, context, undefined))
    for (const [name, number, value, layout] of rows) {
      const values = new OptionValues(DEALER, context, undefined)
      values.set(number, value, layout)
      expect([name, values.get(number, layout)]).toEqual([name, value])
      expect([name, coreOptions(kind, values)]).toEqual([name, untouched])
    }
  })

  it("and those of a context", () => {
    const context = new ContextState("")
    const of = (state: ContextState): object => coreOptions(kind, new OptionValues(DEALER, state, undefined))
    const untouched = of(context)
    for (const number of [1, 3, 4, 5]) context.set(number, 2)
    expect(of(context)).toEqual(untouched)
    context.set(42, 1)
    expect(of(context)).not.toEqual(untouched)
  })
})
