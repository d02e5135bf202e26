import { describe, expect, it } from "vitest"
import { Budget } from "../../src/pipe/budget.ts"
import { Pipe, type PipeOwner } from "../../src/pipe/pipe.ts"
import { LeastLoaded } from "../../src/routing/least-loaded.ts"

const WINDOW = 256
const NOBODY: PipeOwner = {
  pipeReadable() {},
  pipeWritable() {},
  pipeFull() {},
  pipeLimited() {},
  pipeSubscribed() {},
  intake: undefined,
}
const MARKS = { messages: 1000, bytes: 2 ** 26 }

/** A peer without a connection: what it has is what is in its queue, and it takes out what it is due in a round. */
class Peer {
  readonly pipe: Pipe
  speed: number
  done = 0
  mostHeld = 0

  constructor(speed: number, window: number = WINDOW) {
    this.speed = speed
    const budget = new Budget(2 ** 30)
    const setup = { owner: NOBODY, outbound: MARKS, inbound: MARKS, budget, window, maxOutstanding: 1000 }
    this.pipe = new Pipe(setup, "inproc://nobody", true)
    this.pipe.state = "ready"
  }

  work(): void {
    for (let i = 0; i < this.speed && this.pipe.outbound.shift() !== undefined; i++) this.done++
    this.pipe.relieve()
  }

  get held(): number {
    return this.pipe.outbound.length
  }
}

function crew(speeds: readonly number[], window: number = WINDOW): { balancer: LeastLoaded; peers: Peer[] } {
  const balancer = new LeastLoaded(window)
  const peers = speeds.map((speed) => new Peer(speed, window))
  for (const { pipe } of peers) balancer.add(pipe)
  return { balancer, peers }
}

/** Gives out messages for as long as somebody takes one, up to `most`; returns how many. */
function give(balancer: LeastLoaded, peers: readonly Peer[], most: number): number {
  let given = 0
  for (; given < most; given++) {
    const pipe = balancer.choose()
    if (pipe === undefined) break
    pipe.push([Buffer.from("x")])
  }
  for (const peer of peers) peer.mostHeld = Math.max(peer.mostHeld, peer.held)
  return given
}

/** Rounds until all of it is done, with a sender that never lets anybody wait. */
function rounds(balancer: LeastLoaded, peers: readonly Peer[], messages: number): number {
  let left = messages
  let count = 0
  while (left > 0 || peers.some(({ held }) => held > 0)) {
    left -= give(balancer, peers, left)
    for (const peer of peers) peer.work()
    count++
  }
  return count
}

describe("least-loaded", () => {
  it("gives equals the same", () => {
    const { balancer, peers } = crew([5, 5, 5])
    rounds(balancer, peers, 3000)
    for (const { done } of peers) expect(done).toBeGreaterThan(950)
  })

  it("gives idle peers turns", () => {
    const { balancer, peers } = crew([1, 1, 1])
    for (let i = 0; i < 30; i++) {
      give(balancer, peers, 1)
      for (const peer of peers) peer.work()
    }
    expect(peers.map(({ done }) => done)).toEqual([10, 10, 10])
  })

  it.each([
    { speeds: [10, 10, 10, 1], messages: 20_000 },
    { speeds: [100, 100, 100, 10], messages: 20_000 },
    { speeds: [1, 2, 3, 4, 5, 1], messages: 10_000 },
    { speeds: [50, 1], messages: 20_000 },
    { speeds: [10, 10, 10, 1], messages: 2_000 },
  ])("is done in good time with $messages messages at speeds of $speeds", ({ speeds, messages }) => {
    const { balancer, peers } = crew(speeds)
    const ideal = messages / speeds.reduce((sum, speed) => sum + speed, 0)
    expect(rounds(balancer, peers, messages)).toBeLessThanOrEqual(1.15 * ideal)
  })

  it.each([1, 2, 3, 7, 64])("never gives a peer more than a window of %i", (window) => {
    const { balancer, peers } = crew([10, 3, 1, 0], window)
    for (let round = 0; round < 200; round++) {
      give(balancer, peers, Number.POSITIVE_INFINITY)
      for (const peer of peers) peer.work()
    }
    for (const { mostHeld } of peers) expect(mostHeld).toBeLessThanOrEqual(window)
  })

  it("lets the fastest hold the whole window, and a slow one its part of it", () => {
    const { balancer, peers } = crew([20, 2])
    for (let round = 0; round < 500; round++) {
      give(balancer, peers, Number.POSITIVE_INFINITY)
      for (const peer of peers) peer.work()
    }
    const [fast, slow] = peers as [Peer, Peer]
    give(balancer, peers, Number.POSITIVE_INFINITY)
    expect(fast.held).toBe(WINDOW)
    expect(slow.held).toBeGreaterThanOrEqual(2)
    expect(slow.held).toBeLessThanOrEqual(48)
  })

  it("notices when a slow peer becomes fast, and a fast one slow", () => {
    const { balancer, peers } = crew([10, 1])
    const [first, second] = peers as [Peer, Peer]
    rounds(balancer, peers, 10_000)
    first.speed = 1
    second.speed = 10
    const before = second.done
    expect(rounds(balancer, peers, 10_000)).toBeLessThanOrEqual(1.15 * (10_000 / 11))
    expect(second.done - before).toBeGreaterThan(8_500)
  })

  it("goes on with the others when a peer stands still, and with that one when it moves again", () => {
    const { balancer, peers } = crew([10, 10])
    const [stuck, other] = peers as [Peer, Peer]
    rounds(balancer, peers, 5_000)
    stuck.speed = 0
    const before = other.done
    for (let round = 0; round < 500; round++) {
      give(balancer, peers, Number.POSITIVE_INFINITY)
      for (const peer of peers) peer.work()
    }
    expect(other.done - before).toBe(5_000)
    stuck.speed = 10
    expect(rounds(balancer, peers, 10_000)).toBeLessThanOrEqual(1.15 * 520)
  })
})
