import zmq = require("brokerless/zeromq")

async function main(): Promise<void> {
  const reply = new zmq.Reply()
  const request: zmq.Request = new zmq.Request({ receiveTimeout: 10_000 })
  await reply.bind("tcp://127.0.0.1:*")
  request.connect(reply.lastEndpoint as string)
  const serving = (async () => {
    for await (const [question] of reply) await reply.send([question as zmq.Message, "!"])
  })()
  await request.send("required")
  const answer: zmq.Message[] = await request.receive()
  if (answer.join("") !== "required!") throw new Error(`received ${answer.join("")}`)
  request.close()
  reply.close()
  await serving
}

main().then(() => console.log(Object.keys(zmq).sort().join(" ")))
