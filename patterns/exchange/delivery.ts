// A message as a consumer gets it, and what it may say about it.

import type { Peer } from "brokerless"
import type { HeaderValue } from "./headers.ts"

/** A message from a queue. */
export interface Delivery<R> {
  readonly value: R
  readonly key: string
  readonly headers: Readonly<Record<string, HeaderValue>>
  /** How often it was handed to a consumer before. */
  readonly redeliveries: number
  /** The exchange that it came from. */
  readonly peer: Peer
  /** Says that it is done with. Nothing happens when that was said already, by whomever, or the connection is lost. */
  acknowledge(): void
  /** Gives it back for another try, or for good with `requeue: false`. */
  reject(options?: { readonly requeue?: boolean | undefined }): void
}

/** What is said about a delivery. */
export type Verdict = "acknowledge" | "requeue" | "reject"

export class Delivered<R> implements Delivery<R> {
  readonly value: R
  readonly key: string
  readonly headers: Readonly<Record<string, HeaderValue>>
  readonly redeliveries: number
  readonly peer: Peer
  #say: ((verdict: Verdict) => void) | undefined

  constructor(
    facts: Pick<Delivery<R>, "value" | "key" | "headers" | "redeliveries" | "peer">,
    say: (verdict: Verdict) => void,
  ) {
    this.value = facts.value
    this.key = facts.key
    this.headers = facts.headers
    this.redeliveries = facts.redeliveries
    this.peer = facts.peer
    this.#say = say
  }

  acknowledge(): void {
    this.#settle("acknowledge")
  }

  reject({ requeue = true }: { readonly requeue?: boolean | undefined } = {}): void {
    this.#settle(requeue ? "requeue" : "reject")
  }

  #settle(verdict: Verdict): void {
    this.#say?.(verdict)
    this.#say = undefined
  }
}
