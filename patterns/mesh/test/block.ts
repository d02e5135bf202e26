// A process that stands still, as if it were stopped or very busy: no timer fires, nothing is read.

/** Lets nothing happen in this process for so many ms. */
export function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
