// The owner of the work: takes tasks in, has workers do them, and hands back what came of them. This is the face, and
// the socket behind it; what becomes of each task is the dispatcher's affair.

import { randomBytes } from "node:crypto"
import {
  AbortError,
  ClosedError,
  type Codec,
  type Frame,
  type FrameLike,
  type Peer,
  Router,
  type RouterOptions,
} from "brokerless"
import { Emitter } from "../emitter.ts"
import { type Settings, settle, whole } from "../settings.ts"
import { CODEC, type CodecArguments, encodeWith, SOCKET, socketOptions } from "./codecs.ts"
import { CrewMember } from "./crew-member.ts"
import { Dispatcher } from "./dispatcher.ts"
import { type MapOptions, mapTasks } from "./map.ts"
import type { Progress } from "./progress.ts"
import { LONGEST_TIMEOUT, MOST_RETRIES, type RunOptions, termsOf } from "./run-options.ts"
import { Task, type TaskTerms } from "./task.ts"
import { type DeadLetter, VENTILATOR_EVENTS, type VentilatorEvents } from "./ventilator-events.ts"
import { VentilatorStats } from "./ventilator-stats.ts"
import { decodeFromWorker, type Ready, TOKEN, tokenOf } from "./wire.ts"

/** What a ventilator can be told at its start, besides the codec. */
export interface VentilatorOptions<Task = unknown> {
  /** Tasks that are accepted and have not ended; beyond it `run` waits. Default 10 000. */
  readonly highWaterMark?: number | undefined
  /** Their octets; a ventilator below its marks takes one more task of any size. Default 64 MiB. */
  readonly highWaterMarkBytes?: number | undefined
  /** Tasks that one worker may hold, however many it asks for. Default 4096. */
  readonly maxCredit?: number | undefined
  /**
   * Deliveries to workers that were lost that are remembered, so that an answer that comes after all still counts, or
   * is reported as a duplicate. Default 10 000.
   */
  readonly remembered?: number | undefined
  /** Milliseconds for one attempt of a task that says nothing else; 0 = no limit. Default 0. */
  readonly timeout?: number | undefined
  /** How often a task that says nothing else is tried again. Default 3. */
  readonly retries?: number | undefined
  /** Called with each task that is given up. What it throws becomes a warning of the process. */
  readonly deadLetter?: ((letter: DeadLetter<Task>) => unknown) | undefined
  /** Options of the Router behind it, such as `security`, `heartbeatInterval` or `maxMessageSize`. */
  readonly socket?: RouterOptions | undefined
}

type AllOptions = VentilatorOptions<unknown> & { readonly codec?: unknown }

const SETTINGS: Settings<AllOptions> = {
  highWaterMark: whole("tasks", 10_000, 1),
  highWaterMarkBytes: whole("bytes", 64 * 1024 * 1024, 1),
  maxCredit: whole("tasks", 4096, 1),
  remembered: whole("deliveries", 10_000, 0),
  timeout: whole("ms", 0, 0, LONGEST_TIMEOUT),
  retries: whole("retries", 3, 0, MOST_RETRIES),
  deadLetter: { accepts: "a function", test: (value) => typeof value === "function", default: undefined },
  codec: CODEC,
  socket: SOCKET,
}

/**
 * Hands out tasks to workers, and their results to whoever asked. Workers connect to it, from threads, processes or
 * other machines; as long as the ventilator lives, a task that it accepted is done at least once, or given up and
 * reported.
 *
 * @typeParam T - the tasks
 * @typeParam R - the results; `undefined` where workers send them to a sink
 */
export class Ventilator<T = FrameLike, R = Frame> implements AsyncDisposable {
  /** Counters. */
  readonly stats: VentilatorStats = new VentilatorStats()
  /** What happens, as it happens. */
  readonly events: Emitter<VentilatorEvents> = new Emitter(VENTILATOR_EVENTS)
  readonly #router: Router
  readonly #dispatcher: Dispatcher
  readonly #codec: Codec<unknown> | undefined
  readonly #maxCredit: number
  readonly #terms: TaskTerms
  readonly #epoch = randomBytes(TOKEN)
  /** Who is connected, by what the Router calls them. */
  readonly #peers = new Map<string, Peer>()
  #ids = 0
  /** Tasks that are known to come, of arrays that are being mapped. */
  #announced = 0
  #ending: Promise<void> | undefined
  #closed: Promise<void> | undefined

  /** @throws OptionError for an option that does not exist or is not accepted */
  constructor(...[options]: CodecArguments<T, R, VentilatorOptions<T>>) {
    const settings = settle("Ventilator", SETTINGS, options as AllOptions | undefined)
    const { highWaterMark, highWaterMarkBytes, remembered, timeout, retries, deadLetter } = settings
    this.#codec = settings.codec as Codec<unknown> | undefined
    this.#maxCredit = settings.maxCredit
    this.#terms = { priority: 0, key: "", timeout, retries }
    this.#router = new Router({
      linger: 1000,
      ...socketOptions("Ventilator", settings.socket as RouterOptions | undefined),
      // What may be on its way to a worker is bounded by what it may hold.
      mandatory: true,
      sendHighWaterMark: 0,
      sendHighWaterMarkBytes: 0,
    })
    this.#dispatcher = new Dispatcher({
      epoch: this.#epoch,
      highWaterMark,
      highWaterMarkBytes,
      remembered,
      stats: this.stats,
      events: this.events,
      send: (member, message) => this.#send(member, message),
      decode: (body) => (this.#codec === undefined ? body : this.#codec.decode(body)),
      deadLetter: (letter) => callback(deadLetter as ((letter: DeadLetter<unknown>) => unknown) | undefined, letter),
    })
    this.#router.events.on("peer:join", ({ peer }) => this.#peers.set(keyOf(peer.routingId), peer))
    this.#router.events.on("peer:leave", ({ peer }) => this.#left(peer))
    void this.#listen()
  }

  /**
   * Lets workers come in at `endpoint`; any number of endpoints.
   *
   * @returns the endpoint really bound, one that can be connected to
   * @throws EndpointError, ClosedError (as rejections)
   */
  bind(endpoint: string): Promise<string> {
    return this.#router.bind(endpoint)
  }

  /** Lets no more workers in at `endpoint`, and parts with those who came through it. */
  unbind(endpoint: string): Promise<void> {
    return this.#router.unbind(endpoint)
  }

  /**
   * Has a worker do a task. Waits for room while as many tasks as may be are accepted and not done.
   *
   * @returns a promise of its result
   * @throws (as rejections) OptionError, CodecError: it cannot be sent; AbortError: it was cancelled; ClosedError: the
   * ventilator is closed, or drains; TaskError: the handler threw; TimeoutError: it exceeded its time; WorkerLostError:
   * its worker was lost; or, after more than one attempt, DeadLetterError, whose cause is the last of these
   */
  run(task: T, options?: RunOptions): Promise<R> {
    try {
      if (this.#ending !== undefined) throw new ClosedError("The ventilator is closed, or drains")
      return this.#submit(task, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Has workers do all tasks of an iterable, and hands out the results as they come, or in the order of the tasks. Only
   * so many tasks are taken ahead of the loop. When one is given up, the loop throws its error; leaving the loop
   * cancels what is under way.
   *
   * @throws OptionError for an option that is not accepted
   */
  map(tasks: Iterable<T> | AsyncIterable<T>, options: MapOptions<T> = {}): AsyncIterableIterator<R, undefined> {
    return mapTasks<T, R>(
      {
        run: (task, how) => this.run(task, how),
        announce: (count) => {
          this.#announced += count
        },
      },
      tasks,
      options,
    )
  }

  /** How far the work is. */
  get progress(): Progress {
    const { done, failed, cancelled } = this.stats
    const { queued, unsettled, rate } = this.#dispatcher
    const waiting = this.#dispatcher.waiting + this.#announced
    const { perSecond } = rate
    const left = unsettled + waiting
    const remaining = left === 0 ? 0 : perSecond === 0 ? Number.POSITIVE_INFINITY : (left * 1000) / perSecond
    return { done, failed, cancelled, running: unsettled - queued, queued, waiting, rate: perSecond, remaining }
  }

  /** The workers, and what each has. */
  get workers(): readonly WorkerView[] {
    return Array.from(this.#dispatcher.crew.members.values(), ({ name, peer, concurrency, capacity, held, fit }) => ({
      name,
      address: peer.address,
      concurrency,
      capacity,
      held,
      stuck: !fit && capacity > 0,
    }))
  }

  /** Cancels every task that has not ended: each rejects with AbortError. Returns how many that were. */
  cancel(reason?: unknown): number {
    return this.#dispatcher.cancelAll(() => new AbortError(reason))
  }

  /** Takes no more tasks, waits until all that `run` was called for have ended, then closes. */
  drain(): Promise<void> {
    if (this.#closed !== undefined) return this.#closed
    this.#ending ??= this.#dispatcher.whenIdle().then(() => this.close())
    return this.#ending
  }

  /** Ends at once: what is not done rejects with ClosedError, and the workers are told to stop. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    this.#ending ??= this.#closed
    return this.#closed
  }

  /** Closes the ventilator at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    // `closed` is set by the caller once this returns at its first await.
    this.#dispatcher.close()
    await this.#router.close()
    this.events.close()
  }

  #submit(value: T, options: RunOptions | undefined): Promise<R> {
    const terms = options === undefined ? this.#terms : termsOf(options, this.#terms)
    const signal = options?.signal
    if (signal?.aborted) throw new AbortError(signal.reason)
    const task = new Task(++this.#ids, terms, value, encodeWith(this.#codec, value))
    return this.#dispatcher.submit(task, signal) as Promise<R>
  }

  // ── the socket ─────────────────────────────────────────────────────────────────────────────────────────────────

  async #listen(): Promise<void> {
    try {
      for (;;) for (const message of await this.#router.receiveMany(64)) this.#heard(message)
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    }
  }

  #heard([address, ...frames]: Frame[]): void {
    const key = keyOf(address as Frame)
    const said = decodeFromWorker(frames)
    const member = this.#dispatcher.crew.members.get(key)
    if (said === undefined) {
      this.#expel(key)
    } else if (said.type === "ready") {
      this.#ready(key, said)
    } else if (said.epoch !== tokenOf(this.#epoch)) {
      // Meant for another ventilator, which was here before.
      this.stats.unexpected += said.type === "answers" ? said.answers.length : said.deliveries.length
    } else if (said.type === "answers") {
      this.#dispatcher.answered(member, said.answers)
    } else {
      this.#dispatcher.started(member, said.deliveries)
    }
  }

  #ready(key: string, ready: Ready): void {
    const peer = this.#peers.get(key)
    if (peer === undefined) return
    const { members } = this.#dispatcher.crew
    let member = members.get(key)
    if (member !== undefined && (member.peer !== peer || member.instance !== ready.instance)) {
      this.#lose(key, member)
      member = undefined
    }
    if (member === undefined) {
      // A worker that comes back before its end was noticed.
      for (const [otherKey, other] of members) if (other.instance === ready.instance) this.#lose(otherKey, other)
      member = new CrewMember(peer, peer.routingId, ready)
      this.#dispatcher.crew.join(key, member)
      const { name, concurrency } = ready
      this.events.emit("worker:join", { worker: name, address: peer.address, concurrency })
    }
    member.capacity = Math.min(ready.capacity, this.#maxCredit)
    member.concurrency = Math.min(ready.concurrency, this.#maxCredit)
    this.#dispatcher.resized(member)
  }

  #expel(key: string): void {
    this.stats.invalid++
    const peer = this.#peers.get(key)
    if (peer === undefined) return
    this.events.emit("message:invalid", { address: peer.address })
    peer.disconnect()
  }

  #left(peer: Peer): void {
    const key = keyOf(peer.routingId)
    if (this.#peers.get(key) === peer) this.#peers.delete(key)
    const member = this.#dispatcher.crew.members.get(key)
    if (member === undefined || member.peer !== peer) return
    // First what it said at the end, which has arrived and is still to be heard.
    setImmediate(() => setImmediate(() => this.#lose(key, member)))
  }

  #lose(key: string, member: CrewMember): void {
    if (member.gone || this.#closed !== undefined) return
    const lost = this.#dispatcher.left(key, member)
    this.events.emit("worker:leave", { worker: member.name, address: member.peer.address, lost })
  }

  #send(member: CrewMember, frames: Frame[]): void {
    const message = [member.address, ...frames]
    try {
      // Without room there is nothing to do but to wait for some.
      if (!this.#router.trySend(message)) this.#router.send(message).catch(unreachable)
    } catch {
      unreachable()
    }
  }
}

/** A worker, as `workers` shows it. */
export interface WorkerView {
  /** What it calls itself. */
  readonly name: string
  readonly address: string
  /** Tasks that it does at once. */
  readonly concurrency: number
  /** Tasks that it may hold at once. */
  readonly capacity: number
  /** Tasks that it has and has not answered. */
  readonly held: number
  /** All that it can do at once has exceeded its time. */
  readonly stuck: boolean
}

/** The worker has gone, and its leaving is told elsewhere. */
function unreachable(): void {}

function keyOf(address: Frame): string {
  return address.toString("latin1")
}

function callback<Value>(function_: ((value: Value) => unknown) | undefined, value: Value): void {
  if (function_ === undefined) return
  try {
    const result = function_(value)
    if (result instanceof Promise) result.catch(warn)
  } catch (error) {
    warn(error)
  }
}

function warn(thrown: unknown): void {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  process.emitWarning(`The dead letter callback threw: ${message}`, { type: "BrokerlessWarning" })
}
