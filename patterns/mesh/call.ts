// One call: its attempts, until one of them is answered, nothing is left to try, or its time is over. Whatever comes,
// the caller is told once.
//
// A call that may be made only once is made anew only if it is certain that no handler has begun it: the node said so,
// or it never left. One that may be made more often goes to another node as soon as the first is lost, for as long as
// there is time, and also when the first merely takes long; then the first answer counts, and the other node is told
// that nobody waits.

import { AbortError, type Codec, CodecError, type Frame, ProtocolError } from "brokerless"
import { onAbort } from "../aborts.ts"
import { type ChoiceSetup, choose, chooseFailing, type Obstacle } from "./choice.ts"
import type { Contact } from "./contact.ts"
import type { CallOptions, MeshStream } from "./contract.ts"
import { readThrown } from "./documents.ts"
import { DeadlineError, LostError, NotOfferedError, RemoteError, UnavailableError } from "./errors.ts"
import type { MeshStats } from "./stats.ts"
import { IncomingStream } from "./stream.ts"
import { callHeader, header, numberOf, REFUSAL, TYPE, UNTIL_STREAM } from "./wire.ts"

/** A call that was put to a node. */
export interface Attempt {
  readonly id: number
  readonly call: Call
  readonly contact: Contact
  readonly sentAt: number
}

export interface CallTarget {
  readonly service: string
  readonly method: string
  /** `service/method` as octets. */
  readonly target: Frame
}

/** Whoever keeps the calls of a node: what a call needs of it, and what it tells it. */
export interface CallKeeper {
  readonly options: ChoiceSetup & {
    readonly codec: Codec<unknown>
    readonly deadline: number
    readonly retries: number
    readonly window: number
  }
  readonly roster: {
    offering(service: string): ReadonlySet<Contact> | undefined
    send(contact: Contact, message: readonly Frame[]): boolean
    say(contact: Contact, message: readonly Frame[]): void
  }
  readonly stats: MeshStats
  /** Whether all places where a node may be have been tried. */
  readonly settled: () => boolean
  /** Whether this node offers `service/method` itself. */
  readonly owns: (target: string) => boolean
  nextId(): number
  /** An attempt is on its way: what is heard of it is for its call. */
  opened(attempt: Attempt, now: number): void
  closed(attempt: Attempt): void
  /** What became of an attempt, as far as its node is to be judged by it. */
  succeeded(attempt: Attempt): void
  failed(attempt: Attempt, now: number): void
  undecided(attempt: Attempt): void
  /** Whether what a handler threw is held against its node. */
  counts(error: RemoteError): boolean
  /** Nobody can be asked: the call is to be told when that may have changed. */
  wait(call: Call): void
  /** A call ended in an error. */
  count(error: Error): void
  /** A call is over. */
  finished(call: Call): void
}

/** The wait before a node is asked again that has failed already, in ms; doubles each time. */
const AGAIN = 10
/** The least wait, in ms, before it is looked again whether somebody can be asked. */
const LATER = 50
/** A timer later than this, in ms, says that it was this process that did not listen. */
const OVERSLEPT = 50

export class Call {
  readonly service: string
  readonly method: string
  readonly #calls: CallKeeper
  readonly #target: Frame
  readonly #body: Frame | string
  readonly #options: CallOptions
  readonly #deadline: number
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: Error) => void
  /** Takes back what was asked of the signal. */
  readonly #release: (() => void) | undefined
  readonly #tried = new Set<Contact>()
  /** Those that refused: they are not asked again. */
  readonly #refused = new Set<Contact>()
  #attempts: Attempt[] = []
  /** Whether there may be further attempts at all. */
  readonly #retries: boolean
  /** How many nodes may yet be asked because others, which are there, take long. */
  #hedges: number
  #pauses = 0
  #timer: NodeJS.Timeout | undefined
  #due = 0
  #lastError: Error | undefined
  #obstacles = new Set<Obstacle>()
  /** Somebody refused for another reason than that he does not offer this. */
  #turnedAway = false
  #over = false
  #stream: IncomingStream | undefined

  constructor(
    calls: CallKeeper,
    { service, method, target }: CallTarget,
    body: Frame | string,
    options: CallOptions,
    resolve: (value: unknown) => void,
    reject: (error: Error) => void,
  ) {
    this.#calls = calls
    this.service = service
    this.method = method
    this.#target = target
    this.#body = body
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    this.#hedges = options.retries ?? calls.options.retries
    this.#retries = this.#hedges > 0
    this.#deadline = performance.now() + (options.deadline ?? calls.options.deadline)
    if (options.signal !== undefined) this.#release = onAbort(options.signal, () => this.abort())
  }

  /** The caller's own signal was aborted. */
  abort(): void {
    this.fail(new AbortError(this.#options.signal?.reason))
  }

  // ── attempts ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Puts the call to a node, or finds out that there is none. */
  attempt(): void {
    // Whoever has been asked is waited for.
    if (this.#over || this.#attempts.length > 0) return
    const now = performance.now()
    if (now >= this.#deadline) {
      this.#expired()
      return
    }
    const candidates = this.#calls.roster.offering(this.service)
    for (;;) {
      this.#obstacles.clear()
      const contact = this.#choose(candidates, now)
      if (contact === undefined) {
        this.#nobody(candidates !== undefined)
        return
      }
      if (this.#put(contact, now)) {
        this.#schedule(candidates?.size ?? 0, now)
        return
      }
      // Its queue is full, or it has just gone: as good as refused.
      this.#turnedAway = true
      this.#refused.add(contact)
    }
  }

  /** Something changed: perhaps there is somebody now. */
  reconsider(): void {
    this.#refused.clear()
    this.#turnedAway = false
    this.attempt()
  }

  #choose(candidates: Iterable<Contact> = [], now: number): Contact | undefined {
    const { options } = this.#calls
    const avoided = (contact: Contact): boolean => this.#tried.has(contact) || this.#refused.has(contact)
    const fresh = choose(options, candidates, this, avoided, now, (obstacle) => this.#obstacles.add(obstacle))
    // Nobody is asked twice at the same time; and twice at all only if nobody else is left.
    if (fresh !== undefined || this.#attempts.length > 0) return fresh
    const refused = (contact: Contact): boolean => this.#refused.has(contact)
    const again = this.#tried.size === 0 ? undefined : choose(options, candidates, this, refused, now, () => {})
    if (again !== undefined) return again
    const harmless = [...candidates].filter((contact) => this.#mayRepeatAt(contact))
    return chooseFailing(options, harmless, this, refused, now)
  }

  #put(contact: Contact, now: number): boolean {
    const id = this.#calls.nextId()
    const { deadline } = this.#options
    const remaining = Math.max(1, Math.floor(this.#deadline - now))
    const flags = deadline === undefined ? UNTIL_STREAM : 0
    const head = callHeader(this.#target, id, remaining, this.#calls.options.window, flags)
    if (!this.#calls.roster.send(contact, [head, this.#body as Frame])) return false
    const attempt = { id, call: this, contact, sentAt: now }
    this.#attempts.push(attempt)
    this.#tried.add(contact)
    this.#calls.opened(attempt, now)
    return true
  }

  /** When to look again: at the deadline, or when another node is to be asked as well. */
  #schedule(candidates: number, now: number): void {
    const remaining = this.#deadline - now
    if (this.#hedges === 0 || !this.#mayRepeat()) {
      this.#wait(remaining)
      return
    }
    const others = Math.max(1, Math.min(this.#hedges, candidates - this.#tried.size))
    this.#wait(Math.min(remaining, this.#options.hedgeAfter ?? remaining / (others + 1)))
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer)
    const pause = Math.max(0, Math.ceil(ms))
    this.#due = performance.now() + pause
    this.#timer = setTimeout(() => this.#woken(), pause)
  }

  #woken(): void {
    if (performance.now() >= this.#deadline) this.#expired()
    else if (this.#attempts.length === 0) this.attempt()
    // Timers may fire a little early; a stream ends at its deadline all the same.
    else if (this.#stream !== undefined) this.#wait(this.#deadline - performance.now())
    else this.hedge()
  }

  /** What was asked takes long: another node is asked as well, if that may be. */
  hedge(): void {
    if (this.#over || this.#stream !== undefined) return
    const now = performance.now()
    const remaining = this.#deadline - now
    // Those that have fallen silent are as good as lost.
    const lost = this.#attempts.every(({ contact }) => contact.silent)
    if (!(lost ? this.#retries : this.#hedges > 0) || !this.#mayRepeat()) {
      this.#wait(remaining)
      return
    }
    const candidates = this.#calls.roster.offering(this.service)
    const contact = this.#choose(candidates, now)
    // Nobody else is there now; somebody may come back before the time is over.
    if (contact === undefined || !this.#put(contact, now)) {
      this.#wait(Math.min(remaining, Math.max(LATER, remaining / 4)))
      return
    }
    if (!lost) this.#hedges--
    this.#calls.stats.hedges++
    this.#schedule(candidates?.size ?? 0, now)
  }

  /** Whether this call may be made more than once, as far as whoever offers it says so. */
  #mayRepeat(): boolean {
    if (this.#options.idempotent !== undefined) return this.#options.idempotent
    for (const contact of this.#tried) if (!this.#mayRepeatAt(contact)) return false
    return true
  }

  #mayRepeatAt({ node }: Contact): boolean {
    const { idempotent } = this.#options
    return idempotent ?? node?.services.get(this.service)?.methods.get(this.method)?.idempotent === true
  }

  #nobody(offered: boolean): void {
    if (this.#attempts.length > 0) return
    const absent = !this.#turnedAway && (!offered || [...this.#obstacles].every((each) => each === "lacks the method"))
    const { settled, owns } = this.#calls
    // While places are still being tried, somebody may turn up who offers it; and what this node itself has just
    // offered it is about to hear of.
    const expected = absent && (!settled() || owns(`${this.service}/${this.method}`))
    if (this.#options.wait === true || expected || this.#missing) {
      this.#calls.wait(this)
      const remaining = this.#deadline - performance.now()
      // An open circuit and a full queue are not announced when they change.
      this.#wait(this.#options.wait === true ? Math.min(LATER, remaining) : remaining)
      return
    }
    this.fail(this.#lastError ?? this.#whyNobody(absent))
  }

  /** Whether a node that was lost may be there all the same: only its connection is known to be gone. */
  get #missing(): boolean {
    for (const { missing } of this.#tried) if (missing) return true
    return false
  }

  #whyNobody(absent: boolean): Error {
    const { service, method } = this
    if (absent) return new NotOfferedError(service, method, "nobody offers this")
    const reasons = [...this.#obstacles].join(", ") || "refused"
    return new UnavailableError(service, method, `nobody who offers this can be asked: ${reasons}`)
  }

  // ── what becomes of an attempt ─────────────────────────────────────────────────────────────────────────────────

  /** A message about an attempt of this call. */
  heard(attempt: Attempt, type: number, head: Frame, body: Frame | undefined, now: number): void {
    if (type === TYPE.refused) {
      this.#refusedBy(attempt, numberOf(head))
      return
    }
    if (type === TYPE.item || type === TYPE.end) {
      this.#streamed(attempt, type, numberOf(head), body, now)
      return
    }
    this.#calls.closed(attempt)
    this.#drop(attempt)
    attempt.contact.measured(now - attempt.sentAt, now)
    if (type === TYPE.error) this.#threw(attempt, body, now)
    else this.#answered(attempt, body)
  }

  /** The node was lost. */
  lost(attempt: Attempt, now: number): void {
    this.#drop(attempt)
    const error = new LostError(
      this.service,
      this.method,
      `the node ${attempt.contact.node?.name ?? attempt.contact.endpoint} was lost before it answered`,
    )
    if (this.#stream !== undefined) {
      this.#stream.fail(error)
      this.#finish()
      return
    }
    this.#lastError = error
    if (this.#attempts.length > 0) return
    if (!this.#retries || !this.#mayRepeat()) {
      this.fail(error)
      return
    }
    this.#calls.stats.retries++
    this.#again(now)
  }

  /** Asks another node at once, and one that was asked before only after a while. */
  #again(now: number): void {
    const candidates = this.#calls.roster.offering(this.service) ?? []
    const avoided = (contact: Contact): boolean => this.#tried.has(contact) || this.#refused.has(contact)
    const fresh = choose(this.#calls.options, candidates, this, avoided, now, () => {})
    if (fresh !== undefined) {
      this.attempt()
      return
    }
    const pause = AGAIN * 2 ** Math.min(this.#pauses++, 6) * (0.5 + Math.random())
    this.#wait(Math.min(pause, this.#deadline - now))
  }

  #refusedBy(attempt: Attempt, reason: number): void {
    this.#calls.closed(attempt)
    this.#calls.undecided(attempt)
    this.#drop(attempt)
    // What has begun is not made anew, whatever its node says of it.
    if (this.#stream !== undefined) {
      this.#stream.fail(new ProtocolError("A stream ended in a refusal"))
      this.#finish()
      return
    }
    this.#refused.add(attempt.contact)
    this.#tried.delete(attempt.contact)
    if (this.#attempts.length > 0) return
    this.#calls.stats.passedOn++
    if (reason !== REFUSAL.notOffered) this.#turnedAway = true
    this.attempt()
  }

  #threw(attempt: Attempt, body: Frame | undefined, now: number): void {
    const { contact } = attempt
    const node = contact.node?.name ?? contact.endpoint
    const error = new RemoteError(this.service, this.method, node, readThrown(body))
    if (this.#calls.counts(error)) this.#calls.failed(attempt, now)
    else this.#calls.succeeded(attempt)
    if (this.#stream === undefined) {
      this.fail(error)
      return
    }
    this.#stream.fail(error)
    this.#finish()
  }

  #answered(attempt: Attempt, body: Frame | undefined): void {
    this.#calls.succeeded(attempt)
    if (this.#stream !== undefined) {
      this.#stream.fail(new CodecError("A stream ended in an answer"))
      this.#finish()
      return
    }
    let value: unknown
    try {
      value = body === undefined ? undefined : this.#calls.options.codec.decode(body)
    } catch (error) {
      this.fail(new CodecError(`The answer of ${this.service}/${this.method} does not decode`, { cause: error }))
      return
    }
    this.#calls.stats.answered++
    this.#outrun(attempt)
    this.#finish()
    this.#resolve(value)
  }

  #streamed(attempt: Attempt, type: number, sequence: number, body: Frame | undefined, now: number): void {
    let stream = this.#stream
    if (stream === undefined) {
      attempt.contact.measured(now - attempt.sentAt, now)
      this.#calls.succeeded(attempt)
      stream = this.#begin(attempt)
    }
    if (type === TYPE.item) {
      this.#calls.stats.itemsReceived++
      stream.push(sequence, body)
      return
    }
    this.#calls.closed(attempt)
    this.#drop(attempt)
    stream.end()
    this.#finish()
  }

  /** The first item: this attempt is the one that counts. */
  #begin(attempt: Attempt): IncomingStream {
    const { roster, options, stats } = this.#calls
    const { contact, id } = attempt
    this.#outrun(attempt)
    for (const other of [...this.#attempts]) if (other !== attempt) this.#cancel(other)
    const stream = new IncomingStream({
      codec: options.codec,
      window: options.window,
      credit: (items) => roster.send(contact, [header(TYPE.credit, id, items)]),
      leave: () => {
        if (!this.#over) this.#finish()
      },
    })
    this.#stream = stream
    stats.answered++
    if (this.#options.deadline === undefined) clearTimeout(this.#timer)
    this.#resolve(stream satisfies MeshStream<unknown>)
    return stream
  }

  /** Those that were asked earlier, and have not answered when a later one has, are held to have failed. */
  #outrun(winner: Attempt): void {
    const now = performance.now()
    for (const other of this.#attempts) if (other.sentAt < winner.sentAt) this.#calls.failed(other, now)
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  #expired(): void {
    const now = performance.now()
    // An answer may be there that we have not read yet: that is not held against whoever gave it.
    const overslept = now - this.#due > OVERSLEPT
    if (this.#stream === undefined && !overslept) for (const attempt of this.#attempts) this.#calls.failed(attempt, now)
    const { service, method } = this
    const asked = this.#tried.size === 0 ? "nobody could be asked" : "no answer came"
    this.fail(new DeadlineError(service, method, `${asked} by the deadline`))
  }

  fail(error: Error): void {
    if (this.#over) return
    this.#calls.count(error)
    this.#finish()
    if (this.#stream === undefined) this.#reject(error)
    else this.#stream.fail(error)
  }

  #finish(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#release?.()
    for (const attempt of [...this.#attempts]) this.#cancel(attempt)
    this.#calls.finished(this)
  }

  /** Nobody waits for this attempt any more. */
  #cancel(attempt: Attempt): void {
    const { roster } = this.#calls
    this.#calls.closed(attempt)
    this.#calls.undecided(attempt)
    this.#drop(attempt)
    roster.say(attempt.contact, [header(TYPE.cancel, attempt.id)])
  }

  #drop(attempt: Attempt): void {
    this.#attempts = this.#attempts.filter((other) => other !== attempt)
  }
}
