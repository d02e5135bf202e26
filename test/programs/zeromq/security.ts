// PLAIN, CURVE and handlers of ZAP.

import type { Router } from "zeromq"
import { answering, bindAsHandler } from "./answering.ts"
import { event, freeAddress, type Scenario, type Stage, sleep, until } from "./stage.ts"

function handler({ zmq, say }: Stage, judge: (texts: string[]) => string): Promise<Router> {
  return answering(zmq, say, judge)
}

export const plain: Scenario = async (stage) => {
  const { zmq, say } = stage
  const zap = await handler(stage, (texts) => (texts.at(-1) === "secret" ? "200" : "400"))
  const server = new zmq.Pull({ plainServer: true, zapDomain: "test" })
  const friend = new zmq.Push({ plainUsername: "friend", plainPassword: "secret" })
  const stranger = new zmq.Push({ plainUsername: "stranger", plainPassword: "guess", linger: 0 })
  say(server.securityMechanism, friend.securityMechanism)
  await server.bind("tcp://127.0.0.1:*")
  friend.connect(server.lastEndpoint as string)
  await friend.send("hello")
  say(String((await server.receive())[0]))
  const refused = event(server.events, "handshake:error:auth")
  stranger.connect(server.lastEndpoint as string)
  say(await refused)
  for (const socket of [server, friend, stranger, zap]) socket.close()
}

export const plainWithoutHandler: Scenario = async ({ zmq, say }) => {
  const server = new zmq.Pull({ plainServer: true })
  const client = new zmq.Push({ plainUsername: "somebody", plainPassword: "secret", linger: 0 })
  await server.bind("tcp://127.0.0.1:*")
  const refused = event(server.events, "handshake:error:other")
  client.connect(server.lastEndpoint as string)
  const { type } = await refused
  say(type)
  server.close()
  client.close()
}

export const curve: Scenario = async (stage) => {
  const { zmq, say } = stage
  const [server, client] = [zmq.curveKeyPair(), zmq.curveKeyPair()]
  say(server.publicKey.length, server.secretKey.length, Object.keys(server))
  const pull = new zmq.Pull({ curveServer: true, curveSecretKey: server.secretKey })
  const push = new zmq.Push({
    curveServerKey: server.publicKey,
    curvePublicKey: client.publicKey,
    curveSecretKey: client.secretKey,
  })
  say(pull.securityMechanism, push.securityMechanism)
  await pull.bind("tcp://127.0.0.1:*")
  push.connect(pull.lastEndpoint as string)
  await push.send(["sealed", ""])
  say((await pull.receive()).map(String))
  pull.close()
  push.close()
}

export const curveWithHandler: Scenario = async (stage) => {
  const { zmq, say } = stage
  const [server, client] = [zmq.curveKeyPair(), zmq.curveKeyPair()]
  let status = "400"
  const zap = await handler(stage, () => status)
  const pull = new zmq.Pull({ curveServer: true, curveSecretKey: server.secretKey, zapDomain: "test" })
  const keys = {
    curveServerKey: server.publicKey,
    curvePublicKey: client.publicKey,
    curveSecretKey: client.secretKey,
    linger: 0,
  }
  await pull.bind("tcp://127.0.0.1:*")
  const refused = event(pull.events, "handshake:error:auth")
  const stranger = new zmq.Push(keys)
  stranger.connect(pull.lastEndpoint as string)
  say(await refused)
  stranger.close()
  status = "200"
  const friend = new zmq.Push(keys)
  friend.connect(pull.lastEndpoint as string)
  await friend.send("hello")
  say(String((await pull.receive())[0]))
  for (const socket of [pull, friend, zap]) socket.close()
}

export const nullWithHandler: Scenario = async (stage) => {
  const { zmq, say } = stage
  const zap = await handler(stage, () => "200")
  const pull = new zmq.Pull({ zapDomain: "test" })
  const push = new zmq.Push()
  await pull.bind("tcp://127.0.0.1:*")
  push.connect(pull.lastEndpoint as string)
  await push.send("hello")
  say(String((await pull.receive())[0]))
  for (const socket of [pull, push, zap]) socket.close()
}

export const handlerThatReplies: Scenario = async ({ zmq, say }) => {
  const zap = new zmq.Reply()
  await bindAsHandler(zap)
  const serving = (async () => {
    for await (const [version, id, domain, , , mechanism] of zap) {
      say(String(version), String(domain), String(mechanism))
      await zap.send([version as Buffer, id as Buffer, "200", "OK", "", ""])
    }
  })()
  const pull = new zmq.Pull({ plainServer: true, zapDomain: "replies" })
  const push = new zmq.Push({ plainUsername: "a", plainPassword: "b" })
  await pull.bind("tcp://127.0.0.1:*")
  push.connect(pull.lastEndpoint as string)
  await push.send("hello")
  say(String((await pull.receive())[0]))
  for (const socket of [pull, push, zap]) socket.close()
  await serving
}

export const mechanismsThatDiffer: Scenario = async ({ zmq, say }) => {
  const pull = new zmq.Pull({ plainServer: true })
  const push = new zmq.Push({ linger: 0 })
  await pull.bind("tcp://127.0.0.1:*")
  const refused = event(pull.events, "handshake:error:protocol")
  push.connect(pull.lastEndpoint as string)
  say(await refused)
  pull.close()
  push.close()
}

export const refusedClient: Scenario = async ({ zmq, say }) => {
  const zap = await answering(
    zmq,
    () => {},
    () => "400",
  )
  const server = new zmq.Pull({ plainServer: true })
  const client = new zmq.Push({ plainUsername: "a", plainPassword: "b", reconnectInterval: 5, linger: 0 })
  let refusals = 0
  server.events.on("handshake:error:auth", () => refusals++)
  await server.bind("tcp://127.0.0.1:*")
  client.connect(server.lastEndpoint as string)
  await Promise.race([until(() => refusals >= 3), sleep(500)])
  say("came again", refusals > 1)
  for (const socket of [zap, server, client]) socket.close()
}

export const optionsWhileKeysAreMissing: Scenario = async ({ zmq, say, tell }) => {
  const early = new zmq.Push({ curveServerKey: zmq.curveKeyPair().publicKey, sendTimeout: 0, linger: 0 })
  await tell("before there are keys", () => early.send("x"))
  say(early.securityMechanism, early.writable)
  early.close()
  const push = new zmq.Push({ sendTimeout: 0, linger: 0 })
  push.connect(await freeAddress())
  push.curveServer = true
  push.sendHighWaterMark = 1
  await tell("below the mark", () => push.send("x"))
  await tell("above the mark", () => push.send("x"))
  push.close()
}
