// Against peers made by hand of sockets of libzmq: every frame as RFC 18 has it, in both directions.

import { MajordomoBroker, MajordomoClient, MajordomoWorker } from "brokerless/patterns/majordomo"
import { describe, expect, it, vi } from "vitest"
import * as zmq from "zeromq"
import { Meeting } from "../../../test/support/meeting.ts"
import { stopClock } from "../../../test/support/stopped-clock.ts"

const HEARTBEAT = ["MDPW02", "\x05"]
const DISCONNECT = ["MDPW02", "\x06"]

const say = (frames: Buffer[]): string[] => frames.map((frame) => frame.toString("latin1"))

/** The next message that is not a heartbeat. */
async function hear(socket: zmq.Dealer): Promise<string[]> {
  for (;;) {
    const frames = say(await socket.receive())
    if (frames.length !== 2 || frames[1] !== "\x05") return frames
  }
}

/** The same at a socket that puts the sender in front. */
async function hearFrom(socket: zmq.Router): Promise<{ from: Buffer; frames: string[] }> {
  for (;;) {
    const [from, ...rest] = await socket.receive()
    const frames = say(rest)
    if (frames.length !== 2 || frames[1] !== "\x05") return { from: from as Buffer, frames }
  }
}

async function brokerOfOurs(meeting: Meeting, options: ConstructorParameters<typeof MajordomoBroker>[0] = {}) {
  const broker = meeting.use(new MajordomoBroker(options))
  const endpoint = await broker.bind("tcp://127.0.0.1:*")
  const dealer = (routingId?: string): zmq.Dealer => {
    const socket = meeting.theirs(new zmq.Dealer(routingId === undefined ? {} : { routingId }))
    socket.connect(endpoint)
    return socket
  }
  return { broker, endpoint, dealer }
}

describe("our broker", () => {
  it("passes requests and answers between a client and a worker of theirs", async () => {
    await using meeting = new Meeting()
    const { dealer } = await brokerOfOurs(meeting)
    const [client, worker] = [dealer("anna"), dealer()]
    await worker.send(["MDPW02", "\x01", "echo"])
    await client.send(["MDPC02", "\x01", "echo", "one", "", "three"])
    expect(await hear(worker)).toEqual(["MDPW02", "\x02", "anna", "", "one", "", "three"])
    await worker.send(["MDPW02", "\x03", "anna", "", "part"])
    await worker.send(["MDPW02", "\x04", "anna", "", "last", "of all"])
    expect(await hear(client)).toEqual(["MDPC02", "\x02", "echo", "part"])
    expect(await hear(client)).toEqual(["MDPC02", "\x03", "echo", "last", "of all"])
    await client.send(["MDPC02", "\x01", "mmi.service", "echo"])
    expect(await hear(client)).toEqual(["MDPC02", "\x03", "mmi.service", "200"])
    await worker.send(DISCONNECT)
    await client.send(["MDPC02", "\x01", "mmi.service", "other"])
    expect(await hear(client)).toEqual(["MDPC02", "\x03", "mmi.service", "404"])
    await client.send(["MDPC02", "\x01", "mmi.echo", "other"])
    expect(await hear(client)).toEqual(["MDPC02", "\x03", "mmi.echo", "501"])
  })

  it("answers several requests of one client in flight, as its workers finish", async () => {
    await using meeting = new Meeting()
    const { dealer } = await brokerOfOurs(meeting)
    const client = dealer("anna")
    const workers = [dealer(), dealer()] as const
    for (const worker of workers) await worker.send(["MDPW02", "\x01", "echo"])
    for (const body of ["a", "b"]) await client.send(["MDPC02", "\x01", "echo", body])
    const bodies = await Promise.all(workers.map(async (worker) => (await hear(worker)).at(-1) as string))
    for (const i of [1, 0] as const) {
      await workers[i].send(["MDPW02", "\x04", "anna", "", bodies[i] as string])
      expect(await hear(client)).toEqual(["MDPC02", "\x03", "echo", bodies[i]])
    }
  })

  it("sends heartbeats to a worker, idle or busy", async () => {
    await using meeting = new Meeting()
    const { dealer } = await brokerOfOurs(meeting, { heartbeatInterval: 20, liveness: 100 })
    const worker = dealer()
    await worker.send(["MDPW02", "\x01", "echo"])
    for (let i = 0; i < 3; i++) expect(say(await worker.receive())).toEqual(HEARTBEAT)
    const client = dealer("anna")
    await client.send(["MDPC02", "\x01", "echo", "x"])
    expect((await hear(worker))[1]).toBe("\x02")
    for (let i = 0; i < 3; i++) expect(say(await worker.receive())).toEqual(HEARTBEAT)
  })

  it("gives the request of a worker that falls silent to another, and refuses the late answer", async () => {
    await using meeting = new Meeting()
    const { broker, dealer } = await brokerOfOurs(meeting, { heartbeatInterval: 50, liveness: 4 })
    const [client, silent, other] = [dealer("anna"), dealer(), dealer()]
    await silent.send(["MDPW02", "\x01", "echo"])
    await client.send(["MDPC02", "\x01", "echo", "x"])
    expect(await hear(silent)).toEqual(["MDPW02", "\x02", "anna", "", "x"])
    expect((await broker.events.once("worker:leave")).reason).toBe("silent")
    await other.send(["MDPW02", "\x01", "echo"])
    const beating = setInterval(() => void other.send(HEARTBEAT).catch(() => {}), 20)
    meeting.use({ close: () => clearInterval(beating) })
    expect(await hear(other)).toEqual(["MDPW02", "\x02", "anna", "", "x"])
    await silent.send(["MDPW02", "\x04", "anna", "", "late"])
    expect(await hear(silent)).toEqual(DISCONNECT)
    await other.send(["MDPW02", "\x04", "anna", "", "in time"])
    expect(await hear(client)).toEqual(["MDPC02", "\x03", "echo", "in time"])
  })

  const unexpected: Record<string, readonly (string[] | "request")[]> = {
    "a second READY": [
      ["MDPW02", "\x01", "echo"],
      ["MDPW02", "\x01", "echo"],
    ],
    "READY for a name of the broker's own": [["MDPW02", "\x01", "mmi.service"]],
    "a heartbeat before READY": [HEARTBEAT],
    "an answer before READY": [["MDPW02", "\x04", "anna", "", "x"]],
    "an answer without a request": [
      ["MDPW02", "\x01", "echo"],
      ["MDPW02", "\x04", "anna", "", "x"],
    ],
    "a part without a request": [
      ["MDPW02", "\x01", "echo"],
      ["MDPW02", "\x03", "anna", "", "x"],
    ],
    "an answer for somebody else": [["MDPW02", "\x01", "echo"], "request", ["MDPW02", "\x04", "boris", "", "x"]],
  }
  it.each(Object.entries(unexpected))("answers %s with DISCONNECT, and nothing more", async (_, commands) => {
    await using meeting = new Meeting()
    const { broker, dealer } = await brokerOfOurs(meeting, { heartbeatInterval: 20, liveness: 100 })
    const [client, worker] = [dealer("anna"), dealer()]
    for (const command of commands) {
      if (command === "request") {
        await client.send(["MDPC02", "\x01", "echo", "x"])
        expect((await hear(worker))[1]).toBe("\x02")
      } else {
        await worker.send(command)
      }
    }
    expect(await hear(worker)).toEqual(DISCONNECT)
    expect(broker.stats).toMatchObject({ workers: 0, unexpected: 1 })
    // Others are served, and the next thing it hears is an answer to what it asks as a client.
    await client.send(["MDPC02", "\x01", "mmi.service", "echo"])
    expect(await hear(client)).toEqual(["MDPC02", "\x03", "mmi.service", "404"])
    await worker.send(["MDPC02", "\x01", "mmi.service", "echo"])
    expect(say(await worker.receive())).toEqual(["MDPC02", "\x03", "mmi.service", "404"])
  })

  it("answers a client with a name of its own that comes back", async () => {
    await using meeting = new Meeting()
    const { broker, endpoint, dealer } = await brokerOfOurs(meeting)
    const first = new zmq.Dealer({ routingId: "anna", linger: 0 })
    first.connect(endpoint)
    await first.send(["MDPC02", "\x01", "echo", "x"])
    const worker = dealer()
    await worker.send(["MDPW02", "\x01", "echo"])
    expect((await hear(worker))[1]).toBe("\x02")
    first.close()
    const second = dealer("anna")
    // Once this is answered the broker knows it by that name.
    await second.send(["MDPC02", "\x01", "mmi.service", "echo"])
    expect((await hear(second))[3]).toBe("200")
    await worker.send(["MDPW02", "\x04", "anna", "", "here you are"])
    expect(await hear(second)).toEqual(["MDPC02", "\x03", "echo", "here you are"])
    expect(broker.stats.finals).toBe(1)
  })
})

describe("our worker", () => {
  it("speaks to a broker of theirs", async () => {
    await using meeting = new Meeting()
    const broker = meeting.theirs(new zmq.Router())
    const endpoint = await meeting.bind(broker)
    const worker = meeting.use(
      new MajordomoWorker(
        "count",
        async function* ([n]) {
          for (let i = 1; i <= Number(n); i++) yield [`${i}`, "of", `${n}`]
        },
        { heartbeatInterval: 20, liveness: 100, reconnectInterval: 1 },
      ),
    )
    worker.connect(endpoint)
    const { from, frames } = await hearFrom(broker)
    expect(frames).toEqual(["MDPW02", "\x01", "count"])
    const [sender, ...heartbeat] = await broker.receive()
    expect([sender, ...say(heartbeat)]).toEqual([from, ...HEARTBEAT])
    await broker.send([from, "MDPW02", "\x05"])
    await broker.send([from, "MDPW02", "\x02", "\x00anna", "", "2"])
    expect((await hearFrom(broker)).frames).toEqual(["MDPW02", "\x03", "\x00anna", "", "1", "of", "2"])
    expect((await hearFrom(broker)).frames).toEqual(["MDPW02", "\x03", "\x00anna", "", "2", "of", "2"])
    expect((await hearFrom(broker)).frames).toEqual(["MDPW02", "\x04", "\x00anna", "", ""])
    // DISCONNECT: a new socket, hence another routing id, and READY once more.
    await broker.send([from, ...DISCONNECT])
    const again = await hearFrom(broker)
    expect(again.frames).toEqual(["MDPW02", "\x01", "count"])
    expect(again.from.equals(from)).toBe(false)
    // What is no command is ignored.
    await broker.send([again.from, "MDPW02", "\x07"])
    await broker.send([again.from, "MDPW01", "", "\x02"])
    await broker.send([again.from, "MDPW02", "\x02", "boris", "", "0"])
    expect((await hearFrom(broker)).frames).toEqual(["MDPW02", "\x04", "boris", "", ""])
    expect(worker.stats).toMatchObject({ invalid: 2, tasks: 2 })
    const closed = worker.close()
    expect(await hearFrom(broker)).toEqual({ from: again.from, frames: DISCONNECT })
    await closed
  })

  it("says READY anew on a new socket when a broker of theirs falls silent", async () => {
    await using meeting = new Meeting()
    const broker = meeting.theirs(new zmq.Router())
    const endpoint = await meeting.bind(broker)
    const worker = meeting.use(
      new MajordomoWorker("echo", (frames) => frames, { heartbeatInterval: 20, liveness: 3, reconnectInterval: 1 }),
    )
    const silent = worker.events.once("disconnect")
    worker.connect(endpoint)
    const first = await hearFrom(broker)
    expect((await silent).reason).toBe("silent")
    const second = await hearFrom(broker)
    expect(second.frames).toEqual(["MDPW02", "\x01", "echo"])
    expect(second.from.equals(first.from)).toBe(false)
  })

  it("leaves a broker of theirs that sends a second request at once", async () => {
    await using meeting = new Meeting()
    const broker = meeting.theirs(new zmq.Router())
    const endpoint = await meeting.bind(broker)
    const worker = meeting.use(
      new MajordomoWorker(
        "echo",
        (_, { signal }) =>
          new Promise<string>((resolve) => signal.addEventListener("abort", () => resolve("too late"))),
        { reconnectInterval: 1 },
      ),
    )
    worker.connect(endpoint)
    const { from } = await hearFrom(broker)
    for (const body of ["1", "2"]) await broker.send([from, "MDPW02", "\x02", "anna", "", body])
    expect((await hearFrom(broker)).frames).toEqual(DISCONNECT)
    expect((await hearFrom(broker)).frames).toEqual(["MDPW02", "\x01", "echo"])
    expect(worker.stats).toMatchObject({ tasks: 1, discarded: 1, finals: 0 })
  })
})

describe("our client", () => {
  it("asks a broker of theirs, and asks again on a new socket", async () => {
    await using meeting = new Meeting()
    const broker = meeting.theirs(new zmq.Router())
    const endpoint = await meeting.bind(broker)
    stopClock()
    const client = meeting.use(new MajordomoClient({ timeout: 200, retries: 5 }))
    client.connect(endpoint)
    const answer = client.request("echo", ["one", "two"])
    const first = await hearFrom(broker)
    expect(first.frames).toEqual(["MDPC02", "\x01", "echo", "one", "two"])
    vi.advanceTimersByTime(200)
    const second = await hearFrom(broker)
    expect(second.frames).toEqual(first.frames)
    expect(second.from.equals(first.from)).toBe(false)
    // Answers to something else, and what is none, are ignored.
    await broker.send([second.from, "MDPC02", "\x03", "other", "wrong"])
    await broker.send([second.from, "MDPC02", "\x09", "echo", "wrong"])
    await broker.send([second.from, "MDPC02", "\x02", "echo", "part"])
    await broker.send([second.from, "MDPC02", "\x03", "echo", "right", "answer"])
    expect(say(await answer)).toEqual(["right", "answer"])
    expect(client.stats).toMatchObject({ invalid: 2, partials: 1, finals: 1, inFlight: 0 })
    // The socket that has its answer takes the next request.
    const stream = client.stream("echo", "again", { timeout: -1 })
    const part = stream.next()
    expect(await hearFrom(broker)).toEqual({ from: second.from, frames: ["MDPC02", "\x01", "echo", "again"] })
    await broker.send([second.from, "MDPC02", "\x02", "echo", "a"])
    await broker.send([second.from, "MDPC02", "\x03", "echo", "b"])
    expect(say((await part).value as Buffer[])).toEqual(["a"])
    expect(say((await stream.next()).value as Buffer[])).toEqual(["b"])
    expect((await stream.next()).done).toBe(true)
  })

  it("never takes a late answer for that of the next request", async () => {
    await using meeting = new Meeting()
    const broker = meeting.theirs(new zmq.Router())
    const endpoint = await meeting.bind(broker)
    stopClock()
    const client = meeting.use(new MajordomoClient({ timeout: 100, retries: 0 }))
    client.connect(endpoint)
    const lost = client.request("echo", "first")
    lost.catch(() => {})
    const first = await hearFrom(broker)
    vi.advanceTimersByTime(100)
    await expect(lost).rejects.toMatchObject({ code: "EAGAIN" })
    const next = client.request("echo", "second", { timeout: -1 })
    const second = await hearFrom(broker)
    await broker.send([first.from, "MDPC02", "\x03", "echo", "first"])
    await broker.send([second.from, "MDPC02", "\x03", "echo", "second"])
    expect(say(await next)).toEqual(["second"])
  })
})
