import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { HandshakeError, ProtocolError, TimeoutError } from "../../src/errors.ts"
import type { Message } from "../../src/message.ts"
import { SharedBatch } from "../../src/session/shared-batch.ts"
import type { Pattern } from "../../src/socket/hub.ts"
import type { SocketType } from "../../src/socket-type.ts"
import { command, frame, greeting, longHeader, message, ready } from "../support/raw-peer.ts"
import { endOfTick, RecordingHub, type RigSetup, SessionRig, saidIn } from "../support/session-rig.ts"

// Heartbeats are the subject of their own tests here, and the silence of the others.
const QUIET = { heartbeatInterval: 0 }

function push(setup: RigSetup = {}, theirs: SocketType = "PULL"): SessionRig {
  return SessionRig.ready(theirs, { cls: "Push", ...setup, options: { ...QUIET, ...setup.options } })
}

function pull(setup: RigSetup = {}): SessionRig {
  return SessionRig.ready("PUSH", { cls: "Pull", ...setup, options: { ...QUIET, ...setup.options } })
}

function ping(context: string, ttlTenths = 0): Buffer {
  const ttl = Buffer.alloc(2)
  ttl.writeUInt16BE(ttlTenths)
  return command("PING", Buffer.concat([ttl, Buffer.from(context)]))
}

/** Lets time pass, with turns of the event loop in between. */
async function pass(ms: number): Promise<void> {
  const step = Math.max(1, Math.ceil(ms / 50))
  for (let left = ms; left > 0; left -= step) {
    vi.advanceTimersByTime(Math.min(left, step))
    await endOfTick()
  }
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  // Handshakes of one test hold up none of the next.
  await endOfTick()
})

afterEach(() => {
  vi.useRealTimers()
})

describe("the handshake of a session", () => {
  it.each([true, false])(
    "NULL-1, ZMTP-3: our greeting leaves without the peer's, READY after it; connecting: %s",
    async (connecting) => {
      const rig = new SessionRig({ connecting })
      // Who was accepted is heard first, but not for long.
      for (let turns = connecting ? 0 : 2; turns > 0; turns--) await endOfTick()
      expect(rig.stream.takeWritten().equals(greeting())).toBe(true)
      rig.stream.receive(greeting())
      expect(rig.stream.takeWritten().equals(ready("PUSH"))).toBe(true)
      expect([rig.established, rig.hub.joined]).toEqual([0, []])
      rig.stream.receive(ready("PULL"))
      expect(rig.established).toBe(1)
      expect(rig.hub.joined).toEqual([rig.pipe])
      expect(rig.hub.peers).toMatchObject([{ socketType: "PULL", address: rig.stream.address }])
      expect(rig.hub.eventTypes).toEqual(["handshake", "peer:join"])
      expect(rig.pipe.connecting).toBe(connecting)
    },
  )

  it("ZMTP-4: does not wait for octets of the peer that wait for ours", () => {
    const rig = new SessionRig()
    rig.stream.receive(greeting().subarray(0, 11))
    expect(rig.stream.takeWritten().equals(greeting())).toBe(true)
    rig.stream.receive(greeting().subarray(11))
    expect(rig.stream.takeWritten().equals(ready("PUSH"))).toBe(true)
  })

  it("answers who was accepted, and has said all, in one write", async () => {
    const rig = new SessionRig()
    expect(rig.stream.writes).toEqual([])
    rig.greet("PULL")
    expect(rig.stream.takeWritten().equals(Buffer.concat([greeting(), ready("PUSH")]))).toBe(true)
    for (let turn = 0; turn < 3; turn++) await endOfTick()
    expect(rig.stream.writes).toHaveLength(1)
  })

  it("never keeps the process alive by its stream", () => {
    expect(new SessionRig().stream.alive).toBe(false)
  })

  it("NULL-2, NULL-8: what was queued leaves after it, in order, and nothing of it before", async () => {
    const rig = new SessionRig({ connecting: true })
    rig.push("1", "2", "3")
    await endOfTick()
    rig.stream.receive(greeting())
    await endOfTick()
    expect(rig.stream.takeWritten().equals(Buffer.concat([greeting(), ready("PUSH")]))).toBe(true)
    rig.stream.receive(ready("PULL"))
    await endOfTick()
    expect(rig.said()).toEqual(["1", "2", "3"])
  })

  it("NULL-3: messages glued to READY are delivered", () => {
    const rig = new SessionRig({ cls: "Pull" })
    rig.stream.receive(Buffer.concat([greeting(), ready("PUSH"), message("a", "b"), message("c")]))
    expect(rig.read()).toEqual(["a|b", "c"])
  })

  it("ZMTP-14: goes well octet by octet", () => {
    const rig = new SessionRig({ cls: "Pull" })
    const octets = Buffer.concat([greeting(), ready("PUSH"), message("a")])
    rig.stream.receive(...Array.from(octets, (octet) => Buffer.of(octet)))
    expect(rig.read()).toEqual(["a"])
  })

  it("waits for a write of its own that does not leave at once", async () => {
    const rig = new SessionRig({ connecting: true, blocked: true })
    rig.push("first")
    rig.greet("PULL")
    await endOfTick()
    expect(rig.stream.writes).toHaveLength(1)
    rig.stream.drain()
    await endOfTick()
    expect(saidIn(rig.stream.takeWritten().subarray(64))).toEqual([expect.stringMatching(/^\/READY /), "first"])
  })

  it("LIMIT-3, OPT-7: has a deadline, which octets that trickle in do not put off", async () => {
    const rig = new SessionRig({ options: { handshakeInterval: 1000 } })
    const octets = Buffer.concat([greeting(), ready("PULL")])
    for (let n = 0; n < 9; n++) {
      rig.stream.receive(octets.subarray(n, n + 1))
      await pass(100)
    }
    expect(rig.stream.destroyed).toBe(false)
    await pass(100)
    expect(rig.stream.destroyed).toBe(true)
    expect(rig.end).toMatchObject({ established: false, refused: false })
    expect(rig.end.error).toBeInstanceOf(TimeoutError)
    expect(rig.hub.stats.handshakeFailures).toBe(1)
    expect(rig.hub.events).toMatchObject([
      { type: "limit", limit: "handshakeInterval" },
      { type: "handshake:error", fatal: false },
    ])
  })

  it("has no deadline any more once it is complete, or when there is to be none", async () => {
    const complete = push({ options: { handshakeInterval: 1000 } })
    const patient = new SessionRig({ options: { handshakeInterval: 0 } })
    await pass(100_000)
    expect([complete.stream.destroyed, patient.stream.destroyed]).toEqual([false, false])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("ZMTP-46: fails without a word when the peer sends what it may not", async () => {
    for (const octets of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.concat([greeting(), message("x")])]) {
      const rig = new SessionRig({ connecting: true })
      rig.stream.receive(octets)
      expect(rig.stream.destroyed).toBe(true)
      await endOfTick()
      expect(rig.end.error).toBeInstanceOf(ProtocolError)
      expect(rig.end).toMatchObject({ established: false, refused: false })
      expect(rig.stream.takeWritten().includes("ERROR")).toBe(false)
      expect(rig.hub.events).toMatchObject([{ type: "handshake:error", fatal: false }])
    }
  })

  it("ZMTP-47: fails, but not for good, when the peer leaves in the middle of it", async () => {
    const rig = new SessionRig({ connecting: true })
    rig.stream.receive(greeting())
    rig.stream.receiveEnd()
    await endOfTick()
    expect(rig.end).toMatchObject({ established: false, refused: false })
    expect(rig.end.error).toBeInstanceOf(ProtocolError)
  })

  it("PIPE-4: leaves what was queued where it is when it fails, for the next attempt", async () => {
    const rig = new SessionRig({ connecting: true })
    rig.push("kept")
    rig.stream.reset()
    expect([rig.pipe.state, rig.pipe.outbound.length]).toEqual(["waiting", 1])
    expect([rig.hub.left, rig.hub.joined]).toEqual([[], []])
    expect(rig.hub.stats.dropped["in-flight"]).toBe(0)
  })

  it("ZMTP-44: is over for good when the peer refuses", async () => {
    const rig = new SessionRig({ connecting: true })
    rig.stream.receive(Buffer.concat([greeting(), command("ERROR", "\x02no")]))
    await endOfTick()
    expect(rig.end).toMatchObject({ established: false, refused: true })
    expect(rig.hub.events).toMatchObject([{ type: "handshake:error", fatal: true }])
  })

  it.each([true, false])(
    "ZMTP-55, ZMTP-56: a peer of an illegal type is sent ERROR, then the end; connecting: %s",
    async (connecting) => {
      const rig = new SessionRig({ connecting })
      rig.stream.receive(greeting())
      rig.stream.takeWritten()
      rig.stream.receive(Buffer.concat([ready("PUB"), message("unheard")]))
      expect(rig.said()).toEqual(["/ERROR \x13Invalid socket type"])
      expect([rig.stream.finished, rig.stream.destroyed]).toEqual([true, false])
      rig.stream.receiveEnd()
      await endOfTick()
      expect(rig.stream.destroyed).toBe(true)
      expect(rig.end).toMatchObject({ established: false, refused: true })
      expect(rig.end.error).toBeInstanceOf(HandshakeError)
      expect(rig.hub.events).toMatchObject([{ type: "handshake:error", fatal: connecting }])
      expect(rig.hub.joined).toEqual([])
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it("ends when the socket does not want this peer", async () => {
    const refusal = new HandshakeError("there is one already")
    const rig = new SessionRig({ cls: "Pair", pattern: { refuses: () => refusal } })
    rig.greet("PAIR")
    await endOfTick()
    expect(rig.stream.closed).toBe(true)
    expect(rig.end.error).toBe(refusal)
  })
})

describe("writing", () => {
  it("gathers what is sent in a tick in one write at its end", async () => {
    const rig = push()
    for (let n = 0; n < 900; n++) rig.push(`${n}`)
    expect(rig.stream.writes).toHaveLength(1)
    await endOfTick()
    expect(rig.stream.writes).toHaveLength(2)
    expect(rig.said()).toHaveLength(900)
    expect(rig.hub.stats).toMatchObject({ writes: 1, messagesSent: 900, bytesSent: 2590 })
    expect(rig.pipe.peer?.stats).toMatchObject({ writes: 1, messagesSent: 900, bytesSent: 2590 })
  })

  it("writes at once when much has gathered", () => {
    const rig = push()
    rig.push("x".repeat(200_000))
    expect(rig.said()).toEqual(["x".repeat(200_000)])
  })

  it("has at most one write in flight; what gathers meanwhile leaves together", async () => {
    const rig = push()
    rig.stream.blocked = true
    rig.push("1")
    await endOfTick()
    for (let n = 2; n <= 50; n++) {
      rig.push(`${n}`)
      await endOfTick()
    }
    rig.push("y".repeat(200_000))
    expect(rig.said()).toEqual(["1"])
    rig.stream.drain()
    expect(rig.stream.writes).toHaveLength(3)
    expect(rig.said()).toHaveLength(50)
  })

  it("writes no more at once than batchBytes, give or take a message", async () => {
    const rig = push({ options: { batchBytes: 1000 } })
    for (let n = 0; n < 100; n++) rig.push("z".repeat(98))
    await endOfTick()
    expect(rig.stream.writes.slice(1).map(({ length }) => length)).toEqual(Array(10).fill(1000))
  })

  it("sends large frames by reference", async () => {
    const rig = push()
    const large = Buffer.alloc(50_000, 7)
    rig.pipe.push([Buffer.from("a"), large, Buffer.from("b")])
    await endOfTick()
    expect(rig.stream.chunks.at(-1)?.[1]).toBe(large)
  })

  it("counts a message as sent when the system has taken it, not before", async () => {
    const rig = push()
    rig.stream.blocked = true
    rig.push("1", "2")
    await endOfTick()
    expect(rig.hub.stats).toMatchObject({ messagesSent: 0, writes: 1 })
    rig.stream.drain()
    expect(rig.hub.stats).toMatchObject({ messagesSent: 2, bytesSent: 2, writes: 1 })
  })

  it("drops and counts as in-flight what a lost connection had begun to write, and gives back the rest", async () => {
    const rig = push()
    rig.stream.blocked = true
    rig.push("1", "2", "3")
    await endOfTick()
    rig.push("4", "5")
    rig.stream.reset()
    await endOfTick()
    expect(rig.hub.stats.dropped["in-flight"]).toBe(3)
    expect(rig.pipe.peer?.stats.dropped["in-flight"]).toBe(3)
    expect(rig.hub.stats.messagesSent).toBe(0)
    expect(rig.hub.returned.map(String)).toEqual(["4", "5"])
    expect(rig.hub.events).toContainEqual(
      expect.objectContaining({ type: "message:dropped", reason: "in-flight", count: 3, peer: rig.pipe.peer }),
    )
    expect(rig.hub.stats.dropped["peer-left"]).toBe(0)
  })

  it("drops nothing when only a command was in flight", async () => {
    const rig = push()
    rig.stream.blocked = true
    rig.stream.receive(ping("x"))
    await endOfTick()
    rig.stream.reset()
    expect(rig.hub.stats.dropped["in-flight"]).toBe(0)
  })

  it("tells the socket of room as soon as a write has taken messages out of the queue", async () => {
    const relieved: number[] = []
    const rig = push({
      options: { sendHighWaterMark: 4 },
      pattern: { relieved: (pipe) => relieved.push(pipe.outbound.length) },
    })
    rig.stream.blocked = true
    rig.push("1")
    await endOfTick()
    rig.push("2", "3", "4", "5")
    expect(rig.pipe.hasRoom).toBe(false)
    rig.stream.drain()
    expect(relieved).toEqual([0])
    expect(rig.pipe.hasRoom).toBe(true)
  })

  it("drops and counts a message whose memory was taken away while it was queued, and the stream stays whole", async () => {
    const rig = push()
    const frames = [10, 300, 20_000].map((size) => Buffer.from(new ArrayBuffer(size)))
    rig.push("before")
    for (const each of frames) rig.pipe.push([Buffer.from("head"), each])
    rig.push("after")
    for (const each of frames) structuredClone(each.buffer, { transfer: [each.buffer as ArrayBuffer] })
    await endOfTick()
    expect(rig.said()).toEqual(["before", "after"])
    expect(rig.hub.stats.dropped.detached).toBe(3)
    expect(rig.hub.stats).toMatchObject({ messagesSent: 2, bytesSent: 11 })
    expect(rig.hub.budget.bytes).toBe(0)
  })

  it("writes nothing when all that was queued is gone", async () => {
    const rig = push()
    const only = Buffer.from(new ArrayBuffer(10))
    rig.pipe.push([only])
    structuredClone(only.buffer, { transfer: [only.buffer as ArrayBuffer] })
    await endOfTick()
    expect(rig.stream.writes).toHaveLength(1)
    rig.push("next")
    await endOfTick()
    expect(rig.said()).toEqual(["next"])
  })

  it("waits for batchDelay before it writes", async () => {
    const rig = push({ options: { batchDelay: 20 } })
    rig.push("1")
    await endOfTick()
    await pass(19)
    rig.push("2")
    expect(rig.said()).toEqual([])
    await pass(1)
    expect(rig.said()).toEqual(["1", "2"])
  })

  it("does not wait for batchDelay when batchBytes have gathered, and waits again afterwards", async () => {
    const rig = push({ options: { batchDelay: 20, batchBytes: 1000 } })
    rig.push("a", "b".repeat(2000), "c")
    expect(rig.said()).toEqual(["a", "b".repeat(2000)])
    await pass(20)
    expect(rig.said()).toEqual(["c"])
    rig.push("d")
    await pass(19)
    expect(rig.said()).toEqual([])
    await pass(1)
    expect(rig.said()).toEqual(["d"])
  })

  it("encodes once what several sessions send alike", async () => {
    const shared = new SharedBatch()
    const hub = new RecordingHub("Publisher", QUIET)
    const rigs: SessionRig[] = []
    for (let n = 0; n < 3; n++) {
      rigs.push(SessionRig.ready("SUB", { hub, shared, cls: "Publisher" }))
      await endOfTick()
    }
    const messages: Message[] = ["a", "b"].map((text) => [Buffer.from(text)])
    for (const pipe of hub.joined) for (const each of messages) pipe.push(each)
    await endOfTick()
    const written = rigs.map(({ stream }) => stream.chunks.at(-1)?.[0])
    expect(written[1]).toBe(written[0])
    expect(written[2]).toBe(written[0])
    for (const rig of rigs) expect(rig.said()).toEqual(["a", "b"])
    expect(hub.stats.messagesSent).toBe(6)
  })

  it("says subscriptions as commands to a peer of 3.1, before messages", async () => {
    const rig = SessionRig.ready("DEALER", { cls: "Dealer", options: QUIET })
    rig.push("message")
    rig.session.subscribe("subscribe", Buffer.from("A"))
    rig.session.subscribe("cancel", Buffer.from("B"))
    await endOfTick()
    expect(rig.said()).toEqual(["/SUBSCRIBE A", "/CANCEL B", "message"])
  })

  it("says subscriptions as messages to a peer of 3.0, and counts them as none", async () => {
    const rig = SessionRig.ready("PUB", { cls: "Subscriber", options: QUIET }, 0)
    rig.session.subscribe("subscribe", Buffer.from("A"))
    rig.session.subscribe("cancel", Buffer.from("B"))
    await endOfTick()
    expect(rig.said()).toEqual(["\x01A", "\x00B"])
  })

  it("sends subscriptions whatever the marks say", async () => {
    const rig = SessionRig.ready("PUB", { cls: "Subscriber", options: QUIET })
    rig.stream.blocked = true
    for (let n = 0; n < 5000; n++) rig.session.subscribe("subscribe", Buffer.from(`${n}`))
    await endOfTick()
    rig.stream.drain()
    expect(rig.said()).toHaveLength(5000)
  })
})

describe("a peer that takes nothing", () => {
  it("is put up with for as long as stallTimeout says, and no longer", async () => {
    const rig = push({ options: { stallTimeout: 500 } })
    rig.stream.blocked = true
    rig.push("1")
    await endOfTick()
    await pass(499)
    expect(rig.stream.destroyed).toBe(false)
    await pass(1)
    expect(rig.stream.destroyed).toBe(true)
    expect(rig.end.error).toBeInstanceOf(TimeoutError)
    expect(rig.hub.stats.dropped["in-flight"]).toBe(1)
  })

  it("is not one that takes a little", async () => {
    const rig = push({ options: { stallTimeout: 500 } })
    rig.stream.blocked = true
    rig.push("x".repeat(1000))
    await endOfTick()
    for (let n = 0; n < 5; n++) {
      await pass(450)
      rig.stream.pending -= 10
    }
    expect(rig.stream.destroyed).toBe(false)
    rig.stream.drain()
    await pass(5000)
    expect(rig.stream.destroyed).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("is put up with for ever by default", async () => {
    const rig = push()
    rig.stream.blocked = true
    rig.push("1")
    await endOfTick()
    await pass(10_000_000)
    expect(rig.stream.destroyed).toBe(false)
  })
})

describe("reading", () => {
  it("delivers, and counts", () => {
    const rig = pull()
    rig.stream.receive(Buffer.concat([message("a", "bc"), message("")]), message("d"))
    expect(rig.read()).toEqual(["a|bc", "", "d"])
    expect(rig.hub.stats).toMatchObject({ messagesReceived: 3, bytesReceived: 4 })
    expect(rig.pipe.peer?.stats).toMatchObject({ messagesReceived: 3, bytesReceived: 4 })
  })

  it("delivers messages of any size, from memory that is only lent", () => {
    const rig = pull()
    const sizes = [1, 300, 600, 70_000, 1_000_000, 5]
    const bodies = sizes.map((size, n) => Buffer.alloc(size, `${n}-abcdefg`))
    rig.stream.receive(Buffer.concat(bodies.map((each) => message(each, each))))
    for (const each of bodies) {
      const received = rig.pipe.pop()
      expect(received?.map((octets) => octets.equals(each))).toEqual([true, true])
    }
  })

  it("ZMTP-33: leaves no trace of a message that was cut off", async () => {
    const rig = pull()
    rig.stream.receive(Buffer.concat([message("whole"), frame("torn", 1)]))
    rig.stream.reset()
    await endOfTick()
    expect(rig.read()).toEqual(["whole"])
    expect(rig.hub.stats.messagesReceived).toBe(1)
  })

  it("stops the stream when the inbound queue is full and more has arrived, and goes on when there is room", async () => {
    const rig = pull({ options: { receiveHighWaterMark: 2 } })
    rig.stream.receive(Buffer.concat(["1", "2", "3", "4", "5"].map((text) => message(text))))
    expect(rig.stream.paused).toBe(true)
    expect(rig.pipe.inbound.length).toBe(2)
    rig.stream.receive(message("6"))
    expect(rig.pipe.pop()?.join()).toBe("1")
    expect([rig.pipe.inbound.length, rig.stream.paused]).toEqual([2, true])
    expect(rig.read()).toEqual(["2", "3", "4", "5"])
    expect(rig.stream.paused).toBe(false)
    await endOfTick()
    expect(rig.read()).toEqual(["6"])
  })

  it("does not stop the stream before more arrives than the queue takes", () => {
    const rig = pull({ options: { receiveHighWaterMark: 2 } })
    rig.stream.receive(Buffer.concat([message("1"), message("2")]))
    expect(rig.stream.paused).toBe(false)
    rig.stream.receive(message("3"))
    expect(rig.stream.paused).toBe(true)
    expect(rig.read()).toEqual(["1", "2", "3"])
    expect(rig.stream.paused).toBe(false)
  })

  it("keeps the order of what arrives though the stream was stopped", async () => {
    const rig = pull({ options: { receiveHighWaterMark: 1 } })
    rig.stream.receive(Buffer.concat([message("1"), message("2")]))
    rig.stream.receiveLate(message("3"))
    rig.stream.receiveLate(message("4"))
    expect(rig.read()).toEqual(["1", "2", "3", "4"])
  })

  it("bounds what is kept for a reader that does not read, however much is sent", () => {
    const rig = pull({ options: { receiveHighWaterMark: 10 } })
    const chunk = Buffer.concat(Array.from({ length: 100 }, (_, n) => message(`${n}`)))
    for (let n = 0; n < 100; n++) rig.stream.receive(chunk)
    expect(rig.hub.stats.messagesReceived).toBe(10)
    expect(rig.stream.paused).toBe(true)
  })

  it("delivers what had arrived when the peer ends its side, also what waits for room", async () => {
    const rig = pull({ options: { receiveHighWaterMark: 2 } })
    rig.stream.receive(Buffer.concat(["1", "2", "3", "4", "5"].map((text) => message(text))))
    rig.stream.receiveEndLate()
    await endOfTick()
    expect(rig.stream.closed).toBe(true)
    expect(rig.read()).toEqual(["1", "2", "3", "4", "5"])
    expect(rig.hub.stats.messagesReceived).toBe(5)
    expect(rig.end).toMatchObject({ error: undefined, established: true })
  })

  it("delivers what had arrived when the connection is lost, also what waits for room", async () => {
    const rig = pull({ options: { receiveHighWaterMark: 2 } })
    rig.stream.receive(Buffer.concat([...["1", "2", "3", "4"].map((text) => message(text)), frame("torn", 1)]))
    rig.stream.reset()
    await endOfTick()
    expect(rig.read()).toEqual(["1", "2", "3", "4"])
  })

  it("B7: ends at an illegal frame, in the same turn, and delivers and counts what came before it", async () => {
    const rig = pull()
    rig.stream.receive(Buffer.concat([message("1"), message("2"), Buffer.of(0x80, 1, 0), message("3")]))
    expect(rig.stream.destroyed).toBe(true)
    rig.stream.receiveLate(message("4"))
    await endOfTick()
    expect(rig.read()).toEqual(["1", "2"])
    expect(rig.hub.stats.messagesReceived).toBe(2)
    expect(rig.end.error).toBeInstanceOf(ProtocolError)
    expect(rig.end).toMatchObject({ established: true, refused: false })
    expect(rig.hub.events).toContainEqual(expect.objectContaining({ type: "disconnect", error: rig.end.error }))
  })

  it("LIMIT-5, B8: ends at an announcement over the limit, and says which", async () => {
    const rig = pull({ options: { maxMessageSize: 1000 } })
    rig.stream.receive(longHeader(2n ** 62n))
    expect(rig.stream.destroyed).toBe(true)
    expect(rig.hub.events).toContainEqual(
      expect.objectContaining({ type: "limit", limit: "maxMessageSize", peer: rig.pipe.peer }),
    )
  })

  it("hands subscriptions to the socket", () => {
    const rig = SessionRig.ready("SUB", { cls: "Publisher", options: QUIET })
    rig.stream.receive(Buffer.concat([command("SUBSCRIBE", "A"), command("CANCEL", "A")]))
    expect(rig.hub.subscriptions).toEqual(["subscribe A", "cancel A"])
  })

  it("hands no subscription to the socket of a peer that is gone meanwhile", async () => {
    const told: string[] = []
    const pattern: Partial<Pattern> = {
      subscribed: (pipe, kind, topic) => {
        told.push(`${kind} ${topic}`)
        if (String(topic) === "B") pipe.link?.end()
      },
      left: () => told.push("left"),
    }
    const rig = SessionRig.ready("SUB", { cls: "Publisher", options: QUIET, pattern })
    rig.stream.receive(Buffer.concat(["A", "B", "C"].map((topic) => command("SUBSCRIBE", topic))))
    await endOfTick()
    expect(told).toEqual(["subscribe A", "subscribe B", "left"])
  })

  it("ends once though an illegal frame comes to light while it ends", async () => {
    const rig = SessionRig.ready("DEALER", { cls: "Dealer", options: { ...QUIET, maxBufferedBytes: 100 } })
    rig.stream.blocked = true
    rig.push("in flight")
    await endOfTick()
    rig.push("x".repeat(100))
    rig.stream.receive(Buffer.concat([message("1"), Buffer.of(0x80, 0)]))
    rig.session.abort(undefined)
    await endOfTick()
    expect(rig.hub.eventTypes.filter((type) => type === "disconnect")).toHaveLength(1)
    expect(rig.ends).toHaveLength(1)
    expect(rig.end.error).toBeUndefined()
    expect(rig.read()).toEqual(["1"])
  })

  it("reads nothing more than what has arrived once it is halted, and can still be ended in good order", async () => {
    const rig = pull()
    rig.stream.receive(message("1"))
    rig.session.halt()
    expect(rig.stream.paused).toBe(true)
    rig.stream.receive(message("2"))
    await endOfTick()
    expect(rig.read()).toEqual(["1"])
    expect(rig.stream.paused).toBe(true)
    rig.session.finish()
    expect(rig.stream.paused).toBe(false)
    rig.stream.receiveEnd()
    await endOfTick()
    expect(rig.stream.closed).toBe(true)
  })
})

describe("PINGs of the peer", () => {
  it("HB-1, HB-2: are answered with their context, of at most 16 octets", async () => {
    const rig = pull()
    rig.stream.receive(Buffer.concat([ping(""), ping("abc"), ping("0123456789abcdefX")]))
    await endOfTick()
    expect(rig.said()).toEqual(["/PONG ", "/PONG abc", "/PONG 0123456789abcdef"])
    expect(rig.hub.stats.writes).toBe(0)
  })

  it("HB-13: leave only the newest to be answered while output is blocked", async () => {
    const rig = push()
    rig.stream.blocked = true
    rig.push("1")
    await endOfTick()
    rig.stream.takeWritten()
    for (let n = 0; n < 100; n++) {
      rig.stream.receive(Buffer.concat(Array.from({ length: 100 }, (_, m) => ping(`${n * 100 + m}`))))
    }
    rig.push("2")
    rig.stream.drain()
    expect(rig.said()).toEqual(["/PONG 9999", "2"])
  })

  it("T13, HB-13: are answered before many answers have gathered, however long a write may wait", () => {
    const rig = push({ options: { batchDelay: 10_000 } })
    rig.stream.receive(Buffer.concat(Array.from({ length: 2500 }, (_, n) => ping(`${n}`))))
    expect(rig.said()).toHaveLength(2000)
  })

  it("HB-11: that are too short end the session without an answer", async () => {
    const rig = pull()
    rig.stream.receive(command("PING", "\0"))
    await endOfTick()
    expect([rig.stream.closed, rig.said()]).toEqual([true, []])
  })

  it("HB-4: with a time to live end a session in which nothing follows", async () => {
    const rig = pull()
    rig.stream.receive(ping("", 5))
    await pass(499)
    expect(rig.stream.destroyed).toBe(false)
    await pass(1)
    expect(rig.end.error).toBeInstanceOf(TimeoutError)
  })
})

describe("PINGs of ours", () => {
  const options = { heartbeatInterval: 100, heartbeatTimeout: 300 }

  /** What was said since the last time, without the number that each PING bears. */
  function pings(rig: SessionRig): string[] {
    return rig.said().map((text) => text.slice(0, 8))
  }

  it("go out after a silence, at once", async () => {
    const rig = SessionRig.ready("PUSH", { cls: "Pull", options })
    await pass(99)
    expect(pings(rig)).toEqual([])
    await pass(1)
    expect(pings(rig)).toEqual(["/PING \0\0"])
  })

  it("HB-10: carry the time to live in tenths of a second, at most 655", async () => {
    const tenths = async (heartbeatTimeToLive: number) => {
      const rig = SessionRig.ready("PUSH", { cls: "Pull", options: { ...options, heartbeatTimeToLive } })
      await pass(100)
      const said = Buffer.from(rig.said()[0] ?? "", "latin1")
      return said.readUInt16BE(6)
    }
    expect([await tenths(0), await tenths(5000), await tenths(65_500)]).toEqual([0, 50, 655])
  })

  it("do not go to peers of 3.0", async () => {
    const rig = SessionRig.ready("PUSH", { cls: "Pull", options }, 0)
    await pass(5000)
    expect([rig.said(), rig.stream.destroyed]).toEqual([[], false])
  })

  it("HB-5: without an answer end the session", async () => {
    const rig = SessionRig.ready("PUSH", { cls: "Pull", options })
    await pass(400)
    expect(rig.stream.destroyed).toBe(true)
    expect(rig.end).toMatchObject({ established: true, refused: false })
    expect(rig.end.error).toBeInstanceOf(TimeoutError)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("HB-6: are answered by their PONG, and by anything else as well", async () => {
    const rig = SessionRig.ready("PUSH", { cls: "Pull", options })
    for (let n = 0; n < 5; n++) {
      await pass(100)
      for (const said of rig.said()) rig.stream.receive(command("PONG", Buffer.from(said.slice(8), "latin1")))
      await pass(150)
      rig.stream.receive(message(`${n}`))
    }
    expect(rig.stream.destroyed).toBe(false)
    expect(rig.read()).toHaveLength(5)
  })

  it("do not condemn a peer that may have messages to read first", async () => {
    const rig = SessionRig.ready("PULL", { cls: "Push", options })
    rig.push("1")
    await endOfTick()
    await pass(10_000)
    expect(rig.stream.destroyed).toBe(false)
    // The peer has read them, and said so.
    const asked = rig.said().find((text) => text.startsWith("/PING")) as string
    rig.stream.receive(command("PONG", Buffer.from(asked.slice(8), "latin1")))
    await pass(1000)
    expect(rig.stream.destroyed).toBe(true)
  })

  it("do not condemn a peer from whom we ourselves read nothing", async () => {
    const rig = SessionRig.ready("PUSH", { cls: "Pull", options: { ...options, receiveHighWaterMark: 1 } })
    rig.stream.receive(Buffer.concat([message("1"), message("2"), message("3")]))
    expect(rig.stream.paused).toBe(true)
    await pass(10_000)
    expect(rig.stream.destroyed).toBe(false)
    expect(rig.read()).toEqual(["1", "2", "3"])
    await pass(1000)
    expect(rig.stream.destroyed).toBe(true)
  })

  it("prove what the peer has read, where the socket balances by load", async () => {
    const rig = SessionRig.ready("PULL", { cls: "Push", options: { ...QUIET, balance: "least-loaded", window: 100 } })
    rig.push("1", "2", "3")
    await endOfTick()
    const asked = rig.said().filter((text) => text.startsWith("/PING"))
    expect(asked.length).toBeGreaterThan(0)
    expect(rig.pipe.unproven).toBe(3)
    for (const said of asked) rig.stream.receive(command("PONG", Buffer.from(said.slice(8), "latin1")))
    await endOfTick()
    for (const said of rig.said()) rig.stream.receive(command("PONG", Buffer.from(said.slice(8), "latin1")))
    expect(rig.pipe.unproven).toBe(0)
  })
})

describe("the end of a session", () => {
  it("ZMTP-36: leaves one message of those for which there was no room, before which none of the next is read", async () => {
    const rig = SessionRig.ready("PUSH", {
      cls: "Pull",
      connecting: true,
      options: { ...QUIET, maxBufferedBytes: 3000 },
    })
    const other = rig.hub.createPipe("tcp://127.0.0.1:5555", false)
    other.enqueue([Buffer.alloc(1000)])
    other.inbound.leaveBehind()
    rig.stream.receive(Buffer.concat([message("a"), message("b")]))
    expect([rig.pipe.inbound.length, rig.stream.paused]).toEqual([0, true])
    rig.stream.reset()
    expect(rig.pipe.inbound.length).toBe(1)
    const next = rig.hub.createPipe("tcp://127.0.0.1:5555", true)
    next.follow(rig.pipe)
    expect(next.predecessor).toBe(rig.pipe)
    other.pop()
    expect(rig.read()).toEqual(["a", "b"])
    expect(rig.hub.stats.queuedBytes).toBe(0)
  })

  it("in good order: what is queued is sent, then the end, then the peer's end is waited for", async () => {
    const rig = push()
    rig.push("1", "2")
    rig.session.finish()
    expect(rig.said()).toEqual(["1", "2"])
    expect([rig.stream.finished, rig.stream.destroyed]).toEqual([true, false])
    expect(rig.hub.left).toEqual([rig.pipe])
    rig.stream.receive(message("ignored"), ping("ignored"))
    await endOfTick()
    expect(rig.stream.closed).toBe(false)
    rig.stream.receiveEnd()
    await rig.session.done
    expect(rig.stream.closed).toBe(true)
    expect(rig.end).toMatchObject({ error: undefined, established: true, refused: false })
    expect(rig.end.lived).toBeGreaterThanOrEqual(0)
    const events = ["handshake", "peer:join", "disconnect", "peer:leave", "message:dropped"]
    expect(rig.hub.eventTypes).toEqual(events)
    expect(rig.hub.stats.dropped).toMatchObject({ unread: 1, "peer-left": 0 })
    rig.hub.monitor.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  it("in good order waits for a write in flight, and for those behind it", async () => {
    const rig = push()
    rig.stream.blocked = true
    rig.push("1")
    await endOfTick()
    rig.push("2")
    rig.session.finish()
    expect(rig.stream.finished).toBe(false)
    rig.stream.drain(true)
    expect(rig.stream.finished).toBe(false)
    rig.stream.drain()
    expect([rig.said(), rig.stream.finished]).toEqual([["1", "2"], true])
    expect(rig.hub.stats.messagesSent).toBe(2)
  })

  it("in good order does not wait for ever for the peer's end", async () => {
    const rig = push()
    rig.session.finish()
    await pass(999)
    expect(rig.stream.destroyed).toBe(false)
    await pass(1)
    await rig.session.done
    expect(rig.stream.destroyed).toBe(true)
    expect(rig.end.error).toBeUndefined()
  })

  it("at once: what is queued is given back, what is in flight still counts", async () => {
    const rig = push()
    rig.stream.blocked = true
    rig.push("1")
    await endOfTick()
    rig.push("2")
    rig.session.end()
    expect(rig.hub.returned.map(String)).toEqual(["2"])
    rig.stream.drain()
    rig.stream.receiveEnd()
    await rig.session.done
    expect(rig.hub.stats).toMatchObject({ messagesSent: 1 })
    expect(rig.hub.stats.dropped["in-flight"]).toBe(0)
  })

  it("reads on to the peer's end though the stream was stopped", async () => {
    const rig = pull({ options: { receiveHighWaterMark: 1 } })
    rig.stream.receive(Buffer.concat([message("1"), message("2")]))
    rig.stream.receive(message("3"))
    rig.stream.receiveEnd()
    expect(rig.stream.paused).toBe(true)
    rig.session.end()
    expect(rig.stream.paused).toBe(false)
    await rig.session.done
    expect(rig.stream.closed).toBe(true)
  })

  it("during the handshake gives it up", async () => {
    for (const how of ["finish", "end"] as const) {
      const rig = new SessionRig({ connecting: true })
      rig.session[how]()
      await rig.session.done
      expect(rig.stream.destroyed).toBe(true)
      expect(rig.end).toMatchObject({ error: undefined, established: false, refused: false })
      expect(rig.hub.eventTypes).toEqual([])
    }
  })

  it("comes when the peer is expelled", async () => {
    const rig = push()
    rig.pipe.peer?.disconnect()
    expect(rig.stream.finished).toBe(true)
    rig.stream.receiveEnd()
    await rig.session.done
    expect(rig.ends).toHaveLength(1)
  })

  it("comes when the peer ends its side", async () => {
    const rig = push()
    rig.push("1")
    rig.stream.receiveEnd()
    await rig.session.done
    expect(rig.stream.destroyed).toBe(true)
    expect(rig.end).toMatchObject({ error: undefined, established: true })
    expect(rig.hub.returned.map(String)).toEqual(["1"])
  })

  it("is told once, with the error of a connection that was lost", async () => {
    const rig = push()
    const error = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
    rig.stream.reset(error)
    rig.session.end()
    rig.session.finish()
    rig.session.abort(new Error("too late"))
    await rig.session.done
    expect(rig.ends).toHaveLength(1)
    expect(rig.end.error).toBe(error)
    expect(rig.hub.left).toHaveLength(1)
    expect(rig.hub.events).toContainEqual(expect.objectContaining({ type: "disconnect", error }))
    expect(rig.hub.events).toContainEqual(expect.objectContaining({ type: "peer:leave", error }))
  })

  it("LIMIT-13: leaves no timer behind, whatever ended it", async () => {
    const options = { heartbeatInterval: 100, stallTimeout: 1000, batchDelay: 10, handshakeInterval: 1000 }
    const endings: ((rig: SessionRig) => void)[] = [
      (rig) => rig.stream.reset(),
      (rig) => rig.stream.receiveEnd(),
      (rig) => rig.session.abort(new Error("enough")),
      (rig) => {
        rig.stream.drain()
        rig.session.finish()
        rig.stream.receiveEnd()
      },
      (rig) => {
        rig.session.end()
        rig.stream.reset()
      },
    ]
    for (const ending of endings) {
      const rig = SessionRig.ready("DEALER", { cls: "Dealer", options })
      rig.stream.receive(ping("", 50))
      rig.stream.blocked = true
      rig.push("x".repeat(200_000), "y")
      ending(rig)
      await rig.session.done
      // The monitor gathers what was dropped; that is no matter of the session.
      rig.hub.monitor.close()
      expect(vi.getTimerCount()).toBe(0)
      await endOfTick()
    }
  })
})
