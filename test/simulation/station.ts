// One socket of a simulated world, with whatever acts on it, and its accounts: what it was given, what it gave, and
// whether that adds up.

import type { DropReason, Message, Peer, Socket } from "brokerless"
import type { Letter } from "./letter.ts"
import type { World } from "./world.ts"

/** What kind of socket it is, and what is done with it. */
export interface Role {
  create(world: World, options: object): Socket
  /** Starts what acts on it. */
  start(station: Station): void
  /** Everybody is there again, and all has been read: sends a few letters more, each of which has to arrive. */
  call?(station: Station): Promise<void>
  /** What a lost peer cannot get goes to others, and so behind what they had. */
  readonly inherits: boolean
  /** What it receives is told by the socket itself, whatever the marks say. */
  readonly told?: boolean
  /** Each accepted letter goes to one peer, so that accounts can be kept. */
  readonly counts: boolean
}

/** Where and how a socket is set up; a socket that is set up anew has the same plan. */
export interface Plan {
  readonly name: string
  readonly role: Role
  readonly options: Readonly<Record<string, unknown>>
  readonly binds: readonly string[]
  readonly connects: readonly string[]
}

/** The members that the simulation calls, whatever the class. */
export interface AnySocket extends Socket {
  send(message: unknown, options?: object): Promise<void>
  trySend(message: unknown): boolean
  receive(options?: object): Promise<Message>
  receiveFrom(options?: object): Promise<{ message: Message; peer: Peer }>
  receiveMany(max?: number, options?: object): Promise<Message[]>
  tryReceive(): Message | undefined
  [Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined>
}

/** Refusals that are no fault: the message was not sent, and the caller knows. */
const REFUSALS = ["EAGAIN", "EBADF", "ABORT_ERR", "EHOSTUNREACH"]
/** A queue below its mark takes one more of any size; no letter is charged more than that. */
const LARGEST = 4 * (30_100 + 64)
/** After which time a socket that has nothing to send is closed at the latest: the peer's FIN is awaited for 1000 ms. */
const CLOSING = 2500

export class Station {
  readonly world: World
  readonly plan: Plan
  readonly name: string
  readonly owner: number
  readonly socket: AnySocket
  /** Letters that `send` accepted, and those that were received. */
  accepted = 0
  received = 0
  /** Calls that have not settled. */
  waiting = 0
  closing = false
  /** What the simulation remembers of what this station is: subscriptions, for instance. */
  readonly wishes: Map<string, number> = new Map<string, number>()
  wishedAt = -1
  readonly #actors = new Set<Promise<void>>()
  /** How rarely it does other things for long. */
  readonly #diligence: number
  #crowded: boolean

  constructor(world: World, plan: Plan, owner: number) {
    this.world = world
    this.plan = plan
    this.owner = owner
    this.name = `${plan.name}#${owner}`
    this.#diligence = world.random.pick([60, 60, 8])
    this.#crowded = plan.connects.length + (plan.binds.length > 0 ? 1 : 0) > 1
    // Nothing reads the backlog here, so it can say whose streams are whose.
    this.socket = plan.role.create(world, { ...plan.options, backlog: owner }) as AnySocket
    this.socket.events.on("peer:join", ({ endpoint }) => {
      world.trace.note(`${this.name} joined by ${endpoint}`)
      if (this.socket.peers.length > 1) this.#crowded = true
      // A newcomer may win the key of a letter that waits for another.
      if (plan.options.balance !== undefined && typeof plan.options.balance !== "string")
        world.ledger.senderDisturbed(this.name, world.clock.now)
    })
    this.socket.events.on("peer:leave", ({ endpoint, error }) => {
      world.trace.note(`${this.name} left by ${endpoint}: ${error?.message ?? "in good order"}`)
      // What a peer inherits comes behind what it had.
      if (plan.role.inherits && this.#crowded) world.ledger.senderDisturbed(this.name, world.clock.now)
      // Whoever was accepted comes back as somebody else, and what he sent before is read in turn with what he sends.
      if (plan.binds.includes(endpoint)) world.ledger.receiverDisturbed(this.name, world.clock.now)
      // And he may be back before it was noticed that he had left.
      else world.ledger.senderDisturbed(this.name, world.clock.now)
      if (this.#undisturbed) {
        world.fail(`${this.name} lost a peer though nothing had happened: ${error?.message}`)
      }
    })
  }

  get open(): boolean {
    return !this.closing
  }

  /** Whether all is as it should be, so that no connection may end. */
  get #undisturbed(): boolean {
    const { peaceful, phase } = this.world
    return phase === "calm" || (peaceful && phase === "turmoil")
  }

  /** Order among what is under way may change now, and that is no fault. */
  disturbed(): void {
    const { ledger, clock } = this.world
    // For a while there may be two pipes to one peer, of which the one inherits from the other.
    this.#crowded = true
    ledger.senderDisturbed(this.name, clock.now)
    ledger.receiverDisturbed(this.name, clock.now)
  }

  async setUp(): Promise<void> {
    for (const endpoint of this.plan.binds) await this.socket.bind(endpoint)
    for (const endpoint of this.plan.connects) this.socket.connect(endpoint)
    this.plan.role.start(this)
  }

  /** Does something beside everything else, until it is done or the socket closed. */
  act(action: () => Promise<void>): void {
    const acting = action().catch((error: unknown) => {
      if (!isRefusal(error)) this.world.fail(`${this.name}: ${(error as Error)?.stack ?? String(error)}`)
    })
    this.#actors.add(acting)
    void acting.then(() => this.#actors.delete(acting))
  }

  /** Sends a letter one way or another, and tells the ledger what became of it. */
  async send(letter: Letter, how: "wait" | "try" | "timed" | "aborted", address?: Uint8Array): Promise<boolean> {
    const { ledger, random, trace, clock } = this.world
    const frames: Uint8Array[] = letter.frames.map((frame) => Buffer.from(frame))
    if (address !== undefined) frames.unshift(address)
    this.waiting++
    try {
      if (how === "try") {
        if (!this.socket.trySend(frames)) {
          ledger.refused(letter)
          return false
        }
      } else if (how === "timed") {
        await this.socket.send(frames, { timeout: random.below(40) })
      } else if (how === "aborted") {
        const aborter = new AbortController()
        clock.after(random.below(40), () => aborter.abort())
        await this.socket.send(frames, { signal: aborter.signal })
      } else {
        await this.socket.send(frames)
      }
      this.accepted++
      ledger.accepted(letter)
      trace.note(`${this.name} sent ${letter.id}`)
      this.checkBounds()
      return true
    } catch (error) {
      ledger.refused(letter)
      if (!isRefusal(error)) throw error
      trace.note(`${this.name} could not send ${letter.id}: ${error.code}`)
      return false
    } finally {
      this.waiting--
    }
  }

  /** No queue holds more than its marks allow. */
  checkBounds(): void {
    const { world, plan } = this
    const {
      sendHighWaterMark: out = 1000,
      receiveHighWaterMark: into = 1000,
      maxBufferedBytes = 2 ** 30,
    } = plan.options
    const boundless = plan.role.told || (plan.role.inherits && this.#crowded)
    const most = boundless ? Number.POSITIVE_INFINITY : Number(out) + Number(into)
    for (const peer of this.socket.peers) {
      const { queuedMessages } = peer.stats
      if (queuedMessages > most)
        world.fail(`${this.name} has ${queuedMessages} messages of a peer, allowed are ${most}`)
    }
    const { queuedBytes } = this.socket.stats
    const mostBytes =
      (Number(maxBufferedBytes) || Number.POSITIVE_INFINITY) + LARGEST * (2 * this.socket.peers.length + 1)
    if (!plan.role.inherits && queuedBytes > mostBytes) {
      world.fail(`${this.name} holds ${queuedBytes} octets, allowed are ${mostBytes}`)
    }
  }

  /** Waits as somebody does who has other things to do; whether it is still worth going on. */
  async rest(): Promise<boolean> {
    const { world } = this
    if (world.phase === "turmoil") {
      if (world.random.once(this.#diligence)) await world.clock.sleep(world.random.below(700))
      else if (world.random.once(4)) await world.clock.sleep(world.random.below(6))
    }
    return this.open
  }

  async close(linger: number): Promise<void> {
    const { clock, trace } = this.world
    trace.note(`${this.name} closes, linger ${linger}`)
    this.closing = true
    const begun = clock.now
    await this.socket.close({ linger })
    trace.note(`${this.name} is closed`)
    const took = clock.now - begun
    if (linger >= 0 && took > linger + CLOSING)
      this.world.fail(`${this.name} took ${took} ms to close, linger ${linger}`)
    await Promise.all(this.#actors)
    this.#checkAccounts()
  }

  /** Nothing waits, and nothing is queued. */
  get settled(): boolean {
    return this.closing || (this.waiting === 0 && this.socket.stats.queuedMessages === 0)
  }

  #checkAccounts(): void {
    const { world, socket, plan } = this
    const { messagesSent, messagesReceived, dropped, queuedMessages } = socket.stats
    if (queuedMessages !== 0) world.fail(`${this.name} is closed and holds ${queuedMessages} messages`)
    if (this.waiting !== 0) world.fail(`${this.name} is closed and ${this.waiting} calls have not settled`)
    let lost = 0
    for (const count of Object.values(dropped)) lost += count
    if (plan.role.counts && this.accepted + messagesReceived !== messagesSent + this.received + lost) {
      world.fail(
        `The accounts of ${this.name} do not add up: ${this.accepted} accepted + ${messagesReceived} arrived, but ` +
          `${messagesSent} sent + ${this.received} received + dropped ${said(dropped)}`,
      )
    }
    if (!world.wired) return
    const { offered, handed } = world.network.witnessed(this.owner)
    if (messagesSent + dropped["in-flight"] !== offered) {
      world.fail(
        `${this.name} says it sent ${messagesSent} and lost ${dropped["in-flight"]}; its streams were given ${offered}`,
      )
    }
    if (messagesReceived !== handed) {
      world.fail(`${this.name} says that ${messagesReceived} arrived; its streams handed it ${handed}`)
    }
  }
}

export function isRefusal(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && REFUSALS.includes((error as { code?: string }).code ?? "")
}

function said(dropped: Readonly<Record<DropReason, number>>): string {
  const some = Object.entries(dropped).filter(([, count]) => count > 0)
  return some.length === 0 ? "nothing" : some.map(([reason, count]) => `${count} ${reason}`).join(", ")
}
