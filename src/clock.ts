// Time, timers, turns of the event loop and chance: the one place that asks the runtime for them, always through the
// globals of the moment, so that a simulation can put its own in their place.

/** A timer that has one owner, who cancels it. */
export type Timer = ReturnType<typeof setTimeout>

/** Milliseconds on a clock that never jumps. */
export function now(): number {
  return performance.now()
}

/** Milliseconds since 1970, for people. */
export function wallTime(): number {
  return Date.now()
}

/** Runs `action` once, `ms` from now; the timer alone does not keep the process alive. */
export function after(ms: number, action: () => void): Timer {
  const timer = setTimeout(action, Math.min(ms, 0x7fffffff))
  timer.unref?.()
  return timer
}

/** As {@link after}, for what a process must not end without. */
export function afterHolding(ms: number, action: () => void): Timer {
  return setTimeout(action, Math.min(ms, 0x7fffffff))
}

/** Does nothing but keep the process alive, until it is cancelled. */
export function holdProcess(): Timer {
  return setInterval(() => {}, 0x7fffffff)
}

export function cancel(timer: Timer | undefined): void {
  if (timer !== undefined) clearTimeout(timer)
}

/** At the end of what is running now and of the promises it settles, before the event loop goes on. */
export function atEndOfTick(action: () => void): void {
  process.nextTick(action)
}

/** In the next turn of the event loop, after I/O had its chance. */
export function nextTurn(action: () => void): void {
  setImmediate(action)
}

/** Stands for whatever brings the next turn: another one when the globals were replaced. */
export function turnSource(): unknown {
  return setImmediate
}

/** A number in [0, 1), for jitter and the start of counters; never for secrets. */
export function random(): number {
  return Math.random()
}
