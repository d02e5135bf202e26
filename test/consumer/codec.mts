import { Pull, Push } from "brokerless"
import { type Codec, json, msgpack, type StandardSchema, text, validated } from "brokerless/codec"

interface Job {
  id: number
  name: string
}

const schema: StandardSchema<Job> = {
  "~standard": {
    version: 1,
    vendor: "consumer",
    validate: (value) => (Object.keys(value as Job).length === 2 ? { value: value as Job } : { issues: [] }),
  },
}
const job: Job = { id: 7, name: "packed" }
const codecs: readonly Codec<Job>[] = [msgpack<Job>(), json<Job>({ maxDepth: 5 }), validated(msgpack(), schema)]

for (const codec of codecs) {
  await using pull = new Pull({ codec })
  await using push = new Push({ codec })
  push.connect(await pull.bind("tcp://127.0.0.1:*"))
  await push.send(job)
  const received: Job = await pull.receive({ timeout: 10_000 })
  if (JSON.stringify(received) !== JSON.stringify(job)) throw new Error(`received ${JSON.stringify(received)}`)
}
if (text().decode(Buffer.from("é")) !== "é") throw new Error("a text is not what it was")

// The module that does it, already loaded. Without a type: a consumer has the package only because we depend on it.
const name = "msgpackr/unpack"
const { isNativeAccelerationEnabled } = await import(name)
console.log(`the same, ${isNativeAccelerationEnabled ? "by native code" : "in JavaScript"}`)
