// A circuit by itself, and between two nodes.

import { DeadlineError, RemoteError, UnavailableError } from "brokerless/patterns/mesh"
import { describe, expect, it } from "vitest"
import { Circuit, type CircuitState } from "../circuit.ts"
import { block } from "./block.ts"
import { Nodes, sees } from "./nodes.ts"

function circuit(): { circuit: Circuit; states: CircuitState[] } {
  const states: CircuitState[] = []
  return { circuit: new Circuit({ failures: 3, openFor: 100, changed: (state) => states.push(state) }), states }
}

describe("a circuit", () => {
  it("opens after so many failures in a row, and not before", () => {
    const { circuit: it, states } = circuit()
    it.failed(0)
    it.failed(1)
    it.succeeded()
    it.failed(2)
    it.failed(3)
    expect(it.passes(4)).toBe(true)
    it.failed(4)
    expect(it.passes(5)).toBe(false)
    expect(states).toEqual(["open"])
  })

  it("lets one call through when its time is over; that one decides", () => {
    const { circuit: it, states } = circuit()
    for (const now of [0, 0, 0]) it.failed(now)
    expect(it.passes(99)).toBe(false)
    expect(it.passes(100)).toBe(true)
    it.entered(100)
    expect(it.passes(101)).toBe(false)
    it.failed(110)
    expect(it.passes(209)).toBe(false)
    it.entered(210)
    it.succeeded()
    expect(it.passes(211)).toBe(true)
    expect(states).toEqual(["open", "half-open", "open", "half-open", "closed"])
  })

  it("lets another call try when the one that was to decide did not", () => {
    const { circuit: it } = circuit()
    for (const now of [0, 0, 0]) it.failed(now)
    it.entered(100)
    expect(it.passes(101)).toBe(false)
    it.undecided()
    expect(it.passes(101)).toBe(true)
    it.entered(102)
    expect(it.passes(202)).toBe(true)
  })

  it("lets one call through before its time, one at a time, if nobody else is left for it", () => {
    const { circuit: it, states } = circuit()
    for (const now of [0, 0, 0]) it.failed(now)
    expect([it.passes(1), it.passesOne(1)]).toEqual([false, true])
    it.entered(1)
    expect([it.passes(2), it.passesOne(2)]).toEqual([false, false])
    it.failed(3)
    expect([it.passes(4), it.passesOne(4)]).toEqual([false, true])
    it.entered(4)
    it.succeeded()
    expect(it.passes(5)).toBe(true)
    expect(states).toEqual(["open", "half-open", "open", "half-open", "closed"])
  })
})

interface Moody {
  ask(): Promise<string>
  hang(): Promise<void>
}

const hang = (): Promise<void> => new Promise(() => {})

/** Makes the call, which misses its deadline, until that is held against whoever was asked: not if we stood still. */
async function missUntil(held: () => boolean, call: () => Promise<unknown>): Promise<void> {
  while (!held()) await expect(call()).rejects.toBeInstanceOf(DeadlineError)
}

describe("a node that keeps failing", () => {
  it("is not asked while its circuit is open, is tried by one call, and asked again when that succeeds", async () => {
    await using nodes = new Nodes()
    let answers = false
    const [server, endpoint] = await nodes.bound()
    server.offer<Moody>("moody", { ask: () => (answers ? "well" : new Promise<string>(() => {})), hang })
    const client = nodes.make({ seeds: [endpoint], circuitFailures: 2, circuitOpenFor: 3000 })
    await sees(client, (node) => node.nodes.length === 1)
    const states: CircuitState[] = []
    client.events.on("circuit", ({ state }) => states.push(state))
    const impatient = client.service<Moody>("moody", { deadline: 100 })
    const patient = client.service<Moody>("moody")
    let misses = 0
    await missUntil(
      () => states.length > 0,
      () => {
        misses++
        return impatient.ask()
      },
    )
    expect(misses).toBeGreaterThanOrEqual(2)
    await expect(patient.ask()).rejects.toThrow("circuit open")
    // At most: what is called off before it is read is not begun.
    expect(server.stats.served).toBeLessThanOrEqual(misses)
    answers = true
    // As soon as the circuit lets a call through.
    expect(await client.service<Moody>("moody", { wait: true }).ask()).toBe("well")
    expect(await patient.ask()).toBe("well")
    expect(states).toEqual(["open", "half-open", "closed"])
    expect(client.nodes[0]?.services).toEqual([{ name: "moody", healthy: true, circuit: "closed" }])
  })

  it("with one method is asked for the others", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    server.offer<Moody>("moody", { ask: () => "well", hang })
    const client = nodes.make({ seeds: [endpoint], circuitFailures: 1, circuitOpenFor: 600_000 })
    const opened = client.events.once("circuit")
    const moody = client.service<Moody>("moody")
    const impatient = client.service<Moody>("moody", { deadline: 100 })
    await missUntil(() => client.nodes[0]?.services[0]?.circuit === "open", impatient.hang)
    expect(await opened).toMatchObject({ service: "moody", method: "hang", state: "open" })
    await expect(moody.hang()).rejects.toBeInstanceOf(UnavailableError)
    expect(await moody.ask()).toBe("well")
    expect(client.nodes[0]?.services).toEqual([{ name: "moody", healthy: true, circuit: "open" }])
  })

  it("is tried before its time by one idempotent call at a time, if all others keep failing as well", async () => {
    await using nodes = new Nodes()
    let answers = false
    const handler = { ask: () => (answers ? "well" : new Promise<string>(() => {})), hang }
    const endpoints = []
    for (const _ of ["one", "two"]) {
      const [server, endpoint] = await nodes.bound()
      server.offer<Moody>("moody", handler, { idempotent: ["ask"] })
      endpoints.push(endpoint)
    }
    const client = nodes.make({ seeds: endpoints, circuitFailures: 1, circuitOpenFor: 600_000 })
    await sees(client, (node) => node.nodes.length === 2)
    const impatient = client.service<Moody>("moody", { deadline: 100, retries: 0 })
    const patient = client.service<Moody>("moody", { retries: 0 })
    // The first two fail where nobody has failed before, the third at the node that has failed longest ago.
    const bothOpen = (): boolean => client.nodes.every(({ services }) => services[0]?.circuit === "open")
    await missUntil(bothOpen, impatient.ask)
    await expect(impatient.ask()).rejects.toBeInstanceOf(DeadlineError)
    const [first, second, third] = [1, 2, 3].map(() => impatient.ask())
    await expect(third).rejects.toBeInstanceOf(UnavailableError)
    await expect(first).rejects.toBeInstanceOf(DeadlineError)
    await expect(second).rejects.toBeInstanceOf(DeadlineError)
    answers = true
    const once = client.service<Moody>("moody", { idempotent: false })
    await expect(once.ask()).rejects.toThrow("circuit open")
    expect(await patient.ask()).toBe("well")
    expect(await once.ask()).toBe("well")
  })

  it("has failed once when its connection is lost, however many calls were under way, and is asked again", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    let begun = 0
    server.offer<Moody>(
      "moody",
      {
        ask({ peer }) {
          if (++begun > 20) return "well"
          if (begun === 20) peer.disconnect()
          return new Promise<string>(() => {})
        },
        hang,
      },
      { idempotent: ["ask"] },
    )
    const client = nodes.make({ seeds: [endpoint], reconnectInterval: 200, circuitOpenFor: 600_000 })
    await sees(client, (node) => node.nodes.length === 1)
    const states: CircuitState[] = []
    client.events.on("circuit", ({ state }) => states.push(state))
    const moody = client.service<Moody>("moody", { hedgeAfter: 600_000 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => moody.ask()))
    expect(new Set(answers)).toEqual(new Set(["well"]))
    expect(states).toEqual([])
  })

  it("is not held to have failed when it was the caller's own process that did not listen", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    server.offer<Moody>("moody", { ask: () => "well", hang })
    const client = nodes.make({ seeds: [endpoint], circuitFailures: 1, circuitOpenFor: 600_000 })
    await sees(client, (node) => node.nodes.length === 1)
    const states: CircuitState[] = []
    client.events.on("circuit", ({ state }) => states.push(state))
    const asked = client.service<Moody>("moody", { deadline: 100 }).ask()
    block(300)
    await expect(asked).rejects.toBeInstanceOf(DeadlineError)
    expect(await client.service<Moody>("moody").ask()).toBe("well")
    expect(states).toEqual([])
  })

  it("is failing if it throws only where the application says so", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    server.offer<Moody>("moody", {
      ask: () => {
        throw new Error("not today")
      },
      hang,
    })
    const lenient = nodes.make({ seeds: [endpoint], circuitFailures: 1 }).service<Moody>("moody")
    await expect(lenient.ask()).rejects.toBeInstanceOf(RemoteError)
    await expect(lenient.ask()).rejects.toBeInstanceOf(RemoteError)
    const strict = nodes.make({
      seeds: [endpoint],
      circuitFailures: 1,
      circuitCounts: ({ remoteName }) => remoteName === "Error",
    })
    await expect(strict.service<Moody>("moody").ask()).rejects.toBeInstanceOf(RemoteError)
    await expect(strict.service<Moody>("moody").ask()).rejects.toBeInstanceOf(UnavailableError)
  })
})
