// Any text as an endpoint: a typed error that shows no more than it should, or an endpoint that means the same when it
// is written down and read again; and a socket to which one after the other is given goes on as if nothing had been.

import { EndpointError, Pull, Push } from "brokerless"
import { type Endpoint, formatTcp, type Purpose, parseEndpoint } from "../../src/endpoint.ts"
import { type FuzzTarget, holds, type Stage, same } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { link } from "../support/sockets.ts"

interface Input {
  readonly text: string
  readonly purpose: Purpose
  /** Whether a socket is given it too. */
  readonly bind: boolean
}

export const endpoints: FuzzTarget<Input> = {
  name: "endpoints",
  cases: 6000,

  generate(random: Random): Input {
    return { text: spoiled(random, legal(random)), purpose: random.pick(["bind", "connect"]), bind: random.once(20) }
  },

  async open(): Promise<Stage<Input>> {
    const pull = new Pull({ receiveTimeout: 10_000 })
    const push = new Push({ linger: 0 })
    const own = await link(pull, push, "tcp://127.0.0.1:*")
    let count = 0
    return {
      async check({ text, purpose, bind }) {
        const endpoint = parsed(text, purpose)
        if (endpoint !== undefined) judge(endpoint, text, purpose)
        if (!bind) return
        const before = pull.endpoints
        // Nothing of the system is taken that others may need, and nobody is called: only names that are ours alone.
        if (endpoint === undefined || endpoint.transport === "inproc") {
          const taken = await attempt(async () => {
            if (purpose === "connect") pull.connect(text)
            else await pull.bind(text)
          })
          same(taken, endpoint !== undefined, "Whether a socket takes it")
          if (taken && purpose === "connect") await pull.disconnect(text)
          else if (taken) await pull.unbind(text)
        }
        same(pull.endpoints, before, "What is bound after all")
        const number = `${count++}`
        await push.send(number)
        same((await pull.receive()).map(String), [number], "What an honest peer sent meanwhile")
      },
      async close() {
        same(pull.endpoints, [own], "What is bound in the end")
        await push.close()
        await pull.close()
      },
    }
  },
}

function parsed(text: string, purpose: Purpose): Endpoint | undefined {
  try {
    return parseEndpoint(text, purpose)
  } catch (error) {
    if (!(error instanceof EndpointError)) throw error
    holds(error.code === "EINVAL" || error.code === "EPROTONOSUPPORT", () => `The code ${error.code}`)
    same(error.endpoint, text, "The endpoint that an error names")
    // What it shows, it shows on one line, and not without end.
    holds(!/[\n\r\0]/.test(error.message), () => `A control character in ${JSON.stringify(error.message)}`)
    holds(error.message.length < 2500, () => `A message of ${error.message.length} characters`)
    return undefined
  }
}

function judge(endpoint: Endpoint, text: string, purpose: Purpose): void {
  same(endpoint.text, text, "The text of an endpoint")
  if (endpoint.transport === "inproc") {
    holds(endpoint.name.length > 0 && endpoint.name.length <= 256, () => `The name ${endpoint.name}`)
    same(`inproc://${endpoint.name}`, text, "An inproc endpoint, written again")
  } else if (endpoint.transport === "ipc") {
    holds(!endpoint.path.includes("\0") && Buffer.byteLength(endpoint.path) <= 107, () => `The path ${endpoint.path}`)
    holds(purpose === "bind" || endpoint.path !== "*", () => "A wildcard was accepted for connecting")
    same(`ipc://${endpoint.path}`, text, "An ipc endpoint, written again")
  } else if (endpoint.transport === "udp") {
    const { host, port } = endpoint
    holds(Number.isInteger(port) && port >= 0 && port <= 65535, () => `The port ${port}`)
    holds(purpose === "bind" || (port > 0 && host !== "*"), () => "A wildcard was accepted for connecting")
    holds(endpoint.multicast || endpoint.interface === "*", () => `The interface ${endpoint.interface} to one address`)
    holds(endpoint.interface !== "" && !/[\0\n\r;]/.test(endpoint.interface), () => `The one ${endpoint.interface}`)
  } else {
    const { host, port, source } = endpoint
    holds(Number.isInteger(port) && port >= 0 && port <= 65535, () => `The port ${port}`)
    holds(purpose === "bind" || (port > 0 && host !== "*"), () => "A wildcard was accepted for connecting")
    holds(host !== "" && !/[\0\n\r/?#[\]]/.test(host) && host.length <= 253, () => `The host ${host}`)
    holds(source === undefined || purpose === "connect", () => "A source was accepted for binding")
    const again = parseEndpoint(formatTcp(host, port), purpose) as typeof endpoint
    same([again.host, again.port], [host, port], "A tcp endpoint, written and read again")
  }
}

/** Whether it is not refused as an endpoint. */
async function attempt(act: () => Promise<void>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (error instanceof EndpointError) return false
    throw error
  }
}

const HOSTS = [
  "127.0.0.1",
  "localhost",
  "*",
  "[::1]",
  "[fe80::1%eth0]",
  "eth0",
  "example.com.",
  "[::ffff:1.2.3.4]",
  "1.2.3",
]

function legal(random: Random): string {
  const port = (): string => random.pick(["5555", "*", "0", "65535", "65536", "1", "00080", "-1", "5e3", " 80"])
  return random.choose(
    [5, () => `tcp://${random.pick(HOSTS)}:${port()}`],
    [2, () => `tcp://${random.pick(HOSTS)}:${port()};${random.pick(HOSTS)}:${port()}`],
    [
      2,
      () => `ipc://${random.pick(["/tmp/socket", "*", "@name", "relative", "@", "x".repeat(random.within(100, 110))])}`,
    ],
    [2, () => `udp://${random.pick([...HOSTS, "239.1.2.3", "[ff02::1]"])}:${port()}`],
    [2, () => `udp://${random.pick(HOSTS)};${random.pick([...HOSTS, "239.1.2.3", "[ff02::1]"])}:${port()}`],
    [2, () => `inproc://fuzz-${"n".repeat(random.pick([0, 1, 10, 250, 251, 252]))}`],
    [
      1,
      () => random.pick(["", "://", "tcp", "udp://1.2.3.4:5", "TCP://1.2.3.4:5", "tcp:/1.2.3.4:5", "http://[::1]:80/"]),
    ],
  )
}

const ODD = [
  "\0",
  "\n",
  "\t",
  " ",
  ":",
  ";",
  "*",
  "[",
  "]",
  "@",
  "/",
  "%",
  "#",
  "?",
  "é",
  "\ud800",
  "\u{1f600}",
  "\u202e",
  "0",
  "a",
]

function spoiled(random: Random, text: string): string {
  let spoilt = text
  for (let count = random.pick([0, 0, 1, 1, 2, 4]); count > 0; count--) {
    const at = random.below(spoilt.length + 1)
    const more = random.choose(
      [6, () => random.pick(ODD)],
      [1, () => random.pick(ODD).repeat(random.within(1, 400))],
      [1, () => String.fromCharCode(random.below(0x1_0000))],
    )
    const cut = random.pick([0, 0, 1, 3])
    spoilt = random.once(6) ? spoilt.slice(at) : spoilt.slice(0, at) + more + spoilt.slice(at + cut)
  }
  return spoilt
}
