// An honest peer of the town: it asks at a steady pace and notes how long each answer took, asks as much as it can and
// notes how much that is, and reads the news and notes what is missing.

import { setTimeout as sleep } from "node:timers/promises"
import { Request, Subscriber } from "brokerless"
import type { Places } from "./town.ts"

/** Questions under way when it asks as much as it can. */
const IN_FLIGHT = 32

/** Questions in each tick of a millisecond when it asks at a steady pace. */
const PACE = 4

/** How long answers took, ms. */
export interface Latency {
  readonly p50: number
  readonly p99: number
}

export class Honest {
  readonly #request = new Request({ sendHighWaterMark: 100_000 })
  readonly #subscriber = new Subscriber()
  #first = -1
  #next = 0
  #missing = 0
  #unanswered = 0

  async open({ questions, news }: Places): Promise<void> {
    this.#request.connect(questions)
    this.#subscriber.subscribe("news ")
    this.#subscriber.connect(news)
    await Promise.all([this.#request.waitForPeers(), this.#subscriber.waitForPeers()])
    void this.#read()
  }

  /** Asks so many questions at a steady pace. */
  async latency(questions: number): Promise<Latency> {
    const took: number[] = []
    const open: Promise<void>[] = []
    while (open.length < questions) {
      for (let i = 0; i < PACE; i++) open.push(this.#ask(took))
      await sleep(1)
    }
    await Promise.all(open)
    took.sort((a, b) => a - b)
    const at = (part: number): number => took[Math.floor(took.length * part)] ?? Number.POSITIVE_INFINITY
    return { p50: at(0.5), p99: at(0.99) }
  }

  /** Asks as much as it can, for that many seconds; answers per second. */
  async rate(seconds: number): Promise<number> {
    const took: number[] = []
    const began = performance.now()
    const end = began + seconds * 1000
    const asking = Array.from({ length: IN_FLIGHT }, async () => {
      while (performance.now() < end) await this.#ask(took)
    })
    await Promise.all(asking)
    return (took.length * 1000) / (performance.now() - began)
  }

  /** What was lost so far: answers, news up to `told`, and connections. */
  async lost(told: number): Promise<{ answers: number; news: number; connections: number }> {
    while (this.#next < told) await sleep(10)
    const connections = this.#request.stats.reconnects + this.#subscriber.stats.reconnects
    return { answers: this.#unanswered, news: this.#missing, connections }
  }

  async #ask(took: number[]): Promise<void> {
    const began = performance.now()
    try {
      await this.#request.request("a question of some length, as they are", { timeout: 10_000 })
      took.push(performance.now() - began)
    } catch {
      this.#unanswered++
    }
  }

  async #read(): Promise<void> {
    for await (const [frame] of this.#subscriber) {
      const number = Number(String(frame).slice("news ".length))
      if (this.#first < 0) this.#first = number
      else this.#missing += number - this.#next
      this.#next = number + 1
    }
  }
}
