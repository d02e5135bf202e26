import draft = require("brokerless/zeromq/draft")

async function main(): Promise<void> {
  const server = new draft.Server()
  const client: draft.Client = new draft.Client({ receiveTimeout: 10_000 })
  await server.bind("tcp://127.0.0.1:*")
  client.connect(server.lastEndpoint as string)
  await client.send("required")
  const [question, from] = await server.receive()
  await server.send(`${question}!`, from)
  const [answer]: [Buffer] = await client.receive()
  if (String(answer) !== "required!") throw new Error(`received ${answer}`)
  client.close()
  server.close()
}

main().then(() => console.log(Object.keys(draft).sort().join(" ")))
