import * as draft from "brokerless/zeromq/draft"
import { Gather, Scatter } from "brokerless/zeromq/draft.js"

export async function main(endpoint: string): Promise<string[]> {
  const scatter = new Scatter({ conflate: false })
  const gather = new Gather()
  await gather.bind(endpoint)
  scatter.connect(endpoint)
  await scatter.send("x")
  const [frame]: [Buffer] = await gather.receive()
  const [address, octets] = await new draft.Datagram().receive()
  return [frame, address, octets].map(String)
}
