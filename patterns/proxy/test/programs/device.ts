// A process that is a device and nothing else.
//
//   device.js streamer | queue <frontend> <backend>

import { queue, streamer } from "brokerless/patterns/proxy"

/** What this process tells its parent: that it stands. */
export type Said = "ready"

const [kind, frontend, backend] = process.argv.slice(2) as [string, string, string]
await (kind === "queue" ? queue : streamer)({ frontend, backend })
process.send?.("ready" satisfies Said)
