// All calls that this node makes: which attempt an answer belongs to, who waits for somebody to turn up, and what is
// learnt from each outcome about the node that was asked.

import { ClosedError, type Codec, CodecError, type Frame, type FrameLike, type Message, OptionError } from "brokerless"
import { Crowd } from "../crowd.ts"
import type { Emitter } from "../emitter.ts"
import { Register } from "../register.ts"
import { type Attempt, Call, type CallKeeper, type CallTarget } from "./call.ts"
import type { Circuit } from "./circuit.ts"
import type { Contact } from "./contact.ts"
import type { CallOptions } from "./contract.ts"
import { DeadlineError, type RemoteError, UnavailableError } from "./errors.ts"
import type { MeshEvents } from "./events.ts"
import type { Roster } from "./roster.ts"
import type { CallFailure, MeshStats } from "./stats.ts"
import { idOf } from "./wire.ts"

export interface CallsSetup {
  readonly stats: MeshStats
  readonly events: Emitter<MeshEvents>
  readonly roster: Roster
  /** Whether all places where a node may be have been tried. */
  readonly settled: () => boolean
  /** Whether this node offers `service/method` itself. */
  readonly owns: (target: string) => boolean
  readonly options: {
    readonly codec: Codec<unknown>
    readonly deadline: number
    readonly retries: number
    readonly window: number
    readonly balance: "least-outstanding" | "latency"
    readonly maxCalls: number
    readonly maxOutstanding: number
    readonly circuitFailures: number
    readonly circuitOpenFor: number
    readonly circuitCounts: (error: RemoteError) => boolean
  }
}

export class Calls implements CallKeeper {
  readonly options: CallsSetup["options"]
  readonly roster: Roster
  readonly stats: MeshStats
  readonly owns: CallsSetup["owns"]
  readonly settled: CallsSetup["settled"]
  readonly #events: Emitter<MeshEvents>
  readonly #open = new Register<number, Attempt>()
  readonly #calls = new Crowd<Call>()
  readonly #waiting = new Crowd<Call>()
  #idle: (() => void)[] = []
  #count = Math.floor(Math.random() * 0x1_0000_0000)
  #closed = false

  constructor({ options, roster, stats, events, owns, settled }: CallsSetup) {
    this.settled = settled
    this.owns = owns
    this.options = options
    this.roster = roster
    this.stats = stats
    this.#events = events
  }

  /** Calls and streams under way. */
  get size(): number {
    return this.#calls.size
  }

  /** Makes a call. The promise resolves with the answer, or with the stream. */
  make(target: CallTarget, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    this.stats.calls++
    return new Promise((resolve, reject) => {
      const error = this.#refusal(target, options)
      if (error !== undefined) {
        this.count(error)
        reject(error)
        return
      }
      let body: FrameLike
      try {
        body = this.options.codec.encode(args)
      } catch (cause) {
        const failure = new CodecError(`The arguments of ${target.service}/${target.method} do not encode`, { cause })
        this.count(failure)
        reject(failure)
        return
      }
      const call = new Call(this, target, body as Frame, options, resolve, reject)
      this.#calls.add(call)
      if (options.signal?.aborted === true) call.abort()
      else call.attempt()
    })
  }

  #refusal({ service, method }: CallTarget, { deadline }: CallOptions): Error | undefined {
    if (this.#closed) return new ClosedError("The node is closed")
    if (deadline !== undefined && deadline < 1) return new DeadlineError(service, method, "there is no time left")
    if (this.#calls.size < this.options.maxCalls) return undefined
    this.stats.limited++
    this.#events.emit("limit", { limit: "maxCalls" })
    return new UnavailableError(service, method, `${this.options.maxCalls} calls are under way (maxCalls)`)
  }

  /** A message of a node about an attempt. */
  heard(contact: Contact, type: number, message: Message, now: number): void {
    const head = message[1] as Frame
    const attempt = this.#open.get(idOf(head))
    if (attempt?.contact !== contact) this.stats.late++
    else attempt.call.heard(attempt, type, head, message[2], now)
  }

  /** A connection is gone: nothing that was asked through it will be answered. */
  lost(contact: Contact): void {
    const now = performance.now()
    const lost = [...this.#open.values()].filter((attempt) => attempt.contact === contact)
    // However many calls were under way, it is one failure of each method.
    const judged = new Set<string>()
    for (const attempt of lost) {
      const { service, method } = attempt.call
      const target = `${service}/${method}`
      this.closed(attempt)
      if (judged.has(target)) this.undecided(attempt)
      else this.failed(attempt, now)
      judged.add(target)
    }
    for (const attempt of lost) attempt.call.lost(attempt, now)
  }

  /** A node has fallen silent: what may be asked elsewhere is. */
  silent(contact: Contact): void {
    for (const attempt of [...this.#open.values()]) if (attempt.contact === contact) attempt.call.hedge()
  }

  /** Somebody may be there for those who wait. */
  changed(): void {
    if (this.#waiting.size === 0) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const call of waiting) call.reconsider()
  }

  /** Resolves when no call is under way. */
  async whenIdle(): Promise<void> {
    while (this.#calls.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  close(): void {
    this.#closed = true
    for (const call of [...this.#calls]) call.fail(new ClosedError("The node was closed before the answer came"))
  }

  // ── for calls ──────────────────────────────────────────────────────────────────────────────────────────────────

  nextId(): number {
    do this.#count = (this.#count + 1) >>> 0
    while (this.#open.has(this.#count))
    return this.#count
  }

  opened(attempt: Attempt, now: number): void {
    this.#open.set(attempt.id, attempt)
    this.#waiting.delete(attempt.call)
    attempt.contact.outstanding++
    circuitOf(attempt)?.entered(now)
  }

  closed(attempt: Attempt): void {
    if (this.#open.delete(attempt.id)) attempt.contact.outstanding--
  }

  wait(call: Call): void {
    this.#waiting.add(call)
  }

  finished(call: Call): void {
    this.#waiting.delete(call)
    this.#calls.delete(call)
    if (this.#calls.size === 0) for (const wake of this.#idle.splice(0)) wake()
  }

  succeeded(attempt: Attempt): void {
    circuitOf(attempt)?.succeeded()
  }

  failed({ contact, call }: Attempt, now: number): void {
    const { circuitFailures, circuitOpenFor } = this.options
    const { about } = contact
    const { service, method } = call
    contact.failed(service, method, now, { failures: circuitFailures, openFor: circuitOpenFor }, (state) => {
      this.#events.emit("circuit", { ...about, service, method, state })
    })
  }

  undecided(attempt: Attempt): void {
    circuitOf(attempt)?.undecided()
  }

  /** Whether what a handler threw is held against its node. */
  counts(error: RemoteError): boolean {
    try {
      return this.options.circuitCounts(error) === true
    } catch {
      return false
    }
  }

  count(error: Error): void {
    const kind = error.constructor.name as CallFailure
    if (Object.hasOwn(this.stats.failed, kind)) this.stats.failed[kind]++
  }
}

function circuitOf({ contact, call }: Attempt): Circuit | undefined {
  return contact.circuit(call.service, call.method)
}

/** Checks what a caller gave. Throws OptionError. */
export function checkCallOptions(options: CallOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new OptionError("options", "The options of a call must be an object")
  }
  const { deadline, retries, hedgeAfter, signal, idempotent, wait } = options
  const number = (name: string, value: unknown, least: number): void => {
    if (value === undefined || (typeof value === "number" && value >= least && value <= 2 ** 31 - 1)) return
    throw new OptionError(name, `${name} must be a number of at least ${least}, got ${String(value)}`)
  }
  const flag = (name: string, value: unknown): void => {
    if (value === undefined || typeof value === "boolean") return
    throw new OptionError(name, `${name} must be true or false`)
  }
  number("deadline", deadline, 0)
  number("retries", retries, 0)
  number("hedgeAfter", hedgeAfter, 1)
  flag("idempotent", idempotent)
  flag("wait", wait)
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new OptionError("signal", "signal must be an AbortSignal")
  }
}
