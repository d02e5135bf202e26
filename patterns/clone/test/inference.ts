// What must compile, and what must not: checked by the type-checker, never run.

import { json } from "brokerless/codec"
import { CloneClient, type CloneServer } from "brokerless/patterns/clone"

interface Limit {
  readonly amount: number
}

export async function typed(server: CloneServer): Promise<void> {
  const client = new CloneClient({ codec: json<Limit>() })
  client.get("a")?.amount satisfies number | undefined
  await client.set("a", { amount: 1 }, { ttl: 1000 })
  for (const [key, { amount }] of client) [key, amount] satisfies [string, number]
  for await (const change of client.changes()) {
    if (change.type === "update") change.value.amount satisfies number
    // @ts-expect-error what is deleted has no value
    else change.value.amount
  }
  client.events.on("update", ({ value, former }) => value.amount - (former?.amount ?? 0))
  // @ts-expect-error not a limit
  await client.set("a", { amount: "1" })
  // @ts-expect-error a client needs a codec
  new CloneClient({})
  // @ts-expect-error a server knows nothing of values
  server.get("a")?.amount
}
