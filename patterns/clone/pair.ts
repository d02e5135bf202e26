// How two servers agree which of them serves: each asks the other every so often what it is, and from the answers,
// from silence, and from clients that come, a server decides what to become. The rules are in `next`, all of them.

import { ClosedError, Dealer, type Security } from "brokerless"
import { type CloneServerRole, type CloneServerState, readState, STATE_REQUEST } from "./commands.ts"

/** What a server knows when it decides. */
export interface Situation {
  readonly role: CloneServerRole
  readonly state: CloneServerState
  /** What the other said it is, or that it has been silent for too long; undefined when neither is known yet. */
  readonly peer: CloneServerState | "silent" | undefined
  /** Whether this server has a complete copy of the other's table. */
  readonly mirrored: boolean
  /** Whether a client asks this server for a snapshot. */
  readonly asked: boolean
}

/** What a server becomes. */
export function next({ role, state, peer, mirrored, asked }: Situation): CloneServerState {
  switch (state) {
    case "active":
      // Both have been serving, without knowing of each other. One of them has to yield.
      return peer === "active" && role === "backup" ? "starting" : "active"
    case "passive":
      // The other has begun anew and knows nothing: this one has the table.
      if (peer === "starting") return "active"
      if (peer === "passive" && role === "primary") return "active"
      // Silence alone proves nothing. That a client comes here as well, proves that it does not reach the other either.
      return peer === "silent" && asked ? "active" : "passive"
    case "starting":
      if (peer === "active") return mirrored ? "passive" : "starting"
      if (role === "backup") return peer === "silent" && asked ? "active" : "starting"
      // One that has the table, if any, takes over when it learns that this one has not.
      return peer === "starting" || peer === "silent" ? "active" : "starting"
  }
}

export interface WatchSetup {
  readonly endpoint: string
  readonly security: Security | undefined
  readonly interval: number
  /** After how long the other is silent, in ms. */
  readonly timeout: number
  /** It has said what it is, or it is time to decide. */
  changed(): void
  /** It claims the role that this server has. */
  sameRole(role: CloneServerRole): boolean
  misconfigured(): void
}

/** The other server, as this one sees it. */
export class Watch {
  readonly #setup: WatchSetup
  readonly #dealer: Dealer
  readonly #ticker: NodeJS.Timeout
  #peer: CloneServerState | "silent" | undefined
  #heard: number = performance.now()
  #ticked: number = performance.now()
  /** When this process was last seen to be at work. */
  #awake: number = performance.now()
  #unanswered = 0
  /** Answers that are still to come, but were asked for before this process stood still. */
  #outdated = 0

  /** @throws EndpointError */
  constructor(setup: WatchSetup) {
    this.#setup = setup
    // Questions that nobody hears are not to be asked all at once when somebody does.
    this.#dealer = new Dealer({ security: setup.security, immediate: true })
    this.#dealer.connect(setup.endpoint)
    this.#dealer.events.on("peer:join", () => {
      this.#unanswered = this.#outdated = 0
      this.#ask()
    })
    this.#ticker = setInterval(() => this.#tick(), setup.interval).unref()
    void this.#run()
  }

  get peer(): CloneServerState | "silent" | undefined {
    return this.#peer
  }

  /**
   * Whether this process has stood still since it was last asked this, for so long that the other may have taken over.
   * What the other had said is not believed then any more.
   */
  overslept(): boolean {
    const now = performance.now()
    const overslept = now - this.#awake > this.#setup.timeout
    this.#awake = now
    if (!overslept) return false
    this.#peer = undefined
    this.#heard = now
    this.#outdated = this.#unanswered
    return true
  }

  close(): Promise<void> {
    clearInterval(this.#ticker)
    return this.#dealer.close({ linger: 0 })
  }

  async #run(): Promise<void> {
    try {
      for await (const frames of this.#dealer) {
        const said = readState(frames)
        if (said === undefined) continue
        // Before anything is made of it: this process may have stood still until now.
        this.#setup.changed()
        this.#unanswered = Math.max(0, this.#unanswered - 1)
        if (this.#outdated > 0) {
          this.#outdated--
          continue
        }
        this.#heard = performance.now()
        this.#peer = said.state
        if (this.#setup.sameRole(said.role)) this.#setup.misconfigured()
        this.#setup.changed()
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    }
  }

  #ask(): void {
    if (!this.#dealer.closed && this.#dealer.trySend(STATE_REQUEST)) this.#unanswered++
  }

  #tick(): void {
    const now = performance.now()
    const { interval, timeout } = this.#setup
    // A late timer has not let the event loop read what is there, so it judges nobody, nor does the next one.
    const late = now - this.#ticked > interval * 1.5
    this.#ticked = now
    if (late) this.#heard = Math.max(this.#heard, now - timeout / 2)
    else if (now - this.#heard > timeout) this.#peer = "silent"
    this.#ask()
    this.#setup.changed()
  }
}
