import * as zmq from "brokerless/zeromq"
import byDefault, { Dish, Radio, type Server } from "brokerless/zeromq/draft"
import * as sameByFile from "brokerless/zeromq/draft.js"

const radio = new Radio({ sendHighWaterMark: 10, linger: 0 })
const dish = new Dish({ receiveTimeout: 10_000, context: zmq.context })
dish.join("group", Buffer.from("other"))
await dish.bind("udp://127.0.0.1:*")
radio.connect(`udp://${dish.lastEndpoint}`)
await radio.send("imported", { group: "group" })
const [body, { group }] = await dish.receive()
if (`${group}: ${body}` !== "group: imported") throw new Error(`received ${group}: ${body}`)
dish.leave("other")
dish.close()
radio.close()

export async function serve(server: Server): Promise<void> {
  for await (const [question, { routingId }] of server) await server.send(question, { routingId })
}

export function refused(): unknown[] {
  return [
    // @ts-expect-error a Radio does not receive
    new Radio().receive,
    // @ts-expect-error a Radio has to say to which group
    new Radio().send("x"),
    // @ts-expect-error a message has one frame
    new byDefault.Client().send(["a", "b"]),
    // @ts-expect-error of two frames, and no less
    new byDefault.Datagram().send(["a"]),
    // @ts-expect-error there is no such option
    new byDefault.Server({ routingId: "x" }),
  ]
}

if (sameByFile.Radio !== Radio || byDefault.Radio !== Radio) throw new Error("there are several of them")
console.log(Object.keys(byDefault).sort().join(" "))
