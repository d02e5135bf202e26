// A process that parts with its only endpoint while messages for it wait, and then has nothing else to do.
//
//   leaver.js <endpoint> close | stay

import { Push } from "brokerless"

/** What this process tells its parent: that it has parted. */
export type Said = "parted"

/** More than the system takes for a peer that does not read. */
const LARGE = 16 * 1024 * 1024
const MESSAGES = 3

const [endpoint, order] = process.argv.slice(2) as [string, string]
const push = new Push({ linger: -1 })
push.connect(endpoint)
await push.waitForPeers()
for (let i = 0; i < MESSAGES; i++) await push.send(Buffer.alloc(LARGE, i))
push.disconnect(endpoint)
process.send?.("parted" satisfies Said)
if (order === "close") await push.close()
