// The attacks that an honest peer has to live through, each at a rate of its own: what is measured is what the town does
// with an attack, not whether the machine has time for both. A role of a worker process.

import type { Socket } from "node:net"
import { command, frame, greeting, longHeader, message, ready } from "../../test/support/raw-peer.ts"
import { dial } from "./crowd.ts"
import type { Places } from "./town.ts"

const MORE = 1
/** ms between the steps of an attack. */
const STEP = 10

/** Steps that an attacker who was held up makes up for at once. */
const BEHIND = 5

/** One attack: what it does in every step. */
interface Attack {
  /** What it is, and at what rate. */
  readonly what: string
  /** The step says how much of it was done, if that was not all. */
  begin(attacker: Attacker): () => number | undefined
}

const COMB = Array.from({ length: 64 }, (_, i) => command("SUBSCRIBE", Buffer.alloc((i + 1) * 64, 0x61)))
const EMPTY_FRAMES = Buffer.concat(Array.from({ length: 1025 }, () => frame("", MORE)))
const PINGS = Buffer.concat(Array.from({ length: 800 }, () => command("PING", `\0\0${"c".repeat(16)}`)))

export const ATTACKS: Readonly<Record<string, Attack>> = {
  T1: {
    what: "500 half-open connections a second",
    begin: (attacker) => () => {
      for (let i = 0; i < 5; i++) attacker.dial("questions", greeting().subarray(0, 10))
    },
  },
  T2: {
    what: "500 connections that say one octet a second",
    begin(attacker) {
      const octets = Buffer.concat([greeting(), ready("REQ")])
      const slow: { socket: Socket; said: number }[] = []
      let turn = 0
      return () => {
        if (slow.length < 500) slow.push({ socket: attacker.dial("questions"), said: 0 })
        for (let i = 0; i < 5; i++) {
          const one = slow[turn++ % slow.length]
          if (one === undefined) continue
          if (one.socket.destroyed) {
            one.socket = attacker.dial("questions")
            one.said = 0
          }
          attacker.say(one.socket, octets.subarray(one.said, ++one.said))
        }
      }
    },
  },
  T3: {
    what: "200 lies about lengths a second",
    begin(attacker) {
      const opening = Buffer.concat([greeting(), ready("REQ")])
      const sizes = [2n ** 64n - 1n, 2n ** 63n, 2n ** 53n, 2n ** 32n, 64n * 2n ** 20n + 1n]
      const held: Socket[] = []
      let n = 0
      return () => {
        for (let i = 0; i < 2; i++) attacker.dial("questions", opening, longHeader(sizes[n++ % sizes.length] as bigint))
        // These are not over the limit, and never kept.
        held.push(attacker.dial("questions", opening, longHeader(60 * 2 ** 20), Buffer.alloc(1000)))
        if (held.length > 100) held.shift()?.destroy()
      }
    },
  },
  T4: {
    what: "200 messages without end a second, and 20 000 empty frames",
    begin(attacker) {
      const opening = Buffer.concat([greeting(), ready("REQ")])
      const legal = message("", ...Array.from({ length: 199 }, () => ""))
      const inside = attacker.dial("questions", opening)
      return () => {
        for (let i = 0; i < 2; i++) attacker.dial("questions", opening, EMPTY_FRAMES)
        attacker.say(inside, legal)
      }
    },
  },
  T5: {
    what: "30 000 subscriptions, 100 long ones that are combed, and as many cancels of the unknown a second",
    begin(attacker) {
      const join = (): Socket => attacker.dial("news", greeting(), ready("SUB"))
      let socket = join()
      let n = 0
      return () => {
        if (socket.destroyed) socket = join()
        const many = Array.from({ length: 300 }, () => message(`\x01${(n++).toString(36)}`))
        attacker.say(socket, ...many, COMB[n % COMB.length] as Buffer, command("CANCEL", `unknown ${n}`))
      }
    },
  },
  T12: {
    what: "300 complete handshakes a second",
    begin(attacker) {
      const opening = Buffer.concat([greeting(), ready("REQ")])
      const open: Socket[] = []
      return () => {
        for (let i = 0; i < 3; i++) open.push(attacker.dial("questions", opening))
        while (open.length > 30) open.shift()?.destroy()
      }
    },
  },
  T13: {
    what: "160 000 PINGs a second, half of them from somebody who reads no PONG",
    begin(attacker) {
      const loud = [attacker.dial("questions", greeting(), ready("REQ"))]
      const deaf = attacker.dial("questions", greeting(), ready("REQ"))
      deaf.pause()
      loud.push(deaf)
      return () => {
        const open = loud.filter((socket) => socket.writableLength < 1 << 20)
        for (const socket of open) attacker.say(socket, PINGS)
        return open.length / loud.length
      }
    },
  },
}

/** What an attack came to. */
export interface Spent {
  /** The part of its rate that it reached. */
  readonly reached: number
  readonly octets: number
  readonly connections: number
}

export class Attacker {
  #places: Places | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  readonly #open = new Set<Socket>()
  #began = 0
  #due = 0
  #done = 0
  #octets = 0
  #connections = 0

  async start(name: string, places: Places): Promise<void> {
    const attack = ATTACKS[name]
    if (attack === undefined) throw new Error(`There is no attack ${name}`)
    this.#places = places
    this.#due = this.#done = this.#octets = this.#connections = 0
    this.#began = performance.now()
    const step = attack.begin(this)
    this.#timer = setInterval(() => this.#go(step), STEP)
  }

  async stop(): Promise<Spent> {
    clearInterval(this.#timer)
    const reached = this.#done / Math.floor((performance.now() - this.#began) / STEP)
    for (const socket of this.#open) socket.destroy()
    return { reached, octets: this.#octets, connections: this.#connections }
  }

  /** Does the steps that are due. Those that are too late are not done at all, and missing in what was reached. */
  #go(step: () => number | undefined): void {
    const due = Math.floor((performance.now() - this.#began) / STEP)
    for (let i = Math.min(due - this.#due, BEHIND); i > 0; i--) this.#done += step() ?? 1
    this.#due = due
  }

  dial(place: keyof Places, ...octets: Buffer[]): Socket {
    const socket = dial((this.#places as Places)[place])
    this.#connections++
    this.#open.add(socket)
    socket.on("error", () => {})
    socket.on("data", () => {})
    socket.once("close", () => this.#open.delete(socket))
    this.say(socket, ...octets)
    return socket
  }

  say(socket: Socket, ...octets: Buffer[]): void {
    for (const each of octets) this.#octets += each.length
    if (octets.length > 0 && !socket.destroyed) socket.write(Buffer.concat(octets))
  }
}
