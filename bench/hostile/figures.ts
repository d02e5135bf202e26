// The figures, in the order in which they are measured.

import type { Measure } from "./finding.ts"

export interface Figure {
  readonly ids: readonly string[]
  /** What it is about. */
  readonly title: string
  load(): Promise<{ readonly measure: Measure }>
}

export const FIGURES: readonly Figure[] = [
  { ids: ["B1"], title: "nothing that comes in ends the process", load: () => import("./any-input.ts") },
  { ids: ["B2", "B5"], title: "10 000 half-open connections", load: () => import("./half-open.ts") },
  { ids: ["B3"], title: "memory before authentication", load: () => import("./before-authentication.ts") },
  { ids: ["B4"], title: "memory after authentication", load: () => import("./after-authentication.ts") },
  { ids: ["B6"], title: "an honest peer under attack", load: () => import("./honest-peer.ts") },
  { ids: ["B7"], title: "illegal frames", load: () => import("./illegal-frames.ts") },
  { ids: ["B8"], title: "announcements above the limit", load: () => import("./announcements.ts") },
  { ids: ["B9"], title: "streams in pieces", load: () => import("./split-streams.ts") },
  { ids: ["B10"], title: "a million subscriptions", load: () => import("./subscriptions.ts") },
  { ids: ["B11"], title: "connections that come and go", load: () => import("./cycles.ts") },
  { ids: ["B13"], title: "10 000 clients come back", load: () => import("./reconnect-storm.ts") },
  { ids: ["B15"], title: "CURVE and whoever holds the wire", load: () => import("./alteration.ts") },
  { ids: ["B16"], title: "secrets in what is printed", load: () => import("./secrets.ts") },
]
