// Against peers made by hand of sockets of libzmq, every octet as README.md describes it: a program in another language
// can call our nodes, and be one itself.

import type { MeshNode } from "brokerless/patterns/mesh"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { Meeting } from "../../../test/support/meeting.ts"
import { Nodes, names, sees } from "./nodes.ts"

const [HELLO, PING, SEEN, CALL, CANCEL, CREDIT] = [1, 2, 3, 16, 17, 18]
const [STATE, KNOWN, PONG, ANSWER, ITEM, END, ERROR, REFUSED] = [33, 34, 35, 48, 49, 50, 51, 52]

/** Twelve octets, and for a call what follows them. */
function head(type: number, id = 0, number = 0, ...rest: (string | Buffer)[]): Buffer {
  const octets = Buffer.alloc(12)
  octets[0] = 1
  octets[1] = type
  octets.writeUInt32BE(id, 4)
  octets.writeUInt32BE(number, 8)
  return Buffer.concat([octets, ...rest.map((each) => Buffer.from(each))])
}

function call(id: number, deadline: number, window: number, target: string): Buffer {
  const credit = Buffer.alloc(4)
  credit.writeUInt32BE(window)
  return head(CALL, id, deadline, credit, target)
}

interface Heard {
  readonly type: number
  readonly id: number
  readonly number: number
  readonly body: unknown
  readonly octets: Buffer
}

function read([octets, body]: Buffer[]): Heard {
  if (octets === undefined) throw new Error("a message without frames")
  expect(octets[0]).toBe(1)
  const [id, number] = [octets.readUInt32BE(4), octets.readUInt32BE(8)]
  return { type: octets[1] as number, id, number, body: body && JSON.parse(String(body)), octets }
}

interface Prices {
  quote(symbol: string): Promise<number>
  ticks(symbol: string): AsyncIterable<number>
}

const STRANGER = {
  id: "00112233445566778899aabbccddeeff",
  since: 1767225600000,
  version: 3,
  name: "stranger",
  endpoints: [] as string[],
  draining: false,
  services: [
    [
      "pricing",
      true,
      [
        ["quote", true],
        ["ticks", false],
      ],
    ],
  ],
}

describe("a program that follows the README", () => {
  it("calls a node of ours, is told who it is and whom it knows, streams, cancels", async () => {
    await using nodes = new Nodes()
    await using meeting = new Meeting()
    const [other, atOther] = await nodes.bound({ name: "other" })
    const [node, endpoint] = await nodes.bound({ name: "node", seeds: [atOther] })
    let left = false
    node.offer<Prices>(
      "pricing",
      {
        quote(_, symbol) {
          if (symbol === "") throw new RangeError("no symbol")
          return symbol.length
        },
        async *ticks() {
          try {
            for (let n = 0; ; n++) yield n
          } finally {
            left = true
          }
        },
      },
      { idempotent: ["quote"] },
    )
    await sees(node, names("other"))
    const dealer = meeting.theirs(new zmq.Dealer())
    dealer.connect(endpoint)
    const next = async (): Promise<Heard> => read((await dealer.receive()) as Buffer[])

    // Without HELLO it may call.
    await dealer.send([call(7, 5000, 1, "pricing/quote"), '["ACME"]'])
    expect(await next()).toMatchObject({ type: ANSWER, id: 7, body: 4 })
    await dealer.send([call(8, 5000, 1, "pricing/quote"), '[""]'])
    expect(await next()).toMatchObject({ type: ERROR, id: 8, body: { name: "RangeError", message: "no symbol" } })
    await dealer.send([call(9, 5000, 1, "pricing/price"), "[]"])
    expect(await next()).toMatchObject({ type: REFUSED, id: 9, number: 3 })
    await dealer.send(head(PING, 0, 4711))
    expect(await next()).toMatchObject({ type: PONG, number: 4711 })

    await dealer.send([head(HELLO), JSON.stringify({ ...STRANGER, services: [] })])
    const [state, known] = [await next(), await next()]
    expect(state).toMatchObject({ type: STATE, body: { id: node.id, name: "node", endpoints: [endpoint] } })
    expect(state.body).toMatchObject({
      draining: false,
      services: [
        [
          "pricing",
          true,
          expect.arrayContaining([
            ["quote", true],
            ["ticks", false],
          ]),
        ],
      ],
    })
    expect(known).toMatchObject({ type: KNOWN, body: [[other.id, expect.any(Number), expect.any(Number), [atOther]]] })

    // As many items as there is credit for, and no more.
    await dealer.send([call(10, 60_000, 2, "pricing/ticks"), '["ACME"]'])
    for (const n of [0, 1]) expect(await next()).toMatchObject({ type: ITEM, id: 10, number: n, body: n })
    await dealer.send(head(CREDIT, 10, 1))
    expect(await next()).toMatchObject({ type: ITEM, id: 10, number: 2, body: 2 })
    await dealer.send(head(CANCEL, 10))
    while (!left) await new Promise(setImmediate)

    const ended = node.drain()
    let goodbye = await next()
    // It may have more to say of others.
    while (goodbye.type === KNOWN) goodbye = await next()
    expect(goodbye).toMatchObject({ type: STATE, body: { draining: true } })
    await dealer.send(head(SEEN, 0, (goodbye.body as { version: number }).version))
    await ended
  })

  it("is a node itself: is called, refuses, streams, introduces another, and says goodbye", async () => {
    await using nodes = new Nodes()
    await using meeting = new Meeting()
    const [, atThird] = await nodes.bound({ name: "third" })
    const router = meeting.theirs(new zmq.Router())
    await router.bind("tcp://127.0.0.1:*")
    const endpoint = router.lastEndpoint as string
    const node: MeshNode = nodes.make({ name: "ours", seeds: [endpoint], window: 2 })
    const next = async (type: number): Promise<[Buffer, Heard]> => {
      for (;;) {
        const [route, ...frames] = (await router.receive()) as [Buffer, ...Buffer[]]
        const heard = read(frames)
        if (heard.type === type) return [route, heard]
        // Signs of life are answered, whatever is waited for.
        if (heard.type === PING) await router.send([route, head(PONG, 0, heard.number)])
      }
    }
    const [route, hello] = await next(HELLO)
    expect(hello.body).toMatchObject({ id: node.id, name: "ours", endpoints: [], draining: false, services: [] })
    await router.send([route, head(STATE), JSON.stringify({ ...STRANGER, endpoints: [endpoint] })])
    await router.send([route, head(KNOWN), JSON.stringify([["f".repeat(32), 1, 1, [atThird]]])])
    await sees(node, names("stranger", "third"))

    const prices = node.service<Prices>("pricing", { deadline: 20_000 })
    const quote = prices.quote("ACME")
    const [, asked] = await next(CALL)
    expect(asked.number).toBeGreaterThan(0)
    expect(asked.number).toBeLessThanOrEqual(20_000)
    expect(asked.octets.readUInt32BE(12)).toBe(2)
    expect(String(asked.octets.subarray(16))).toBe("pricing/quote")
    expect(asked.body).toEqual(["ACME"])
    await router.send([route, head(ANSWER, asked.id), "12.5"])
    expect(await quote).toBe(12.5)

    const refused = prices.quote("ACME")
    await router.send([route, head(REFUSED, (await next(CALL))[1].id, 2)])
    await expect(refused).rejects.toThrow("refused")

    const ticks = prices.ticks("ACME")[Symbol.asyncIterator]()
    const first = ticks.next()
    const [, streamed] = await next(CALL)
    for (const n of [0, 1]) await router.send([route, head(ITEM, streamed.id, n), `${n}`])
    expect(await first).toEqual({ value: 0, done: false })
    const [, credit] = await next(CREDIT)
    expect(credit).toMatchObject({ id: streamed.id })
    expect(await ticks.next()).toEqual({ value: 1, done: false })
    await router.send([route, head(END, streamed.id, 2)])
    expect((await ticks.next()).done).toBe(true)

    const abandoned = prices.ticks("ACME")[Symbol.asyncIterator]()
    const item = abandoned.next()
    const [, left] = await next(CALL)
    await router.send([route, head(ITEM, left.id, 0), "1"])
    await item
    await abandoned.return?.()
    expect((await next(CANCEL))[1].id).toBe(left.id)

    await router.send([route, head(STATE), JSON.stringify({ ...STRANGER, version: 4, draining: true })])
    expect((await next(SEEN))[1].number).toBe(4)
    await expect(prices.quote("ACME")).rejects.toThrow("draining")
  })
})
