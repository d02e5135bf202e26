// Says which package is behind the name `zeromq`.

import { createRequire } from "node:module"

const required: unknown = createRequire(import.meta.url)("zeromq")
const { Push: theirs } = required as { Push: unknown }
const { Push: ours } = await import("brokerless/zeromq")
console.log(theirs === ours ? "ours" : "theirs")
