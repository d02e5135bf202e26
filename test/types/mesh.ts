// The contract of a service types both of its ends. Checked by the type-checker alone.

import {
  type CallContext,
  type MeshClient,
  type MeshHandlers,
  MeshNode,
  type MeshStream,
  type Offering,
} from "brokerless/patterns/mesh"

interface Tick {
  readonly symbol: string
  readonly price: number
}

interface Pricing {
  quote(symbol: string): Promise<number>
  ticks(symbol: string, most?: number): AsyncIterable<Tick>
  history(symbol: string): Promise<AsyncIterable<Tick>>
  /** No method, hence nothing to call. */
  readonly currency: string
}

/** Never called. */
export async function calling(node: MeshNode): Promise<void> {
  const pricing = node.service<Pricing>("pricing", { deadline: 500, signal: new AbortController().signal })
  const quote: Promise<number> = pricing.quote("ACME")
  const ticks: MeshStream<Tick> = pricing.ticks("ACME")
  const history: Promise<MeshStream<Tick>> = pricing.history("ACME")
  for await (const { price } of pricing.ticks("ACME", 3)) void (price satisfies number)
  void [quote, ticks, history]

  // @ts-expect-error an argument is missing
  void pricing.quote()
  // @ts-expect-error a symbol is text
  void pricing.quote(7)
  // @ts-expect-error there is no such method
  void pricing.price("ACME")
  // @ts-expect-error a field is no method
  void pricing.currency
  // @ts-expect-error a quote is a number
  const text: string = await pricing.quote("ACME")
  // @ts-expect-error a quote is no stream
  for await (const _ of pricing.quote("ACME")) void text
  // @ts-expect-error ticks have no such field
  for await (const { volume } of pricing.ticks("ACME")) void volume
  // @ts-expect-error nobody sets a method
  pricing.quote = async () => 1
  // @ts-expect-error there is no such option
  node.service<Pricing>("pricing", { timeout: 1 })
  // @ts-expect-error a deadline is a number
  node.service<Pricing>("pricing", { deadline: "soon" })
  // @ts-expect-error without a contract nothing can be called
  void node.service("pricing").quote("ACME")
}

/** Never called. */
export function offering(node: MeshNode): Offering {
  const handlers: MeshHandlers<Pricing> = {
    quote: (_, symbol) => symbol.length,
    async *ticks({ signal }, symbol, most = 10) {
      for (let i = 0; i < most && !signal.aborted; i++) yield { symbol, price: i }
    },
    async *history(_, symbol) {
      yield { symbol, price: 1 }
    },
  }
  node.offer<Pricing>("pricing", handlers, { idempotent: ["quote"] })
  node.offer<Pricing>("pricing", { ...handlers, quote: async () => 1 }, { idempotent: true })
  class Desk {
    async quote(context: CallContext, symbol: string): Promise<number> {
      const other: MeshClient<Pricing> = context.service<Pricing>("other")
      return (await other.quote(symbol)) + context.remaining
    }
  }
  node.offer<Pick<Pricing, "quote">>("desk", new Desk())

  // @ts-expect-error a handler is missing
  node.offer<Pricing>("pricing", { quote: () => 1 })
  // @ts-expect-error a quote is a number
  node.offer<Pricing>("pricing", { ...handlers, quote: () => "1" })
  // @ts-expect-error ticks are a stream
  node.offer<Pricing>("pricing", { ...handlers, ticks: () => [] })
  // @ts-expect-error the context comes first
  node.offer<Pricing>("pricing", { ...handlers, quote: (symbol: string) => symbol.length })
  // @ts-expect-error there is no such method
  node.offer<Pricing>("pricing", handlers, { idempotent: ["price"] })
  return node.offer<Pricing>("pricing", handlers)
}

/** Never called. */
export function options(): void {
  new MeshNode()
  new MeshNode({ seeds: ["tcp://10.0.0.1:5555"], balance: "latency" })
  new MeshNode({ dns: [{ name: "mesh.test", type: "A", port: 5555 }] })
  // @ts-expect-error there is no such record
  new MeshNode({ dns: [{ name: "mesh.test", type: "MX" }] })
  // @ts-expect-error there is no such way to choose
  new MeshNode({ balance: "random" })
  // @ts-expect-error one endpoint is no list
  new MeshNode({ seeds: "tcp://10.0.0.1:5555" })
  const node = new MeshNode()
  node.events.on("node:join", ({ id, name }) => void [id satisfies string, name satisfies string])
  // @ts-expect-error there is no such event
  node.events.on("node:born", () => {})
  // @ts-expect-error joining has no reason
  node.events.on("node:join", ({ reason }) => void reason)
}
