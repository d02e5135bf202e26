// Threads for tests: each plays a role of test/programs/thread.ts, and is over at the end of the test.

import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import type { PullOptions } from "brokerless"

/** A role, and what it needs to know. */
export type Role =
  | {
      readonly name: "pull"
      readonly endpoint: string
      readonly options?: PullOptions
      readonly count?: number
      readonly bind?: boolean
    }
  | { readonly name: "idle" | "busy" | "count"; readonly endpoint: string; readonly options?: PullOptions }
  | { readonly name: "flood"; readonly endpoint: string; readonly frames: number; readonly octets: number }
  | { readonly name: "push"; readonly endpoint: string; readonly count: number }
  | { readonly name: "reply"; readonly endpoint: string; readonly bind: boolean }
  | { readonly name: "claim"; readonly endpoint: string }
  | { readonly name: "end"; readonly endpoint: string; readonly how: "exit" | "throw" | "return" }
  | {
      readonly name: "talk"
      readonly endpoint: string
      readonly type: TalkingType
      readonly bind: boolean
      readonly first: boolean
    }

export type TalkingType =
  | "Dealer"
  | "Pair"
  | "Publisher"
  | "Pull"
  | "Push"
  | "Reply"
  | "Request"
  | "Router"
  | "Subscriber"
  | "XPublisher"
  | "XSubscriber"

const FILE = fileURLToPath(new URL("../../build/test/programs/thread.js", import.meta.url))

export class Thread {
  readonly worker: Worker
  readonly #heard: unknown[] = []
  readonly #waiting: ((what: unknown) => void)[] = []

  constructor(role: Role) {
    this.worker = new Worker(FILE, { workerData: role })
    // What a thread throws on purpose is not the test's.
    this.worker.on("error", () => {})
    this.worker.on("message", (what: unknown) => {
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#heard.push(what)
      else waiting(what)
    })
  }

  /** What it tells next. */
  next(): Promise<unknown> {
    if (this.#heard.length > 0) return Promise.resolve(this.#heard.shift())
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** All it has told and nobody has asked for. */
  get heard(): readonly unknown[] {
    return this.#heard
  }

  say(what: unknown): void {
    this.worker.postMessage(what)
  }

  async ended(): Promise<void> {
    if (this.worker.threadId !== -1) await once(this.worker, "exit")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.terminate()
  }
}
