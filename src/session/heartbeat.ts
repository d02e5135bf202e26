// Whether the peer is still there (RFC 37, heartbeating), for one session.
//
// A PING goes out after an interval in which nothing arrived. Silence condemns a peer only if everything sent before
// that PING is known to have been read: a peer at its mark reads nothing, hence answers nothing, and is well.

import { after, cancel, nextTurn, now, type Timer } from "../clock.ts"

export interface HeartbeatSetup {
  /** All in ms; interval 0 sends no PING of our own. */
  readonly interval: number
  readonly timeout: number
  /**
   * Whether our PINGs tell the peer to give us up when it hears nothing of us: then it has to hear something in every
   * interval, even where it is only the peer that has something to say.
   */
  readonly promising?: boolean
  /** Whether the peer knows PING. */
  readonly peerAnswers: boolean
  /** Sends a PING that is told from other PINGs by the number. */
  ping(number: number): void
  /** Whether we ourselves have stopped reading from the peer. */
  paused(): boolean
  /** The peer is gone. */
  expired(reason: string): void
}

export class Heartbeat {
  readonly #setup: HeartbeatSetup
  /** How often something arrived: every watch remembers the count from which it started. */
  #arrivals = 0
  #interval: Timer | undefined
  #verdict: Timer | undefined
  #timeToLive: Timer | undefined
  #pings = 0
  #outstanding = false
  // Writes of messages are numbered: those up to `proven` are known to have been read.
  #written = 0
  #proven = 0
  #writtenAtPing = 0
  #stopped = false

  constructor(setup: HeartbeatSetup) {
    this.#setup = setup
    if (setup.interval > 0 && setup.peerAnswers) this.#arm()
  }

  /** Something arrived. */
  heard(): void {
    this.#arrivals++
  }

  /** Messages were handed to a write. */
  wrote(): void {
    this.#written++
  }

  /** The PONG to our PING of that number. */
  answered(number: number): void {
    if (number !== this.#pings) return
    this.#outstanding = false
    this.#proven = this.#writtenAtPing
    cancel(this.#verdict)
    this.#verdict = undefined
  }

  /** The peer has read what was sent after our PING, so it has read that too: its PONG may have been left out. */
  overtaken(): void {
    this.#outstanding = false
    cancel(this.#verdict)
    this.#verdict = undefined
  }

  /** The peer asks to be given up unless it is heard of within `ms`. */
  promised(ms: number): void {
    cancel(this.#timeToLive)
    this.#timeToLive = undefined
    if (ms > 0 && !this.#stopped) this.#watch(ms)
  }

  stop(): void {
    this.#stopped = true
    cancel(this.#interval)
    cancel(this.#verdict)
    cancel(this.#timeToLive)
  }

  #arm(): void {
    const before = this.#arrivals
    this.#interval = after(this.#setup.interval, () => {
      if (this.#stopped) return
      const quiet = this.#arrivals === before && !this.#setup.paused()
      if ((quiet || this.#setup.promising) && !this.#outstanding) this.#ask()
      // The PONG may be waiting for us to read it: that the peer hears of us must not wait for that.
      else if (this.#setup.promising) this.#setup.ping(this.#pings)
      this.#arm()
    })
  }

  #ask(): void {
    this.#outstanding = true
    this.#writtenAtPing = this.#written
    const allRead = this.#proven === this.#written
    this.#setup.ping(++this.#pings)
    if (allRead && this.#setup.timeout > 0) this.#judge()
  }

  #judge(): void {
    const before = this.#arrivals
    this.#verdict = afterReading(this.#setup.timeout, (stoodStill) => {
      if (this.#stopped || !this.#outstanding) return
      if (stoodStill || this.#arrivals !== before || this.#setup.paused()) this.#judge()
      else this.#setup.expired(`Nothing arrived for ${this.#setup.timeout} ms after a PING`)
    })
  }

  #watch(ms: number): void {
    const before = this.#arrivals
    this.#timeToLive = afterReading(ms, (stoodStill) => {
      if (this.#stopped) return
      if (stoodStill || this.#arrivals !== before || this.#setup.paused()) this.#watch(ms)
      else this.#setup.expired(`Nothing arrived within the ${ms} ms that the peer promised`)
    })
  }
}

/**
 * Runs `action` in so many ms, when what had arrived by then has been read: a timer that is late says nothing about the
 * peer. If it is very late this process stood still, and the peer or what is between may have as well.
 */
function afterReading(ms: number, action: (stoodStill: boolean) => void): Timer {
  const due = now() + ms
  return after(ms, () => {
    const stoodStill = now() - due > ms / 2
    nextTurn(() => action(stoodStill))
  })
}
