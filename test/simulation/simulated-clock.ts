// Time as the simulation has it: timers, turns of the event loop, chance, and the events of the simulated network, all in
// one order that a seed decides. It takes the place of the globals that the library asks for these; ticks and promises
// stay the runtime's own, because their order is fixed.
//
// Every piece of work runs in a turn of the real event loop, so that all its ticks and promises are done before the
// next. Time stands still meanwhile: it moves on, to the next thing that is due, only when nothing is left to do.

import type { Random } from "../support/random.ts"

type Action = (...args: unknown[]) => void

/** Something that is due at a time: a timer of the library, or an event of the simulated world. */
class Appointment {
  readonly action: () => void
  /** ms; 0 for what happens once. */
  readonly every: number
  /** A timer of the library, which has to be gone when all is closed. */
  readonly timer: boolean
  due: number
  order: number
  over = false

  constructor(action: () => void, due: number, order: number, every: number, timer: boolean) {
    this.action = action
    this.due = due
    this.order = order
    this.every = every
    this.timer = timer
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  hasRef(): boolean {
    return true
  }
}

interface Immediate {
  action: (() => void) | undefined
}

/** Work that never comes to rest is a fault as well. */
const MOST_STEPS = 600_000
/** What a turn of the event loop costs at most, ms. */
const TURN = 0.04

const realImmediate: typeof setImmediate = setImmediate

export class SimulatedClock {
  /** ms since the beginning. */
  now = 0
  /** Pieces of work done. */
  steps = 0
  readonly #random: Random
  readonly #heap: Appointment[] = []
  #order = 0
  #timers = 0
  #events = 0
  /** Those of this turn, and those of the next. */
  #turn: Immediate[] = []
  #nextTurn: Immediate[] = []

  constructor(random: Random) {
    this.#random = random
  }

  /** Timers and turns of the library that are still to come. */
  get timers(): number {
    return this.#timers + this.#turn.filter(isLive).length + this.#nextTurn.filter(isLive).length
  }

  /** Events of the world that are still to come. */
  get events(): number {
    return this.#events
  }

  /** What the timers that are left were to do. */
  get pending(): string[] {
    return this.#heap
      .filter(({ timer, over }) => timer && !over)
      .map(({ due, action }) => `in ${(due - this.now).toFixed(0)} ms: ${String(action)}`)
  }

  /** An event of the world, `delay` ms from now. */
  after(delay: number, action: () => void): void {
    this.#events++
    this.#push(new Appointment(action, this.now + delay, this.#order++, 0, false))
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /** Works until `done` says so; false when there is nothing more to do, or time has come to `deadline`. */
  async run(done: () => boolean, deadline: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const work = (): void => {
        try {
          if (done()) resolve(true)
          else if (!this.#step(deadline)) resolve(false)
          else realImmediate(work)
        } catch (error) {
          reject(error)
        }
      }
      realImmediate(work)
    })
  }

  /** Puts this clock in the place of the globals; the returned function takes that back. */
  install(): () => void {
    const timeout = (action: Action, ms = 0, ...args: unknown[]) =>
      this.#timer(args.length === 0 ? action : () => action(...args), ms, false)
    const interval = (action: Action, ms = 0, ...args: unknown[]) =>
      this.#timer(args.length === 0 ? action : () => action(...args), ms, true)
    const immediate = (action: Action, ...args: unknown[]) => this.#immediate(() => action(...args))
    const clear = (timer: unknown) => this.#clear(timer)
    const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = globalThis
    const real = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate }
    const { random } = Math
    const wallTime = Date.now
    Object.assign(globalThis, {
      setTimeout: timeout,
      setInterval: interval,
      setImmediate: immediate,
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    })
    Math.random = () => this.#random.word() / 0x1_0000_0000
    Date.now = () => 1_700_000_000_000 + Math.floor(this.now)
    performance.now = () => this.now
    return () => {
      Object.assign(globalThis, real)
      Math.random = random
      Date.now = wallTime
      Reflect.deleteProperty(performance, "now")
    }
  }

  /** Whatever is due comes before the turn goes on, as the event loop has it; time comes last. */
  #step(deadline: number): boolean {
    if (++this.steps > MOST_STEPS) throw new Error(`It does not come to rest: ${MOST_STEPS} pieces of work were done`)
    this.#sweep()
    const next = this.#heap[0]
    if (next !== undefined && next.due <= this.now) return this.#keep(next)
    for (;;) {
      const immediate = this.#turn.shift()
      if (immediate === undefined) {
        if (this.#nextTurn.length === 0) break
        this.#turn = this.#nextTurn
        this.#nextTurn = []
        this.now += (this.#random.below(1000) / 1000) * TURN
        continue
      }
      const { action } = immediate
      if (action === undefined) continue
      immediate.action = undefined
      action()
      return true
    }
    if (next === undefined || next.due > deadline) {
      if (deadline < Number.POSITIVE_INFINITY) this.now = Math.max(this.now, deadline)
      return false
    }
    this.now = Math.max(this.now, next.due)
    return this.#keep(next)
  }

  #keep(appointment: Appointment): true {
    this.#pop()
    if (appointment.every > 0) {
      appointment.due = this.now + appointment.every
      appointment.order = this.#order++
      this.#push(appointment)
    } else {
      appointment.over = true
      if (appointment.timer) this.#timers--
      else this.#events--
    }
    appointment.action()
    return true
  }

  #timer(action: () => void, ms: number, repeated: boolean): Appointment {
    // No timer is ever early, and now and then one is late, because the process was busy.
    const late = this.#random.once(10) ? this.#random.below(20) : 0
    const delay = Math.max(1, ms)
    const timer = new Appointment(action, this.now + delay + late, this.#order++, repeated ? delay : 0, true)
    this.#timers++
    this.#push(timer)
    return timer
  }

  #immediate(action: () => void): Immediate {
    const immediate: Immediate = { action }
    this.#nextTurn.push(immediate)
    return immediate
  }

  #clear(given: unknown): void {
    if (given instanceof Appointment) {
      if (given.over) return
      given.over = true
      this.#timers--
    } else if (typeof given === "object" && given !== null && "action" in given) {
      given.action = undefined
    }
  }

  #sweep(): void {
    while (this.#heap[0]?.over) this.#pop()
  }

  #push(appointment: Appointment): void {
    const heap = this.#heap
    let at = heap.push(appointment) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(appointment, heap[parent] as Appointment)) break
      heap[at] = heap[parent] as Appointment
      at = parent
    }
    heap[at] = appointment
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Appointment
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Appointment, heap[child] as Appointment)) child++
      if (!isBefore(heap[child] as Appointment, last)) break
      heap[at] = heap[child] as Appointment
      at = child
    }
    heap[at] = last
  }
}

function isBefore(one: Appointment, other: Appointment): boolean {
  return one.due < other.due || (one.due === other.due && one.order < other.order)
}

function isLive({ action }: Immediate): boolean {
  return action !== undefined
}
