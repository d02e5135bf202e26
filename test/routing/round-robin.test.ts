import { describe, expect, it } from "vitest"
import type { Pipe } from "../../src/pipe/pipe.ts"
import { RoundRobin } from "../../src/routing/round-robin.ts"
import { testPipe } from "../support/pipes.ts"

function balancing(...pipes: Pipe[]): RoundRobin {
  const balancer = new RoundRobin()
  for (const pipe of pipes) balancer.add(pipe)
  return balancer
}

/** Sends so many messages, and says how many each pipe has now. */
function spread(balancer: RoundRobin, count: number, pipes: Pipe[]): number[] {
  for (let n = 0; n < count; n++) balancer.choose()?.push([Buffer.alloc(1)])
  return pipes.map((pipe) => pipe.outbound.length)
}

describe("round-robin", () => {
  it("PIPE-1, REQREP-2, REQREP-21: gives to everybody in turn", () => {
    const pipes = [testPipe(), testPipe(), testPipe()]
    const balancer = balancing(...pipes)
    const chosen = Array.from({ length: 7 }, () => balancer.choose())
    expect(chosen).toEqual([0, 1, 2, 0, 1, 2, 0].map((n) => pipes[n]))
  })

  it("PIPE-3: finds nobody where nobody is", () => {
    const balancer = balancing()
    expect(balancer.available()).toBe(false)
    expect(balancer.choose()).toBeUndefined()
    expect(balancer.adopt()).toBeUndefined()
  })

  it("PIPE-11: passes over who has no room, until there is some again", () => {
    const pipes = [testPipe({ room: 2 }), testPipe()]
    const [stuck] = pipes as [Pipe]
    const balancer = balancing(...pipes)
    expect(spread(balancer, 10, pipes)).toEqual([2, 8])
    expect(balancer.available()).toBe(true)
    stuck.outbound.drain()
    stuck.relieve()
    balancer.relieved(stuck)
    expect(spread(balancer, 4, pipes)).toEqual([2, 10])
  })

  it("has nobody when nobody has room, and everybody again afterwards", () => {
    const pipes = [testPipe({ room: 1 }), testPipe({ room: 1 })]
    const balancer = balancing(...pipes)
    expect(spread(balancer, 5, pipes)).toEqual([1, 1])
    expect(balancer.available()).toBe(false)
    for (const pipe of pipes) {
      pipe.outbound.drain()
      pipe.relieve()
      balancer.relieved(pipe)
    }
    expect(balancer.available()).toBe(true)
    expect(spread(balancer, 5, pipes)).toEqual([1, 1])
  })

  it("PIPE-4: takes peers that are there before endpoints whose peer is not, and those if there is nobody else", () => {
    const waiting = [testPipe({ state: "waiting" }), testPipe({ state: "waiting" })]
    const ready = testPipe({ room: 3 })
    const pipes = [...waiting, ready]
    const balancer = balancing(...pipes)
    expect(spread(balancer, 3, pipes)).toEqual([0, 0, 3])
    expect(spread(balancer, 4, pipes)).toEqual([2, 2, 3])
  })

  it("takes an endpoint for a peer from the moment its peer has come", () => {
    const pipes = [testPipe({ state: "waiting" }), testPipe()]
    const [endpoint] = pipes as [Pipe]
    const balancer = balancing(...pipes)
    expect(spread(balancer, 2, pipes)).toEqual([0, 2])
    endpoint.state = "ready"
    balancer.add(endpoint)
    expect(spread(balancer, 4, pipes)).toEqual([2, 4])
  })

  it("gives nothing to who is gone", () => {
    const pipes = [testPipe(), testPipe(), testPipe()]
    const [gone, leaving] = pipes as [Pipe, Pipe]
    const balancer = balancing(...pipes)
    spread(balancer, 3, pipes)
    gone.state = "gone"
    leaving.state = "leaving"
    balancer.remove(gone)
    balancer.remove(leaving)
    expect(spread(balancer, 6, pipes)).toEqual([1, 1, 7])
  })

  it("finds heirs in turn, room or not, and only among peers that are there", () => {
    const pipes = [testPipe({ room: 1 }), testPipe({ state: "waiting" }), testPipe({ room: 1 })]
    const balancer = balancing(...pipes)
    spread(balancer, 2, pipes)
    const heirs = Array.from({ length: 6 }, () => balancer.adopt())
    expect(heirs.filter((pipe) => pipe === pipes[0])).toHaveLength(3)
    expect(heirs.filter((pipe) => pipe === pipes[2])).toHaveLength(3)
    for (const pipe of [pipes[0], pipes[2]] as [Pipe, Pipe]) {
      pipe.state = "gone"
      balancer.remove(pipe)
    }
    expect(balancer.adopt()).toBeUndefined()
  })

  it("finds an heir whoever has come and gone since the last one, and goes on with the turns", () => {
    const crowd = Array.from({ length: 600 }, () => testPipe())
    const balancer = balancing(...crowd)
    expect(balancer.adopt()).toBe(crowd[0])
    const leave = (pipe: Pipe): void => {
      pipe.state = "gone"
      balancer.remove(pipe)
    }
    for (let n = 0; n < 1000; n++) {
      const passing = testPipe()
      balancer.add(passing)
      leave(passing)
    }
    const heirs = [testPipe(), testPipe()]
    for (const heir of heirs) balancer.add(heir)
    for (const pipe of crowd) leave(pipe)
    expect([1, 2, 3, 4].map(() => balancer.adopt())).toEqual([...heirs, ...heirs])
  })
})
