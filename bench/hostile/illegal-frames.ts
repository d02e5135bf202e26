// B7: what no peer may send, after something legal, in every way in which it can be cut in two: the connection is closed
// before the call that brought the octets returns, hence in the same turn, and nothing of it is delivered.

import { setImmediate as nextTurn } from "node:timers/promises"
import { command, frame, greeting, longHeader, message, property, ready } from "../../test/support/raw-peer.ts"
import { SessionRig } from "../../test/support/session-rig.ts"
import { atMost, count, type Finding, type Size } from "./finding.ts"

const MORE = 1
const LONG = 2
const COMMAND = 4

const READY = ready("PUSH")

/** Instead of a handshake. */
const BEFORE: readonly Buffer[] = [
  Buffer.from("GET / HTTP/1.1\r\n\r\n".padEnd(70)),
  greeting({ major: 1 }),
  greeting({ mechanism: "PLAIN" }),
  Buffer.concat([greeting(), message("too early")]),
  Buffer.concat([greeting(), Buffer.from([0x84, 5])]),
  Buffer.concat([greeting(), command("PING", "\0\0")]),
  Buffer.concat([greeting(), longHeader(2n ** 64n - 1n, COMMAND)]),
  Buffer.concat([greeting(), frame("\x05READY", COMMAND | MORE)]),
  Buffer.concat([greeting(), command("READY", property("a b", ""))]),
  Buffer.concat([greeting(), command("READY", Buffer.from([1, 65, 255, 255, 255, 255]))]),
]

/** In traffic. */
const AFTER: readonly Buffer[] = [
  ...[0x08, 0x10, 0x20, 0x40, 0x80, 0xff].map((flags) => Buffer.from([flags, 1, 65])),
  frame("\x04PING\0\0", COMMAND | MORE),
  frame("", COMMAND),
  frame(Buffer.from([0, 65]), COMMAND),
  frame(Buffer.from([9, 65]), COMMAND),
  command("A B"),
  command("PING", "\0"),
  READY,
  command("HELLO"),
  command("ERROR", "\x03500"),
  ...[2n ** 64n - 1n, 2n ** 63n, 2n ** 32n + 1n, 64n * 2n ** 20n + 1n].map((size) => longHeader(size)),
  longHeader(64 * 2 ** 20 + 1, COMMAND),
  Buffer.concat([frame("part", MORE), frame(Buffer.alloc(300, "x"), MORE | LONG), Buffer.from([0x40, 0])]),
  Buffer.concat([frame("part", MORE), longHeader(64 * 2 ** 20 - 3)]),
  Buffer.concat(Array.from({ length: 1025 }, () => frame("", MORE))),
]

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const most = size === "full" ? Number.POSITIVE_INFINITY : 40
  const kinds = [
    { name: "illegal beginnings", legal: Buffer.alloc(0), list: BEFORE },
    { name: "illegal frames", legal: Buffer.concat([greeting(), READY, message("legal", "and whole")]), list: AFTER },
  ]
  for (const { name, legal, list } of kinds) {
    let tried = 0
    let late = 0
    let delivered = 0
    for (const octets of list) {
      for (let cut = 0; cut < Math.min(octets.length, most); cut++) {
        const rig = new SessionRig({ cls: "Pull" })
        if (legal.length > 0) rig.stream.receive(legal)
        if (cut > 0) rig.stream.receive(octets.subarray(0, cut))
        // Some are known to be illegal before their end.
        if (!rig.stream.destroyed) rig.stream.receive(octets.subarray(cut))
        tried++
        if (!rig.stream.destroyed) late++
        if (rig.hub.joined.length > 0) for (const each of rig.read()) if (each !== "legal|and whole") delivered++
        // Few handshakes are taken on in one turn.
        await nextTurn()
        rig.hub.monitor.close()
      }
    }
    const what = `${count(tried)} times one of ${list.length} ${name}, whole or cut in two`
    yield atMost("B7", `${what}: connections not closed in the same turn`, late, 0, count)
    yield atMost("B7", `${what}: deliveries of any part of it`, delivered, 0, count)
  }
}
