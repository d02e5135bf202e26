// STREAM: peers of tcp that speak no ZMTP.

import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import type { Scenario } from "./stage.ts"

export const server: Scenario = async ({ zmq, say }) => {
  const stream = new zmq.Stream()
  await stream.bind("tcp://127.0.0.1:*")
  const port = Number(stream.lastEndpoint?.split(":").at(-1))
  const client = connect({ host: "127.0.0.1", port })
  const [id, greeting] = await stream.receive()
  say("came", id.length, greeting)
  client.write("GET /\n")
  const [again, question] = await stream.receive()
  say("same", again.equals(id), question)
  await stream.send([id, "hello"])
  const [answer] = (await once(client, "data")) as [Buffer]
  say(answer)
  client.destroy()
  stream.close()
}

export const sendingAway: Scenario = async ({ zmq, say }) => {
  const stream = new zmq.Stream()
  await stream.bind("tcp://127.0.0.1:*")
  const client = connect({ host: "127.0.0.1", port: Number(stream.lastEndpoint?.split(":").at(-1)) })
  const [id] = await stream.receive()
  const ended = once(client, "end")
  client.resume()
  await stream.send([id, null])
  // libzmq does such things while it is asked for something else.
  const asking = setInterval(() => stream.readable, 5)
  await ended
  clearInterval(asking)
  say("ended")
  client.end()
  stream.close()
}

export const parting: Scenario = async ({ zmq, say }) => {
  const stream = new zmq.Stream()
  await stream.bind("tcp://127.0.0.1:*")
  const client = connect({ host: "127.0.0.1", port: Number(stream.lastEndpoint?.split(":").at(-1)) })
  const [id] = await stream.receive()
  client.end()
  const [again, nothing] = await stream.receive()
  say("left", again.equals(id), nothing)
  stream.close()
}

export const client: Scenario = async ({ zmq, say }) => {
  const served: Socket[] = []
  const server = createServer((socket) => {
    served.push(socket)
    socket.pipe(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  const stream = new zmq.Stream()
  stream.connect(`tcp://127.0.0.1:${port}`, { routingId: "echo" })
  const [id, greeting] = await stream.receive()
  say(id, greeting)
  await stream.send(["echo", "one"])
  say(await stream.receive())
  await stream.send(["echo", Buffer.alloc(200, "y")])
  let octets = 0
  while (octets < 200) octets += (await stream.receive())[1].length
  say(octets)
  stream.linger = 0
  stream.close()
  for (const socket of served) socket.destroy()
  server.close()
}

export const silent: Scenario = async ({ zmq, say }) => {
  const stream = new zmq.Stream({ notify: false })
  await stream.bind("tcp://127.0.0.1:*")
  const client = connect({ host: "127.0.0.1", port: Number(stream.lastEndpoint?.split(":").at(-1)) })
  client.write("first")
  const [, first] = await stream.receive()
  say(first)
  client.destroy()
  stream.close()
}

export const unroutable: Scenario = async ({ zmq, tell }) => {
  const stream = new zmq.Stream()
  await stream.bind("tcp://127.0.0.1:*")
  await tell("to nobody", () => stream.send(["nobody", "x"]))
  stream.close()
}
