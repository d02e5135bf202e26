// Every line of a transcript in which we differ from the `zeromq` package on purpose, and why. What no transcript shows
// stands in docs/migrating-from-zeromq.md.

export interface Difference {
  readonly theirs: string
  readonly ours: string
  readonly why: string
}

export const DIFFERENCES: readonly Difference[] = [
  {
    theirs: 'newest resolves to ["0"]',
    ours: 'newest resolves to ["9"]',
    why: "libzmq takes `conflate` of a Scatter and a Gather, and does nothing about it",
  },
]
