// The thread of the `draftThreads` part of living.ts.

import { workerData } from "node:worker_threads"
import type { Draft } from "./stage.ts"

const { from } = workerData as { from: string }
const { Client, Dish } = (await import(`${from}/draft.js`)) as Draft
const [client, dish] = [new Client(), new Dish()]
dish.join("threads")
dish.connect("inproc://threads-radio")
client.connect("inproc://threads-server")
await client.send("hello")
const [news, { group }] = await dish.receive()
await client.send(`${group}: ${news}`)
await client.receive()
client.close()
dish.close()
