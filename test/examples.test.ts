// Every example, run as a person would run it: it ends by itself, complains about nothing, and prints what it promises.

import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

const ROOT = fileURLToPath(new URL("..", import.meta.url))
const run = promisify(execFile)

/** What must be among the lines of each, in whatever order independent peers get their turn. */
const LINES: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  "01-hello": ["listening at tcp://127.0.0.1:<port>", "received hello", "received several + frames + one message"],
  "02-request-reply": [
    "the square of 13: No answer came within 1000 ms",
    "the square of 12: 144",
    "the square of 99: 9801",
    "99 of 100 answers are right",
  ],
  "03-weather": [
    /^nordic radio +north\/oslo +-7 °C {2}snow$/,
    /^nordic radio +north\/tromsø +-12 °C {2}stars$/,
    /^town hall +south\/palermo +19 °C {2}sun$/,
    /^everybody +north\/oslo /,
    /^everybody +north\/tromsø /,
    /^everybody +south\/palermo /,
  ],
  "04-worker-pool": [
    /^ada +▇+ \d+$/,
    /^edsger +▇+ \d+$/,
    /^grace +▇+ \d+$/,
    /^tortoise +▇+ \d+$/,
    "the sum of all squares up to 300² is 9045050, as it must be",
  ],
  "05-fanout-settings": [
    "worker 1   threads=4 retries=3 verbose=1",
    "worker 2   threads=4 retries=3 verbose=1",
    "worker 3   threads=4 retries=3 verbose=1",
    "latecomer  verbose=1",
  ],
  "06-chat": [
    "boris  hears  anna: is anybody here?",
    "clara  hears  anna: is anybody here?",
    "anna   hears  boris: I am",
    "clara  hears  boris: I am",
  ],
  "07-events-and-stats": [
    "bound",
    "a SUB joined at inproc://news",
    "its queue is full",
    "a message was dropped: high-water-mark",
    "1000 messages = 100 sent + 100 waiting + 800 dropped",
    "it left",
    "the publisher dropped: 100 peer-left, 800 high-water-mark",
    "the subscriber dropped: 100 unread",
  ],
  "08-proxy": [
    ...["tea", "coffee", "toast", "jam", "eggs", "milk"].map(
      (order) => new RegExp(`^${order}, served by (one|two|three)$`),
    ),
    "6 requests and 6 answers passed, and the tap saw 12",
  ],
  "09-web-streams": ["NO BROKER STANDS BETWEEN", "WHAT ONE END SAYS", "AND ANOTHER HEARS"],
  "10-secure-chat": [
    /^the boxes are made by (sodium-native|libsodium)/,
    'mallory stays outside: The peer refused our key: "400"',
    "anna holds the key of anna",
    "boris holds the key of boris",
    "anna to boris, and to nobody else: meet me at nine",
  ],
  "11-threads": [
    /^thread 1 +▇+ \d+ rounds$/,
    /^thread 2 +▇+ \d+ rounds$/,
    "100 digests by 2 threads, all of them right",
  ],
  "12-task-fanout": [
    "doomed is gone, and had work",
    "13 was given up after 3 attempts: thirteen is unlucky",
    "499 done, 1 failed, 0 done twice",
    "the sum of all squares but one is 41791581, as it must be",
  ],
  "13-market-feed": [
    "desk: one publisher left, the other one carries on",
    "late joiner: 22 topics, the last close is 2874.56",
    "desk: 5105 days, each once, 0 lost",
    "desk: the highest close was 3386.15 on 2020-02-19",
  ],
  "14-telemetry": [
    "logger: 10000 of 10000 readings",
    "display: less than half of them drawn, the rest conflated",
    "display: 100 sensors, all at their newest reading",
  ],
  "15-service-mesh": [
    "the caller knows conversion,news,pricing-1,pricing-2",
    "ACME is at 400",
    "ACME is at 360 EUR",
    "conversion/quoteIn: nobody knows the rate of XXX",
    "ACME in the news, part 1",
    "ACME in the news, part 2",
    "ACME in the news, part 3",
    "weather/quote: nobody offers this",
    "pricing-1 has left; 300 of 300 quotes are right",
  ],
}

describe("examples", () => {
  it("are all looked at here", () => {
    const there = readdirSync(new URL("../examples/", import.meta.url)).filter((name) => /^\d.*\.ts$/.test(name))
    expect(there.map((name) => name.replace(/\.ts$/, ""))).toEqual(Object.keys(LINES))
  })

  it.each(Object.entries(LINES))("%s prints what it promises, and ends", async (name, expected) => {
    // A code other than 0 rejects, and so does a program that has to be killed.
    const { stdout, stderr } = await run(process.execPath, [`build/examples/${name}.js`], {
      cwd: ROOT,
      timeout: 15_000,
    })
    expect(stderr).toBe("")
    const lines = stdout.trimEnd().split("\n")
    expect(lines).toHaveLength(expected.length)
    for (const wanted of expected) {
      expect(lines).toContainEqual(typeof wanted === "string" ? wanted : expect.stringMatching(wanted))
    }
  })
})
