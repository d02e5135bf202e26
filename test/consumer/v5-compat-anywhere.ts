import { type SocketType, socket } from "brokerless/zeromq/v5-compat"
import * as zmq from "brokerless/zeromq/v5-compat.js"

export function open(type: SocketType): number {
  const one: zmq.Socket = socket(type, { linger: 0 })
  one.setsockopt("linger", 5).setsockopt(zmq.ZMQ_SNDHWM, 10).close()
  const { secret }: { secret: string } = zmq.curveKeypair()
  return secret.length + zmq.options.linger
}
