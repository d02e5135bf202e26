// As differing.ts, of draft types and of datagrams.

import { freePort, listening, plainSocket, put } from "./datagram-stage.ts"
import { type Scenario, sleep } from "./stage.ts"

async function orWaits(promise: Promise<unknown>): Promise<unknown> {
  return await Promise.race([promise, sleep(100).then(() => "waits")])
}

export const severalFramesToNobody: Scenario = async ({ draft, tell }) => {
  for (const name of ["Client", "Scatter", "Datagram"] as const) {
    const socket = new draft[name]() as unknown as { send(frames: string[]): Promise<void>; close(): void }
    const sending = socket.send(["one", "two", "three"])
    await tell(name, () => orWaits(sending))
    socket.close()
    await sending.catch(() => {})
  }
}

export const groupsThatAreTooLong: Scenario = async ({ draft, say, tell }) => {
  const [radio, dish] = [new draft.Radio(), new draft.Dish()]
  await radio.bind("inproc://groups-that-are-too-long")
  dish.connect("inproc://groups-that-are-too-long")
  dish.join("g".repeat(255))
  await tell("join", () => dish.join("g".repeat(256)))
  await sleep(50)
  await tell("send", () => radio.send("x", { group: "g".repeat(256) }))
  await radio.send("last", { group: "g".repeat(255) })
  say("first", (await dish.receive())[0])
  radio.close()
  dish.close()
}

export const datagramsOverTcp: Scenario = async ({ draft, say }) => {
  const [one, two] = [new draft.Datagram({ linger: 0 }), new draft.Datagram({ linger: 0 })]
  await one.bind("tcp://127.0.0.1:*")
  two.connect(one.lastEndpoint as string)
  await one.send(["address", "octets"])
  say("first", await two.receive())
  one.close()
  two.close()
}

export const clientsThatLeftWithAFullQueue: Scenario = async ({ draft, say, tell }) => {
  const server = new draft.Server({ sendHighWaterMark: 1, sendTimeout: 0, linger: 0 })
  const client = new draft.Client({ receiveHighWaterMark: 1, linger: 0 })
  await server.bind("inproc://clients-that-left")
  client.connect("inproc://clients-that-left")
  await client.send("x")
  const [, routing] = await server.receive()
  let code: unknown
  while (code === undefined) await server.send("x", routing).catch((error) => ({ code } = error))
  say("while it is there", code)
  client.close()
  await sleep(20)
  await tell("when it has left", () => server.send("x", routing))
  server.close()
}

export const unbindingDatagrams: Scenario = async ({ draft, say, tell }) => {
  const port = await freePort()
  const dish = new draft.Dish({ receiveTimeout: 300 })
  await dish.bind(`udp://127.0.0.1:${port}`)
  await listening(dish, port)
  dish.join("g")
  await tell("unbind", () => dish.unbind(`udp://127.0.0.1:${port}`))
  const plain = await plainSocket()
  await put(plain, "\u0001gx", port)
  say("afterwards", await dish.receive().catch(({ code }) => code))
  plain.close()
  dish.close()
}

export const portsThatTheSystemChooses: Scenario = async ({ draft, say }) => {
  const dish = new draft.Dish()
  await dish.bind("udp://127.0.0.1:*")
  say("told", /:[1-9]\d*$/.test(dish.lastEndpoint as string))
  dish.close()
}

export const addressesOfOthers: Scenario = async ({ draft, tell }) => {
  const dish = new draft.Dish()
  await tell("bind", () => dish.bind("udp://8.8.8.8:5555"))
  dish.close()
}

export const portsOfOthers: Scenario = async ({ draft, say, tell }) => {
  const port = await freePort()
  const [first, second] = [new draft.Dish({ receiveTimeout: 300 }), new draft.Dish({ receiveTimeout: 300 })]
  await first.bind(`udp://127.0.0.1:${port}`)
  await listening(first, port)
  await tell("bind", () => second.bind(`udp://127.0.0.1:${port}`))
  first.join("g")
  await sleep(100)
  const plain = await plainSocket()
  await put(plain, "\u0001gx", port)
  say("the first", await first.receive().catch(({ code }) => code))
  for (const each of [first, second, plain]) each.close()
}

export const namesOfNobody: Scenario = async ({ draft, tell }) => {
  const radio = new draft.Radio({ linger: 0 })
  await tell("connect", () => radio.connect("udp://no-such-host.invalid:5555"))
  radio.close()
}

export const malformedHosts: Scenario = async ({ draft, tell }) => {
  const [dish, radio] = [new draft.Dish(), new draft.Radio({ linger: 0 })]
  await tell("bind", () => dish.bind("udp://1.2.3.4.5:5555"))
  await tell("connect", () => radio.connect("udp://1.2.3.4.5:5555"))
  dish.close()
  radio.close()
}

export const largeDatagrams: Scenario = async ({ draft, say }) => {
  const port = await freePort()
  const dish = new draft.Dish()
  await dish.bind(`udp://127.0.0.1:${port}`)
  await listening(dish, port)
  dish.join("g")
  const plain = await plainSocket()
  await put(plain, `\u0001g${"x".repeat(9000)}`, port)
  say("octets", (await dish.receive())[0].length)
  plain.close()
  dish.close()
}

export const datagramsOverTheLimit: Scenario = async ({ draft, say }) => {
  const port = await freePort()
  const dish = new draft.Dish({ maxMessageSize: 15 })
  await dish.bind(`udp://127.0.0.1:${port}`)
  await listening(dish, port)
  dish.join("g")
  const plain = await plainSocket()
  for (const body of ["longer than that", "short"]) await put(plain, `\u0001g${body}`, port)
  say("first", (await dish.receive())[0])
  plain.close()
  dish.close()
}

export const secondBinds: Scenario = async ({ draft, tell }) => {
  const datagram = new draft.Datagram()
  await datagram.bind(`udp://127.0.0.1:${await freePort()}`)
  await tell("another bind", async () => datagram.bind(`udp://127.0.0.1:${await freePort()}`))
  datagram.close()
}
