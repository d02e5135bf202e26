// Workers of different speed who work in step: in every round each takes as many records as it is fast. Rounds are the
// clock of such a run, so that how long it takes can be told exactly, however busy the machine is.

import type { Push } from "brokerless"

/** Somebody who takes records one at a time. */
export interface Worker {
  readonly endpoint: string
  /** Records per round. */
  readonly speed: number
  receive(): Promise<unknown>
}

export interface CrewReport {
  /** Records given to each worker, in the order of the workers. */
  readonly given: readonly number[]
  /** Rounds until the last worker was done. */
  readonly rounds: number
  /** Rounds that it would take if everybody were busy until the end. */
  readonly ideal: number
}

/** Sends `records` records, which the workers take in step. The push is connected to the endpoint of each of them. */
export async function workInStep(push: Push, workers: readonly Worker[], records: number): Promise<CrewReport> {
  const hands = workers.map((worker) => new Hand(worker))
  let allSent = false
  const sending = sendAll(push, records).then(() => {
    allSent = true
  })

  let rounds = 0
  while (!allSent) {
    await Promise.all(hands.map((hand) => hand.work(sending, () => allSent)))
    if (!allSent) rounds++
  }

  // From here on nobody gets more than what has his name on it already.
  const given = workers.map(({ endpoint }) => {
    const peer = push.peers.find((other) => other.endpoint === endpoint)
    return (peer?.stats.messagesSent ?? 0) + (peer?.stats.queuedMessages ?? 0)
  })
  const rest = hands.map((hand, i) => Math.ceil(((given[i] as number) - hand.done) / hand.speed))
  await Promise.all(hands.map((hand, i) => hand.finish(given[i] as number)))
  const speed = workers.reduce((sum, worker) => sum + worker.speed, 0)
  return { given, rounds: rounds + Math.max(...rest), ideal: records / speed }
}

async function sendAll(push: Push, records: number): Promise<void> {
  for (let i = 0; i < records; i++) await push.send(`record ${i}`)
}

class Hand {
  /** Records taken. */
  done = 0
  readonly #worker: Worker
  /** A record that was asked for and has not come yet. */
  #next: Promise<unknown> | undefined

  constructor(worker: Worker) {
    this.#worker = worker
  }

  get speed(): number {
    return this.#worker.speed
  }

  /** One round's work; cut short when everything has been sent. */
  async work(sending: Promise<void>, allSent: () => boolean): Promise<void> {
    for (let i = 0; i < this.speed && !allSent(); i++) await Promise.race([this.#take(), sending])
  }

  async finish(given: number): Promise<void> {
    while (this.done < given) await this.#take()
  }

  #take(): Promise<unknown> {
    this.#next ??= this.#worker.receive().then(() => {
      this.#next = undefined
      this.done++
    })
    return this.#next
  }
}
