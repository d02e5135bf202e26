// REP (RFC 28): receives a request, sends the answer to whoever asked; strictly in turn, or many at once by `serve`.

import { StateError } from "../../errors.ts"
import type { Frame, Message, MessageLike } from "../../message.ts"
import type { ReplyOptions } from "../../options.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import type { Same, SocketArguments } from "../arguments.ts"
import { valueCoding } from "../coding.ts"
import { Inbox, SKIP } from "../inbox.ts"
import { ACCEPTED, Outbox, type Verdict } from "../outbox.ts"
import { type Readable, receives } from "../readable.ts"
import { hubOf, Socket } from "../socket.ts"
import { sends, type Writable } from "../writable.ts"
import { envelopeLength } from "./envelope.ts"
import { type Handler, type RawRequest, type ServeOptions, Service } from "./service.ts"

/** Where the answer to a request goes. */
interface ReturnAddress {
  readonly pipe: Pipe
  readonly envelope: readonly Frame[]
}

/**
 * Answers requests (RFC 28): `receive` and `send` in turn, or {@link Reply.serve} with a handler.
 *
 * @typeParam S - answers: frames, or the values that the codec encodes
 * @typeParam R - requests: frames, or the values that the codec decodes
 */
export class Reply<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Socket {
  #owed: ReturnAddress | undefined
  /** Answers that wait for room, and whose they are. */
  readonly #waiting = new WeakMap<Message, ReturnAddress>()
  #service: Service | undefined
  #serving: Promise<void> | undefined
  /** Told when no answer is owed any more. */
  #settled: (() => void) | undefined

  constructor(...[options]: SocketArguments<S, R, ReplyOptions, ReplyOptions>) {
    super("Reply", "REP", options)
    const hub = hubOf(this)
    const coding = valueCoding(hub)
    hub.outbox = new Outbox<unknown>({
      encode: (value) => {
        if (this.#service !== undefined) throw new StateError("A Reply that serves sends nothing by itself")
        if (this.#owed === undefined) throw new StateError("A Reply can send only after it has received a request")
        return coding.encode(value)
      },
      offer: (message) => this.#answer(message),
      ready: () => this.#owed !== undefined,
      timeout: hub.options.sendTimeout,
    })
    hub.inbox = new Inbox<unknown>({
      open: () => this.#owed === undefined || this.#service !== undefined,
      check: () => {
        if (this.#service !== undefined) throw new StateError("A Reply that serves receives nothing by itself")
        if (this.#owed !== undefined)
          throw new StateError("A Reply has to send the answer before it receives the next request")
      },
      decode: (message, pipe) => {
        const envelope = message.splice(0, envelopeLength(message))
        if (this.#service !== undefined) return { pipe, envelope, body: message } satisfies RawRequest
        const request = coding.decode(message, pipe)
        if (request !== SKIP) this.#owed = { pipe, envelope }
        return request
      },
      timeout: hub.options.receiveTimeout,
    })
    hub.follow({
      joined() {},
      left: (pipe) => {
        this.#service?.left(pipe)
        // Whoever waits to send to a peer that is gone need not wait any longer.
        if (this.#owed?.pipe === pipe) hub.outbox?.serve(pipe)
      },
      relieved: (pipe) => this.#service?.relieved(pipe),
      closed: () => {
        this.#service?.closed()
        this.#settled?.()
      },
      finished: async () => {
        await this.#serving
        if (this.#owed === undefined || hub.closing !== undefined) return
        await new Promise<void>((resolve) => {
          this.#settled = resolve
        })
      },
      intake(pipe, message) {
        const length = envelopeLength(message)
        if (length > 0 && length < message.length) return true
        hub.dropped("unexpected", 1, pipe)
        return false
      },
    })
  }

  /**
   * Answers every request by `handler`, up to `concurrency` at once, until the signal is aborted or the socket closes;
   * then it finishes what runs and resolves. Requests of one peer whose envelopes are equal are answered in order,
   * others may overtake.
   *
   * @throws {@link StateError} while it serves already, or owes an answer to a received request;
   * {@link OptionError}, {@link ClosedError} (as rejections)
   */
  async serve(handler: Handler<S, R>, options: ServeOptions<S, R> = {}): Promise<void> {
    const hub = hubOf(this)
    hub.checkOpen()
    const inbox = hub.inbox as Inbox<unknown>
    if (this.#service !== undefined) throw new StateError("This Reply serves already")
    if (this.#owed !== undefined) throw new StateError("This Reply owes an answer to a request it has received")
    if (inbox.awaited) throw new StateError("Somebody waits in receive() for the next request of this Reply")
    const service = new Service(
      hub,
      inbox,
      handler as Handler<unknown, unknown>,
      options as ServeOptions<unknown, unknown>,
    )
    this.#service = service
    this.#serving = service.run()
    try {
      await this.#serving
    } finally {
      this.#service = undefined
    }
  }

  #answer(message: Message): Verdict {
    const hub = hubOf(this)
    const owed = this.#owed
    const meant = this.#waiting.get(message)
    if (owed === undefined || (meant !== undefined && meant !== owed)) {
      throw new StateError("The request was answered while this answer waited")
    }
    const { pipe, envelope } = owed
    if (pipe.state === "ready" && !pipe.hasRoom) {
      this.#waiting.set(message, owed)
      return pipe
    }
    if (pipe.state === "ready") pipe.push([...envelope, ...message])
    else hub.dropped("unroutable", 1, pipe)
    this.#owed = undefined
    this.#settled?.()
    hub.inbox?.reopen()
    return ACCEPTED
  }
}

export interface Reply<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Writable<S>, Readable<R> {}
sends(Reply)
receives(Reply)
