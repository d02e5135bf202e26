import brokerless = require("brokerless")
import codecs = require("brokerless/codec")

interface Job {
  id: number
  name: string
}

async function main(): Promise<void> {
  const codec: codecs.Codec<Job> = codecs.msgpack<Job>()
  await using pull = new brokerless.Pull({ codec })
  await using push = new brokerless.Push({ codec })
  push.connect(await pull.bind("tcp://127.0.0.1:*"))
  await push.send({ id: 7, name: "packed" })
  const { id, name }: Job = await pull.receive({ timeout: 10_000 })
  if (id !== 7 || name !== "packed") throw new Error(`received ${id} ${name}`)
}

const name = "msgpackr/unpack"
main()
  .then(() => import(name))
  .then((module) => console.log(`the same, ${module.isNativeAccelerationEnabled ? "by native code" : "in JavaScript"}`))
