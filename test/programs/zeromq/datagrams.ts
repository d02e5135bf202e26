// Radio, Dish and Datagram over udp: to each other, to programs that know nothing of them, and where they refuse.

import { once } from "node:events"
import { freePort, listening, plainSocket, put, receiving } from "./datagram-stage.ts"
import { type Scenario, sleep } from "./stage.ts"

export const radiosToDishes: Scenario = async ({ draft, say, tell }) => {
  const port = await freePort()
  const radio = new draft.Radio()
  const dish = new draft.Dish()
  await dish.bind(`udp://127.0.0.1:${port}`)
  say(dish.lastEndpoint === `127.0.0.1:${port}`, dish.readable, dish.writable)
  await listening(dish, port)
  dish.join("a", "bb", "")
  radio.connect(`udp://127.0.0.1:${port}`)
  say(radio.lastEndpoint === `127.0.0.1:${port}`, radio.writable)
  for (const group of ["b", "a", "aa", "bb", "", "a"]) await radio.send(`to ${group}`, { group })
  for (let i = 0; i < 4; i++) await tell("udp", () => dish.receive())
  await radio.send("", { group: "a" })
  await tell("udp", () => dish.receive())
  const longest = "x".repeat(127)
  dish.join(longest)
  await radio.send(Buffer.alloc(8192 - 128, "y"), { group: longest })
  const [body, { group }] = await dish.receive()
  say(body.length, group.length)
  dish.leave("a")
  await radio.send("no more", { group: "a" })
  await radio.send("still", { group: "bb" })
  await tell("udp", () => dish.receive())
  await tell("disconnect", () => radio.disconnect(`udp://127.0.0.1:${port}`))
  await tell("disconnect again", () => {
    try {
      radio.disconnect(`udp://127.0.0.1:${port}`)
    } catch (error) {
      return (error as { code: string }).code
    }
    return undefined
  })
  await radio.send("to nobody", { group: "bb" })
  dish.receiveTimeout = 50
  await tell("udp", () => dish.receive())
  radio.close()
  dish.close()
}

export const radiosToSeveral: Scenario = async ({ draft, tell }) => {
  const radio = new draft.Radio()
  const dishes: InstanceType<typeof draft.Dish>[] = []
  for (const group of ["odd", "even"]) {
    const port = await freePort()
    const dish = new draft.Dish()
    await dish.bind(`udp://127.0.0.1:${port}`)
    await listening(dish, port)
    dish.join(group, "all")
    radio.connect(`udp://127.0.0.1:${port}`)
    dishes.push(dish)
  }
  for (const group of ["odd", "even", "all"]) await radio.send(group, { group })
  for (const dish of dishes) for (let i = 0; i < 2; i++) await tell("several", () => dish.receive())
  for (const socket of [radio, ...dishes]) socket.close()
}

export const whatIsInDatagrams: Scenario = async ({ draft, say, tell }) => {
  const plain = await plainSocket()
  const radio = new draft.Radio()
  radio.connect(`udp://127.0.0.1:${plain.address().port}`)
  const arrived: string[] = []
  const third = new Promise<void>((resolve) => {
    plain.on("message", (octets) => {
      arrived.push(octets.toString("latin1"))
      if (arrived.length === 3) resolve()
    })
  })
  await radio.send("body", { group: "group" })
  await radio.send("", { group: "" })
  await radio.send(Buffer.from([0, 255]), { group: "é" })
  await third
  say(JSON.stringify(arrived))
  radio.close()
  const port = await freePort()
  const dish = new draft.Dish()
  await dish.bind(`udp://127.0.0.1:${port}`)
  await listening(dish, port)
  dish.join("a", "")
  for (const datagram of ["\u0001afirst", "\u0009atoo short", "", "\u0001", "\u0000", "\u0001a", "\u0001blost"]) {
    await put(plain, datagram, port)
  }
  await put(plain, "\u0001alast", port)
  for (let i = 0; i < 4; i++) await tell("came", () => dish.receive())
  dish.close()
  plain.close()
}

export const datagrams: Scenario = async ({ draft, say, tell }) => {
  const one = new draft.Datagram()
  const two = new draft.Datagram()
  const [first, second] = [await freePort(), await freePort()]
  say(one.writable, one.readable)
  await one.bind(`udp://127.0.0.1:${first}`)
  await two.bind(`udp://127.0.0.1:${second}`)
  say(one.writable, one.lastEndpoint === `127.0.0.1:${first}`)
  await receiving(one, first)
  await receiving(two, second)
  await one.send([`127.0.0.1:${second}`, "question"])
  const [address, question] = await two.receive()
  say(address.toString("latin1") === `127.0.0.1:${first}\0`, question)
  await two.send([address, "answer"])
  await tell("answer", async () => (await one.receive())[1])
  await one.send([`127.0.0.1:${second}`, null])
  await tell("empty", async () => (await two.receive())[1])
  await one.send([`127.0.0.1:${second}`, Buffer.alloc(8192, "z")])
  await tell("large", async () => (await two.receive())[1].length)
  // biome-ignore lint/suspicious/noExplicitAny: what is given here is wrong on purpose
  const send = (message: any) => one.send(message)
  await tell("one frame", () => send("x"))
  await tell("one frame in a list", () => send(["x"]))
  await tell("no frame", () => send([]))
  for (const where of ["", "nowhere", "nowhere:1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", ":1"]) {
    await tell(`to ${where}`, () => one.send([where, "lost"]))
  }
  await one.send([`127.0.0.1:${second}`, "after all that"])
  await tell("then", async () => (await two.receive())[1])
  const plain = await plainSocket()
  await put(plain, "from anybody", first)
  await tell("plain", async () => (await one.receive())[1])
  const got = once(plain, "message")
  await one.send([`127.0.0.1:${plain.address().port}`, "to anybody"])
  say((await got)[0])
  plain.close()
  one.close()
  two.close()
}

export const refusals: Scenario = async ({ draft, zmq, tell }) => {
  const { Client, Datagram, Dish, Gather, Radio, Scatter, Server } = draft
  const { Dealer, Pair, Publisher, Pull, Stream, Subscriber } = zmq
  const classes = { Client, Datagram, Dish, Gather, Radio, Scatter, Server }
  for (const [name, Class] of Object.entries({ ...classes, Dealer, Pair, Publisher, Pull, Stream, Subscriber })) {
    const socket = new Class()
    if (name !== "Dish" && name !== "Datagram") {
      await tell(`${name} bind`, () => socket.bind("udp://127.0.0.1:5555"))
      await tell(`${name} bindSync`, () => socket.bindSync("udp://127.0.0.1:5555"))
    }
    if (name !== "Radio") await tell(`${name} connect`, () => socket.connect("udp://127.0.0.1:5555"))
    await tell(`${name} unbind`, () => socket.unbind("udp://127.0.0.1:5555"))
    await tell(`${name} disconnect`, () => socket.disconnect("udp://127.0.0.1:5555"))
    socket.close()
  }
}

export const addresses: Scenario = async ({ draft, tell }) => {
  for (const address of [
    "udp://",
    "udp://127.0.0.1",
    "udp://127.0.0.1:",
    "udp://127.0.0.1:x",
    "udp://lo;127.0.0.1:5555",
    "udp://nowhere;239.1.2.3:5555",
    "udp://[::1]:5555",
  ]) {
    const [dish, radio] = [new draft.Dish(), new draft.Radio()]
    await tell(`bind ${address}`, () => dish.bind(address))
    await tell(`bindSync ${address}`, () => dish.bindSync(address))
    await tell(`connect ${address}`, () => radio.connect(address))
    dish.close()
    radio.close()
  }
}

export const everyWayToBind: Scenario = async ({ draft, say, tell }) => {
  const radio = new draft.Radio()
  for (const host of ["127.0.0.1", "*", "lo", "0.0.0.0"]) {
    const port = await freePort()
    const dish = new draft.Dish()
    if (host === "lo") dish.bindSync(`udp://${host}:${port}`)
    else await dish.bind(`udp://${host}:${port}`)
    say(dish.lastEndpoint === `${host}:${port}`)
    await listening(dish, port)
    dish.join("g")
    radio.connect(`udp://127.0.0.1:${port}`)
    await radio.send(host, { group: "g" })
    await tell("bound", () => dish.receive())
    radio.disconnect(`udp://127.0.0.1:${port}`)
    dish.close()
  }
  const port = await freePort()
  const dish = new draft.Dish()
  await dish.bind(`udp://127.0.0.1:${port}`)
  await listening(dish, port)
  dish.join("g")
  radio.connect(`udp://localhost:${port}`)
  await radio.send("by name", { group: "g" })
  await tell("bound", () => dish.receive())
  dish.close()
  radio.close()
}

export const groupsOfMany: Scenario = async ({ draft, tell }) => {
  const port = await freePort()
  const dishes = [new draft.Dish(), new draft.Dish()]
  const radio = new draft.Radio({ multicastHops: 2 })
  for (const dish of dishes) {
    await dish.bind(`udp://127.0.0.1;239.255.12.34:${port}`)
    dish.join("g")
  }
  radio.connect(`udp://127.0.0.1;239.255.12.34:${port}`)
  for (const dish of dishes) {
    let came = false
    const first = dish.receive().finally(() => {
      came = true
    })
    while (!came) {
      await radio.send("to all", { group: "g" })
      await sleep(5)
    }
    await tell("multicast", () => first)
  }
  for (const socket of [radio, ...dishes]) socket.close()
}

export const closing: Scenario = async ({ draft, say, tell }) => {
  const plain = await plainSocket()
  const radio = new draft.Radio()
  radio.connect(`udp://127.0.0.1:${plain.address().port}`)
  const count = 20
  let arrived = 0
  const all = new Promise<void>((resolve) => {
    plain.on("message", () => {
      if (++arrived === count) resolve()
    })
  })
  for (let i = 0; i < count; i++) await radio.send(String(i), { group: "last words" })
  radio.close()
  await all
  say("all of them", arrived)
  plain.close()
  const dish = new draft.Dish()
  await dish.bind(`udp://127.0.0.1:${await freePort()}`)
  const first = dish.receive()
  await tell("second", () => dish.receive())
  dish.close()
  await tell("first", () => first)
  const datagram = new draft.Datagram({ sendTimeout: 20 })
  await tell("nowhere to send from", () => datagram.send(["127.0.0.1:5555", "x"]))
  const sending = new draft.Datagram()
  const pending = sending.send(["127.0.0.1:5555", "x"])
  await tell("second", () => sending.send(["127.0.0.1:5555", "y"]))
  sending.close()
  await tell("first", () => pending)
  datagram.close()
}

export const silence: Scenario = async ({ draft, say }) => {
  const port = await freePort()
  const [dish, radio] = [new draft.Dish(), new draft.Radio()]
  const heard: string[] = []
  const ends = [dish, radio].map(async ({ events }) => {
    for await (const { type } of events) heard.push(type)
  })
  await dish.bind(`udp://127.0.0.1:${port}`)
  await listening(dish, port)
  radio.connect(`udp://127.0.0.1:${port}`)
  dish.join("g")
  await radio.send("x", { group: "g" })
  say(await dish.receive())
  radio.disconnect(`udp://127.0.0.1:${port}`)
  radio.close()
  dish.close()
  await Promise.all(ends)
  say(heard)
}
