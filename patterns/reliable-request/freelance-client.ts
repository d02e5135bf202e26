// A client of the Freelance protocol (RFC 10): a Router that knows each server by its endpoint, pings all of them, and
// asks one that is alive; the next one when no answer comes.

import {
  AbortError,
  ClosedError,
  type Codec,
  type Frame,
  type Message,
  type MessageLike,
  type Peer,
  type Same,
  type SocketArguments,
  TimeoutError,
  UnreachableError,
} from "brokerless"
import { Emitter } from "../emitter.ts"
import { Participant, type ParticipantSocketOptions, socketSetting } from "../participant.ts"
import { codecSetting, type Payload, payloadOf, toFrame } from "../payload.ts"
import { type Settings, settle, whole } from "../settings.ts"
import { Waiters } from "../waiters.ts"
import { type Attempts, Requests } from "./requests.ts"

/** How a client works. */
export interface FreelanceClientOptions {
  /** Milliseconds per attempt. Default 2500. */
  readonly timeout?: number | undefined
  /** Further attempts after the first has failed. Default 3. */
  readonly retries?: number | undefined
  /** Milliseconds between PINGs to a server. Default 2000. */
  readonly pingInterval?: number | undefined
  /** Milliseconds of silence after which a server is not asked any more. Default 6000. */
  readonly serverTimeout?: number | undefined
  /** Requests that may be under way at once. Default 10 000. */
  readonly maxPending?: number | undefined
  /** Options of the socket beneath. */
  readonly socket?: ParticipantSocketOptions | undefined
}

/** What happens to a client. */
export interface FreelanceClientEvents {
  readonly [type: string]: object
  /** A server has answered a PING, or anything else, for the first time or again. */
  up: { readonly endpoint: string }
  /** A server has left, or has been silent for too long. */
  down: { readonly endpoint: string }
  /** An attempt brought no answer; `attempt` counts from 0. */
  failure: { readonly attempt: number; readonly error: unknown }
  /** An answer came that nobody waits for any more. */
  late: { readonly endpoint: string }
}

/** What a client has done. */
export interface FreelanceClientStats {
  readonly requests: number
  readonly answered: number
  /** Requests that were given up. */
  readonly failed: number
  /** Questions sent to servers. */
  readonly asked: number
  /** Attempts after a failed one. */
  readonly retries: number
  /** Answers that nobody waits for any more, or of a server that was not asked. */
  readonly late: number
  readonly pings: number
  readonly pongs: number
  /** Messages that are none of this protocol, and answers that do not decode. */
  readonly invalid: number
  /** Requests under way. */
  readonly pending: number
  /** Servers that are alive. */
  readonly servers: number
}

type Given = FreelanceClientOptions & { readonly codec?: Codec<never, unknown> | undefined }

const SETTINGS: Settings<Given> = {
  codec: codecSetting,
  timeout: whole("ms", 2500, 1, 2 ** 31 - 1),
  retries: whole("attempts", 3),
  pingInterval: whole("ms", 2000, 1, 2 ** 31 - 1),
  serverTimeout: whole("ms", 6000, 1, 2 ** 31 - 1),
  maxPending: whole("requests", 10_000, 1),
  socket: socketSetting,
}

const EVENTS = ["up", "down", "failure", "late"] as const
/** How late a timer may be, in intervals, before it says that it was this process that did not listen. */
const LATE = 1.5

/** A server, as a client sees it. */
interface Server {
  readonly peer: Peer
  /** When it was heard last, as `performance.now()` counts. */
  heardAt: number
  isAlive: boolean
  readonly answers: Waiters<string, Message>
}

/**
 * Asks servers of the Freelance protocol. Requests may be asked more than once.
 *
 * @typeParam S - requests: frames, or the values that the codec encodes
 * @typeParam R - answers: frames, or the values that the codec decodes
 */
export class FreelanceClient<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Participant {
  /** What happens. */
  readonly events: Emitter<FreelanceClientEvents> = new Emitter<FreelanceClientEvents>([...EVENTS])
  readonly #serverTimeout: number
  readonly #pingInterval: number
  #pinged: number = performance.now()
  readonly #payload: Payload<S, R>
  readonly #requests: Requests
  /** By connection, the one that is asked next in front. */
  readonly #servers = new Map<number, Server>()
  readonly #forAnybody = new Waiters<undefined, void>()
  readonly #pinging: NodeJS.Timeout
  #number = 0
  readonly #stats = { asked: 0, late: 0, pings: 0, pongs: 0, invalid: 0 }

  /** @throws OptionError for an option that does not exist or is not accepted */
  constructor(...[options]: SocketArguments<S, R, FreelanceClientOptions, FreelanceClientOptions>) {
    const settled = settle<Given>("a FreelanceClient", SETTINGS, options as Given | undefined)
    super(settled.socket)
    this.#serverTimeout = settled.serverTimeout
    this.#requests = new Requests({
      ...settled,
      failed: (error, n) => this.events.emit("failure", { attempt: n, error }),
    })
    this.#payload = payloadOf<S, R>(settled.codec)
    this.#pingInterval = settled.pingInterval
    this.#pinging = setInterval(() => this.#ping(), settled.pingInterval)
    this.#pinging.unref()
  }

  /**
   * Connects to a server, which is known by this very text.
   *
   * @throws EndpointError, OptionError when it is longer than 255 octets, ClosedError
   */
  override connect(endpoint: string): void {
    this.socket.connect(endpoint, { routingId: endpoint })
  }

  /**
   * Asks, and resolves to the answer.
   *
   * @throws TimeoutError or UnreachableError when no attempt brought an answer, CodecError when none decodes,
   * AbortError, StateError when too many requests are under way, ClosedError, OptionError, MessageError (as rejections)
   */
  async request(value: S, options: Attempts = {}): Promise<R> {
    if (this.closed) throw new ClosedError("The client is closed")
    const settled = this.#requests.admit(options)
    const body = this.#payload.encode(value)
    const control = String(this.#number++)
    return this.#requests.make(settled, async (until, signal) => {
      const server = await this.#alive(until, signal)
      return await this.#ask(server, control, body, Math.max(1, until - performance.now()), signal)
    })
  }

  /** The servers that are connected, the one that is asked next in front. */
  get servers(): readonly { readonly endpoint: string; readonly alive: boolean }[] {
    return [...this.#servers.values()].map(({ peer, isAlive }) => ({ endpoint: nameOf(peer), alive: isAlive }))
  }

  /** What has been done so far. */
  get stats(): FreelanceClientStats {
    const servers = [...this.#servers.values()].filter(({ isAlive }) => isAlive).length
    return { ...this.#requests.counts, ...this.#stats, pending: this.#requests.size, servers }
  }

  /** @internal */
  protected override joined(peer: Peer): void {
    this.#servers.set(peer.id, { peer, heardAt: performance.now(), isAlive: false, answers: new Waiters() })
    this.#pingOne(peer)
  }

  /** @internal */
  protected override left(peer: Peer): void {
    const server = this.#servers.get(peer.id)
    if (server === undefined) return
    this.#servers.delete(peer.id)
    server.answers.failAll(() => new UnreachableError(`${nameOf(peer)} left before it answered`))
    if (server.isAlive) this.events.emit("down", { endpoint: nameOf(peer) })
  }

  /** @internal */
  protected heard(peer: Peer, [control, ...body]: Message): void {
    const server = this.#servers.get(peer.id)
    if (server === undefined || control === undefined) return
    server.heardAt = performance.now()
    if (!server.isAlive) {
      server.isAlive = true
      this.events.emit("up", { endpoint: nameOf(peer) })
      for (const waiter of this.#forAnybody) this.#forAnybody.settle(waiter, undefined)
    }
    if (body.length === 0) {
      if (String(control) === "PONG") this.#stats.pongs++
      else this.#stats.invalid++
      return
    }
    const waiter = control.length <= 20 ? server.answers.of(String(control)) : undefined
    if (waiter !== undefined) {
      server.answers.settle(waiter, body)
      return
    }
    this.#stats.late++
    this.events.emit("late", { endpoint: nameOf(peer) })
  }

  /** @internal */
  protected finish(): Promise<void> {
    return this.#requests.over()
  }

  /** @internal */
  protected abandon(): void {
    clearInterval(this.#pinging)
    this.#requests.abandon()
  }

  /** @internal */
  protected ended(): void {
    this.events.close()
  }

  /** The server to ask, as soon as there is one. */
  async #alive(until: number, signal: AbortSignal): Promise<Server> {
    for (;;) {
      for (const server of this.#servers.values()) if (server.isAlive) return server
      const left = until - performance.now()
      if (left <= 0) throw new UnreachableError("No server is alive")
      try {
        await this.#forAnybody.wait(undefined, left, signal, "No server was alive")
      } catch (error) {
        throw error instanceof TimeoutError ? new UnreachableError("No server is alive", { cause: error }) : error
      }
    }
  }

  async #ask(
    server: Server,
    control: string,
    body: readonly Frame[],
    timeout: number,
    signal: AbortSignal,
  ): Promise<R> {
    this.#stats.asked++
    const { peer } = server
    try {
      if (!this.tell(peer, [toFrame(control), ...body])) throw new UnreachableError(`${nameOf(peer)} takes nothing`)
      const answer = await server.answers.wait(control, timeout, signal, `${nameOf(peer)} did not answer`)
      return this.#decode(answer)
    } catch (error) {
      // Whatever it was, the next one is somebody else's, if there is anybody else.
      if (!(error instanceof AbortError) && this.#servers.delete(peer.id) && this.peers.includes(peer)) {
        this.#servers.set(peer.id, server)
      }
      throw error
    }
  }

  #decode(answer: Message): R {
    try {
      return this.#payload.decode(answer)
    } catch (error) {
      this.#stats.invalid++
      throw error
    }
  }

  #ping(): void {
    const now = performance.now()
    // A late timer has not let the event loop read what is there, so it judges nobody, nor does the next one.
    const late = now - this.#pinged > this.#pingInterval * LATE
    this.#pinged = now
    for (const server of this.#servers.values()) {
      if (late) server.heardAt = Math.max(server.heardAt, now - this.#serverTimeout / 2)
      if (server.isAlive && now - server.heardAt > this.#serverTimeout) {
        server.isAlive = false
        const endpoint = nameOf(server.peer)
        server.answers.failAll(() => new UnreachableError(`${endpoint} has been silent for too long`))
        this.events.emit("down", { endpoint })
      }
      this.#pingOne(server.peer)
    }
  }

  #pingOne(peer: Peer): void {
    if (this.tell(peer, ["PING"])) this.#stats.pings++
  }
}

/** A server's name is its endpoint. */
function nameOf(peer: Peer): string {
  return String(peer.routingId)
}
