// What a figure comes to. Each figure is a file of this folder with a function `measure` that tells its findings one by
// one; figures.ts lists them.

export interface Finding {
  /** The figure it belongs to: `B10`. */
  readonly id: string
  /** What was done. */
  readonly what: string
  /** What came out. */
  readonly measured: string
  /** What it may be. */
  readonly bound: string
  readonly holds: boolean
}

/** `quick` is for tests and for trying out, and patient where a busy machine could lie; only `full` is a measurement. */
export type Size = "full" | "quick"

export type Measure = (size: Size) => AsyncGenerator<Finding, void, undefined>

/** A finding about a number that must not be larger than its bound. */
export function atMost(id: string, what: string, value: number, bound: number, show: (n: number) => string): Finding {
  return { id, what, measured: show(value), bound: `≤ ${show(bound)}`, holds: value <= bound }
}

export function octets(n: number): string {
  if (Math.abs(n) >= 2 ** 20) return `${(n / 2 ** 20).toFixed(1)} MiB`
  if (Math.abs(n) >= 2 ** 10) return `${(n / 2 ** 10).toFixed(1)} KiB`
  return `${n.toFixed(0)} B`
}

export function milliseconds(n: number): string {
  return `${n.toFixed(n < 10 ? 1 : 0)} ms`
}

export function times(n: number): string {
  return `${n.toFixed(1)} ×`
}

export function count(n: number): string {
  return n.toLocaleString("en")
}
