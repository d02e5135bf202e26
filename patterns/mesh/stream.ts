// The reading end of a stream: items in order, no more on their way than there is credit for.

import { AbortError, type Codec, CodecError, type Frame, ProtocolError } from "brokerless"
import type { MeshStream } from "./contract.ts"

export interface StreamSetup {
  readonly codec: Codec<unknown>
  /** Items that may come without further credit. */
  readonly window: number
  /** Lets the other side send so many more; false when there is no room to say so now. */
  readonly credit: (items: number) => boolean
  /** Nobody reads any more, or the other side broke the rules: the call is over, unless it is already. */
  readonly leave: () => void
}

type Result = IteratorResult<unknown, undefined>

interface Reader {
  readonly resolve: (result: Result | Promise<Result>) => void
}

/** How long until credit is given again that could not be sent, in ms. */
const AGAIN = 20

const END: Result = { value: undefined, done: true }

export class IncomingStream implements MeshStream<unknown> {
  readonly #setup: StreamSetup
  #items: (Frame | undefined)[] = []
  #readers: Reader[] = []
  #sequence = 0
  #allowed: number
  /** Items read since credit was given last. */
  #read = 0
  #again: NodeJS.Timeout | undefined
  #ended = false
  #error: Error | undefined

  constructor(setup: StreamSetup) {
    this.#setup = setup
    this.#allowed = setup.window
  }

  /** An item arrived. */
  push(sequence: number, body: Frame | undefined): void {
    if (this.#ended) return
    if (sequence !== this.#sequence || this.#allowed === 0) {
      this.fail(new ProtocolError("The stream has an item too many, or lacks one"))
      this.#setup.leave()
      return
    }
    this.#sequence = (this.#sequence + 1) >>> 0
    this.#allowed--
    this.#items.push(body)
    const reader = this.#readers.shift()
    reader?.resolve(this.#take())
  }

  /** The last item has arrived. */
  end(): void {
    if (this.#ended) return
    this.#end()
    for (const reader of this.#readers.splice(0)) reader.resolve(END)
  }

  /** No more items; those that have arrived can still be read, then the error is thrown. */
  fail(error: Error): void {
    if (this.#ended) return
    this.#end()
    const reader = this.#readers.shift()
    if (reader === undefined) this.#error = error
    else reader.resolve(Promise.reject(error))
    for (const other of this.#readers.splice(0)) other.resolve(END)
    // What is not to be read any more is not kept either.
    if (error instanceof AbortError) this.#items = []
  }

  next(): Promise<Result> {
    if (this.#items.length > 0) return this.#take()
    if (this.#error !== undefined) {
      const error = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve(END)
    return new Promise((resolve) => this.#readers.push({ resolve }))
  }

  return(): Promise<Result> {
    this.#items = []
    this.#error = undefined
    this.end()
    this.#setup.leave()
    return Promise.resolve(END)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #end(): void {
    this.#ended = true
    clearTimeout(this.#again)
  }

  /** Credit that is lost is a stream that stands still: it is given until it is sent. */
  #grant(): void {
    if (this.#ended || this.#again !== undefined) return
    if (this.#setup.credit(this.#read)) {
      this.#allowed += this.#read
      this.#read = 0
      return
    }
    this.#again = setTimeout(() => {
      this.#again = undefined
      this.#grant()
    }, AGAIN)
  }

  async #take(): Promise<Result> {
    const body = this.#items.shift()
    this.#read++
    if (this.#read * 2 >= this.#setup.window) this.#grant()
    if (body === undefined) return { value: undefined, done: false }
    try {
      return { value: this.#setup.codec.decode(body), done: false }
    } catch (error) {
      void this.return()
      throw new CodecError("An item of the stream does not decode", { cause: error })
    }
  }
}
