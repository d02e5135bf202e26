// The type that the codec says, or that is given, reaches the application through every pattern. Checked by the
// type-checker alone; mesh, clone and majordomo have files of their own.

import { json } from "brokerless/codec"
import { Consumer, Exchange } from "brokerless/patterns/exchange"
import { FeedPublisher, FeedSubscriber } from "brokerless/patterns/feed"
import { forwarder } from "brokerless/patterns/proxy"
import { FreelanceClient, FreelanceServer, ReliableRequest } from "brokerless/patterns/reliable-request"
import { Respondent, Surveyor } from "brokerless/patterns/survey"
import { TaskWorker, Ventilator } from "brokerless/patterns/tasks"

interface Price {
  readonly symbol: string
  readonly value: number
}

const price: Price = { symbol: "ACME", value: 1 }
const source = { updates: "tcp://a:1", recovery: "tcp://a:2" }

/** Never called. */
export async function feed(): Promise<void> {
  const publisher = new FeedPublisher({ codec: json<Price>() })
  await publisher.publish("stock/ACME", price)
  // @ts-expect-error a value is a price
  await publisher.publish("stock/ACME", 1)
  // @ts-expect-error a topic is text
  await publisher.publish(1, price)
  const subscriber = new FeedSubscriber({ codec: json<Price>(), sources: [source] })
  subscriber.get("stock/ACME")?.value satisfies number | undefined
  for await (const { topic, value } of subscriber) {
    topic satisfies string
    value?.value satisfies number | undefined
    // @ts-expect-error a topic that was deleted has no value
    void value.value
  }
  // @ts-expect-error a price has no such field
  void subscriber.get("stock/ACME")?.volume
  // @ts-expect-error there is no subscriber without sources
  new FeedSubscriber({ codec: json<Price>() })
  // @ts-expect-error without a codec values are frames
  new FeedPublisher<Price>()
  const frames = new FeedSubscriber({ sources: [source] })
  // @ts-expect-error octets are no price
  void frames.get("stock/ACME")?.symbol
}

/** Never called. */
export async function exchange(): Promise<void> {
  const orders = new Exchange({ type: "topic", codec: json<Price>() })
  await orders.publish("order.created", price)
  // @ts-expect-error a value is a price
  await orders.publish("order.created", "a price")
  // @ts-expect-error there is no such type of exchange
  new Exchange({ type: "regex", codec: json<Price>() })
  const consumer = new Consumer({ codec: json<Price>() })
  ;(await consumer.receive()).value.value satisfies number
  for await (const { value } of consumer) value.symbol satisfies string
  await consumer.consume(({ value }) => void (value.value satisfies number))
  // @ts-expect-error a price has no such field
  await consumer.consume(({ value }) => void value.volume)
  // @ts-expect-error without a codec values are frames
  new Consumer<Price>()
}

/** Never called. */
export async function survey(): Promise<void> {
  const surveyor = new Surveyor({ codec: json<string, Price>() })
  const survey = surveyor.survey("ACME")
  for await (const { value } of survey) value.value satisfies number
  for (const { value } of (await survey.all).answers) value.symbol satisfies string
  // @ts-expect-error a question is text
  surveyor.survey(7)
  new Respondent<Price, string>((symbol) => ({ symbol, value: symbol.length }), { codec: json<Price, string>() })
  new Respondent<Price, string>(() => undefined, { codec: json<Price, string>() })
  // @ts-expect-error an answer is a price
  new Respondent<Price, string>((symbol) => symbol, { codec: json<Price, string>() })
}

/** Never called. */
export async function requests(): Promise<void> {
  const requests = new ReliableRequest({ codec: json<string, Price>(), endpoints: ["tcp://a:1"] })
  ;(await requests.request("ACME")).value satisfies number
  // @ts-expect-error a question is text
  await requests.request(7)
  // @ts-expect-error an answer has no such field
  void (await requests.request("ACME")).volume
  // @ts-expect-error there is nobody to ask
  new ReliableRequest({ codec: json<string, Price>() })
  const client = new FreelanceClient({ codec: json<string, Price>() })
  ;(await client.request("ACME")).value satisfies number
  // @ts-expect-error a question is text
  await client.request(7)
  const codec = json<Price, string>()
  await FreelanceServer.listen("tcp://a:1", (symbol) => ({ symbol, value: symbol.length }), { codec })
  // @ts-expect-error an answer is a price
  await FreelanceServer.listen("tcp://a:1", (symbol) => symbol, { codec })
}

/** Never called. */
export async function tasks(): Promise<void> {
  const ventilator = new Ventilator({ codec: json<string, Price>() })
  ;(await ventilator.run("ACME")).value satisfies number
  for await (const { symbol } of ventilator.map(["ACME"])) symbol satisfies string
  // @ts-expect-error a task is text
  await ventilator.run(7)
  const worker = new TaskWorker({ codec: json<Price, string>() })
  await worker.serve((symbol) => ({ symbol, value: symbol.length }))
  // @ts-expect-error a result is a price
  await worker.serve((symbol) => symbol)
}

/** Never called. */
export async function proxies(): Promise<void> {
  // @ts-expect-error a device passes on what it does not decode
  await forwarder({ frontend: "tcp://a:1", backend: { bind: "tcp://a:2", options: { codec: json<Price>() } } })
  // @ts-expect-error a device has two sides
  await forwarder({ frontend: "tcp://a:1" })
}
