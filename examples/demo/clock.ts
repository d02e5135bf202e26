// One clock for all processes of this machine: the monotonic one of the system, which every process reads alike.
// Wall clocks may jump, and each process starts `performance.now()` at nought of its own.

const start: number = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** Milliseconds, with fractions, since some moment that is the same for every process. */
export function now(): number {
  return start + performance.now()
}
