import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Subscriptions } from "../../src/routing/subscriptions.ts"

interface Peer {
  readonly name: string
}

const a: Peer = { name: "a" }
const b: Peer = { name: "b" }
const c: Peer = { name: "c" }

function octets(text: string): Buffer {
  return Buffer.from(text, "latin1")
}

function matched(index: Subscriptions<Peer>, text: string): string[] {
  const out: Peer[] = []
  const count = index.match(octets(text), out)
  return out.slice(0, count).map((peer) => peer.name)
}

function topicsOf(index: Subscriptions<Peer>): string[] {
  return Array.from(index.topics(), (topic) => topic.toString("latin1"))
}

describe("Subscriptions", () => {
  it("PUBSUB-1: finds the peers with a matching subscription, and no other", () => {
    const index = new Subscriptions<Peer>()
    index.add(octets("A"), a)
    index.add(octets("B"), b)
    index.add(octets("AB"), c)
    expect(matched(index, "A")).toEqual(["a"])
    expect(matched(index, "ABC")).toEqual(["a", "c"])
    expect(matched(index, "B")).toEqual(["b"])
    expect(matched(index, "C")).toEqual([])
    expect(matched(index, "")).toEqual([])
  })

  it("PUBSUB-3: the empty subscription matches everything, an empty frame included", () => {
    const index = new Subscriptions<Peer>()
    index.add(octets(""), a)
    for (const text of ["", "A", "\0"]) expect(matched(index, text)).toEqual(["a"])
  })

  it("PUBSUB-15: visits a peer once, however many of its subscriptions match", () => {
    const index = new Subscriptions<Peer>()
    for (const topic of ["", "A", "AB", "ABC"]) for (const peer of [a, b]) index.add(octets(topic), peer)
    expect(matched(index, "ABC")).toEqual(["a", "b"])
    expect(matched(index, "ABC")).toEqual(["a", "b"])
  })

  it("PUBSUB-12: keeps a set per peer: one CANCEL undoes any number of SUBSCRIBEs", () => {
    const index = new Subscriptions<Peer>()
    expect(index.add(octets("A"), a)).toBe("first")
    expect(index.add(octets("A"), a)).toBe("known")
    expect(index.size).toBe(1)
    expect(index.remove(octets("A"), a)).toBe("last")
    expect(matched(index, "A")).toEqual([])
  })

  it("PUBSUB-13: a CANCEL of the unknown changes nothing", () => {
    const index = new Subscriptions<Peer>()
    index.add(octets("AB"), a)
    for (const topic of ["", "A", "ABC", "B"]) expect(index.remove(octets(topic), a)).toBe("unknown")
    expect(index.remove(octets("AB"), b)).toBe("unknown")
    expect(matched(index, "AB")).toEqual(["a"])
  })

  it("PUBSUB-32: tells the first subscriber to a topic and its last leaver from the others", () => {
    const index = new Subscriptions<Peer>()
    const topic = octets("A")
    expect([index.add(topic, a), index.add(topic, b), index.add(topic, c)]).toEqual(["first", "new", "new"])
    expect([index.remove(topic, b), index.remove(topic, a), index.remove(topic, c)]).toEqual([
      "removed",
      "removed",
      "last",
    ])
  })

  it("PUBSUB-34: a peer that leaves orphans the topics nobody else has", () => {
    const index = new Subscriptions<Peer>()
    for (const topic of ["A", "B", ""]) index.add(octets(topic), a)
    index.add(octets("B"), b)
    const orphans: string[] = []
    const gone: string[] = []
    const told = index.removePeer(a, 10, (topic, last, peer) => {
      gone.push(`${peer.name} ${topic}`)
      if (last) orphans.push(topic.toString())
    })
    expect(told).toBe(false)
    expect(orphans.sort()).toEqual(["", "A"])
    expect(gone.sort()).toEqual(["a ", "a A", "a B"])
    expect(topicsOf(index)).toEqual(["B"])
    expect(matched(index, "B")).toEqual(["b"])
  })

  it("a peer that leaves is gone at once, though its subscriptions are swept in slices", () => {
    const index = new Subscriptions<Peer>()
    for (let i = 0; i < 10; i++) index.add(octets(`t${i}`), a)
    index.add(octets("t"), b)
    expect(index.removePeer(a, 4)).toBe(true)
    expect(index.size).toBe(7)
    for (let i = 0; i < 10; i++) expect(matched(index, `t${i}`)).toEqual(["b"])
    expect([index.countOf(a), index.matches(octets("t9"), a)]).toEqual([0, false])
    expect([index.sweep(4), index.sweep(4), index.sweep(4)]).toEqual([true, false, false])
    expect(topicsOf(index)).toEqual(["t"])
  })

  it("T5: however many leave, they are swept in the order in which they left, and a slice at a time", () => {
    const index = new Subscriptions<Peer>()
    for (const peer of [a, b, c]) for (let i = 0; i < 3; i++) index.add(octets(`${peer.name}${i}`), peer)
    const gone: string[] = []
    const note = (topic: Buffer): void => {
      gone.push(topic.toString())
    }
    for (const peer of [b, c, a]) expect(index.removePeer(peer, 0, note)).toBe(true)
    expect([gone, index.size]).toEqual([[], 9])
    for (const left of [5, 1]) {
      expect(index.sweep(4, note)).toBe(true)
      expect(index.size).toBe(left)
    }
    expect(index.sweep(4, note)).toBe(false)
    expect(gone).toEqual(["b0", "b1", "b2", "c0", "c1", "c2", "a0", "a1", "a2"])
  })

  it("a peer that changed its mind often leaves nothing behind", () => {
    const index = new Subscriptions<Peer>()
    for (let i = 0; i < 500; i++) {
      index.add(octets(`t${i % 7}`), a)
      if (i % 3 > 0) index.remove(octets(`t${(i * 5) % 7}`), a)
    }
    const had = topicsOf(index)
    expect(index.countOf(a)).toBe(had.length)
    const gone: string[] = []
    expect(index.removePeer(a, 100, (topic) => gone.push(topic.toString()))).toBe(false)
    expect(gone.sort()).toEqual(had)
    expect([index.size, topicsOf(index)]).toEqual([0, []])
  })

  it("a peer that comes back before it was swept keeps what it subscribes anew", () => {
    const index = new Subscriptions<Peer>()
    for (const topic of ["A", "B", "C"]) index.add(octets(topic), a)
    index.removePeer(a, 0)
    expect(index.add(octets("B"), a)).toBe("new")
    expect(matched(index, "B")).toEqual(["a"])
    const orphans: string[] = []
    const more = index.sweep(10, (topic, last) => {
      if (last) orphans.push(topic.toString())
    })
    expect(more).toBe(false)
    expect(orphans.sort()).toEqual(["A", "C"])
    expect(matched(index, "B")).toEqual(["a"])
    expect([index.countOf(a), index.size]).toEqual([1, 1])
  })

  it("removing a peer nobody knows is no trouble", () => {
    const index = new Subscriptions<Peer>()
    expect(index.removePeer(a, 10)).toBe(false)
  })

  it("LIMIT-6: counts what limits are set for", () => {
    const index = new Subscriptions<Peer>()
    for (const topic of ["A", "B", "B"]) index.add(octets(topic), a)
    index.add(octets("A"), b)
    expect([index.countOf(a), index.countOf(b), index.countOf(c), index.size]).toEqual([2, 1, 0, 3])
  })

  it("visits the holders of a topic in the order in which they came, whoever subscribed to it first", () => {
    const index = new Subscriptions<Peer>()
    const peers = Array.from({ length: 20 }, (_, i) => ({ name: String(i) }))
    for (const peer of peers) index.add(octets("x"), peer)
    for (const peer of peers.toReversed()) index.add(octets("A"), peer)
    expect(matched(index, "A")).toEqual(peers.map((peer) => peer.name))
    for (const peer of peers.filter((_, i) => i % 2 === 0)) index.remove(octets("A"), peer)
    expect(matched(index, "A")).toEqual(peers.filter((_, i) => i % 2 === 1).map((peer) => peer.name))
  })

  it("LIMIT-7: bears the longest comb-shaped topics, and lets go of them in slices", () => {
    const index = new Subscriptions<Peer>()
    const longest = Buffer.alloc(4096, 0x61)
    for (let length = 0; length <= longest.length; length++) index.add(longest.subarray(0, length), a)
    expect(index.countOf(a)).toBe(4097)
    expect(matched(index, "a".repeat(5000))).toEqual(["a"])
    let slices = 1
    while (index.removePeer(a, 1000)) slices++
    expect(slices).toBe(5)
    expect([index.size, topicsOf(index)]).toEqual([0, []])
  })

  it("PUBSUB-1, PUBSUB-12, PUBSUB-14, PUBSUB-15, PUBSUB-32, PUBSUB-34: behaves as sets of strings would", () => {
    const peers = [a, b, c, { name: "d" }, { name: "e" }]
    const topic = fc.array(fc.constantFrom(0, 1, 0x61, 255), { maxLength: 4 }).map((list) => Buffer.from(list))
    const peer = fc.constantFrom(...peers)
    const change = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("add" as const), topic, peer }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("remove" as const), topic, peer }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), peer, max: fc.nat(6) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("sweep" as const), max: fc.nat(6) }) },
    )
    fc.assert(
      fc.property(fc.array(change, { maxLength: 80 }), fc.array(topic, { maxLength: 10 }), (changes, messages) => {
        const index = new Subscriptions<Peer>()
        const wanted = new Map<Peer, Set<string>>(peers.map((each) => [each, new Set()]))
        /** What an XPUB's application knows, told only of first subscribers and last leavers. */
        const announced = new Set<string>()
        let unswept = 0
        const orphan = (octets: Buffer, last: boolean): void => {
          if (!last) return
          expect(announced.delete(octets.toString("latin1"))).toBe(true)
          // No longer than its last peer, and no shorter.
          for (const set of wanted.values()) expect(set.has(octets.toString("latin1"))).toBe(false)
        }
        const sweep = (max: number, act: () => boolean): void => {
          const before = index.size
          expect(act()).toBe(unswept > max)
          unswept -= Math.min(unswept, max)
          expect(before - index.size).toBeLessThanOrEqual(max)
        }
        for (const step of changes) {
          if (step.kind === "sweep") {
            sweep(step.max, () => index.sweep(step.max, orphan))
            continue
          }
          const set = wanted.get(step.peer) as Set<string>
          if (step.kind === "leave") {
            unswept += set.size
            set.clear()
            sweep(step.max, () => index.removePeer(step.peer, step.max, orphan))
            continue
          }
          const key = step.topic.toString("latin1")
          if (step.kind === "add") {
            const result = index.add(step.topic, step.peer)
            expect(result === "known").toBe(set.has(key))
            expect([index.has(step.topic), index.has(step.topic, step.peer)]).toEqual([true, true])
            if (result === "first") expect(announced.has(key)).toBe(false)
            if (result === "new") expect(announced.has(key)).toBe(true)
            set.add(key)
            announced.add(key)
          } else {
            const result = index.remove(step.topic, step.peer)
            expect(result === "unknown").toBe(!set.delete(key))
            if (result === "last") expect(announced.delete(key)).toBe(true)
            expect([index.has(step.topic), index.has(step.topic, step.peer)]).toEqual([announced.has(key), false])
          }
        }
        const pairs = peers.reduce((sum, each) => sum + (wanted.get(each) as Set<string>).size, 0)
        expect(index.size).toBe(pairs + unswept)
        const compare = (): void => {
          for (const message of messages) {
            const text = message.toString("latin1")
            const wants = (each: Peer): boolean => [...(wanted.get(each) ?? [])].some((key) => text.startsWith(key))
            expect(matched(index, text).sort()).toEqual(peers.filter(wants).map((each) => each.name))
            for (const each of peers) expect(index.matches(message, each)).toBe(wants(each))
          }
        }
        compare()
        expect(index.sweep(Number.POSITIVE_INFINITY, orphan)).toBe(false)
        compare()
        for (const each of peers) expect(index.countOf(each)).toBe(wanted.get(each)?.size)
        const live = new Set([...wanted.values()].flatMap((set) => [...set]))
        expect(topicsOf(index)).toEqual([...live].sort())
        expect([...announced].sort()).toEqual([...live].sort())
      }),
      { numRuns: 300 },
    )
  })
})
