// Octets to sockets that listen, and from servers that they connect to: legal, spoiled, cut, cut off. Whatever it is,
// the honest peer that was there before is served, over the connection it has had all the time; and in the end nothing
// is left of the strangers.

import type { Peer } from "brokerless"
import { chunkSizes, cutInto, mutate, nullConversation } from "../support/conversation.ts"
import { type FuzzTarget, holds, type Stage } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { greeting, RawPeer, RawServer } from "../support/raw-peer.ts"
import { join, turns } from "../support/sockets.ts"
import { openResources, TOWNS, type Town, type TownPlan, untilClosed } from "../support/towns.ts"
import { until } from "../support/until.ts"

interface Input {
  readonly town: string
  readonly over: "tcp" | "ipc"
  readonly octets: Buffer
  readonly chunks: readonly number[]
  /** After how many chunks the event loop turns. */
  readonly pace: number
  readonly ending: "end" | "reset" | "stay"
}

const NAMES = Object.keys(TOWNS)
/** Strangers that stay without a word. */
const MOST_STAYING = 20

function generate(random: Random): Input {
  const town = random.pick(NAMES)
  const { strangers, says = nullConversation } = TOWNS[town] as TownPlan
  const pieces = says(random, random.once(10) ? "PUB" : random.pick(strangers))
  if (random.once(10)) pieces[0] = greeting({ mechanism: random.pick(["NULL", "PLAIN", "CURVE", ""]) })
  const octets = Buffer.concat(mutate(random, pieces))
  return {
    town,
    over: process.platform === "win32" ? "tcp" : random.pick(["tcp", "tcp", "ipc"]),
    octets,
    chunks: chunkSizes(random, octets.length).map((size) => Math.max(size, Math.ceil(octets.length / 200))),
    pace: random.pick([1, 3, 1000]),
    ending: random.pick(["end", "end", "reset", "stay"]),
  }
}

/** A town, and what is known of it since it was founded. */
class Watched {
  readonly town: Town
  endpoints: { tcp: string; ipc: string } = { tcp: "", ipc: "" }
  #friend: Peer | undefined
  #served = 0

  constructor(town: Town) {
    this.town = town
  }

  async bind(): Promise<void> {
    const { ours, honest } = this.town
    const tcp = await ours.bind("tcp://127.0.0.1:*")
    const ipc = process.platform === "win32" ? tcp : await ours.bind("ipc://*")
    this.endpoints = { tcp, ipc }
    await join(honest, tcp, ours)
    this.#friend = ours.peers[0]
  }

  async connect(): Promise<void> {
    const { ours, honest } = this.town
    await join(ours, await honest.bind("tcp://127.0.0.1:*"), honest)
    this.#friend = ours.peers[0]
  }

  async serve(): Promise<void> {
    await this.town.serve(this.#served++)
    const friend = this.#friend as Peer
    holds(this.town.ours.peers.includes(friend), () => "The honest peer lost its connection")
    holds(this.town.honest.peers.length === 1, () => `The honest peer has ${this.town.honest.peers.length} connections`)
  }

  /** Only the honest peer is there. */
  async alone(): Promise<void> {
    await until(() => this.town.ours.peers.length === 1, "all strangers had gone")
    await this.serve()
  }

  async close(): Promise<void> {
    await Promise.all([this.town.honest.close({ linger: 0 }), this.town.ours.close({ linger: 0 })])
  }
}

/** Says it all, as far as anybody listens. */
async function say(raw: RawPeer, { octets, chunks, pace }: Input): Promise<void> {
  for (const [i, chunk] of cutInto(octets, chunks).entries()) {
    if (raw.socket.destroyed || !raw.socket.writable) return
    raw.send(chunk)
    if (i % pace === pace - 1) await turns(1)
  }
}

async function leave(raw: RawPeer, ending: Input["ending"]): Promise<void> {
  const { readyState, remoteAddress } = raw.socket
  if (ending === "end") raw.socket.end()
  // Over ipc there is no reset.
  else if (readyState === "open" && remoteAddress !== undefined) raw.socket.resetAndDestroy()
  else raw.socket.destroy()
  await raw.closed
}

export const octetsToListeners: FuzzTarget<Input> = {
  name: "octets-to-listeners",
  cases: 500,
  generate,

  async open(): Promise<Stage<Input>> {
    const before = openResources()
    const towns = new Map<string, Watched>()
    for (const name of NAMES) {
      const watched = new Watched((TOWNS[name] as TownPlan).found())
      towns.set(name, watched)
      await watched.bind()
      await watched.serve()
    }
    const staying: RawPeer[] = []
    return {
      async check(input) {
        const watched = towns.get(input.town) as Watched
        const raw = await RawPeer.connect(watched.endpoints[input.over])
        await say(raw, input)
        await watched.serve()
        if (input.ending !== "stay") return leave(raw, input.ending)
        staying.push(raw)
        if (staying.length > MOST_STAYING) await leave(staying.shift() as RawPeer, "reset")
      },
      async close() {
        for (const raw of staying) await leave(raw, "reset")
        for (const watched of towns.values()) await watched.alone()
        for (const watched of towns.values()) await watched.close()
        await untilClosed(before)
      },
    }
  },
}

export const octetsFromServers: FuzzTarget<Input> = {
  name: "octets-from-servers",
  cases: 200,
  generate,

  async open(): Promise<Stage<Input>> {
    const before = openResources()
    const towns = new Map<string, Watched>()
    for (const name of NAMES) {
      // A Pair has one peer: it would not connect to anybody else.
      if (name === "Pair") continue
      const watched = new Watched((TOWNS[name] as TownPlan).found())
      towns.set(name, watched)
      await watched.connect()
      await watched.serve()
    }
    return {
      async check(input) {
        const watched = towns.get(input.town)
        if (watched === undefined) return
        const { ours } = watched.town
        await using server = await RawServer.listen()
        ours.connect(server.endpoint)
        const raw = await server.accept()
        await say(raw, input)
        await watched.serve()
        if (input.ending !== "stay") {
          await leave(raw, input.ending)
          // Who was not refused comes back.
          if (ours.endpoints.includes(server.endpoint)) await watched.serve()
        }
        if (ours.endpoints.includes(server.endpoint)) await ours.disconnect(server.endpoint)
        await watched.alone()
      },
      async close() {
        for (const watched of towns.values()) await watched.close()
        await untilClosed(before)
      },
    }
  },
}
