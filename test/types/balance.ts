// What balancing is shown of a message, and what it leaves of the socket's own type. Checked by the type-checker alone.

import { byKey, Dealer, type Message, Push, Request } from "brokerless"
import { json } from "../support/json.ts"

interface Job {
  readonly user: string
}

/** Never called. */
export function frames(): void {
  const keyed = new Push({ balance: byKey((message) => message[0] as Buffer) })
  void keyed.send("text")
  void keyed.send(["text", Buffer.from("octets")])

  const chosen = new Push({ balance: (peers, message) => (message.length > 1 ? peers[0] : undefined) })
  void chosen.send("text")

  const annotated = new Push({ balance: (peers, message: Message) => peers[message.length] })
  void annotated.send("text")

  void new Dealer({ balance: (peers) => peers.find(({ queued }) => queued === 0) }).send("text")
  void new Request({ balance: byKey((message) => message[0] as Buffer) }).send("text")

  // @ts-expect-error a key is text or octets
  new Push({ balance: byKey((message) => message.length) })
  // @ts-expect-error a peer is chosen from those given
  new Push({ balance: () => 1 })
}

/** Never called. */
export function values(): void {
  const keyed = new Push<Job>({ codec: json<Job>(), balance: byKey((job) => job.user) })
  void keyed.send({ user: "ann" })
  // @ts-expect-error not a job
  void keyed.send("text")

  const chosen = new Dealer({ codec: json<Job>(), balance: (peers, job) => peers[job.user.length] })
  void chosen.send({ user: "ann" })

  void new Push({ codec: json<Job>(), balance: byKey((job: Job) => job.user) }).send({ user: "ann" })

  // @ts-expect-error a job has no such thing
  new Push<Job>({ codec: json<Job>(), balance: byKey((job) => job.name) })
}
