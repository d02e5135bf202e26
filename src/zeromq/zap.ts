// The authentication protocol of ZeroMQ (RFC 27) from the side that asks: whether a peer may come in is for the handler
// that the application has bound to one inproc name, in this thread or in another, with any socket that answers.

import { type Bytes, EMPTY, fromAscii } from "../bytes.ts"
import type { Message } from "../message.ts"
import { Dealer } from "../socket/reqrep/dealer.ts"
import type { Credentials } from "../zmtp/mechanism.ts"

/** Where the handler is. */
export const ZAP_ADDRESS = "inproc://zeromq.zap.01"

const VERSION = "1.0"

/** What is asked. */
export interface ZapQuestion {
  readonly mechanism: string
  readonly domain: Bytes
  /** Where the peer is: `192.0.2.7:49152`, or a path. */
  readonly address: string
  readonly routingId: Bytes
  readonly credentials: Credentials
  /** Aborted when the answer is wanted no more. */
  readonly signal: AbortSignal
}

/** The handler refused with a status other than 400, or answered what is no answer. */
export class ZapError extends Error {
  /** 300 or 500 for a refusal. */
  readonly status: number | undefined
  /** For what is no answer. */
  readonly code: string | undefined

  constructor(message: string, status: number | undefined, code: string | undefined) {
    super(message)
    this.status = status
    this.code = code
  }
}

interface Asking {
  resolve(reply: Message): void
  reject(error: Error): void
}

/** Asks the handler of one context, any number of questions at once. */
export class ZapClient {
  readonly #endpoint: string
  readonly #open = new Map<string, Asking>()
  /** Connected to the handler, for as long as that is there. */
  #dealer: Dealer | undefined
  #count = 0

  /** @param endpoint where the handler is, as the library has it */
  constructor(endpoint: string) {
    this.#endpoint = endpoint
  }

  /** Whether there is a handler now. */
  get handled(): boolean {
    return this.#connected() !== undefined
  }

  /**
   * Resolves to the user id of a peer that may come in, and to undefined for one that may not. Rejects with
   * {@link ZapError}, also when there is no handler.
   */
  async ask(question: ZapQuestion): Promise<string | undefined> {
    const { mechanism, domain, address, routingId, credentials, signal } = question
    const id = String(++this.#count)
    const { username, password, publicKey } = credentials
    const brought = [username, password, publicKey].filter((each) => each !== undefined)
    const host = address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1")
    const dealer = this.#connected()
    if (dealer === undefined) throw new ZapError("No ZAP handler is bound", undefined, undefined)
    const reply = new Promise<Message>((resolve, reject) => {
      this.#open.set(id, { resolve, reject })
      signal.addEventListener("abort", () => reject(signal.reason), { once: true })
    })
    reply.catch(() => {})
    try {
      const frames = [EMPTY, VERSION, id, domain, host, routingId, mechanism, ...brought]
      await dealer.send(frames, { signal, timeout: -1 })
      return judged(await reply)
    } finally {
      this.#open.delete(id)
    }
  }

  #connected(): Dealer | undefined {
    if (this.#dealer !== undefined) return this.#dealer
    const dealer = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 }).unref()
    this.#dealer = dealer
    const { events } = dealer
    // Told at once when nobody has the name, and later when whoever had it is gone, or is no socket that answers.
    for (const type of ["connect:delay", "connect:retry", "close", "disconnect"] as const) {
      events.on(type, () => this.#lose(dealer))
    }
    dealer.connect(this.#endpoint)
    void this.#listen(dealer)
    return this.#dealer
  }

  #lose(dealer: Dealer): void {
    if (this.#dealer !== dealer) return
    this.#dealer = undefined
    void dealer.close()
    for (const asking of this.#open.values()) asking.reject(new ZapError("The ZAP handler left", undefined, undefined))
  }

  async #listen(dealer: Dealer): Promise<void> {
    for await (const message of dealer as AsyncIterable<Message>) {
      this.#open.get(String(message[2]))?.resolve(message)
    }
  }
}

const STATUS = fromAscii("200")

/** [] version, request id, status, text, user id, metadata. */
function judged(reply: Message): string | undefined {
  const [delimiter, version, , status, text, userId] = reply
  if (reply.length !== 7 || delimiter?.length !== 0) throw malformed("MALFORMED_REPLY")
  if (String(version) !== VERSION) throw malformed("BAD_VERSION")
  if (status?.equals(STATUS)) return String(userId)
  switch (String(status)) {
    case "400":
      return undefined
    case "300":
    case "500":
      throw new ZapError(`The ZAP handler refused: ${String(text).slice(0, 64)}`, Number(String(status)), undefined)
    default:
      throw malformed("INVALID_STATUS_CODE")
  }
}

function malformed(what: string): ZapError {
  return new ZapError("ZAP protocol error", undefined, `ERR_ZAP_${what}`)
}
