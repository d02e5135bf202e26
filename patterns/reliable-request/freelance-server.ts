// A server of the Freelance protocol (RFC 10): a Router whose routing id is its public endpoint, that answers PING by
// PONG and requests by what its handler says.

import { randomUUID } from "node:crypto"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  type Codec,
  EndpointError,
  type Frame,
  type Message,
  type MessageLike,
  OptionError,
  type Peer,
  Router,
  type Same,
  type SocketArguments,
} from "brokerless"
import { Crowd } from "../crowd.ts"
import { Emitter } from "../emitter.ts"
import { Participant, type ParticipantSocketOptions, socketSetting } from "../participant.ts"
import { codecSetting, type Payload, payloadOf } from "../payload.ts"
import { type Setting, type Settings, settle, whole } from "../settings.ts"

/** How a server works. */
export interface FreelanceServerOptions {
  /**
   * The endpoint by which clients know this server, if it is not the one that is bound. It is the server's routing id:
   * clients have to connect to exactly this text.
   */
  readonly identity?: string | undefined
  /** Handlers that may run at once. Default 1. */
  readonly concurrency?: number | undefined
  /** Requests that may wait for a handler; beyond, they are dropped, and their clients ask again. Default 1000. */
  readonly maxWaiting?: number | undefined
  /** Options of the socket beneath. */
  readonly socket?: Omit<ParticipantSocketOptions, "routingId"> | undefined
}

/** What a handler is told of its request. */
export interface FreelanceContext {
  /** Who asks. */
  readonly peer: Peer
  /** Aborted when the client has left, or the server is closed. */
  readonly signal: AbortSignal
}

/** Answers a request. */
export type FreelanceHandler<S, R> = (request: R, context: FreelanceContext) => S | Promise<S>

/** What happens to a server. */
export interface FreelanceServerEvents {
  readonly [type: string]: object
  join: { readonly peer: Peer }
  leave: { readonly peer: Peer }
  /** The handler failed, or its answer could not be sent; nobody was answered. */
  failure: { readonly peer: Peer; readonly error: unknown }
  /** Too many requests wait: this one was dropped. */
  refuse: { readonly peer: Peer }
}

/** What a server has done. */
export interface FreelanceServerStats {
  readonly requests: number
  readonly answered: number
  readonly failed: number
  /** Requests dropped because too many waited. */
  readonly refused: number
  /** Requests whose client left before it was answered. */
  readonly abandoned: number
  readonly pings: number
  /** Messages that are neither a PING nor a request, and requests that do not decode. */
  readonly invalid: number
  readonly waiting: number
  readonly running: number
}

type Given = FreelanceServerOptions & { readonly codec?: Codec<never, unknown> | undefined }

const SETTINGS: Settings<Given> = {
  codec: codecSetting,
  identity: {
    accepts: "an endpoint of at most 255 octets",
    test: (value) => typeof value === "string" && value !== "" && Buffer.byteLength(value) <= 255,
    default: undefined,
  },
  concurrency: whole("handlers", 1, 1),
  maxWaiting: whole("requests", 1000),
  socket: socketSetting as Setting<FreelanceServerOptions["socket"]>,
}

const EVENTS = ["join", "leave", "failure", "refuse"] as const

interface Job {
  readonly peer: Peer
  readonly control: Frame
  readonly body: Message
  readonly ending: AbortController
}

/** Times that a port which the system chose is tried, should somebody else take it meanwhile. */
const TRIES = 5

/**
 * A server of the Freelance protocol; made by {@link FreelanceServer.listen}.
 *
 * @typeParam S - answers: frames, or the values that the codec encodes
 * @typeParam R - requests: frames, or the values that the codec decodes
 */
export class FreelanceServer<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Participant {
  /** What happens. */
  readonly events: Emitter<FreelanceServerEvents> = new Emitter<FreelanceServerEvents>([...EVENTS])
  /** The endpoint by which clients know this server: its routing id. */
  readonly identity: string
  readonly #handler: FreelanceHandler<S, R>
  readonly #payload: Payload<S, R>
  readonly #concurrency: number
  readonly #maxWaiting: number
  readonly #waiting = new Crowd<Job>()
  readonly #running = new Crowd<Job>()
  #finished: (() => void) | undefined
  readonly #stats = { requests: 0, answered: 0, failed: 0, refused: 0, abandoned: 0, pings: 0, invalid: 0 }

  private constructor(identity: string, handler: FreelanceHandler<S, R>, settled: ReturnType<typeof settle<Given>>) {
    super({ ...settled.socket, routingId: identity })
    this.identity = identity
    this.#handler = handler
    this.#payload = payloadOf<S, R>(settled.codec)
    this.#concurrency = settled.concurrency
    this.#maxWaiting = settled.maxWaiting
  }

  /**
   * Starts a server at `endpoint`, which may be a wildcard.
   *
   * @throws OptionError, EndpointError (as rejections)
   */
  static async listen<S = MessageLike, R = Same<MessageLike, S, Message, S>>(
    endpoint: string,
    handler: FreelanceHandler<S, R>,
    ...[options]: SocketArguments<S, R, FreelanceServerOptions, FreelanceServerOptions>
  ): Promise<FreelanceServer<S, R>> {
    if (typeof handler !== "function") throw new OptionError("handler", "The handler of a server must be a function")
    const settled = settle<Given>("a FreelanceServer", SETTINGS, options as Given | undefined)
    for (let tries = 1; ; tries++) {
      // The name has to be known before the socket is made, hence the port as well.
      const real = await concrete(endpoint)
      const server = new FreelanceServer<S, R>(settled.identity ?? real, handler, settled)
      try {
        await server.bind(real)
        return server
      } catch (error) {
        await server.close({ timeout: 0 })
        const taken = error instanceof EndpointError && error.code === "EADDRINUSE" && real !== endpoint
        if (!taken || tries >= TRIES) throw error
      }
    }
  }

  /** What has been done so far. */
  get stats(): FreelanceServerStats {
    return { ...this.#stats, waiting: this.#waiting.size, running: this.#running.size }
  }

  /** @internal */
  protected override joined(peer: Peer): void {
    this.events.emit("join", { peer })
  }

  /** @internal */
  protected override left(peer: Peer): void {
    for (const job of [...this.#waiting, ...this.#running]) if (job.peer === peer) this.#abandon(job)
    this.events.emit("leave", { peer })
  }

  /** @internal */
  protected heard(peer: Peer, message: Message): void {
    const [control, ...body] = message
    if (control === undefined) return
    if (body.length === 0) {
      if (String(control) === "PING") {
        this.#stats.pings++
        this.tell(peer, ["PONG"])
      } else this.#stats.invalid++
      return
    }
    this.#stats.requests++
    if (this.closed || (this.#waiting.size >= this.#maxWaiting && this.#running.size >= this.#concurrency)) {
      this.#stats.refused++
      this.events.emit("refuse", { peer })
      return
    }
    this.#waiting.add({ peer, control, body, ending: new AbortController() })
    this.#proceed()
  }

  /** @internal */
  protected finish(): Promise<void> {
    if (this.#running.size === 0 && this.#waiting.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#finished = resolve
    })
  }

  /** @internal */
  protected abandon(): void {
    for (const job of [...this.#waiting, ...this.#running]) this.#abandon(job)
  }

  /** @internal */
  protected ended(): void {
    this.events.close()
  }

  #proceed(): void {
    for (const job of this.#waiting) {
      if (this.#running.size >= this.#concurrency) return
      this.#waiting.delete(job)
      this.#running.add(job)
      void this.#run(job).finally(() => {
        this.#running.delete(job)
        this.#proceed()
        if (this.#running.size === 0) this.#finished?.()
      })
    }
  }

  async #run({ peer, control, body, ending }: Job): Promise<void> {
    let request: R
    try {
      request = this.#payload.decode(body)
    } catch {
      this.#stats.invalid++
      return
    }
    try {
      const answer = this.#payload.encode(await this.#handler(request, { peer, signal: ending.signal }))
      if (ending.signal.aborted) return
      if (this.tell(peer, [control, ...answer])) this.#stats.answered++
      else this.#stats.abandoned++
    } catch (error) {
      this.#stats.failed++
      this.events.emit("failure", { peer, error })
    }
  }

  #abandon(job: Job): void {
    this.#waiting.delete(job)
    if (job.ending.signal.aborted) return
    this.#stats.abandoned++
    job.ending.abort()
  }
}

/** The endpoint with what the system chooses chosen. */
async function concrete(endpoint: string): Promise<string> {
  if (endpoint === "ipc://*") return `ipc://${join(tmpdir(), `freelance-${randomUUID()}`)}`
  if (!/\*|:0$/.test(endpoint)) return endpoint
  await using router = new Router()
  return await router.bind(endpoint)
}
