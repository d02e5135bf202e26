// B19: one of theirs is the honest peer, and the fault is ours: a limit of ours bites, a deadline of ours passes, we
// leave at an odd moment, or we are killed. However often that happens theirs comes again and is talked to; and on the
// wire there is nothing that would make it give up an endpoint for good: no ERROR, no time to live that it takes for
// none.

import { Dealer, Publisher, Pull, Push, Router, type Socket } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import type { Said } from "../programs/large-sender.ts"
import { FaultProxy } from "../support/fault-proxy.ts"
import { type End, frames, Meeting } from "../support/meeting.ts"
import { Program } from "../support/program.ts"
import { command, greeting, property, RawPeer } from "../support/raw-peer.ts"
import { fill, turns } from "../support/sockets.ts"
import { WireTap } from "../support/wire-tap.ts"

/** One of theirs, connected to where ours is, and an ear on the line. */
class Scene implements AsyncDisposable {
  readonly meeting: Meeting = new Meeting()
  readonly endpoint: string
  readonly theirs: zmq.Dealer
  readonly proxy: FaultProxy
  readonly tap: WireTap
  #ours: Socket & End
  #asked = 0

  private constructor(meeting: Meeting, ours: Socket & End, endpoint: string, tap: WireTap, proxy: FaultProxy) {
    this.meeting = meeting
    this.endpoint = endpoint
    this.#ours = ours
    this.tap = meeting.use(tap)
    this.proxy = meeting.use(proxy)
    this.theirs = meeting.theirs(new zmq.Dealer({ routingId: "theirs", reconnectInterval: 2 }))
  }

  /** `ours` binds. Theirs comes only when it is told to `come`. */
  static async set(ours: Socket & End): Promise<Scene> {
    const meeting = new Meeting()
    const endpoint = await meeting.bind(meeting.ours(ours))
    const tap = await WireTap.before(endpoint)
    return new Scene(meeting, ours, endpoint, tap, await FaultProxy.before(tap.endpoint))
  }

  come(): void {
    this.theirs.connect(this.proxy.endpoint)
  }

  /** Another of ours, at the same place. */
  async replace(ours: Socket & End): Promise<void> {
    await this.#ours.close()
    this.#ours = this.meeting.ours(ours)
    await this.meeting.rebind(ours, this.endpoint)
  }

  /** Sooner or later what theirs says arrives, and so does the answer. */
  async talk(): Promise<void> {
    const question = `question ${this.#asked++}`
    let heard: Buffer[] = []
    const hearing = (async () => {
      while (String(heard.at(-1)) !== question) heard = await this.#ours.receive()
    })()
    while (String(heard.at(-1)) !== question) {
      await this.theirs.send(question)
      await turns(20)
    }
    await hearing
    // A router has the name of theirs in front.
    await this.#ours.send([...heard.slice(0, -1), `answer to ${question}`])
    while (String(await this.theirs.receive()) !== `answer to ${question}`);
    expect(this.tap.heard("ERROR")).toBe(0)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.meeting[Symbol.asyncDispose]()
  }
}

/** What goes wrong on our side, and whether it is over by itself. */
interface Fault {
  ours?(): Socket & End
  strike(scene: Scene, ours: Socket & End): Promise<void>
}

/** Resolves when theirs has come again so often. */
async function tries(scene: Scene, count: number): Promise<void> {
  await scene.proxy.connection(count)
}

/** Holds theirs up, on its first connection, after so many octets. */
async function heldUp(scene: Scene, octets: number): Promise<void> {
  scene.proxy.plan({ blow: "stall", after: octets })
  scene.come()
  await (await scene.proxy.connection(0)).struck
}

const FAULTS: Readonly<Record<string, Fault>> = {
  "we have no room for it until somebody leaves": {
    ours: () => new Dealer({ maxConnections: 1 }),
    async strike(scene, ours) {
      const other = await RawPeer.join(scene.endpoint, "DEALER")
      await ours.waitForPeers()
      scene.come()
      await tries(scene, 4)
      const left = ours.events.once("peer:leave")
      other.socket.end()
      await left
      other[Symbol.dispose]()
    },
  },
  "it makes room in its handshake for somebody else": {
    ours: () => new Dealer({ maxPendingHandshakes: 1 }),
    async strike(scene, ours) {
      await heldUp(scene, 20)
      const evicted = ours.events.once("handshake:error")
      using other = await RawPeer.connect(scene.endpoint)
      expect((await evicted).error.message).toContain("maxPendingHandshakes")
      other.socket.destroy()
      await tries(scene, 1)
    },
  },
  "its handshake takes longer than we wait": {
    ours: () => new Dealer({ handshakeInterval: 50 }),
    async strike(scene, ours) {
      const late = ours.events.once("handshake:error")
      await heldUp(scene, 70)
      expect((await late).error).toMatchObject({ code: "EAGAIN" })
      await tries(scene, 1)
    },
  },
  "its message is too large for us": {
    ours: () => new Dealer({ maxMessageSize: 1000 }),
    async strike(scene, ours) {
      scene.come()
      await scene.talk()
      for (let i = 0; i < 3; i++) {
        const ended = ours.events.once("disconnect")
        await scene.theirs.send(["large", "x".repeat(1000)])
        expect((await ended).error).toMatchObject({ code: "EPROTO" })
        await scene.talk()
      }
    },
  },
  "its message has too many frames for us": {
    ours: () => new Dealer({ maxMessageFrames: 3 }),
    async strike(scene, ours) {
      scene.come()
      await scene.talk()
      const ended = ours.events.once("disconnect")
      await scene.theirs.send(["1", "2", "3", "4"])
      expect((await ended).error).toMatchObject({ code: "EPROTO" })
    },
  },
  "its name is taken": {
    ours() {
      const router = new Router()
      return router
    },
    async strike(scene, ours) {
      const other = await RawPeer.connect(scene.endpoint)
      const metadata = Buffer.concat([property("Socket-Type", "DEALER"), property("Identity", "theirs")])
      other.send(greeting(), command("READY", metadata))
      await ours.waitForPeers()
      scene.come()
      await tries(scene, 4)
      const left = ours.events.once("peer:leave")
      other.socket.end()
      await left
      other[Symbol.dispose]()
    },
  },
  "what it says of itself is too long for us": {
    ours: () => new Dealer({ maxMetadataBytes: 8 }),
    async strike(scene, ours) {
      scene.come()
      await tries(scene, 4)
      expect(ours.stats.handshakeFailures).toBeGreaterThanOrEqual(4)
      await scene.replace(new Dealer())
    },
  },
  "we expel it as soon as it is there, again and again": {
    async strike(scene, ours) {
      let rest = 5
      const stop = ours.events.on("peer:join", ({ peer }) => {
        if (rest-- > 0) peer.disconnect()
      })
      scene.come()
      await tries(scene, 5)
      stop()
    },
  },
  "we expel it while it talks": {
    async strike(scene, ours) {
      scene.come()
      for (let i = 0; i < 5; i++) {
        await scene.talk()
        await scene.theirs.send(["under", "way"])
        ours.peers[0]?.disconnect()
      }
    },
  },
  "we unbind, and bind again": {
    async strike(scene, ours) {
      scene.come()
      await scene.talk()
      await ours.unbind(scene.endpoint)
      for (const peer of ours.peers) peer.disconnect()
      await tries(scene, 3)
      await ours.bind(scene.endpoint)
    },
  },
  "we close while it talks, and another comes in our place": {
    async strike(scene) {
      scene.come()
      await scene.talk()
      await scene.theirs.send(["under", "way"])
      await scene.replace(new Dealer())
    },
  },
  ...Object.fromEntries(
    [0, 5, 40, 64, 70, 90].map((octets): [string, Fault] => [
      `we close when we have ${octets} octets of its handshake, and another comes in our place`,
      {
        async strike(scene) {
          await heldUp(scene, octets)
          await scene.replace(new Dealer())
          await tries(scene, 1)
        },
      },
    ]),
  ),
  "we close in the middle of what it sends, and another comes in our place": {
    async strike(scene) {
      scene.come()
      await scene.talk()
      const line = scene.proxy.connections[0]
      const sending = scene.theirs.send(["large", Buffer.alloc(4 * 1024 * 1024), "end"])
      await line?.forwarded("forth", 100_000)
      await scene.replace(new Dealer())
      await sending
    },
  },
  "we close in the middle of what we send, and another comes in our place": {
    async strike(scene, ours) {
      scene.come()
      await scene.talk()
      const line = scene.proxy.connections[0]
      const before = line?.octets("back") as number
      line?.stall("back")
      await ours.send(["large", Buffer.alloc(16 * 1024 * 1024), "end"])
      line?.resume("back")
      await line?.forwarded("back", before + 100_000)
      const closed = ours.close({ linger: 0 })
      await scene.replace(new Dealer())
      await closed
    },
  },
}

describe("B19: one of theirs that connects comes again and is talked to, when", () => {
  it.each(Object.keys(FAULTS))("%s", async (name) => {
    const { ours: make = () => new Dealer(), strike } = FAULTS[name] as Fault
    const ours = make()
    await using scene = await Scene.set(ours)
    await strike(scene, ours)
    await scene.talk()
    await scene.talk()
  })

  it("HB-10: our hearts beat as slowly as the wire allows", async () => {
    const ours = new Dealer({ heartbeatInterval: 10, heartbeatTimeToLive: 65_500, heartbeatTimeout: 10_000 })
    await using scene = await Scene.set(ours)
    scene.come()
    await scene.tap.passed("PONG", 5)
    await scene.talk()
    expect(scene.tap.connections).toBe(1)
  })

  it.each(["bind", "connect"] as const)("our process is killed in the middle of a frame: %s", async (how) => {
    await using meeting = new Meeting()
    const theirs = meeting.theirs(new zmq.Dealer({ reconnectInterval: 2 }))
    const endpoint = how === "bind" ? await meeting.vacant("tcp") : await meeting.bind(theirs)
    const proxy = meeting.use(await FaultProxy.before(endpoint))
    if (how === "bind") theirs.connect(proxy.endpoint)
    await using program = new Program<Said>("large-sender", how === "bind" ? endpoint : proxy.endpoint, how)
    expect(await program.next()).toBe("sending")
    expect((await theirs.receive()).map((each) => each.length)).toEqual([5, 4 * 1024 * 1024, 3])
    const line = proxy.connections.at(-1)
    const direction = how === "bind" ? "back" : "forth"
    await line?.forwarded(direction, (line.octets(direction) as number) + 1_000_000)
    program.process.kill("SIGKILL")
    await line?.closed
    const ours = meeting.ours(new Dealer({ reconnectInterval: 2 }))
    if (how === "bind") await meeting.rebind(ours, endpoint)
    else ours.connect(proxy.endpoint)
    await ours.waitForPeers()
    await ours.send("after all that")
    for (let found: Buffer[] = []; String(found[0]) !== "after all that"; ) {
      found = await theirs.receive()
      // What came of the one that was killed came whole.
      if (found.length > 1) expect(found.map((each) => each.length)).toEqual([5, 4 * 1024 * 1024, 3])
    }
    await theirs.send("and back")
    expect(await ours.receive()).toEqual(frames("and back"))
  })

  it("it asks for more subscriptions, or longer ones, than we take", async () => {
    for (const [options, topics] of [
      [{ maxSubscriptionsPerPeer: 2 }, ["a", "b", "too many"]],
      [{ maxTopicSize: 4 }, ["a", "b", "too long"]],
    ] as const) {
      await using meeting = new Meeting()
      const ours = meeting.ours(new Publisher(options))
      const theirs = meeting.theirs(new zmq.Subscriber({ reconnectInterval: 2 }))
      const tap = meeting.use(await WireTap.before(await meeting.bind(ours)))
      theirs.subscribe(...topics)
      const ended = ours.events.once("disconnect")
      theirs.connect(tap.endpoint)
      expect((await ended).error).toMatchObject({ code: "EPROTO" })
      theirs.unsubscribe(topics[2])
      const receiving = theirs.receive()
      await ours.waitForSubscribers("b")
      await ours.send("b")
      expect(await receiving).toEqual(frames("b"))
      expect(tap.heard("ERROR")).toBe(0)
    }
  })

  it("it reads too slowly for us", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Push({ stallTimeout: 50 }))
    const theirs = meeting.theirs(new zmq.Pull({ receiveHighWaterMark: 1, reconnectInterval: 2 }))
    theirs.connect(await meeting.bind(ours))
    await ours.waitForPeers()
    const ended = ours.events.once("disconnect")
    await fill(ours, Buffer.alloc(64 * 1024))
    expect((await ended).error).toMatchObject({ code: "EAGAIN" })
    // What was not written waits for whoever comes, and it is theirs who comes. A machine that is busy can be too slow
    // once more, and a message in flight is lost with its connection: hence again and again.
    let heard = false
    const hearing = (async () => {
      while (String((await theirs.receive())[0]) !== "again");
      heard = true
    })()
    while (!heard) {
      await ours.send("again")
      await turns(20)
    }
    await hearing
    expect(ours.stats.dropped["in-flight"]).toBeGreaterThan(0)
  })

  it("it is a subscriber that falls behind, and overflow is to disconnect", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Publisher({ overflow: "disconnect", sendHighWaterMark: 10 }))
    const theirs = meeting.theirs(new zmq.Subscriber({ receiveHighWaterMark: 1, reconnectInterval: 2 }))
    theirs.subscribe("")
    theirs.connect(await meeting.bind(ours))
    await ours.waitForSubscribers("")
    let ended = false
    void ours.events.once("disconnect").then(() => {
      ended = true
    })
    while (!ended) await ours.send(Buffer.alloc(64 * 1024))
    const again = ours.waitForSubscribers("")
    let heard = false
    const hearing = (async () => {
      while (String((await theirs.receive())[0]) !== "again");
      heard = true
    })()
    await again
    while (!heard) {
      await ours.send("again")
      await turns(20)
    }
    await hearing
    expect(ours.peers).toHaveLength(1)
  })
})

describe("B19: one of theirs that is bound serves the next of ours, when", () => {
  it.each([0, 5, 40, 64, 70, 85])("one has left after %i octets of its handshake", async (octets) => {
    await using meeting = new Meeting()
    const theirs = meeting.theirs(new zmq.Pull())
    const endpoint = await meeting.bind(theirs)
    const proxy = meeting.use(await FaultProxy.before(endpoint))
    proxy.plan({ blow: "finish", after: octets })
    const first = meeting.ours(new Push({ reconnectInterval: -1 }))
    first.connect(proxy.endpoint)
    await (await proxy.connection(0)).closed
    const second = meeting.ours(new Push())
    second.connect(endpoint)
    await second.send("from the second")
    expect(await theirs.receive()).toEqual(frames("from the second"))
  })

  it("one has left in the middle of what it sends, and of what it is sent", async () => {
    await using meeting = new Meeting()
    const pull = meeting.theirs(new zmq.Pull())
    const push = meeting.theirs(new zmq.Push())
    const large = Buffer.alloc(16 * 1024 * 1024)
    for (const [theirs, ours, direction] of [
      [pull, new Push(), "forth"],
      [push, new Pull(), "back"],
    ] as const) {
      meeting.ours(ours as Socket)
      const proxy = meeting.use(await FaultProxy.before(await meeting.bind(theirs)))
      proxy.plan({ blow: "stall", direction, after: 200_000 })
      ours.connect(proxy.endpoint)
      await ours.waitForPeers()
      if (ours instanceof Push) await ours.send([large, "end"])
      else await push.send([large, "end"])
      const line = await proxy.connection(0)
      await line.struck
      const closing = ours.close({ linger: 0 })
      line.reset()
      await closing
    }
    const nextPush = meeting.ours(new Push())
    const nextPull = meeting.ours(new Pull())
    nextPush.connect(pull.lastEndpoint as string)
    nextPull.connect(push.lastEndpoint as string)
    await Promise.all([nextPush.waitForPeers(), nextPull.waitForPeers()])
    await nextPush.send("whole")
    expect(await pull.receive()).toEqual(frames("whole"))
    let heard = false
    const hearing = (async () => {
      while (String((await nextPull.receive())[0]) !== "whole");
      heard = true
    })()
    while (!heard) {
      await push.send("whole")
      await turns(20)
    }
    await hearing
    expect(nextPull.stats.invalid).toBe(0)
  })
})
