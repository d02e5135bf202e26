// The types of sockets whose RFCs are drafts, over tcp, ipc and inproc; datagrams.ts has them over udp.

import { type Draft, event, freeAddress, type Scenario, type Stage, sleep, turn, until } from "./stage.ts"

const TRANSPORTS = ["tcp://127.0.0.1:*", "ipc://*", "inproc://drafts"] as const

async function everyTransport(run: (address: string) => Promise<void>): Promise<void> {
  for (const address of TRANSPORTS) await run(address)
}

let probes = 0

/** Sends until the Dish has it: joining takes its time, and nobody tells. What is left of it is of a group it left. */
async function reaches(stage: Stage, radio: InstanceType<Stage["draft"]["Radio"]>, dish: Dish): Promise<void> {
  const probe = `probe ${probes++}`
  let came = false
  dish.join("ready?")
  const hearing = (async () => {
    while (String((await dish.receive())[0]) !== probe);
    came = true
  })()
  while (!came) {
    await radio.send(probe, { group: "ready?" })
    await sleep(5)
  }
  await hearing
  dish.leave("ready?")
  stage.say("they know each other")
}

type Dish = InstanceType<Stage["draft"]["Dish"]>

/** All of them, by name. */
function classesOf({ Client, Datagram, Dish, Gather, Radio, Scatter, Server }: Draft) {
  return Object.entries({ Client, Datagram, Dish, Gather, Radio, Scatter, Server })
}

export const clientsAndServers: Scenario = async ({ draft, say, tell }) => {
  await everyTransport(async (address) => {
    const server = new draft.Server()
    const clients = [new draft.Client(), new draft.Client()] as const
    await server.bind(address)
    for (const client of clients) client.connect(server.lastEndpoint as string)
    const ids = new Set<number>()
    for (const [i, client] of clients.entries()) {
      await client.send(`question ${i}`)
      const [question, from] = await server.receive()
      say(address, question, Object.keys(from), from.routingId > 0 && from.routingId < 2 ** 32)
      ids.add(from.routingId)
      await server.send(`answer ${i}`, from)
      await server.send("", from)
      await tell(address, () => client.receive())
      await tell(address, () => client.receive())
    }
    say(address, ids.size, server.writable, clients[0].writable, server.readable)
    for (const socket of [server, ...clients]) socket.close()
  })
}

export const clientsOfSeveralServers: Scenario = async ({ draft, say }) => {
  const client = new draft.Client()
  const servers = [new draft.Server(), new draft.Server()] as const
  for (const [i, server] of servers.entries()) {
    await server.bind(`inproc://server-${i}`)
    client.connect(`inproc://server-${i}`)
  }
  for (let i = 0; i < 4; i++) await client.send(String(i))
  for (const server of servers) say([(await server.receive())[0], (await server.receive())[0]])
  for (const socket of [client, ...servers]) socket.close()
}

export const clientsThatWait: Scenario = async ({ draft, say, tell }) => {
  const address = await freeAddress()
  const client = new draft.Client({ reconnectInterval: 10 })
  say(client.writable)
  client.connect(address)
  say(client.writable)
  await client.send("early")
  const server = new draft.Server()
  await server.bind(address)
  const [question, from] = await server.receive()
  say(question)
  client.close()
  let gone = false
  for (const waiting = Date.now(); !gone && Date.now() - waiting < 5000; await sleep(5)) {
    gone = await server.send("too late", from).then(
      () => false,
      ({ code }: { code: string }) => code === "EHOSTUNREACH",
    )
  }
  say(gone)
  await tell("to nobody", () => server.send("too late", from))
  server.close()
}

export const radiosAndDishes: Scenario = async (stage) => {
  const { draft, say, tell } = stage
  await everyTransport(async (address) => {
    const radio = new draft.Radio()
    const dish = new draft.Dish()
    await radio.bind(address)
    dish.join("a", Buffer.from("bb"), "ünï", "")
    dish.connect(radio.lastEndpoint as string)
    await reaches(stage, radio, dish)
    for (const group of ["b", "a", "aa", Buffer.from("bb"), "", "ünï", "bb"]) await radio.send(`to ${group}`, { group })
    for (let i = 0; i < 5; i++) await tell(address, () => dish.receive())
    dish.leave("a", "bb")
    dish.join("late")
    await reaches(stage, radio, dish)
    for (const group of ["a", "bb", "late"]) await radio.send(`again to ${group}`, { group })
    await tell(address, () => dish.receive())
    say(address, dish.readable, radio.writable, dish.writable, radio.readable)
    radio.close()
    dish.close()
  })
}

export const dishesThatAreBound: Scenario = async (stage) => {
  const { draft, tell } = stage
  const radio = new draft.Radio()
  const dishes = [new draft.Dish(), new draft.Dish()] as const
  for (const [i, dish] of dishes.entries()) {
    await dish.bind("tcp://127.0.0.1:*")
    dish.join("all", `only ${i}`)
    radio.connect(dish.lastEndpoint as string)
    await reaches(stage, radio, dish)
  }
  for (const group of ["all", "only 1", "only 0"]) await radio.send(group, { group })
  for (const dish of dishes) {
    await tell("bound", () => dish.receive())
    await tell("bound", () => dish.receive())
  }
  for (const socket of [radio, ...dishes]) socket.close()
}

export const dishesThatComeBack: Scenario = async (stage) => {
  const { draft, tell } = stage
  const address = await freeAddress()
  const dish = new draft.Dish({ reconnectInterval: 10 })
  dish.join("news")
  dish.connect(address)
  for (const edition of ["first", "second"]) {
    const radio = new draft.Radio()
    // Of the one before it, the port may not be free yet.
    for (let bound = false; !bound; ) {
      bound = await radio.bind(address).then(
        () => true,
        () => sleep(5).then(() => false),
      )
    }
    await reaches(stage, radio, dish)
    await radio.send(edition, { group: "news" })
    await tell("news", () => dish.receive())
    await radio.unbind(address)
    radio.close()
  }
  dish.close()
}

export const scatteredAndGathered: Scenario = async ({ draft, say }) => {
  await everyTransport(async (address) => {
    const scatter = new draft.Scatter()
    const gathers = [new draft.Gather(), new draft.Gather()]
    await scatter.bind(address)
    for (const gather of gathers) gather.connect(scatter.lastEndpoint as string)
    const texts: string[] = []
    const ends = gathers.map(async (gather) => {
      for await (const frames of gather) texts.push(`${frames.length} ${frames}`)
    })
    for (let i = 0; i < 20; i++) await scatter.send(String(i))
    await until(() => texts.length === 20)
    for (const gather of gathers) gather.close()
    await Promise.all(ends)
    say(address, texts.sort())
    scatter.close()
  })
}

export const sharesOfTheGathered: Scenario = async ({ draft, tell }) => {
  const scatter = new draft.Scatter()
  const gathers = [new draft.Gather(), new draft.Gather()]
  await scatter.bind("inproc://shares")
  for (const gather of gathers) gather.connect("inproc://shares")
  for (let i = 0; i < 6; i++) await scatter.send(String(i))
  for (const gather of gathers) for (let i = 0; i < 3; i++) await tell("share", () => gather.receive())
  for (const socket of [scatter, ...gathers]) socket.close()
}

export const newestOnly: Scenario = async ({ draft, say, tell }) => {
  const scatter = new draft.Scatter({ conflate: true })
  say(scatter.conflate)
  const address = await freeAddress()
  scatter.connect(address)
  for (let i = 0; i < 10; i++) await scatter.send(String(i))
  const gather = new draft.Gather({ conflate: true })
  await gather.bind(address)
  await tell("newest", () => gather.receive())
  scatter.close()
  gather.close()
}

export const whatSendTakes: Scenario = async ({ draft, tell }) => {
  const server = new draft.Server()
  const client = new draft.Client()
  await server.bind("inproc://takes")
  client.connect("inproc://takes")
  await client.send("hello")
  const [, to] = await server.receive()
  // biome-ignore lint/suspicious/noExplicitAny: what is given here is wrong on purpose
  const send = (...given: any[]) => (server.send as any)(...given) as Promise<void>
  for (const options of [undefined, null, "text", 5, {}, () => {}, []]) {
    await tell(`options ${JSON.stringify(options)}`, () => send("x", options))
  }
  for (const routingId of [undefined, null, 0, -1, 12345, "1", true, Number.NaN]) {
    await tell(`id ${routingId}`, () => send("x", { routingId }))
  }
  await tell("nothing", () => send())
  await tell("undefined", () => send(undefined, to))
  await tell("undefined, no options", () => send(undefined))
  await tell("three", () => send("x", to, 3))
  await tell("no frame", () => send([], to))
  await tell("no frame, no id", () => send([], {}))
  await tell("two frames", () => send(["a", "b"], to))
  await tell("one frame in a list", () => send(["a"], to))
  await tell("fraction", () => send("b", { routingId: to.routingId + 0.5 }))
  await tell("null", () => send(null, to))
  for (let i = 0; i < 3; i++) await tell("and it arrives", () => client.receive())
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const ask = (...given: any[]) => (client.send as any)(...given) as Promise<void>
  await tell("client, two arguments", () => ask("a", {}))
  await tell("client, two frames", () => ask(["a", "b"]))
  await tell("client, no frame", () => ask([]))
  await tell("client, one in a list", () => ask(["a"]))
  server.close()
  await tell("closed, no options", () => send("x"))
  await tell("closed", () => send("x", to))
  await tell("closed, nothing", () => send())
  client.close()
}

export const whatGroupsAre: Scenario = async ({ draft, tell }) => {
  const radio = new draft.Radio()
  const dish = new draft.Dish()
  // biome-ignore lint/suspicious/noExplicitAny: what is given here is wrong on purpose
  const given = { radio, dish } as any
  for (const group of [undefined, null, 5, {}, true, "x".repeat(255), new Uint8Array([65]), "n\0l"]) {
    const shown = String(group).slice(0, 20)
    await tell(`to ${JSON.stringify(shown)}`, () => given.radio.send("x", { group }))
    await tell(`join ${JSON.stringify(shown)}`, () => given.dish.join(group))
  }
  await tell("no options", () => given.radio.send("x"))
  await tell("two frames", () => given.radio.send(["a", "b"], { group: "a" }))
  await tell("no frame", () => given.radio.send([], { group: "a" }))
  await tell("nothing", () => given.radio.send(undefined, { group: "a" }))
  await tell("join what is too long", () => dish.join("x".repeat(256)))
  await tell("up to the first zero", () => dish.leave("n"))
  await tell("again", () => dish.leave("n"))
  await tell("join none", () => dish.join())
  await tell("join two", () => dish.join("one", "two"))
  await tell("join one of them again", () => dish.join("one", "three"))
  await tell("the other was joined", () => dish.leave("three"))
  await tell("leave what was not joined", () => dish.leave("four"))
  await tell("one is none", () => given.dish.join("five", 5, "six"))
  await tell("the one before it was joined", () => dish.leave("five"))
  await tell("the one behind it was not", () => dish.leave("six"))
  await tell("join twice", () => dish.join("seven", "seven"))
  dish.close()
  radio.close()
  await tell("closed, join", () => dish.join("a"))
  await tell("closed, join what is none", () => given.dish.join(5))
  await tell("closed, join none", () => dish.join())
  await tell("closed, leave", () => dish.leave("one"))
  await tell("closed, send", () => radio.send("x", { group: "a" }))
}

export const whatTheyCannot: Scenario = async ({ draft, zmq, say, tell }) => {
  for (const [name, Class] of classesOf(draft)) {
    // biome-ignore lint/suspicious/noExplicitAny: methods that types do not show
    const socket = new Class() as any
    say(name, socket.type, socket.writable, socket.readable, socket.threadSafe)
    if (name !== "Dish") {
      await tell(`${name} joins`, () => socket.join("a"))
      await tell(`${name} leaves`, () => socket.leave("a"))
      await tell(`${name} joins what is none`, () => socket.join(5))
    } else await tell("Dish sends", () => socket.send("a"))
    await tell(`${name} joins none`, () => socket.join())
    await tell(`${name} with what it does not have`, () => new (Class as new (o: object) => object)({ foo: 1 }))
    await tell(`${name} with a type`, () => new (Class as new (o: object) => object)({ type: 1 }))
    await tell(`${name} with a routing id`, () => new (Class as new (o: object) => object)({ routingId: "x" }))
    await tell(`${name} with a mark`, () => new (Class as new (o: object) => object)({ sendHighWaterMark: "x" }))
    socket.close()
    await tell(`${name} closed`, () => socket.bind("inproc://closed"))
    const brief = new Class({ context: new zmq.Context({ blocky: false }) })
    say(name, brief.linger)
    brief.close()
  }
}

export const optionsOfDrafts: Scenario = async ({ draft, say, tell }) => {
  for (const [name, Class] of classesOf(draft)) {
    const socket = new Class()
    const names = new Set<string>()
    for (let each: object = Class.prototype; each !== Object.prototype; each = Object.getPrototypeOf(each)) {
      for (const [key, { get, set }] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
        if (get !== undefined || set !== undefined) names.add(key)
      }
    }
    for (const key of [...names].sort()) {
      if (["events", "context"].includes(key) || key.startsWith("gssapi")) continue
      await tell(`${name}.${key}`, () => Reflect.get(socket, key))
    }
    for (const [key, values] of [
      ["sendHighWaterMark", [0, -1, 5]],
      ["receiveHighWaterMark", [0, -1, 5]],
      ["multicastHops", [0, 1, 4]],
      ["conflate", [true, 1]],
      ["linger", [-1, -2, 7]],
    ] as const) {
      for (const value of values) {
        await tell(`${name}.${key} = ${value}`, () => {
          if (!Reflect.set(socket, key, value)) throw new Error("refused")
          return Reflect.get(socket, key)
        })
      }
    }
    say(
      name,
      Object.getOwnPropertyNames(Class.prototype).filter((key) => key === "send" || key === "receive"),
    )
    socket.close()
  }
}

export const oneAtATime: Scenario = async ({ draft, say, tell }) => {
  for (const [name, socket] of [
    ["Client", new draft.Client()],
    ["Scatter", new draft.Scatter()],
  ] as const) {
    const first = socket.send("first")
    await tell(`${name}, a second send`, () => socket.send("second"))
    socket.close()
    await tell(`${name}, the first`, () => first)
    const brief = name === "Client" ? new draft.Client({ sendTimeout: 20 }) : new draft.Scatter({ sendTimeout: 20 })
    await tell(`${name}, in time`, () => brief.send("first"))
    brief.sendTimeout = 0
    await tell(`${name}, at once`, () => brief.send("first"))
    brief.close()
  }
  for (const [name, socket] of [
    ["Server", new draft.Server()],
    ["Client", new draft.Client()],
    ["Dish", new draft.Dish()],
    ["Gather", new draft.Gather()],
  ] as const) {
    const first = socket.receive()
    await tell(`${name}, a second receive`, () => socket.receive())
    socket.close()
    await tell(`${name}, the first`, () => first)
    say(name, socket.closed, socket.readable, socket.writable)
  }
  const dish = new draft.Dish({ receiveTimeout: 20 })
  await tell("in time", () => dish.receive())
  const binding = dish.bind("tcp://127.0.0.1:*")
  await tell("while binding, receive", () => dish.receive())
  await tell("while binding, join", () => dish.join("a"))
  await binding
  await tell("then join", () => dish.join("a"))
  dish.close()
}

export const fullQueues: Scenario = async ({ draft, tell }) => {
  const server = new draft.Server({ sendHighWaterMark: 2 })
  const client = new draft.Client({ receiveHighWaterMark: 2 })
  await server.bind("inproc://full")
  client.connect("inproc://full")
  await client.send("hello")
  const [, to] = await server.receive()
  for (let i = 0; i < 6; i++) await tell(`server ${i}`, () => server.send(String(i), to))
  for (let i = 0; i < 4; i++) await tell("client", () => client.receive())
  const radio = new draft.Radio({ sendHighWaterMark: 2 })
  const dish = new draft.Dish({ receiveHighWaterMark: 2 })
  await radio.bind("inproc://full-radio")
  dish.join("a")
  dish.connect("inproc://full-radio")
  // A message that tells when they know each other would fill the queues.
  await sleep(100)
  for (let i = 0; i < 8; i++) await tell(`radio ${i}`, () => radio.send(String(i), { group: "a" }))
  for (let i = 0; i < 4; i++) await tell("dish", () => dish.receive())
  dish.receiveTimeout = 20
  await tell("dish", () => dish.receive())
  for (const socket of [server, client, radio, dish]) socket.close()
}

export const encrypted: Scenario = async (stage) => {
  const { draft, zmq, say, tell } = stage
  const keys = zmq.curveKeyPair()
  const own = zmq.curveKeyPair()
  const asServer = { curveServer: true, curveSecretKey: keys.secretKey, curvePublicKey: keys.publicKey }
  const asClient = {
    curveServerKey: keys.publicKey,
    curveSecretKey: own.secretKey,
    curvePublicKey: own.publicKey,
  }
  const radio = new draft.Radio(asServer)
  const dish = new draft.Dish(asClient)
  await radio.bind("tcp://127.0.0.1:*")
  dish.join("secret")
  dish.connect(radio.lastEndpoint as string)
  await reaches(stage, radio, dish)
  await radio.send("told to all", { group: "others" })
  await radio.send("told to few", { group: "secret" })
  await tell("encrypted", () => dish.receive())
  const server = new draft.Server(asServer)
  const client = new draft.Client(asClient)
  await server.bind("tcp://127.0.0.1:*")
  client.connect(server.lastEndpoint as string)
  await client.send("asked")
  const [asked, from] = await server.receive()
  await server.send("answered", from)
  say(asked, await client.receive())
  for (const socket of [radio, dish, server, client]) socket.close()
}

export const eventsOfDrafts: Scenario = async ({ draft, say }) => {
  const server = new draft.Server()
  const client = new draft.Client()
  const [atServer, atClient] = [server.events, client.events]
  await server.bind("tcp://127.0.0.1:*")
  say((await event(atServer, "bind")).type)
  client.connect(server.lastEndpoint as string)
  say((await event(atClient, "connect")).type, (await event(atServer, "accept")).type)
  say((await event(atClient, "handshake")).type, (await event(atServer, "handshake")).type)
  client.close()
  say((await event(atServer, "disconnect")).type, (await event(atClient, "end")).type)
  server.close()
  say((await event(atServer, "end")).type)
}

export const wrongPeers: Scenario = async ({ draft, zmq, say, tell }) => {
  for (const [name, sender] of [
    ["Push", new zmq.Push({ sendTimeout: 100, immediate: true })],
    ["Dealer", new zmq.Dealer({ sendTimeout: 100, immediate: true })],
    ["Scatter", new draft.Scatter({ sendTimeout: 100, immediate: true })],
  ] as const) {
    const server = new draft.Server({ receiveTimeout: 100 })
    await server.bind("tcp://127.0.0.1:*")
    sender.connect(server.lastEndpoint as string)
    await tell(`${name} to a Server`, () => sender.send("x"))
    await tell(`${name} to a Server`, () => server.receive())
    sender.close()
    server.close()
  }
  const rep = new zmq.Reply()
  const client = new draft.Client({ sendTimeout: 100, immediate: true })
  await rep.bind("tcp://127.0.0.1:*")
  client.connect(rep.lastEndpoint as string)
  await tell("Client to a Reply", () => client.send("x"))
  say(client.writable)
  rep.close()
  client.close()
}

export const iterating: Scenario = async ({ draft, say }) => {
  const server = new draft.Server()
  const client = new draft.Client()
  await server.bind("inproc://iterating")
  client.connect("inproc://iterating")
  const serving = (async () => {
    for await (const [question, from] of server) await server.send(`${question}!`, from)
    return "ended"
  })()
  for (const question of ["one", "two", "three"]) {
    await client.send(question)
    say(await client.receive())
  }
  server.close()
  say(await serving)
  client.close()
}

export const byNumber: Scenario = async ({ zmq, say, tell }) => {
  const Plain = zmq.Socket as unknown as new (type: number) => InstanceType<typeof zmq.Pair>
  for (let type = 12; type <= 18; type++) {
    const socket = new Plain(type)
    say(type, socket.type, socket.threadSafe)
    await tell("without options", () => (type === 12 || type === 14 ? socket.send("x") : undefined))
    socket.close()
  }
  await tell("there is no such type", () => new Plain(21))
}

export const addressesOfDrafts: Scenario = async ({ draft, tell }) => {
  for (const [name, Class] of classesOf(draft)) {
    const socket = new Class()
    // Of its own: with theirs, binding a name to which a closed socket was connected may never end.
    const [here, there] = [`inproc://here-${name}`, `inproc://there-${name}`]
    for (const address of ["foo", "foo://bar", here, here]) {
      await tell(`${name} bind ${address}`, () => socket.bind(address))
    }
    for (const address of ["foo", "foo://", "foo://bar", "://bar"]) {
      await tell(`${name} unbind ${address}`, () => socket.unbind(address))
      await tell(`${name} disconnect ${address}`, () => socket.disconnect(address))
    }
    await tell(`${name} unbind`, () => socket.unbind(here))
    await tell(`${name} unbind again`, () => socket.unbind(here))
    await tell(`${name} connect`, () => socket.connect(there))
    await tell(`${name} disconnect`, () => socket.disconnect(there))
    await tell(`${name} disconnect again`, () => socket.disconnect(there))
    socket.close()
    await turn()
  }
}
