// Where results go that are not to go back to the ventilator: workers send them here, each until it has been taken.

import { ClosedError, type Codec, type Frame, type Peer, Router, type RouterOptions } from "brokerless"
import { Emitter } from "../emitter.ts"
import { Register } from "../register.ts"
import { type Settings, settle, whole } from "../settings.ts"
import { CODEC, SOCKET, socketOptions } from "./codecs.ts"
import { decodeResults, encodeTaken, type ResultParcel } from "./wire.ts"

/** What a sink can be told at its start, besides the codec. */
export interface SinkOptions {
  /** Results whose coming twice would be noticed. Default 100 000. */
  readonly remembered?: number | undefined
  /** Options of the Router behind it. */
  readonly socket?: RouterOptions | undefined
}

/** A result, and of what. */
export interface SunkResult<R> {
  readonly result: R
  /** The number of the task at its ventilator. */
  readonly id: number
  /** The ventilator: 16 hexadecimal digits, the same for as long as it lives. */
  readonly ventilator: string
  readonly key: string | undefined
}

/** What happens at a sink. */
export type SinkEvents = {
  /** A result came that had been taken before; it is not handed out again. */
  readonly "result:duplicate": { readonly id: number; readonly ventilator: string }
  /** A result came that the codec could not decode; it is not handed out. */
  readonly "result:invalid": { readonly id: number; readonly ventilator: string; readonly error: unknown }
  /** A peer sent what is no message of this protocol, and was parted with. */
  readonly "message:invalid": { readonly address: string }
}

/** Counters of a sink. */
export class SinkStats {
  /** Results that were handed out. */
  received = 0
  /** Results that came again. */
  duplicates = 0
  /** Results that did not decode, and messages that are none of this protocol. */
  invalid = 0
}

type AllOptions = SinkOptions & { readonly codec?: unknown }

const SETTINGS: Settings<AllOptions> = {
  remembered: whole("results", 100_000, 1),
  codec: CODEC,
  socket: SOCKET,
}

const EVENTS: readonly (keyof SinkEvents & string)[] = ["result:duplicate", "result:invalid", "message:invalid"]

/** Results that came again while nobody had taken them, after which no more is read. */
const MOST_DEFERRED = 4096

/** A result that nobody has taken yet. */
interface Arrival {
  readonly name: string
  readonly address: Frame
  readonly parcel: ResultParcel
  /** The same, sent by others or again: they are told when it is taken. */
  again?: { readonly address: Frame; readonly token: number }[]
}

/** The half of a codec that a {@link Sink} needs. */
export interface ResultDecoder<R> {
  decode(frame: Frame): R
}

/** How a {@link Sink} is made. It only receives, so of its codec only that half matters. */
export type SinkArguments<R> =
  | [options: SinkOptions & { readonly codec: ResultDecoder<R> & Partial<Codec<never, R>> }]
  | ([Frame] extends [R] ? [options?: SinkOptions & { readonly codec?: undefined }] : never)

/**
 * Collects the results of workers that name it as their `sink`. The ventilator is told that a task is done only when
 * its result has been taken here, that is, when the loop asks for the next.
 */
export class Sink<R = Frame> implements AsyncDisposable {
  /** Counters. */
  readonly stats: SinkStats = new SinkStats()
  /** What happens, as it happens. */
  readonly events: Emitter<SinkEvents> = new Emitter(EVENTS)
  readonly #router: Router
  readonly #codec: ResultDecoder<R> | undefined
  readonly #remembered: number
  /** Results that were taken: of which ventilator, and which. */
  readonly #seen = new Set<string>()
  readonly #peers = new Map<string, Peer>()
  /** What was taken in this tick, by the address of its worker. */
  readonly #taken = new Map<Frame, number[]>()
  /** Results of the message that was received last, as far as no loop has got them. */
  readonly #arrived: Arrival[] = []
  /** Those, and what loops have got and not taken, by name. */
  readonly #pending = new Register<string, Arrival>()
  /** How many of them came again. */
  #deferred = 0
  /** Loops that wait for a result. */
  readonly #loops: ((arrival: Arrival | undefined) => void)[] = []
  #resume: (() => void) | undefined

  /** @throws OptionError for an option that does not exist or is not accepted */
  constructor(...[options]: SinkArguments<R>) {
    const settings = settle("Sink", SETTINGS, options as AllOptions | undefined)
    this.#codec = settings.codec as ResultDecoder<R> | undefined
    this.#remembered = settings.remembered
    this.#router = new Router({
      linger: 1000,
      ...socketOptions("Sink", settings.socket as RouterOptions | undefined),
      sendHighWaterMark: 0,
      sendHighWaterMarkBytes: 0,
    })
    this.#router.events.on("peer:join", ({ peer }) => this.#peers.set(keyOf(peer.routingId), peer))
    this.#router.events.on("peer:leave", ({ peer }) => this.#peers.delete(keyOf(peer.routingId)))
    void this.#listen()
  }

  /**
   * Lets workers come in at `endpoint`.
   *
   * @returns the endpoint really bound
   * @throws EndpointError, ClosedError (as rejections)
   */
  bind(endpoint: string): Promise<string> {
    return this.#router.bind(endpoint)
  }

  /**
   * Results until the sink closes, each once as far as it is remembered. A result counts as taken when the loop asks
   * for the next one, or is left. Leaving the loop leaves the sink open; another one goes on where it stopped.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<SunkResult<R>, undefined> {
    for (let next = await this.#next(); next !== undefined; next = await this.#next()) {
      const result = this.#open(next.parcel)
      try {
        if (result !== undefined) yield result
      } finally {
        this.#take(next)
      }
    }
    return undefined
  }

  /** Closes it: what was not taken stays with the workers. */
  async close(): Promise<void> {
    this.#flush()
    const closed = this.#router.close()
    this.#resume?.()
    await closed
    this.events.close()
  }

  /** Closes the sink at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Reads when nothing is pending, or a loop wants more: what came again of results that were taken is answered
   * without a loop, since the worker and the ventilator wait for that.
   */
  async #listen(): Promise<void> {
    try {
      for (;;) {
        const [address, ...frames] = (await this.#router.receive()) as [Frame, ...Frame[]]
        const said = decodeResults(frames)
        if (said === undefined) this.#expel(address)
        else for (const parcel of said.results) this.#arrive(address, parcel)
        while (!this.#isHungry && !this.#router.closed) {
          await new Promise<void>((resolve) => {
            this.#resume = resolve
          })
        }
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    }
    for (const loop of this.#loops.splice(0)) loop(undefined)
  }

  get #isHungry(): boolean {
    if (this.#arrived.length > 0 || this.#deferred >= MOST_DEFERRED) return false
    return this.#pending.size === 0 || this.#loops.length > 0
  }

  #arrive(address: Frame, parcel: ResultParcel): void {
    const { epoch, id, token } = parcel
    const name = `${epoch}${id}`
    const pending = this.#pending.get(name)
    if (pending === undefined && !this.#seen.has(name)) {
      const arrival = { name, address, parcel }
      this.#pending.set(name, arrival)
      const loop = this.#loops.shift()
      if (loop === undefined) this.#arrived.push(arrival)
      else loop(arrival)
      return
    }
    this.stats.duplicates++
    this.events.emit("result:duplicate", { id, ventilator: nameOf(epoch) })
    if (pending === undefined) {
      this.#answer(address, token)
      return
    }
    pending.again ??= []
    pending.again.push({ address, token })
    this.#deferred++
  }

  /** The next result that arrived, or nothing when the sink is closed. */
  async #next(): Promise<Arrival | undefined> {
    if (this.#router.closed) return undefined
    const arrived = this.#arrived.shift()
    if (arrived !== undefined) return arrived
    return new Promise((resolve) => {
      this.#loops.push(resolve)
      this.#resume?.()
    })
  }

  /** What is to be handed out of it; nothing if it cannot be. */
  #open({ epoch, id, key, body }: ResultParcel): SunkResult<R> | undefined {
    const ventilator = nameOf(epoch)
    try {
      const result = (this.#codec === undefined ? body : this.#codec.decode(body)) as R
      this.stats.received++
      return { result, id, ventilator, key: key === "" ? undefined : key }
    } catch (error) {
      this.stats.invalid++
      this.events.emit("result:invalid", { id, ventilator, error })
      return undefined
    }
  }

  #take({ name, address, parcel, again }: Arrival): void {
    this.#pending.delete(name)
    this.#seen.add(name)
    if (this.#seen.size > this.#remembered) this.#seen.delete(this.#seen.values().next().value as string)
    this.#answer(address, parcel.token)
    for (const { address, token } of again ?? []) this.#answer(address, token)
    this.#deferred -= again?.length ?? 0
    if (this.#isHungry) this.#resume?.()
  }

  #answer(address: Frame, token: number): void {
    const taken = this.#taken.get(address)
    if (taken !== undefined) {
      if (taken.push(token) === 256) this.#flush()
      return
    }
    if (this.#taken.size === 0) process.nextTick(() => this.#flush())
    this.#taken.set(address, [token])
  }

  #flush(): void {
    if (this.#router.closed) return
    for (const [address, tokens] of this.#taken) {
      this.#taken.delete(address)
      // A worker that is gone says it all again when it is back.
      this.#router.trySend([address, ...encodeTaken(tokens)])
    }
  }

  #expel(address: Frame): void {
    this.stats.invalid++
    const peer = this.#peers.get(keyOf(address))
    if (peer === undefined) return
    this.events.emit("message:invalid", { address: peer.address })
    peer.disconnect()
  }
}

function nameOf(epoch: string): string {
  return Buffer.from(epoch, "latin1").toString("hex")
}

function keyOf(address: Frame): string {
  return address.toString("latin1")
}
