// Proxies: what they need, what they do to their sockets, and how they end.

import type { Scenario } from "./stage.ts"

export const refused: Scenario = async ({ zmq, tell }) => {
  const { Proxy: Loose } = zmq as unknown as Record<string, new (...parameters: unknown[]) => { run(): unknown }>
  if (Loose === undefined) return
  await tell("without", () => new Loose())
  await tell("with one", () => new Loose(new zmq.Pair()))
  await tell("with none that is one", () => new Loose({}, {}))
  const idle = new zmq.Proxy(new zmq.Router(), new zmq.Dealer())
  await tell("run", () => idle.run())
  await idle.frontEnd.bind("inproc://refused")
  await tell("run", () => idle.run())
  await tell("pause", () => idle.pause())
  await tell("resume", () => idle.resume())
  await tell("terminate", () => idle.terminate())
}

export const queue: Scenario = async ({ zmq, say, tell }) => {
  const proxy = new zmq.Proxy(new zmq.Router(), new zmq.Dealer())
  await proxy.frontEnd.bind("tcp://127.0.0.1:*")
  await proxy.backEnd.bind("tcp://127.0.0.1:*")
  const [front, back] = [proxy.frontEnd.lastEndpoint as string, proxy.backEnd.lastEndpoint as string]
  const running = proxy.run()
  await tell("in use", () => proxy.frontEnd.send("x"))
  await tell("in use", () => proxy.backEnd.receive())
  const [request, reply] = [new zmq.Request(), new zmq.Reply()]
  request.connect(front)
  reply.connect(back)
  for (const question of ["one", "two"]) {
    await request.send(question)
    const [asked] = await reply.receive()
    await reply.send(`to ${asked}`)
    say(String((await request.receive())[0]))
  }
  proxy.terminate()
  await running
  say(proxy.frontEnd.closed, proxy.backEnd.closed)
  await tell("after the end", () => proxy.terminate())
  request.close()
  reply.close()
}

export const forwarder: Scenario = async ({ zmq, say }) => {
  const proxy = new zmq.Proxy(new zmq.XSubscriber(), new zmq.XPublisher())
  await proxy.frontEnd.bind("tcp://127.0.0.1:*")
  await proxy.backEnd.bind("tcp://127.0.0.1:*")
  const [front, back] = [proxy.frontEnd.lastEndpoint as string, proxy.backEnd.lastEndpoint as string]
  const running = proxy.run()
  const [pub, sub] = [new zmq.XPublisher(), new zmq.Subscriber()]
  pub.connect(front)
  sub.subscribe("x")
  sub.connect(back)
  say(JSON.stringify((await pub.receive()).map(String)))
  await pub.send(["xyz", "data"])
  say((await sub.receive()).map(String))
  proxy.terminate()
  await running
  pub.close()
  sub.close()
}

export const betweenDrafts: Scenario = async ({ zmq, draft, say }) => {
  const streamer = new zmq.Proxy(new draft.Gather(), new draft.Scatter())
  await streamer.frontEnd.bind("inproc://between-drafts-front")
  await streamer.backEnd.bind("inproc://between-drafts-back")
  const running = streamer.run()
  const [scatter, gather] = [new draft.Scatter(), new draft.Gather()]
  gather.connect("inproc://between-drafts-back")
  scatter.connect("inproc://between-drafts-front")
  for (const each of ["one", "two"]) {
    await scatter.send(each)
    say(await gather.receive())
  }
  streamer.terminate()
  await running
  say(streamer.frontEnd.closed, streamer.backEnd.closed)
  scatter.close()
  gather.close()
}

export const betweenDraftsAndOthers: Scenario = async ({ zmq, draft, say, tell }) => {
  const proxy = new zmq.Proxy(new zmq.Pull(), new draft.Scatter())
  await proxy.frontEnd.bind("inproc://drafts-and-others-front")
  await proxy.backEnd.bind("inproc://drafts-and-others-back")
  const running = proxy.run()
  const [push, gather] = [new zmq.Push({ linger: 0 }), new draft.Gather()]
  gather.connect("inproc://drafts-and-others-back")
  push.connect("inproc://drafts-and-others-front")
  await push.send("one frame")
  say(await gather.receive())
  await push.send(["two", "frames"])
  await tell("ended", () => running)
  await tell("terminate", () => proxy.terminate())
  say(proxy.frontEnd.closed, proxy.backEnd.closed)
  push.close()
  gather.close()
}

export const fromBackToFront: Scenario = async ({ zmq, say }) => {
  const proxy = new zmq.Proxy(new zmq.Push(), new zmq.Pull())
  await proxy.frontEnd.bind("inproc://back-to-front-front")
  await proxy.backEnd.bind("inproc://back-to-front-back")
  const running = proxy.run()
  const [push, pull] = [new zmq.Push({ linger: 0 }), new zmq.Pull()]
  pull.connect("inproc://back-to-front-front")
  push.connect("inproc://back-to-front-back")
  await push.send("x")
  say(await pull.receive())
  proxy.terminate()
  await running
  push.close()
  pull.close()
}
