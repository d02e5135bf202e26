import * as zmq from "brokerless/zeromq"
import byDefault, { type Event, type MessageLike, Publisher, type SocketOptions, Subscriber } from "brokerless/zeromq"

class Marked extends zmq.Dealer {
  get mark(): number {
    return this.getInt32Option(23)
  }
  set mark(value: number) {
    this.setInt32Option(23, value)
  }
}

const options: SocketOptions<Marked> = { mark: 456, linger: 0, context: new zmq.Context({ blocky: false }) }
const marked = new Marked(options)
if (marked.sendHighWaterMark !== 456) throw new Error(`the mark is ${marked.sendHighWaterMark}`)
marked.close()

async function* heard(subscriber: Subscriber): AsyncGenerator<[string, number]> {
  for await (const [topic, value] of subscriber) yield [String(topic), Number(value)]
}

const publisher = new Publisher()
const subscriber = new Subscriber({ receiveTimeout: 10_000 })
const bound = publisher.events.receive()
await publisher.bind("tcp://127.0.0.1:*")
const event: Event = await bound
if (event.type !== "bind" || !event.address.startsWith("tcp://127.0.0.1:")) throw new Error(event.type)
subscriber.subscribe("a", Buffer.from("b"))
subscriber.connect(publisher.lastEndpoint as string)
const message: MessageLike[] = ["a", 5]
const publishing = setInterval(() => void publisher.send(message), 5)
for await (const [topic, value] of heard(subscriber)) {
  if (topic !== "a" || value !== 5) throw new Error(`received ${topic} ${value}`)
  break
}
clearInterval(publishing)
subscriber.close()
publisher.close()

export function refused(): unknown[] {
  return [
    // @ts-expect-error there is no such option
    new zmq.Push({ foo: 1 }),
    // @ts-expect-error a publisher does not receive
    new zmq.Publisher().receive,
    // @ts-expect-error what is read only cannot be given
    new zmq.Push({ type: 8 }),
  ]
}

if (byDefault.Pull !== zmq.Pull) throw new Error("the default is another package")
console.log(Object.keys(byDefault).sort().join(" "))
