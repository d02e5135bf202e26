// How much a fuzz test does: little in an ordinary run, more on demand; and with which seed, which it prints.

/** `FUZZ_SEED` repeats a run; `FUZZ_RUNS` multiplies the number of runs. */
export function fuzzing(runs: number): { seed: number; numRuns: number; endOnFailure: boolean } {
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 0x7fffffff))
  console.log(`fuzz seed ${seed}`)
  // Shrinking what depends on the network takes long and proves little: the seed repeats it.
  return { seed, numRuns: Math.ceil(runs * Number(process.env.FUZZ_RUNS ?? 1)), endOnFailure: true }
}
