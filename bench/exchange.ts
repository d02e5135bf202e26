// The two ends of questions and answers: one socket asks, the other returns what it got.

import { type Contender, loadContender, type Receiving, type Sending } from "./contender.ts"
import { type ExchangeSetup, wildcard } from "./setup.ts"

/** What one lap of questions took. */
export interface Exchanged {
  seconds: number
  /** Round trip in microseconds: of each question when one is in flight, otherwise absent. */
  p50?: number
  p99?: number
}

/** Connects and asks. */
export class Caller {
  #socket: (Sending & Receiving) | undefined
  #payload: Buffer = Buffer.alloc(0)
  #window = 1

  async open(setup: ExchangeSetup, endpoint: string): Promise<void> {
    const contender = await loadContender(setup.contender)
    this.#socket = setup.pattern === "request" ? contender.request() : contender.dealer()
    this.#payload = Buffer.alloc(setup.size, 42)
    this.#window = setup.window
    this.#socket.connect(endpoint)
  }

  /** Asks that many questions and awaits every answer. */
  async lap(questions: number): Promise<Exchanged> {
    const socket = this.#socket as Sending & Receiving
    if (this.#window === 1) return askOneByOne(socket, this.#payload, questions)
    return askAhead(socket, this.#payload, questions, this.#window)
  }

  async close(): Promise<void> {
    await this.#socket?.close()
  }
}

/** Binds and returns every message as it came. */
export class Echo {
  #socket: (Sending & Receiving) | undefined

  async open(setup: ExchangeSetup): Promise<string> {
    const contender: Contender = await loadContender(setup.contender)
    this.#socket = setup.pattern === "request" ? contender.reply() : contender.router()
    const endpoint = await contender.bind(this.#socket, wildcard(setup.transport))
    void echo(this.#socket)
    return endpoint
  }

  async close(): Promise<void> {
    await this.#socket?.close()
  }
}

async function askOneByOne(socket: Sending & Receiving, payload: Buffer, questions: number): Promise<Exchanged> {
  const trips = new Float64Array(questions)
  const began = performance.now()
  let asked = began
  for (let i = 0; i < questions; i++) {
    await socket.send(payload)
    verify(await socket.receive(), payload)
    const answered = performance.now()
    trips[i] = answered - asked
    asked = answered
  }
  trips.sort()
  const at = (share: number): number => (trips[Math.floor((questions - 1) * share)] as number) * 1000
  return { seconds: (asked - began) / 1000, p50: at(0.5), p99: at(0.99) }
}

async function askAhead(
  socket: Sending & Receiving,
  payload: Buffer,
  questions: number,
  window: number,
): Promise<Exchanged> {
  const began = performance.now()
  let asked = 0
  while (asked < window && asked < questions) {
    await socket.send(payload)
    asked++
  }
  for (let answered = 0; answered < questions; answered++) {
    verify(await socket.receive(), payload)
    if (asked < questions) {
      await socket.send(payload)
      asked++
    }
  }
  return { seconds: (performance.now() - began) / 1000 }
}

function verify(message: Buffer[], payload: Buffer): void {
  const size = (message[0] as Buffer).length
  if (message.length !== 1 || size !== payload.length) {
    throw new Error(
      `An answer of ${message.length} frames, the first of ${size} B, to a question of ${payload.length} B`,
    )
  }
}

async function echo(socket: Sending & Receiving): Promise<void> {
  for await (const message of socket) await socket.send(message)
}
