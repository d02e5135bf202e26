// For tests in which something has to begin before a deadline that they then wait for: short where the machine is
// quick, and long only where it is not.

import { DeadlineError } from "brokerless/patterns/mesh"

const DEADLINES = [100, 400, 1600]
const LAST = 6400

/** Makes the attempt with a longer deadline, in ms, as often as it throws DeadlineError: it did not even begin. */
export async function inTime(attempt: (deadline: number) => Promise<void>): Promise<void> {
  for (const deadline of DEADLINES) {
    try {
      return await attempt(deadline)
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
    }
  }
  await attempt(LAST)
}
