// STREAM: peers of tcp that speak no ZMTP.

import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Scenario, until } from "./stage.ts"

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

export const anyNumberOfFrames: Scenario = async ({ zmq, say, tell }) => {
  let came = ""
  let closed = false
  const served: Socket[] = []
  const server = createServer((socket) => {
    served.push(socket)
    socket.on("data", (octets) => {
      came += octets
    })
    socket.on("end", () => {
      closed = true
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  const stream = new zmq.Stream({ linger: 0, reconnectInterval: -1 })
  const { send } = stream as unknown as { send(frames: unknown): Promise<void> }
  const sent = (...frames: string[]): Promise<void> => tell(frames.join(), () => send.call(stream, frames))
  await tell("before anybody is there", () => send.call(stream, "alone"))
  await sent("1", "2", "3")
  stream.connect(`tcp://127.0.0.1:${port}`, { routingId: "peer" })
  say(await stream.receive())
  await sent("peer")
  await sent("peer", "dropped")
  await sent("peer", "dropped, too")
  await sent("nobody")
  await sent("peer", "[two]")
  await sent("peer", "[three]", "peer")
  await sent("whoever", "peer", "[after three]")
  await sent("peer", "[four", "peer", "four]")
  await sent("peer", "[to be]", "nobody", "not to be", "peer", "not to be")
  await sent("peer", "[five]", "peer", "[five]", "peer")
  await sent()
  await sent("whoever")
  await sent("peer", "")
  // libzmq does such things while it is asked for something else.
  const asking = setInterval(() => stream.readable, 5)
  await until(() => closed)
  clearInterval(asking)
  say(came)
  stream.close()
  for (const socket of served) socket.destroy()
  server.close()
}

export const overAPath: Scenario = async ({ zmq, say }) => {
  const directory = mkdtempSync(join(tmpdir(), "unbinding-"))
  const path = `${directory}/socket`
  const [bound, connected] = [new zmq.Stream(), new zmq.Stream({ linger: 0 })]
  await bound.bind(`ipc://${path}`)
  const client = connect(path)
  const [id] = await bound.receive()
  client.write("question")
  say((await bound.receive())[1])
  await bound.send([id, "answer"])
  const [answer] = (await once(client, "data")) as [Buffer]
  say(answer)
  client.destroy()
  await bound.receive()
  connected.connect(`ipc://${path}`, { routingId: "server" })
  say(await connected.receive())
  const [other] = await bound.receive()
  await connected.send(["server", "from a Stream"])
  say((await bound.receive())[1])
  await bound.send([other, "to a Stream"])
  say(await connected.receive())
  bound.close()
  connected.close()
  rmSync(directory, { recursive: true })
}
