// B9: however a stream is cut, the messages are the same; and the smallest chunks cost time in proportion.

import { Decoder, MESSAGE, NEED_DATA } from "../../src/zmtp/decoder.ts"
import { Random } from "../../test/support/random.ts"
import { longHeader, message } from "../../test/support/raw-peer.ts"
import { atMost, count, type Finding, milliseconds, type Size, times } from "./finding.ts"

/** The best of so many counts. */
const ROUNDS = 5

const LIMITS = { maxMessageSize: 64 * 2 ** 20, maxMessageFrames: 1024 }

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const streams = size === "full" ? 500 : 20
  const splits = 40
  let different = 0
  for (let seed = 0; seed < streams; seed++) {
    const random = new Random(seed)
    const stream = Buffer.concat(
      random.list(1, 30, () => message(...random.list(1, 4, () => random.octets(random.size(5000))))),
    )
    const whole = read([stream])
    for (let n = 0; n < splits; n++) if (read(pieces(stream, random)) !== whole) different++
  }
  const tried = count(streams * splits)
  yield atMost("B9", `${tried} random splits of ${count(streams)} random streams: other messages`, different, 0, count)

  const large = size === "full" ? 16 * 2 ** 20 : 2 ** 20
  const kinds: Readonly<Record<string, (octets: number) => Buffer>> = {
    "one message": (octets) => Buffer.concat([longHeader(octets), Buffer.alloc(octets, "x")]),
    "messages of 16 octets": (octets) => Buffer.alloc(octets, message("0123456789abcdef")),
  }
  for (const [name, make] of Object.entries(kinds)) {
    single(make(1 << 18))
    // By turns, so that a machine that slows down does so for both.
    let [quarter, all] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    for (let round = 0; round < ROUNDS; round++) {
      quarter = Math.min(quarter, single(make(large / 4)))
      all = Math.min(all, single(make(large)))
    }
    const what = `${large / 2 ** 20} MiB in chunks of one octet, ${name} (${milliseconds(all)})`
    // Four times as much is to take four times as long; the rest is the noise of a machine.
    yield atMost("B9", `${what}, beside a quarter of it`, all / quarter, size === "full" ? 6 : 12, times)
  }
}

/** What a decoder makes of the chunks, as a text that is the same for the same messages. */
function read(chunks: Iterable<Buffer>): string {
  const decoder = new Decoder({ ...LIMITS })
  const found: string[] = []
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk)
    decoder.push(lent)
    for (let next = decoder.next(); next !== NEED_DATA; next = decoder.next()) {
      if (next === MESSAGE) found.push(decoder.message.map((each) => each.toString("latin1")).join("\u0100"))
    }
    decoder.keep()
    // The memory of a chunk is used again.
    lent.fill(0xee)
  }
  if (decoder.midway) found.push("midway")
  return found.join("\u0101")
}

function* pieces(stream: Buffer, random: Random): Generator<Buffer> {
  const most = random.pick([1, 2, 3, 10, 300, 9000])
  for (let at = 0; at < stream.length; ) {
    const end = at + random.within(1, most)
    yield stream.subarray(at, end)
    at = end
  }
}

/** How long one octet after the other takes, ms. */
function single(stream: Buffer): number {
  const decoder = new Decoder({ ...LIMITS })
  let messages = 0
  const began = performance.now()
  for (let at = 0; at < stream.length; at++) {
    decoder.push(stream.subarray(at, at + 1))
    while (decoder.next() !== NEED_DATA) messages++
    decoder.keep()
  }
  const took = performance.now() - began
  if (messages === 0) throw new Error("Nothing was read")
  return took
}
