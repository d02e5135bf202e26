import { Publisher, Subscriber } from "brokerless"

export async function headlines(endpoint: string): Promise<string[]> {
  await using publisher = new Publisher()
  await using subscriber = new Subscriber()
  subscriber.subscribe("news")
  subscriber.connect(await publisher.bind(endpoint))
  await publisher.waitForSubscribers("news")
  await publisher.send(["news", "all is well"])
  const [topic, text] = await subscriber.receive()
  return [String(topic), String(text)]
}
