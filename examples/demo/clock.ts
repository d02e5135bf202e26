// One clock for all processes of this machine: the monotonic one of the system, which every process reads alike.
// Wall clocks may jump, and `performance.now()` starts anew in each process.

/** Milliseconds, with fractions, since some moment that is the same for every process. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
