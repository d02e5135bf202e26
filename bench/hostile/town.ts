// Who is attacked: a service that answers questions and publishes news, with the options a user gets without asking.

import { Publisher, Reply } from "brokerless"

/** News per tick of a millisecond. */
const NEWS = 2

export interface Places {
  readonly questions: string
  readonly news: string
}

export class Town {
  readonly #reply = new Reply()
  readonly #publisher = new Publisher()
  #told = 0
  #ticking: ReturnType<typeof setInterval> | undefined

  async open(): Promise<Places> {
    void this.#reply.serve((question) => question)
    this.#ticking = setInterval(() => {
      for (let i = 0; i < NEWS; i++) this.#publisher.trySend(`news ${this.#told++}`)
    }, 1)
    return {
      questions: await this.#reply.bind("tcp://127.0.0.1:*"),
      news: await this.#publisher.bind("tcp://127.0.0.1:*"),
    }
  }

  /** Ends the news; how many there were. */
  async hush(): Promise<number> {
    clearInterval(this.#ticking)
    return this.#told
  }
}
