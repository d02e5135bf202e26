// What connects two threads besides memory: a port, for what is said once, and because it closes when the thread at the
// other end is gone, whatever ended it. A cable is laid by the thread that wants something of the other, when it does
// so for the first time, and stays for as long as both live.

import type { MessagePort } from "node:worker_threads"

/** One side's end of a conversation over a cable. */
export interface Line {
  say(what: unknown): void
  /** Nothing more is said or heard. */
  leave(): void
}

/** What a conversation tells the one who takes part in it. */
export interface Talk {
  heard(what: unknown): void
  /** The thread of the other side is gone. */
  ended(): void
}

/** Takes part in a conversation that the other side begins, if it goes on after the first answer. */
export type Answering = (opening: unknown, line: Line) => Talk | undefined

interface Note {
  readonly talk: number
  readonly what: unknown
}

export class Cable {
  readonly #port: MessagePort
  readonly #answering: Answering | undefined
  readonly #gone: () => void
  readonly #talks = new Map<number, Talk>()
  #begun = 0
  #over = false

  /** Who laid the cable begins all conversations, and has nothing to answer. */
  constructor(port: MessagePort, answering: Answering | undefined, gone: () => void) {
    this.#port = port
    this.#answering = answering
    this.#gone = gone
    port.on("message", (note: Note) => this.#heard(note))
    port.on("close", () => this.end())
    port.unref()
  }

  begin(opening: unknown, ports: readonly MessagePort[], talk: Talk): Line {
    const id = ++this.#begun
    this.#talks.set(id, talk)
    this.#say(id, opening, ports)
    return this.#line(id)
  }

  /** The other thread is gone, or could not be reached. */
  end(): void {
    if (this.#over) return
    this.#over = true
    this.#port.close()
    this.#gone()
    // Whoever hears of it may leave another conversation, which then is not told.
    for (const [id, talk] of this.#talks) {
      this.#talks.delete(id)
      talk.ended()
    }
  }

  #line(id: number): Line {
    return { say: (what) => this.#say(id, what), leave: () => this.#talks.delete(id) }
  }

  #say(talk: number, what: unknown, ports: readonly MessagePort[] = []): void {
    if (!this.#over) this.#port.postMessage({ talk, what } satisfies Note, ports)
  }

  #heard({ talk: id, what }: Note): void {
    const talk = this.#talks.get(id)
    if (talk !== undefined) talk.heard(what)
    else this.#answer(id, what)
  }

  #answer(id: number, opening: unknown): void {
    const talk = this.#answering?.(opening, this.#line(id))
    if (talk !== undefined) this.#talks.set(id, talk)
  }
}
