// What closed sockets, their observers, and contexts that nobody holds have to say.

import type { Context, Pull } from "zeromq"
import { type Scenario, sleep } from "./stage.ts"

const VALUES = [5, true, "text", null]

export const optionsOfAClosedSocket: Scenario = async ({ zmq, tell, say }) => {
  const warnings: string[] = []
  const warned = ({ message }: Error): number => warnings.push(message)
  process.on("warning", warned)
  const router = new zmq.Router()
  await router.bind("tcp://127.0.0.1:*")
  router.close()
  const options = router as unknown as Record<string, unknown>
  for (const name of [
    ...["linger", "sendTimeout", "receiveTimeout", "sendHighWaterMark", "affinity", "maxMessageSize", "typeOfService"],
    ...["ipv6", "mandatory", "probeRouter", "handover", "curveServer", "threadSafe", "securityMechanism"],
    ...["routingId", "plainUsername", "lastEndpoint", "type", "nothing"],
  ]) {
    await tell(name, () => options[name])
    for (const value of VALUES) {
      await tell(`${name} = ${value}`, () => {
        options[name] = value
      })
    }
  }
  await sleep(10)
  say("warnings", warnings.length, new Set(warnings).size)
  process.off("warning", warned)
}

export const callsOfAClosedSocket: Scenario = async ({ zmq, draft, tell }) => {
  const router = new zmq.Router()
  router.close()
  const calls = router as unknown as Record<string, (...values: unknown[]) => unknown>
  for (const name of ["bind", "bindSync", "unbind", "unbindSync", "connect", "disconnect"]) {
    for (const values of [["tcp://127.0.0.1:1"], ["foo"], [], ["a", "b"]]) {
      await tell(`${name} ${values.join()}`, () => calls[name]?.(...values))
    }
  }
  await tell("observed", () => new zmq.Observer(router))
  await tell("in a proxy", () => new zmq.Proxy(router, router).run())
  await tell("iterated over", () => router[Symbol.asyncIterator]().next())
  await tell("closed", () => calls.close?.())
  await tell("closed with a word", () => calls.close?.("word"))
  const [sub, dish, server] = [new zmq.Subscriber(), new draft.Dish(), new draft.Server()]
  for (const each of [sub, dish, server]) each.close()
  await tell("subscribe", () => sub.subscribe("x"))
  await tell("unsubscribe", () => sub.unsubscribe())
  await tell("join", () => dish.join("x"))
  await tell("leave", () => dish.leave("x"))
  await tell("send of a Server", () => server.send("x", { routingId: 1 }))
  await tell("to nobody", () => (server as unknown as { send(x: string): unknown }).send("x"))
}

export const eventsOfAClosedSocket: Scenario = async ({ zmq, say, tell }) => {
  const [dealer, other] = [new zmq.Dealer(), new zmq.Dealer({ linger: 0 })]
  const { events } = dealer
  await dealer.bind("tcp://127.0.0.1:*")
  other.connect(dealer.lastEndpoint as string)
  await dealer.send("x")
  await other.receive()
  dealer.close()
  await tell("events", () => dealer.events)
  say("closed", events.closed)
  const types: string[] = []
  for await (const { type } of events) types.push(type)
  say(types, events.closed)
  await tell("receive", () => events.receive())
  await tell("iterated over", () => events[Symbol.asyncIterator]().next())
  await tell("close", () => events.close())
  await tell("listen", () => typeof events.on("bind", () => say("never")))
  await tell("receive", () => events.receive())
  other.close()
  const unused = new zmq.Dealer()
  const kept = unused.events
  kept.close()
  await tell("receive", () => kept.receive())
  await tell("the same", () => unused.events === kept)
  unused.close()
}

export const contextsThatNobodyHolds: Scenario = async ({ zmq, say, tell }) => {
  const found = zmq.context as unknown as Record<string, unknown>
  say(["close", "terminate", "shutdown", "term", "destroy"].filter((name) => name in found))
  const pull = inAContextOfItsOwn(zmq.Pull, zmq.Context)
  await pull.bind("tcp://127.0.0.1:*")
  const push = new zmq.Push()
  push.connect(pull.lastEndpoint as string)
  await push.send("x")
  say(await pull.receive())
  await tell("its context", () => pull.context.maxSockets)
  pull.close()
  await tell("its context afterwards", () => pull.context)
  push.close()
  const context = new zmq.Context()
  const last = new zmq.Pull({ context })
  last.close()
  await tell("without sockets", () => new zmq.Pull({ context }).close())
  await tell("read", () => context.ioThreads)
}

function inAContextOfItsOwn(Class: typeof Pull, Own: typeof Context): Pull {
  return new Class({ context: new Own({ maxSockets: 7 }) })
}
