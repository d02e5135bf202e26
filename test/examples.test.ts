// Every example, run as a person would run it: it ends by itself, complains about nothing, and prints what it promises.

import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

const ROOT = fileURLToPath(new URL("..", import.meta.url))
const run = promisify(execFile)

/** What must be among the lines of each, in whatever order independent peers get their turn. */
const LINES: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  "01-hello": ["listening at tcp://127.0.0.1:<port>", "received hello", "received several + frames + one message"],
  "02-pipeline": [
    "5105 lines went in, 5105 days came out",
    "the reader was less than 200 lines ahead of the last stage at most",
    "the best day was 2008-10-28: 10.79 % up",
  ],
  "03-request-reply": [
    "the square of 13: No answer came within 1000 ms",
    "the square of 12: 144",
    "the square of 99: 9801",
    "99 of 100 answers are right",
  ],
  "04-weather": [
    /^nordic radio +north\/oslo +-7 °C {2}snow$/,
    /^nordic radio +north\/tromsø +-12 °C {2}stars$/,
    /^town hall +south\/palermo +19 °C {2}sun$/,
    /^everybody +north\/oslo /,
    /^everybody +north\/tromsø /,
    /^everybody +south\/palermo /,
  ],
  "05-worker-pool": [
    /^ada +▇+ \d+$/,
    /^edsger +▇+ \d+$/,
    /^grace +▇+ \d+$/,
    /^tortoise +▇+ \d+$/,
    "the sum of all squares up to 300² is 9045050, as it must be",
  ],
  "06-fanout-settings": [
    "worker 1   threads=4 retries=3 verbose=1",
    "worker 2   threads=4 retries=3 verbose=1",
    "worker 3   threads=4 retries=3 verbose=1",
    "latecomer  verbose=1",
  ],
  "07-chat": [
    "boris  hears  anna: is anybody here?",
    "clara  hears  anna: is anybody here?",
    "anna   hears  boris: I am",
    "clara  hears  boris: I am",
  ],
  "08-events-and-stats": [
    "bound",
    "a SUB joined at inproc://news",
    "its queue is full",
    "a message was dropped: high-water-mark",
    "1000 messages = 100 sent + 100 waiting + 800 dropped",
    "it left",
    "the publisher dropped: 100 peer-left, 800 high-water-mark",
    "the subscriber dropped: 100 unread",
  ],
  "09-proxy": [
    ...["tea", "coffee", "toast", "jam", "eggs", "milk"].map(
      (order) => new RegExp(`^${order}, served by (one|two|three)$`),
    ),
    "6 requests and 6 answers passed, and the tap saw 12",
  ],
  "10-web-streams": ["NO BROKER STANDS BETWEEN", "WHAT ONE END SAYS", "AND ANOTHER HEARS"],
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
  "16-failover": [
    "from the hanging to the leaving server",
    "from the leaving to the steady server",
    "100 of 100 answers are right, after some retries",
  ],
  "17-majordomo": [
    'a worker was lost: "roman" goes to another one',
    "2026 is MMXXVI",
    "counted in parts: I, II, III, IV, V",
    "at once: MCMLXXXIV, MCMXCIX, MM",
    "anybody who bakes? no",
  ],
  "18-shared-table": [
    "the desk knows /limits/ann and /limits/bob",
    "/limits/ann went from 100 to 120",
    "ann is not present",
    "served by the second one, bob has 70",
  ],
  "19-exchange": [
    "weather.oslo is wanted by nobody",
    "order 1 went to 2 queues",
    "german: order.de.created, order 1",
    "billing: order 1, once more",
    "billing: order 2",
    "order.xx.broken was given up after 3 deliveries",
  ],
  "20-survey": [
    "for three: Central at 210, Astoria at 240",
    "asked 4, no room in 1, nothing heard of 1: deadline",
    "for two, the first 2 offers are enough: count",
  ],
  "21-bridge": [
    "over ipc: good morning from oslo, good morning from palermo",
    "over inproc: good morning from oslo, good morning from palermo",
    "2 messages passed, and 1 subscriptions",
  ],
  "22-secure-chat": [
    /^the boxes are made by (sodium-native|libsodium)/,
    'mallory stays outside: The peer refused our key: "400"',
    "anna holds the key of anna",
    "boris holds the key of boris",
    "anna to boris, and to nobody else: meet me at nine",
  ],
}

describe("examples", () => {
  it("are all looked at here", () => {
    const there = readdirSync(new URL("../examples/", import.meta.url)).filter((name) => /^\d.*\.ts$/.test(name))
    expect(there.map((name) => name.replace(/\.ts$/, ""))).toEqual(Object.keys(LINES))
  })

  it("are in the tables, in reading order", () => {
    const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), "utf8")
    const inTable = [...read("examples/README.md").matchAll(/^\| `npm run example (\S+)` \| \S/gm)]
    expect(inTable.map(([, name]) => name)).toEqual(Object.keys(LINES))
    const linked = [...read("README.md").matchAll(/\]\(examples\/(\d\S*)\.ts\)(?= [·|])/g)]
    expect(linked.map(([, name]) => name)).toEqual(Object.keys(LINES))
  })

  it.each(Object.entries(LINES))("%s prints what it promises, and ends", async (name, expected) => {
    // A code other than 0 rejects, and so does a program that has to be killed.
    const { stdout, stderr } = await run(process.execPath, [`build/examples/${name}.js`], {
      cwd: ROOT,
      timeout: 50_000,
    })
    expect(stderr).toBe("")
    const lines = stdout.trimEnd().split("\n")
    expect(lines).toHaveLength(expected.length)
    for (const wanted of expected) {
      expect(lines).toContainEqual(typeof wanted === "string" ? wanted : expect.stringMatching(wanted))
    }
  })
})
