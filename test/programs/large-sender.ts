// A process that sends one large message after the other, until it is killed.
//
//   large-sender.js <endpoint> bind | connect

import { Dealer } from "brokerless"

/** What this process tells its parent: that it sends. */
export type Said = "sending"

const [endpoint, how] = process.argv.slice(2) as [string, string]
const dealer = new Dealer()
if (how === "bind") await dealer.bind(endpoint)
else dealer.connect(endpoint)
await dealer.waitForPeers()
process.send?.("sending" satisfies Said)
for (;;) await dealer.send(["large", Buffer.alloc(4 * 1024 * 1024, "x"), "end"])
