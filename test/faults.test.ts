// Connections between two of ours that break, end, end one way or stand still, in every phase, over tcp and ipc. Either
// side tells so by a typed event with a code, clears away what it had, and whoever connected comes again by himself;
// messages arrive whole, once and in order, and what is accepted afterwards arrives. It is the business of the test run
// to fail at an uncaught exception or an unhandled rejection.
//
// Takes longer than others: who stands still is noticed by a deadline, and there are some seventy of those.

import { type Event, type EventType, ProtocolError, Pull, Push, type Socket, TimeoutError } from "brokerless"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type Blow, type Direction, type Fault, FaultProxy } from "./support/fault-proxy.ts"
import { turns } from "./support/sockets.ts"
import { eventually, openHandles } from "./support/stream-pairs.ts"
import { transport } from "./support/transports.ts"

const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 0 }
const HEARTBEAT = { heartbeatInterval: 20, heartbeatTimeout: 40 }
const BODY = 300

function numbered(n: number): string[] {
  return [`#${String(n).padStart(6, "0")}|`, String.fromCharCode(97 + (n % 26)).repeat(BODY), "the end"]
}

/** Octets of greeting and READY, of a PUSH and of a PULL. */
const HANDSHAKE = 64 + 2 + 6 + 1 + 11 + 4 + 4

const IN_HANDSHAKE: Readonly<Record<string, number>> = {
  "before the greeting": 0,
  "inside the greeting": 10,
  "behind the greeting": 64,
  "inside the header of READY": 65,
  "inside READY": 80,
  "before the last octet of READY": HANDSHAKE - 1,
}

/** Behind the first frame of every tenth message, and so many octets later. */
const IN_TRAFFIC: Readonly<Record<string, number>> = {
  "between two frames": 0,
  "inside a long header": 4,
  "inside a body": 9 + BODY / 2,
  "inside a short header": 9 + BODY + 1,
  "between two messages": 9 + BODY + 2 + "the end".length,
}

const BLOWS: readonly Blow[] = ["reset", "finish", "half-close", "stall"]

let handles = 0
const warnings: Error[] = []
const warned = (warning: Error): void => {
  warnings.push(warning)
}

beforeEach(() => {
  handles = openHandles()
  warnings.length = 0
  process.on("warning", warned)
})

afterEach(async () => {
  await eventually(() => openHandles() <= handles)
  process.off("warning", warned)
  expect(warnings).toEqual([])
})

/** What a socket tells about the ends of connections. */
class Ear {
  readonly events: Event[] = []

  constructor(socket: Socket) {
    for (const type of ["handshake:error", "disconnect", "connect:retry", "peer:leave"] as const) {
      socket.events.on(type, (event) => this.events.push(event as Event))
    }
  }

  types(): EventType[] {
    return this.events.map(({ type }) => type)
  }

  /** Why the first connection ended: an error with a code, or nothing if it was in good order. */
  get reason(): (Error & { code?: string }) | undefined {
    const [first] = this.events
    return first !== undefined && "error" in first ? first.error : undefined
  }
}

interface Fate {
  readonly push: Ear
  readonly pull: Ear
  readonly connecting: Ear
  readonly heard: readonly number[]
  readonly pushStats: Push["stats"]
  readonly pullStats: Pull["stats"]
}

/** Talks over a line with that fault, until what is said over the next one is heard. */
async function endure(name: "tcp" | "ipc", connects: "push" | "pull", fault: Fault): Promise<Fate> {
  // Behind the handshake it is to be the heart that notices.
  const deadlines = { ...HEARTBEAT, ...(fault.behind === undefined ? { handshakeInterval: 80 } : {}) }
  const options = { ...QUICK, ...(fault.blow === "stall" ? deadlines : {}) }
  await using push = new Push({ ...options, linger: 0 })
  await using pull = new Pull(options)
  const [binding, connecting] = connects === "push" ? [pull, push] : [push, pull]
  await using proxy = await FaultProxy.before(await binding.bind(transport(name).any()))
  proxy.plan(fault)
  const ears = { push: new Ear(push), pull: new Ear(pull) }
  connecting.connect(proxy.endpoint)

  let said = 0
  let goal = Number.POSITIVE_INFINITY
  const heard: number[] = []
  // Not the goal itself: where everybody is slow, the next connection may stand still for too long as well.
  const over = (): boolean => (heard.at(-1) ?? -1) >= goal
  const speaking = (async () => {
    while (!over()) {
      await push.send(numbered(said++))
      await turns(1)
    }
  })()
  const hearing = (async () => {
    while (!over()) {
      const message = (await pull.receive()).map(String)
      const number = Number(message[0]?.slice(1, 7))
      expect(message).toEqual(numbered(number))
      expect(number).toBeGreaterThan(heard.at(-1) ?? -1)
      heard.push(number)
    }
  })()
  await Promise.race([proxy.connection(1), speaking, hearing])
  // A connection that one side has not given up yet is nothing to build on.
  await eventually(() => ears.push.events.length > 0 && ears.pull.events.length > 0)
  await eventually(() => push.peers.length === 1 && pull.peers.length === 1)
  goal = said + 10
  await Promise.all([speaking, hearing])
  const [pushStats, pullStats] = [push.stats, pull.stats]
  return { ...ears, connecting: ears[connects], heard, pushStats, pullStats }
}

/** Messages that are missing between the first and the last, in runs: one for each connection that ended, at most. */
function expectWhatWasLost({ heard, push }: Fate): void {
  const runs = heard.filter((n, i) => n !== (i === 0 ? 0 : (heard[i - 1] as number) + 1)).length
  expect(runs).toBeLessThanOrEqual(Math.max(1, push.types().filter((type) => type === "disconnect").length))
}

describe.each(["tcp", "ipc"] as const)("over %s", (name) => {
  describe.each(["push", "pull"] as const)("where the %s connects", (connects) => {
    describe.each(BLOWS)("LIMIT-12, ZMTP-47, ZMTP-66: a %s", (blow) => {
      const places = Object.keys(IN_HANDSHAKE).flatMap((place) =>
        (["forth", "back"] as const).map((direction): [string, Direction] => [place, direction]),
      )

      it.each(places)("%s, %s, is told of, and costs nothing", async (place, direction) => {
        const fate = await endure(name, connects, { blow, direction, after: IN_HANDSHAKE[place] as number })
        const { push, pull, connecting } = fate
        for (const ear of [push, pull]) {
          // Either its handshake was not complete, or it was, and nobody was there.
          expect(ear.types()[0]).toMatch(/^(handshake:error|disconnect)$/)
          if (ear.types()[0] === "handshake:error" || ear.reason !== undefined) {
            expect(ear.reason?.code).toMatch(/^(EPROTO|EAGAIN|ECONNRESET|EPIPE)$/)
          }
        }
        expect([push, pull].some((ear) => ear.types()[0] === "handshake:error")).toBe(true)
        if (blow === "stall") {
          expect([push, pull].some(({ reason }) => reason instanceof TimeoutError)).toBe(true)
        }
        expect(connecting.types()).toContain("connect:retry")
        // Nothing was said before somebody was there, so at most what one side took for a peer is missing.
        expectWhatWasLost(fate)
      })

      it.each(Object.keys(IN_TRAFFIC))("%s is told of, and what arrives is whole", async (place) => {
        const direction = connects === "push" ? "forth" : "back"
        const fate = await endure(name, connects, { blow, direction, behind: "0|", after: IN_TRAFFIC[place] as number })
        const { push, pull, connecting, pushStats } = fate
        for (const ear of [push, pull]) {
          expect(ear.types().slice(0, 2)).toEqual(["disconnect", "peer:leave"])
          if (ear.reason !== undefined) expect(ear.reason.code).toMatch(/^(EPROTO|EAGAIN|ECONNRESET|EPIPE)$/)
        }
        if (blow === "stall") expect([push, pull].some(({ reason }) => reason instanceof TimeoutError)).toBe(true)
        if (blow === "finish" || blow === "half-close") {
          if (place === "between two messages") expect(pull.reason).toBeUndefined()
          else expect(pull.reason).toBeInstanceOf(ProtocolError)
        }
        expect(connecting.types()).toContain("connect:retry")
        expectWhatWasLost(fate)
        const dropped = Object.values(pushStats.dropped).reduce((sum, count) => sum + count, 0)
        expect(dropped).toBe(pushStats.dropped["in-flight"])
      })
    })
  })
})
