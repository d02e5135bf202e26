import { describe, expect, it } from "vitest"
import { MessageError } from "../../src/errors.ts"
import type { Message } from "../../src/message.ts"
import type { ByKey } from "../../src/options.ts"
import type { Pipe } from "../../src/pipe/pipe.ts"
import { byKey, KeyedBalancer } from "../../src/routing/by-key.ts"
import { type TestPipe, testPipe } from "../support/pipes.ts"

const KEYS = Array.from({ length: 10_000 }, (_, n) => `user-${n}`)

/** The message is its own key. */
function balancing(...pipes: Pipe[]): KeyedBalancer {
  const balancer = new KeyedBalancer(byKey((frames: Message) => String(frames[0])) as ByKey<unknown>)
  for (const pipe of pipes) balancer.add(pipe)
  return balancer
}

function message(key: string): Message {
  return [Buffer.from(key)]
}

function choose(balancer: KeyedBalancer, key: string): Pipe | undefined {
  const each = message(key)
  return balancer.choose(each, each)
}

/** Five endpoints, as similar to each other as endpoints are. */
function cluster(like: TestPipe = {}): Pipe[] {
  return [1, 2, 3, 4, 5].map((n) => testPipe({ endpoint: `tcp://10.0.0.1:555${n}`, ...like }))
}

function homes(balancer: KeyedBalancer): Map<string, Pipe | undefined> {
  return new Map(KEYS.map((key) => [key, choose(balancer, key)]))
}

describe("byKey", () => {
  it("takes a function, and nothing else", () => {
    expect(byKey(() => "x")).toMatchObject({ kind: "byKey" })
    for (const wrong of [undefined, "key", {}, null]) expect(() => byKey(wrong as never)).toThrow(MessageError)
  })

  it("takes strings and octets for keys, equal ones for equal", () => {
    const pipes = cluster()
    const balancer = new KeyedBalancer(byKey((subject: unknown) => subject as string) as ByKey<unknown>)
    for (const pipe of pipes) balancer.add(pipe)
    for (const key of KEYS.slice(0, 50)) {
      expect(balancer.choose(message("a"), Buffer.from(key))).toBe(balancer.choose(message("b"), key))
    }
    for (const wrong of [undefined, 5, null, {}]) {
      expect(() => balancer.choose(message("a"), wrong)).toThrow(MessageError)
    }
  })

  it("sends what has the same key to the same peer", () => {
    const balancer = balancing(...cluster())
    const first = homes(balancer)
    for (const [key, pipe] of homes(balancer)) expect(first.get(key)).toBe(pipe)
  })

  it("spreads keys evenly, though their names and those of the peers are much alike", () => {
    const pipes = cluster()
    const counts = new Map<Pipe | undefined, number>()
    for (const pipe of homes(balancing(...pipes)).values()) counts.set(pipe, (counts.get(pipe) ?? 0) + 1)
    for (const pipe of pipes) {
      expect(counts.get(pipe)).toBeGreaterThan(1800)
      expect(counts.get(pipe)).toBeLessThan(2200)
    }
  })

  it("moves only the keys of a peer that leaves, and spreads them over all others", () => {
    const pipes = cluster()
    const balancer = balancing(...pipes)
    const before = homes(balancer)
    const gone = pipes[2] as Pipe
    gone.state = "gone"
    balancer.remove(gone)
    const heirs = new Map<Pipe | undefined, number>()
    for (const [key, pipe] of homes(balancer)) {
      if (before.get(key) === gone) heirs.set(pipe, (heirs.get(pipe) ?? 0) + 1)
      else expect(pipe).toBe(before.get(key))
    }
    expect(heirs.size).toBe(4)
    for (const count of heirs.values()) expect(count).toBeGreaterThan(350)
  })

  it("moves to a newcomer only what it wins: its share, and nothing between the others", () => {
    const pipes = cluster()
    const balancer = balancing(...pipes)
    const before = homes(balancer)
    const newcomer = testPipe({ endpoint: "tcp://10.0.0.1:5556" })
    balancer.add(newcomer)
    let moved = 0
    for (const [key, pipe] of homes(balancer)) {
      if (pipe === before.get(key)) continue
      expect(pipe).toBe(newcomer)
      moved++
    }
    expect(moved).toBeGreaterThan(1400)
    expect(moved).toBeLessThan(1950)
  })

  it("brings the keys back to an endpoint that comes back", () => {
    const pipes = cluster()
    const balancer = balancing(...pipes)
    const before = homes(balancer)
    const gone = pipes[1] as Pipe
    balancer.remove(gone)
    const back = testPipe({ endpoint: gone.endpoint })
    balancer.add(back)
    for (const [key, pipe] of homes(balancer)) {
      expect(pipe).toBe(before.get(key) === gone ? back : before.get(key))
    }
  })

  it("knows accepted peers by the routing id they announced", () => {
    const accepted = (routingId: string) => testPipe({ connecting: false, endpoint: "tcp://*:5550", routingId })
    const names = ["alice", "bob", "carol"]
    const [one, other] = [names.map(accepted), names.map(accepted)]
    const [first, second] = [balancing(...one), balancing(...[...other].reverse())]
    for (const key of KEYS.slice(0, 300)) {
      expect(one.indexOf(choose(first, key) as Pipe)).toBe(other.indexOf(choose(second, key) as Pipe))
    }
  })

  it("tells accepted peers without a name apart", () => {
    const pipes = [1, 2, 3].map(() => testPipe({ connecting: false, endpoint: "tcp://*:5550" }))
    const found = new Set(homes(balancing(...pipes)).values())
    expect(found.size).toBe(3)
  })

  it("lets a key wait for its own peer when that is full, and no other", () => {
    const pipes = cluster({ room: 1 })
    const balancer = balancing(...pipes)
    const home = choose(balancer, "user-1") as Pipe
    home.push(message("user-1"))
    expect(home.hasRoom).toBe(false)
    expect(choose(balancer, "user-1")).toBe(home)
    expect(balancer.available()).toBe(true)
    for (const pipe of pipes) if (pipe !== home) pipe.push(message("x"))
    expect(balancer.available()).toBe(false)
  })

  it("takes peers that are there before endpoints whose peer is not", () => {
    const [down, up] = [testPipe({ state: "waiting", endpoint: "tcp://a:1" }), testPipe({ endpoint: "tcp://b:1" })]
    const balancer = balancing(down, up)
    expect(new Set(homes(balancer).values())).toEqual(new Set([up]))
    up.state = "gone"
    balancer.remove(up)
    expect(new Set(homes(balancer).values())).toEqual(new Set([down]))
  })

  it("gives an orphaned message to the peer that has its key now, without asking for the key again", () => {
    let asked = 0
    const balancer = new KeyedBalancer(
      byKey((frames: Message) => {
        asked++
        return String(frames[0])
      }) as ByKey<unknown>,
    )
    const pipes = cluster()
    for (const pipe of pipes) balancer.add(pipe)
    for (const key of KEYS.slice(0, 100)) {
      asked = 0
      const each = message(key)
      const home = balancer.choose(each, each) as Pipe
      home.state = "gone"
      const heir = balancer.adopt(each)
      expect(heir).toBe(choose(balancer, key))
      expect(heir).not.toBe(home)
      expect(asked).toBe(2)
      home.state = "ready"
    }
  })
})
