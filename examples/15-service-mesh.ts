// Services without a broker: five processes, each a node. Two offer prices, one offers conversion (and asks for prices
// itself), one offers news as a stream, and this one calls them all. Every node knows one place only; there they are
// introduced to each other. In the end one of those that offer prices is drained, and nobody notices.

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { MeshNode, NotOfferedError } from "brokerless/patterns/mesh"

interface Pricing {
  quote(symbol: string): Promise<number>
}

interface Conversion {
  quoteIn(currency: string, symbol: string): Promise<string>
}

interface News {
  headlines(about: string): AsyncIterable<string>
}

const rates = new Map([
  ["EUR", 0.9],
  ["JPY", 150],
])

/** What each process offers, by its name. */
function offer(node: MeshNode): void {
  if (node.name.startsWith("pricing")) {
    node.offer<Pricing>("pricing", { quote: (_, symbol) => symbol.length * 100 }, { idempotent: true })
  } else if (node.name === "conversion") {
    node.offer<Conversion>("conversion", {
      async quoteIn(context, currency, symbol) {
        const rate = rates.get(currency)
        if (rate === undefined) throw new RangeError(`nobody knows the rate of ${currency}`)
        // The deadline of the caller holds for this call, too, and so does his change of mind.
        return `${(await context.service<Pricing>("pricing").quote(symbol)) * rate} ${currency}`
      },
    })
  } else {
    node.offer<News>("news", {
      async *headlines({ signal }, about) {
        for (let n = 1; !signal.aborted; n++) yield `${about} in the news, part ${n}`
      },
    })
  }
}

const [name, ...seeds] = process.argv.slice(2)
if (name !== undefined) {
  const node = new MeshNode({ name, seeds })
  offer(node)
  process.on("message", () => void node.drain().then(() => process.disconnect()))
  process.send?.(await node.bind("tcp://127.0.0.1:*"))
} else {
  await main()
}

async function main(): Promise<void> {
  const names = ["pricing-1", "pricing-2", "conversion", "news"]
  const start = async (...args: string[]): Promise<[ChildProcess, string]> => {
    const child = fork(fileURLToPath(import.meta.url), args)
    const [endpoint] = (await once(child, "message")) as [string]
    return [child, endpoint]
  }
  const [first, seed] = await start(...names.slice(0, 1))
  const others = await Promise.all(names.slice(1).map((each) => start(each, seed)))

  const node = new MeshNode({ name: "caller", seeds: [seed] })
  while (node.nodes.length < names.length) await node.events.once("node:join")
  console.log(`the caller knows ${node.nodes.map((each) => each.name).sort()}`)

  const pricing = node.service<Pricing>("pricing", { deadline: 1000 })
  console.log(`ACME is at ${await pricing.quote("ACME")}`)
  const conversion = node.service<Conversion>("conversion", { deadline: 1000 })
  console.log(`ACME is at ${await conversion.quoteIn("EUR", "ACME")}`)
  await conversion.quoteIn("XXX", "ACME").catch((error: Error) => console.log(error.message))
  for await (const headline of node.service<News>("news").headlines("ACME")) {
    console.log(headline)
    if (headline.endsWith("3")) break
  }
  const absent = node.service<Pricing>("weather").quote("Oslo")
  await absent.catch((error) => console.log(error instanceof NotOfferedError ? error.message : error))

  const draining = node.events.once("node:leave")
  const quotes = []
  for (let i = 0; i < 300; i++) {
    if (i === 100) first.send("drain")
    quotes.push(pricing.quote("ACME"))
    if (i % 10 === 0) await new Promise(setImmediate)
  }
  const right = (await Promise.all(quotes)).filter((quote) => quote === 400).length
  console.log(`${(await draining).name} has left; ${right} of ${quotes.length} quotes are right`)

  const ended = others.map(([child]) => once(child, "exit"))
  for (const [child] of others) child.send("drain")
  await Promise.all([...ended, node.close()])
}
