// The middle and the spread of a few runs, and quantiles of many figures.

export interface Summary {
  median: number
  lowest: number
  highest: number
}

export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new Error("Nothing was measured")
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
  return { median, lowest: sorted[0] as number, highest: sorted[sorted.length - 1] as number }
}

/** The least figure that so large a share of all, which are sorted, does not exceed. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) throw new Error("Nothing was measured")
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] as number
}
