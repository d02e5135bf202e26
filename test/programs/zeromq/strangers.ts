// Peers that break the protocol, and what a socket tells of them.

import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import type { Event } from "zeromq"
import { type Scenario, type Stage, sleep, until, type Zmq } from "./stage.ts"

function greeting(mechanism: string): Buffer {
  const octets = Buffer.alloc(64)
  octets.write("ff00000000000000017f0300", "hex")
  octets.write(mechanism, 12, "latin1")
  return octets
}

/** A command frame of a handshake. */
function command(name: string, data: Buffer | string = ""): Buffer {
  const body = Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from(data)])
  return Buffer.concat([Buffer.from([4, body.length]), body])
}

const TOLD = [
  "handshake",
  "handshake:error:protocol",
  "handshake:error:auth",
  "handshake:error:other",
  "disconnect",
] as const

/** What is told until the connection has ended. */
function telling(socket: { events: InstanceType<Zmq["Observer"]> }): { heard: unknown[]; ended(): Promise<void> } {
  const heard: unknown[] = []
  let ended = false
  for (const type of TOLD) {
    socket.events.on(type, ({ error }: Event & { error?: Error & { code?: string; status?: number } }) => {
      heard.push([type, error?.message, error?.code, error?.status].filter((each) => each !== undefined))
      ended ||= type !== "handshake" && type !== "disconnect"
      ended ||= type === "disconnect"
    })
  }
  // Of some breaches libzmq tells nothing before the time for a handshake is over.
  return { heard, ended: () => Promise.race([until(() => ended), sleep(2000)]) }
}

/** Comes to a bound socket, and says this. */
async function come({ zmq, say }: Stage, what: string, options: object, ...says: Buffer[]): Promise<void> {
  const pull = new zmq.Pull(options)
  const { heard, ended } = telling(pull)
  await pull.bind("tcp://127.0.0.1:*")
  const stranger = connect(Number(pull.lastEndpoint?.split(":").at(-1)), "127.0.0.1")
  stranger.on("error", () => {})
  stranger.resume()
  stranger.write(Buffer.concat(says))
  await ended()
  say(what, heard.at(0))
  stranger.destroy()
  pull.close()
}

/** Is come to, and says this. */
async function receive({ zmq, say }: Stage, what: string, options: object, ...says: Buffer[]): Promise<void> {
  const peers: Socket[] = []
  const server = createServer((peer) => {
    peers.push(peer)
    peer.on("error", () => {})
    const [greets, ...goesOn] = says
    peer.write(greets as Buffer)
    let octets = 0
    peer.on("data", ({ length }) => {
      if (octets <= 64 && octets + length > 64) peer.write(Buffer.concat(goesOn))
      octets += length
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  const push = new zmq.Push({ linger: 0, ...options })
  const { heard, ended } = telling(push)
  push.connect(`tcp://127.0.0.1:${port}`)
  await ended()
  say(what, heard.at(0))
  push.close()
  for (const peer of peers) peer.destroy()
  server.close()
}

export const strangersThatCome: Scenario = async (stage) => {
  const NULL = greeting("NULL")
  await come(stage, "another mechanism", {}, greeting("PLAIN"))
  await come(stage, "an unknown command", {}, NULL, command("HELLO"))
  await come(stage, "a READY that ends in the middle", {}, NULL, command("READY", "\u000bSocket-Ty"))
  await come(stage, "a type that does not fit", {}, NULL, command("READY", "\u000bSocket-Type\0\0\0\u0003SUB"))
  for (const reason of ["300", "400", "500", "600", "no"]) {
    await come(stage, `ERROR ${reason}`, {}, NULL, command("ERROR", String.fromCharCode(reason.length) + reason))
  }
  await come(stage, "an ERROR that ends in the middle", {}, NULL, command("ERROR", "\u0009400"))
  const PLAIN = greeting("PLAIN")
  await come(stage, "PLAIN: no HELLO", { plainServer: true }, PLAIN, command("READY"))
  await come(stage, "PLAIN: half a HELLO", { plainServer: true }, PLAIN, command("HELLO", "\u0005ab"))
  await come(stage, "PLAIN: ERROR", { plainServer: true }, PLAIN, command("ERROR", "\u0003400"))
  const { secretKey } = stage.zmq.curveKeyPair()
  const curve = { curveServer: true, curveSecretKey: secretKey }
  const CURVE = greeting("CURVE")
  const hello = Buffer.alloc(194)
  hello[0] = 1
  const bad = Buffer.from(hello)
  bad[0] = 2
  await come(stage, "CURVE: no HELLO", curve, CURVE, command("READY"))
  await come(stage, "CURVE: a HELLO that does not open", curve, CURVE, command("HELLO", hello))
  await come(stage, "CURVE: a HELLO of another version", curve, CURVE, command("HELLO", bad))
  await come(stage, "CURVE: a short HELLO", curve, CURVE, command("HELLO", "x"))
}

export const strangersThatAreMet: Scenario = async (stage) => {
  await receive(stage, "another mechanism", {}, greeting("PLAIN"))
  for (const reason of ["400", "no"]) {
    const error = command("ERROR", String.fromCharCode(reason.length) + reason)
    await receive(stage, `ERROR ${reason}`, {}, greeting("NULL"), error)
    const plain = { plainUsername: "a", plainPassword: "b" }
    await receive(stage, `PLAIN: ERROR ${reason}`, plain, greeting("PLAIN"), error)
  }
  const plain = { plainUsername: "a", plainPassword: "b" }
  await receive(stage, "PLAIN: a long WELCOME", plain, greeting("PLAIN"), command("WELCOME", "x"))
  await receive(stage, "PLAIN: READY too early", plain, greeting("PLAIN"), command("READY"))
  const [server, client] = [stage.zmq.curveKeyPair(), stage.zmq.curveKeyPair()]
  const curve = {
    curveServerKey: server.publicKey,
    curvePublicKey: client.publicKey,
    curveSecretKey: client.secretKey,
  }
  await receive(stage, "CURVE: no WELCOME", curve, greeting("CURVE"), command("HELLO"))
  await receive(
    stage,
    "CURVE: a WELCOME that does not open",
    curve,
    greeting("CURVE"),
    command("WELCOME", Buffer.alloc(160)),
  )
  await receive(stage, "CURVE: ERROR", curve, greeting("CURVE"), command("ERROR", "\u0003400"))
}

export const anotherServerKey: Scenario = async ({ zmq, say }) => {
  const [server, other, client] = [zmq.curveKeyPair(), zmq.curveKeyPair(), zmq.curveKeyPair()]
  const pull = new zmq.Pull({ curveServer: true, curveSecretKey: server.secretKey })
  const push = new zmq.Push({
    curveServerKey: other.publicKey,
    curvePublicKey: client.publicKey,
    curveSecretKey: client.secretKey,
    linger: 0,
  })
  const { heard, ended } = telling(pull)
  await pull.bind("tcp://127.0.0.1:*")
  push.connect(pull.lastEndpoint as string)
  await ended()
  say(heard.at(0))
  pull.close()
  push.close()
}

export const domainWithoutHandler: Scenario = async ({ zmq, say }) => {
  const [server, client] = [zmq.curveKeyPair(), zmq.curveKeyPair()]
  for (const zapEnforceDomain of [false, true]) {
    const pull = new zmq.Pull({
      curveServer: true,
      curveSecretKey: server.secretKey,
      zapDomain: "nobody",
      zapEnforceDomain,
    })
    const push = new zmq.Push({
      curveServerKey: server.publicKey,
      curvePublicKey: client.publicKey,
      curveSecretKey: client.secretKey,
      linger: 0,
    })
    const { heard } = telling(pull)
    await pull.bind("tcp://127.0.0.1:*")
    push.connect(pull.lastEndpoint as string)
    await until(() => heard.length > 0)
    say(zapEnforceDomain, heard.at(0))
    pull.close()
    push.close()
  }
}
