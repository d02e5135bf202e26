// A process: one desk of the market feed.

import { play } from "../role.ts"
import type { Desk } from "./desks.ts"
import { type Heard, listen } from "./listen.ts"
import { Tally } from "./tally.ts"

export interface DeskBrief {
  readonly desk: Desk
  readonly endpoint: string
}

export type DeskReport = { readonly is: "heard"; readonly heard: Heard }

play<DeskBrief, DeskReport>(async ({ desk, endpoint }, director) => {
  const tally = new Tally()
  director.showProgress(() => tally.count)
  director.tell({ is: "heard", heard: await listen(desk, endpoint, tally) })
})
