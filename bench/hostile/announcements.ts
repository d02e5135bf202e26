// B8: sizes over the limit, in every form in which they can be announced. The connection is closed at the last octet of
// the announcement, and no memory is taken for what would have come.

import { command, frame, greeting, longHeader, ready } from "../../test/support/raw-peer.ts"
import { SessionRig } from "../../test/support/session-rig.ts"
import { atMost, count, type Finding, octets, type Size } from "./finding.ts"

const MORE = 1
const COMMAND = 4
const LIMIT = 1 << 20
/** What a closed connection and its error may take while they are still there. */
const SMALL = 4096

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const sizes: bigint[] = []
  for (let power = 20; power <= 63; power++) sizes.push(2n ** BigInt(power) + 1n, 2n ** BigInt(power + 1) - 1n)
  let late = 0
  let tried = 0
  let stored = 0
  for (const announced of size === "full" ? sizes : sizes.slice(0, 20)) {
    for (const flags of [0, MORE, COMMAND]) {
      for (const before of [Buffer.alloc(0), frame("a frame before it", MORE), command("PING", "\0\0")]) {
        const rig = SessionRig.ready("PUSH", { cls: "Pull", options: { maxMessageSize: LIMIT } })
        rig.stream.receive(before)
        const memory = process.memoryUsage().arrayBuffers
        rig.stream.receive(longHeader(announced, flags))
        stored = Math.max(stored, process.memoryUsage().arrayBuffers - memory)
        tried++
        if (!rig.stream.destroyed) late++
        rig.hub.monitor.close()
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }
  const what = `${count(tried)} announcements of up to 2^64 - 1 octets where 1 MiB is allowed`
  yield atMost("B8", `${what}: connections not closed by the announcement`, late, 0, count)
  yield atMost("B8", `${what}: most memory taken for one`, stored, SMALL, octets)

  const rig = new SessionRig({ cls: "Pull" })
  rig.stream.receive(greeting())
  const memory = process.memoryUsage().arrayBuffers
  rig.stream.receive(longHeader(8193, COMMAND))
  const taken = process.memoryUsage().arrayBuffers - memory
  yield atMost("B8", "a command of over 8 KiB in a handshake: memory taken for it", taken, SMALL, octets)
  const open = rig.stream.destroyed ? 0 : 1
  yield atMost("B8", "a command of over 8 KiB in a handshake: connections not closed by it", open, 0, count)
  rig.stream.receive(ready("PUSH"))
}
