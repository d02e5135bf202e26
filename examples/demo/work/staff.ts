// Who works: their names, and what is special about some of them.

/** Those who are there from the start. */
export const firstWorkers: readonly string[] = ["worker 1", "worker 2", "slow worker", "doomed worker"]

/** Gets little, because it takes so long. */
export const slow = "slow worker"

/** Is killed when half of the results are in. */
export const doomed = "doomed worker"

/** Comes in its place. */
export const newcomer = "newcomer"

/** Everybody who was ever there. */
export const staff: readonly string[] = [...firstWorkers, newcomer]

/** Whoever is there at the end. */
export const survivors: readonly string[] = staff.filter((name) => name !== doomed)

/** How long a worker rests after each task, in ms. */
export const rests: ReadonlyMap<string, number> = new Map([[slow, 3]])
