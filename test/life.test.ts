// The life of connections as applications see it: their ends, their returns, and what is left of them.

import { once } from "node:events"
import { queryObjects } from "node:v8"
import { Pull, Push, Router, TimeoutError } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { Peer } from "../src/peer.ts"
import { Pipe } from "../src/pipe/pipe.ts"
import { Heartbeat } from "../src/session/heartbeat.ts"
import { Session } from "../src/session/session.ts"
import type { Said as SaidByLeaver } from "./programs/leaver.ts"
import type { Said } from "./programs/resident.ts"
import { Meeting } from "./support/meeting.ts"
import { Program } from "./support/program.ts"
import { command, commandData, commandName, RawPeer, RawServer } from "./support/raw-peer.ts"
import { fill, join, takeText, turns, untilPeers } from "./support/sockets.ts"
import { openHandles } from "./support/stream-pairs.ts"
import { TRANSPORTS, transport } from "./support/transports.ts"

const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 0 } as const
const HEARTBEAT = { heartbeatInterval: 20, heartbeatTimeout: 40 } as const
const KIB_64 = Buffer.alloc(64 * 1024, "x")

describe.each(TRANSPORTS)("closing over $name", ({ any }) => {
  it("loses nothing of a big backlog, however slowly the peer reads", async () => {
    await using pull = new Pull({ receiveHighWaterMark: 10 })
    const push = new Push({ linger: -1 })
    await join(push, await pull.bind(any()), pull)
    for (let i = 0; i < 900; i++) await push.send([`${i}`, KIB_64.subarray(0, 20_000)])
    const closing = push.close()
    for (let i = 0; i < 900; i++) {
      if (i % 9 === 0) await turns(1)
      expect(String((await pull.receive())[0])).toBe(`${i}`)
    }
    await closing
    expect(Object.values(push.stats.dropped)).toEqual(Object.values(push.stats.dropped).map(() => 0))
    expect(push.stats.messagesSent).toBe(900)
  })

  it("answers the peer until all is sent", async () => {
    await using pull = new Pull({ receiveHighWaterMark: 10, ...HEARTBEAT })
    const push = new Push({ linger: -1 })
    await join(push, await pull.bind(any()), pull)
    const errors: (Error | undefined)[] = []
    pull.events.on("peer:leave", ({ error }) => errors.push(error))
    for (let i = 0; i < 900; i++) await push.send([`${i}`, KIB_64])
    const closing = push.close()
    let received = 0
    for await (const [number] of pull) {
      expect(String(number)).toBe(`${received}`)
      if (++received === 900) break
      if (received % 9 === 0) await turns(1)
    }
    await closing
    await untilPeers(pull, 0)
    expect(errors).toEqual([undefined])
  })
})

describe("closing", () => {
  it("shows a raw reader everything and then a FIN, never a reset", async () => {
    await using server = await RawServer.listen()
    const push = new Push({ linger: -1 })
    push.connect(server.endpoint)
    const peer = await server.admit("PULL")
    peer.socket.pause()
    await push.waitForPeers(1)
    for (let i = 0; i < 150; i++) await push.send(KIB_64)
    const closing = push.close()
    await turns(20)
    const errors: Error[] = []
    peer.socket.on("error", (error) => errors.push(error))
    const ended = once(peer.socket, "end")
    // What it says meanwhile is read, or the system would answer with a reset; and it is answered.
    peer.send(command("PING", "\0\0hello"))
    peer.socket.resume()
    const answers: string[] = []
    for (let messages = 0; messages < 150; ) {
      const found = await peer.next()
      if (commandName(found) === undefined) messages++
      else answers.push(`${commandName(found)} ${commandData(found)}`)
    }
    await ended
    peer.socket.end()
    await closing
    expect(errors).toEqual([])
    expect(answers).toEqual(["PONG hello"])
  })

  it("does not wait for ever for a reader that has everything and says no more", async () => {
    await using server = await RawServer.listen()
    const push = new Push({ linger: -1 })
    push.connect(server.endpoint)
    const { socket } = await server.admit("PULL")
    await push.waitForPeers(1)
    socket.pause()
    for (let i = 0; i < 10; i++) await push.send("x")
    await push.close()
    expect(push.stats.messagesSent).toBe(10)
    let octets = 0
    socket.on("data", (chunk: Buffer) => {
      octets += chunk.length
    })
    socket.resume()
    await once(socket, "end")
    expect(octets).toBeGreaterThanOrEqual(30)
  })
})

/** Resolves when a silent peer has been noticed that many times: a clock of heartbeats. */
async function silences(count: number): Promise<void> {
  await using server = await RawServer.listen()
  await using push = new Push({ ...QUICK, ...HEARTBEAT })
  push.connect(server.endpoint)
  for (let i = 0; i < count; i++) {
    const ended = push.events.once("disconnect")
    await server.admit("PULL")
    await ended
  }
}

describe("heartbeats", () => {
  it("HB-5 HB-8: notice a peer that vanishes silently, and the endpoint is tried again", async () => {
    await using server = await RawServer.listen()
    await using push = new Push({ ...QUICK, ...HEARTBEAT })
    const events = push.events[Symbol.asyncIterator]()
    push.connect(server.endpoint)
    await server.admit("PULL")
    const seen: string[] = []
    for await (const event of events) {
      seen.push(event.type)
      if (event.type === "disconnect") expect(event.error).toBeInstanceOf(TimeoutError)
      if (event.type === "connect:retry") break
    }
    expect(seen).toEqual(["connect", "handshake", "peer:join", "disconnect", "peer:leave", "connect:retry"])
    await server.admit("PULL")
    await push.waitForPeers(1)
    expect(push.stats.reconnects).toBe(1)
  })

  it("HB-5: notice an accepted peer that vanishes silently", async () => {
    await using pull = new Pull(HEARTBEAT)
    using peer = await RawPeer.join(await pull.bind("tcp://127.0.0.1:*"), "PUSH")
    await pull.waitForPeers(1)
    const { error } = await pull.events.once("peer:leave")
    expect(error).toBeInstanceOf(TimeoutError)
    await peer.closed
  })

  it("HB-1: keep a quiet peer that answers", async () => {
    await using pull = new Pull()
    await using push = new Push(HEARTBEAT)
    await join(push, await pull.bind("tcp://127.0.0.1:*"), pull)
    const [peer] = push.peers
    await silences(4)
    expect(push.peers).toEqual([peer])
    expect(push.stats.reconnects).toBe(0)
  })

  it.each(["ours", "theirs"] as const)("never cut off a peer at its mark: %s", async (whose) => {
    await using meeting = new Meeting()
    const mark = { receiveHighWaterMark: 1 }
    const pull = whose === "ours" ? meeting.ours(new Pull(mark)) : meeting.theirs(new zmq.Pull(mark))
    const push = meeting.ours(new Push({ ...HEARTBEAT, linger: 0 }))
    await meeting.join(pull, push)
    const [peer] = push.peers
    const sent = await fill(push, KIB_64)
    await silences(5)
    expect(push.peers).toEqual([peer])
    // And it is well: it reads on as soon as somebody asks it to.
    for (let i = 0; i < sent; i++) await pull.receive()
    await push.send("after all")
    expect(String((await pull.receive())[0])).toBe("after all")
  })

  it("never cut off a peer whom we do not read from ourselves", async () => {
    await using pull = new Pull({ receiveHighWaterMark: 1, ...HEARTBEAT })
    using peer = await RawPeer.join(await pull.bind("tcp://127.0.0.1:*"), "PUSH")
    await pull.waitForPeers(1)
    const jobs = Buffer.concat(Array.from({ length: 100 }, () => Buffer.from([0, 1, 120])))
    peer.send(jobs, jobs)
    await pull.receive()
    peer.send(jobs)
    await silences(4)
    expect(pull.peers).toHaveLength(1)
    expect(await takeText(pull, 299)).toHaveLength(299)
  })

  it("are answered", async () => {
    await using router = new Router({ linger: 0 })
    using peer = await RawPeer.join(await router.bind("tcp://127.0.0.1:*"), "DEALER")
    await router.waitForPeers(1)
    peer.send(command("PING", "\0\0hi"))
    const answer = await peer.next()
    expect(commandName(answer)).toBe("PONG")
    expect(String(commandData(answer))).toBe("hi")
  })
})

describe("coming and going", () => {
  it.each(TRANSPORTS)("over $name, fifty restarts of the peer leave nothing behind", async ({ named }) => {
    const endpoint = await named()
    await using push = new Push(QUICK)
    push.connect(endpoint)
    const restart = async (i: number): Promise<void> => {
      const pull = new Pull()
      await pull.bind(endpoint)
      await push.send(`${i}`)
      expect(String((await pull.receive())[0])).toBe(`${i}`)
      await pull.close()
      await untilPeers(push, 0)
    }
    // The first few fill what is kept on purpose.
    for (let i = 0; i < 5; i++) await restart(i)
    const [handles, things] = [openHandles(), census()]
    for (let i = 0; i < 50; i++) await restart(i)
    await turns(20)
    expect(push.stats.reconnects).toBe(54)
    expect(openHandles()).toBeLessThanOrEqual(handles + 1)
    for (const [i, count] of census().entries()) expect(count).toBeLessThanOrEqual((things[i] as number) + 2)
  })

  it("ZMTP-66: what is queued while the peer is away arrives, in order, after each of many restarts", async () => {
    const endpoint = await transport("tcp").named()
    await using push = new Push(QUICK)
    push.connect(endpoint)
    let next = 0
    for (let i = 0; i < 10; i++) {
      const from = next
      for (let n = 0; n < 100; n++) await push.send(`${next++}`)
      await using pull = new Pull()
      await pull.bind(endpoint)
      expect((await takeText(pull, 100)).map(Number)).toEqual(Array.from({ length: 100 }, (_, n) => from + n))
      await pull.close()
      await untilPeers(push, 0)
    }
    expect(push.stats.messagesSent).toBe(1000)
  })

  it("connects and binds come in any order, and cross", async () => {
    const tcp = transport("tcp")
    const [a, b, c] = [await tcp.named(), await transport("inproc").named(), await tcp.named()]
    await using one = new Push({ ...QUICK })
    await using two = new Pull({ ...QUICK })
    one.connect(a)
    two.connect(c)
    one.connect(b)
    await one.bind(c)
    await two.bind(b)
    await two.bind(a)
    await Promise.all([one.waitForPeers(3), two.waitForPeers(3)])
    for (let i = 0; i < 30; i++) await one.send(`${i}`)
    expect((await takeText(two, 30)).map(Number).sort((x, y) => x - y)).toEqual(Array.from({ length: 30 }, (_, i) => i))
    expect(one.peers.map(({ stats }) => stats.messagesSent + stats.queuedMessages)).toEqual([10, 10, 10])
  })

  it("a peer that is expelled comes back by itself", async () => {
    await using pull = new Pull()
    await using push = new Push(QUICK)
    await join(push, await pull.bind("tcp://127.0.0.1:*"), pull)
    for (let i = 0; i < 5; i++) {
      const [peer] = pull.peers
      const joined = pull.events.once("peer:join")
      peer?.disconnect()
      expect((await joined).peer.id).not.toBe(peer?.id)
    }
  })
})

/** How many of each there are after a collection of garbage. */
function census(): number[] {
  return [Pipe, Session, Peer, Heartbeat].map((type) => queryObjects(type, { format: "count" }) as unknown as number)
}

describe("a process", () => {
  it("OPT-21: ends by itself when its sockets are closed", { timeout: 180_000 }, async () => {
    await using program = new Program<Said>("resident", "close")
    const ended = once(program.process, "exit")
    expect(await program.next()).toBe("talked")
    expect(await ended).toEqual([0, null])
  })

  it("OPT-21: ends by itself when its sockets are unref'd", { timeout: 180_000 }, async () => {
    await using program = new Program<Said>("resident", "unref")
    const ended = once(program.process, "exit")
    expect(await program.next()).toBe("talked")
    expect(await ended).toEqual([0, null])
  })

  it("is held by sockets that are open", { timeout: 180_000 }, async () => {
    await using program = new Program<Said>("resident", "hold")
    expect(await program.next()).toBe("talked")
    expect(await program.next()).toBe("still there")
    expect(program.process.exitCode).toBe(null)
  })

  it.each(["close", "stay"])("is held by what a disconnected peer is still to get: %s", async (order) => {
    await using pull = new Pull({ receiveHighWaterMark: 1 })
    await using program = new Program<SaidByLeaver>("leaver", await pull.bind("tcp://127.0.0.1:*"), order)
    const ended = once(program.process, "exit")
    expect(await program.next()).toBe("parted")
    for (let i = 0; i < 3; i++) expect((await pull.receive({ timeout: 10_000 }))[0]?.[0]).toBe(i)
    expect(await ended).toEqual([0, null])
  })
})
