// One session with one server: subscribes, asks for a snapshot once the subscription is known to work, hands over the
// snapshot and then each update behind it, once and in order. When anything breaks it is over, and another one begins
// elsewhere. Whoever owns it decides when a silent server is lost.

import { ClosedError, Dealer, type FrameLike, type Security, Subscriber } from "brokerless"
import { HEARTBEAT_TOPIC, type Item, readSnapshot, readUpdate } from "./commands.ts"
import { ENTRY_CHARGE } from "./options.ts"
import { portsOf } from "./ports.ts"

/** Why a session ended by itself. */
export type CloneLossReason =
  // A connection ended.
  | "connection"
  // More updates came while a snapshot was on its way than may wait.
  | "overflow"
  // The server was silent for too long.
  | "silent"

export interface SessionSetup {
  readonly endpoint: string
  /** Empty, or `/a/b/`. */
  readonly subtree: string
  /** What asks for a snapshot. */
  readonly question: readonly FrameLike[]
  readonly security: Security | undefined
  /** After how long without a word the snapshot is asked for all the same, in ms. */
  readonly patience: number
  readonly maxKeys: number
  readonly maxBytes: number
  /** A snapshot begins. */
  begin(): void
  /** Something of it. */
  item(item: Item): void
  /** That was all of it. */
  complete(sequence: number): void
  /** A change after it. */
  update(item: Item): void
  /** Something came that is no command. */
  invalid(): void
  /** It is over. */
  lost(reason: CloneLossReason): void
}

/** Between two snapshots that are asked for because of a gap, in ms. */
const GAP_PAUSE = 1000

export class Session {
  readonly endpoint: string
  /** When the server last said anything; at first, when the session began. */
  heard: number = performance.now()
  readonly #setup: SessionSetup
  readonly #dealer: Dealer
  readonly #subscriber: Subscriber
  readonly #timers = new Set<NodeJS.Timeout>()
  /** The newest update of each key that came while a snapshot is on its way. */
  readonly #early = new Map<string, Item>()
  #earlyBytes = 0
  #phase: "joining" | "asking" | "live" | "over" = "joining"
  #last = 0
  #asked = 0
  #gapTimer = false

  /** @throws EndpointError */
  constructor(setup: SessionSetup) {
    const [snapshots, updates] = portsOf(setup.endpoint)
    this.endpoint = setup.endpoint
    this.#setup = setup
    this.#dealer = new Dealer({ security: setup.security })
    this.#subscriber = new Subscriber({ security: setup.security })
    for (const socket of [this.#dealer, this.#subscriber])
      socket.events.on("peer:leave", () => this.#lose("connection"))
    // In this order: a server that knows the second knows the first.
    this.#subscriber.subscribe(setup.subtree)
    if (setup.subtree !== "") this.#subscriber.subscribe(HEARTBEAT_TOPIC)
    this.#subscriber.connect(updates)
    this.#dealer.connect(snapshots)
    this.#later(setup.patience, () => this.#join())
    void this.#listen()
    void this.#read()
  }

  get live(): boolean {
    return this.#phase === "live"
  }

  /** Ends it, without a word to its owner. */
  close(): Promise<unknown> {
    this.#phase = "over"
    for (const timer of this.#timers) clearTimeout(timer)
    return Promise.all([this.#dealer.close({ linger: 0 }), this.#subscriber.close()])
  }

  /** Updates, and signs of life. */
  async #listen(): Promise<void> {
    try {
      for await (const frames of this.#subscriber) {
        if (this.#phase === "over") return
        const update = readUpdate(frames)
        if (update === undefined) {
          this.#setup.invalid()
          continue
        }
        this.heard = performance.now()
        this.#join()
        // Whoever subscribes to HUGZ gets all keys that begin so.
        if (update !== "hugz" && update.key.startsWith(this.#setup.subtree)) this.#take(update)
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    }
  }

  /** Snapshots. */
  async #read(): Promise<void> {
    try {
      for await (const frames of this.#dealer) {
        if (this.#phase === "over") return
        const said = readSnapshot(frames)
        if (said === undefined || this.#phase !== "asking") {
          this.#setup.invalid()
          continue
        }
        this.heard = performance.now()
        if (!("end" in said)) {
          if (said.key.startsWith(this.#setup.subtree)) this.#setup.item(said)
        } else this.#complete(said.end)
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    }
  }

  #join(): void {
    if (this.#phase === "joining") this.#ask()
  }

  #ask(): void {
    this.#phase = "asking"
    this.#asked = performance.now()
    this.#setup.begin()
    void this.#dealer.send([...this.#setup.question]).catch(() => {})
  }

  #complete(sequence: number): void {
    const early = [...this.#early.values()].sort((a, b) => a.sequence - b.sequence)
    this.#early.clear()
    this.#earlyBytes = 0
    this.#phase = "live"
    this.#last = sequence
    this.#setup.complete(sequence)
    for (const update of early) {
      // Only the newest of each key was kept, so that numbers are missing here and nothing else is.
      if (update.sequence <= this.#last) continue
      this.#last = update.sequence
      this.#setup.update(update)
    }
  }

  #take(update: Item): void {
    if (this.#phase === "asking") this.#keep(update)
    if (this.#phase !== "live" || update.sequence <= this.#last) return
    // Who has subscribed to all sees every number. One that is missing was lost on its way.
    if (this.#setup.subtree === "" && update.sequence > this.#last + 1) this.#gap()
    this.#last = update.sequence
    this.#setup.update(update)
  }

  #keep(update: Item): void {
    const size = ({ value }: Item): number => value.length + ENTRY_CHARGE
    const former = this.#early.get(update.key)
    this.#earlyBytes += size(update) - (former === undefined ? 0 : size(former))
    this.#early.set(update.key, update)
    const { maxBytes, maxKeys } = this.#setup
    if (this.#early.size > maxKeys || this.#earlyBytes > maxBytes) this.#lose("overflow")
  }

  #gap(): void {
    if (this.#gapTimer) return
    this.#gapTimer = true
    this.#later(Math.max(this.#asked + GAP_PAUSE - performance.now(), 0), () => {
      this.#gapTimer = false
      if (this.#phase === "live") this.#ask()
    })
  }

  #later(ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      then()
    }, ms)
    this.#timers.add(timer)
  }

  #lose(reason: CloneLossReason): void {
    if (this.#phase === "over") return
    void this.close()
    this.#setup.lost(reason)
  }
}
