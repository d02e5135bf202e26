import brokerless = require("brokerless")
import security = require("brokerless/curve")

async function main(): Promise<void> {
  const server = security.curveKeyPair()
  await using pull = new brokerless.Pull({ security: security.curveServer({ ...server, anyone: true }) })
  const keys: security.CurveKeyPair = security.curveKeyPair()
  await using push = new brokerless.Push({ security: security.curve({ serverKey: server.publicKey, ...keys }) })
  push.connect(await pull.bind("tcp://127.0.0.1:*"))
  await push.send("sealed")
  const [frame] = await pull.receive({ timeout: 10_000 })
  if (String(frame) !== "sealed") throw new Error(`received ${frame}`)
}

main()
  .then(() => security.curveProvider())
  .then(console.log)
