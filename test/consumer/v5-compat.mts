import byDefault, { Context, type Socket, socket, ZMQ_SNDMORE } from "brokerless/zeromq/v5-compat"
import * as sameByFile from "brokerless/zeromq/v5-compat.js"

const push: Socket = socket("push", { linger: 0 })
const pull = socket("pull")
pull.bindSync("tcp://127.0.0.1:*")
push.connect(pull.last_endpoint)
const received = new Promise<string>((resolve) => {
  pull.on("message", (...frames) => resolve(frames.join(" ")))
})
push.send("imported", ZMQ_SNDMORE).send(["by", Buffer.from("name")], 0, (error?: Error) => {
  if (error) throw error
})
if ((await received) !== "imported by name") throw new Error("received something else")
push.close()
pull.close()

export function refused(): unknown[] {
  return [
    // @ts-expect-error there is no such type
    () => socket("nothing"),
    // @ts-expect-error nor such an option
    pull.getsockopt("nothing"),
    // @ts-expect-error a number
    () => Context.setMaxSockets("many"),
  ]
}

if (sameByFile.socket !== socket || byDefault.socket !== socket) throw new Error("there are several of them")
console.log(Object.keys(byDefault).sort().join(" "))
