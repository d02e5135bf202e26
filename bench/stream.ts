// The two ends of a one-way stream. The loops a user would write, and nothing else in them.

import { setTimeout as delay } from "node:timers/promises"
import {
  type Contender,
  loadContender,
  type Receiving,
  type ReceivingMany,
  type Sending,
  type Written,
} from "./contender.ts"
import { type StreamSetup, wildcard } from "./setup.ts"
import { type Arrival, Tally } from "./tally.ts"

const GREETING = Buffer.alloc(1)

/** Binds and sends. */
export class Source {
  #contender: Contender | undefined
  #socket: Sending | undefined
  #payload: Buffer = GREETING
  #peers = 0
  #greeting = false
  #greeted: Promise<void> | undefined

  async open(setup: StreamSetup): Promise<string> {
    this.#contender = await loadContender(setup.contender)
    this.#socket = setup.pattern === "pubsub" ? this.#contender.publisher() : this.#contender.push(setup.curve)
    this.#payload = Buffer.alloc(setup.size, 42)
    this.#peers = setup.peers
    return this.#contender.bind(this.#socket, wildcard(setup.transport))
  }

  /** Begins to send greetings, until the first lap: who got one is connected, and subscribed. */
  greet(): void {
    this.#greeting = true
    this.#greeted = this.#greetOnAndOn()
  }

  async #greetOnAndOn(): Promise<void> {
    while (this.#greeting) {
      for (let i = 0; i < this.#peers; i++) await this.#socket?.send(GREETING)
      await delay(2)
    }
  }

  /** Sends that many messages, each awaited. Resolves to what this cost in writes, where that is known. */
  async lap(messages: number): Promise<Written | undefined> {
    this.#greeting = false
    await this.#greeted
    const socket = this.#socket as Sending
    const before = this.#contender?.written(socket)
    await sendEach(socket, this.#payload, messages)
    const after = this.#contender?.written(socket)
    if (before === undefined || after === undefined) return undefined
    return { messages: after.messages - before.messages, writes: after.writes - before.writes }
  }

  async close(): Promise<void> {
    await this.#socket?.close()
  }
}

/** Connects any number of sockets and counts what they receive. */
export class Sinks {
  #sockets: Receiving[] = []
  #greeted: Promise<unknown> | undefined
  #tally = new Tally(0)
  #closing = false

  async open(setup: StreamSetup, endpoint: string): Promise<void> {
    const contender = await loadContender(setup.contender)
    this.#tally = new Tally(setup.size)
    for (let i = 0; i < setup.peers; i++) {
      const socket = setup.pattern === "pubsub" ? contender.subscriber() : contender.pull(setup.curve)
      socket.connect(endpoint)
      this.#sockets.push(socket)
    }
    this.#greeted = Promise.all(this.#sockets.map((socket) => this.#start(contender, setup, socket)))
  }

  /** Waits for a first message, then goes on receiving until the socket closes. */
  async #start(contender: Contender, setup: StreamSetup, socket: Receiving): Promise<void> {
    await socket.receive()
    const tally = this.#tally
    if (contender.each !== undefined) contender.each(socket, ([message]) => tally.add((message as Buffer).length))
    else if (setup.receive === "each") void this.#untilClosed(receiveEach(socket, this.#tally))
    else if (contender.takesMany(socket)) void this.#untilClosed(receiveMany(socket, this.#tally))
    else throw new Error(`${setup.contender} cannot receive many messages at once`)
  }

  /** A loop may end by the socket being closed under it, and in no other way. */
  async #untilClosed(loop: Promise<void>): Promise<void> {
    try {
      await loop
    } catch (error) {
      if (!this.#closing) throw error
    }
    if (!this.#closing) throw new Error("A socket stopped receiving")
  }

  /** Resolves when every socket has received a greeting. */
  async greeted(): Promise<void> {
    await this.#greeted
  }

  /** Begins a lap of that many messages, over all sockets. */
  expect(messages: number): void {
    this.#tally.expect(messages)
  }

  arrival(): Promise<Arrival> {
    return this.#tally.arrival()
  }

  /** How many messages of the lap have arrived. */
  seen(): number {
    return this.#tally.seen
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all(this.#sockets.map((socket) => socket.close()))
  }
}

async function sendEach(socket: Sending, payload: Buffer, messages: number): Promise<void> {
  for (let i = 0; i < messages; i++) await socket.send(payload)
}

async function receiveEach(socket: Receiving, tally: Tally): Promise<void> {
  for await (const message of socket) tally.add((message[0] as Buffer).length)
}

async function receiveMany(socket: ReceivingMany, tally: Tally): Promise<void> {
  for (;;) {
    const messages = await socket.receiveMany()
    for (let i = 0; i < messages.length; i++) tally.add(((messages[i] as Buffer[])[0] as Buffer).length)
  }
}
