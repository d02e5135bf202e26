// What is done with the sockets of a simulated world, whatever their kind: writing in bursts, and reading in one of the
// ways there are, at one's own speed.

import type { Message } from "brokerless"
import type { Letter } from "./letter.ts"
import type { Station } from "./station.ts"

export interface Writing {
  /** How many letters at most. */
  readonly letters: number
  readonly single: boolean
  /** The first frame of a letter, where that means something. */
  topic?(): string
}

/** Writes letters in bursts while the turmoil lasts. */
export function write(station: Station, { letters, single, topic }: Writing): void {
  const { world } = station
  const { random, clock } = world
  station.act(async () => {
    for (let left = letters; left > 0 && world.phase === "turmoil" && station.open; ) {
      const burst = Math.min(left, random.choose([3, () => 1], [3, () => random.within(2, 6)], [1, () => 25]))
      left -= burst
      const how = random.choose([5, () => "wait"], [2, () => "try"], [1, () => "timed"], [1, () => "aborted"])
      const together = random.once(3)
      const sending: Promise<boolean>[] = []
      for (let n = 0; n < burst && station.open; n++) {
        const sent = station.send(begin(station, single, topic?.()), how as "wait")
        if (together) sending.push(sent)
        else await sent
      }
      await Promise.all(sending)
      await clock.sleep(random.choose([3, () => random.below(3)], [1, () => random.below(60)]))
    }
  })
}

/** A letter of this station. */
export function begin(station: Station, single: boolean, topic?: string, answers?: Letter): Letter {
  const { ledger, clock } = station.world
  return ledger.begin({ origin: station.name, begun: clock.now, single, topic, ...(answers && { answers }) })
}

/** Reads until the socket closes; `took` is told each message. */
export function read(station: Station, took: (message: Message) => void): void {
  const { world, socket } = station
  const { random, clock } = world
  const take = (message: Message): void => {
    station.received++
    station.checkBounds()
    took(message)
  }
  const ways: Readonly<Record<string, () => Promise<void>>> = {
    async one() {
      while (await station.rest()) take(await socket.receive())
    },
    async sender() {
      while (await station.rest()) take((await socket.receiveFrom()).message)
    },
    async many() {
      while (await station.rest()) for (const message of await socket.receiveMany(random.within(1, 20))) take(message)
    },
    async iterator() {
      for await (const message of socket) {
        take(message)
        if (!(await station.rest())) return
      }
    },
    async impatient() {
      while (await station.rest()) {
        try {
          take(await socket.receive({ timeout: random.below(20) }))
        } catch (error) {
          if ((error as { code?: string }).code !== "EAGAIN") throw error
        }
      }
    },
    async polling() {
      while (await station.rest()) {
        const message = socket.tryReceive()
        if (message !== undefined) take(message)
        else await clock.sleep(1 + random.below(3))
      }
    },
  }
  const way = ways[random.pick(["one", "sender", "many", "iterator", "impatient", "polling"])]
  if (way !== undefined) station.act(way)
}
