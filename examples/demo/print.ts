// How figures look, and colours where they are wanted (https://no-color.org).

import type { Latency } from "./latency.ts"

const colored: boolean = process.stdout.isTTY === true && !process.env.NO_COLOR

function style(open: number, close: number): (text: string) => string {
  return (text) => (colored ? `\x1b[${open}m${text}\x1b[${close}m` : text)
}

export const bold: (text: string) => string = style(1, 22)
export const dim: (text: string) => string = style(2, 22)
export const green: (text: string) => string = style(32, 39)
export const red: (text: string) => string = style(31, 39)

/** `1,234,567` */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US")
}

/** A rate, as `1,234,567`. */
export function perSecond(value: number, seconds: number): string {
  return count(seconds > 0 ? value / seconds : 0)
}

/** A time in the unit that suits it, with three digits that mean something. */
export function duration(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "–"
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toPrecision(3)} s`
  if (milliseconds >= 1) return `${Number(milliseconds.toPrecision(3))} ms`
  return `${Math.round(milliseconds * 1000)} µs`
}

/** The time that `share` of all messages did not exceed. */
export function quantile(latency: Latency | undefined, share: number): string {
  return duration(latency?.quantile(share))
}

/** Numbers in ascending order, with runs drawn together: `3–7 9 12–13`. */
export function ranges(numbers: readonly number[]): string {
  const runs: string[] = []
  for (let first = 0; first < numbers.length; ) {
    let last = first
    while (numbers[last + 1] === numbers[last]! + 1) last++
    runs.push(first === last ? `${numbers[first]}` : `${numbers[first]}–${numbers[last]}`)
    first = last + 1
  }
  return runs.join(" ")
}
