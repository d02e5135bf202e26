import * as zmq from "brokerless/zeromq"
import { Push, type SocketOptions } from "brokerless/zeromq"

export async function main(endpoint: string, options: SocketOptions<Push>): Promise<string[]> {
  const push = new Push(options)
  const pull = new zmq.Pull()
  await pull.bind(endpoint)
  push.connect(endpoint)
  await push.send(["a", Buffer.from("b"), null, 5])
  const frames: Buffer[] = await pull.receive()
  return frames.map(String)
}
