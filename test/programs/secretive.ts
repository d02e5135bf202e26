// A process that knows secrets and shows everything it can get hold of, in every way in which things are shown: sockets,
// options, peers, events and errors, of configurations that are wrong and of handshakes that succeed, fail and hang.
// Whoever started it looks for the secrets in what it prints.
//
//   SECRETS='{"password": …, "server": {…}, "client": {…}}' secretive.js

import { once } from "node:events"
import { connect as dial } from "node:net"
import { inspect } from "node:util"
import {
  type Authorize,
  Pull,
  type PullOptions,
  Push,
  type PushOptions,
  plain,
  plainServer,
  type Security,
  type Socket,
} from "brokerless"
import { type CurveKeyPair, curve, curveKeyPair, curveServer } from "brokerless/curve"

export interface Secrets {
  readonly password: string
  readonly server: CurveKeyPair
  readonly client: CurveKeyPair
}

const { password, server, client } = JSON.parse(process.env.SECRETS ?? "") as Secrets
delete process.env.SECRETS
const secretOctets = Buffer.from(password)
const username = "ann"
// Sockets to which nobody comes do not keep a process alive.
const alive = setInterval(() => {}, 1000)

/** Shows it in every way there is. */
function show(what: string, value: unknown): void {
  console.log(what, value)
  console.error("%s %o %O %j", what, value, value, typeof value === "object" ? Object.keys(value ?? {}) : value)
  for (const customInspect of [true, false]) {
    console.log(
      inspect(value, { showHidden: true, depth: Number.POSITIVE_INFINITY, customInspect, maxArrayLength: null }),
    )
  }
  try {
    console.log(JSON.stringify(value), `${value}`)
  } catch (error) {
    console.log(`${error}`)
  }
  if (typeof value !== "object" || value === null) return
  console.log(Object.getOwnPropertyNames(value).map((name) => [name, (value as Record<string, unknown>)[name]]))
  console.log({ ...value })
  if (value instanceof Error) {
    console.log(value.name, value.message, value.stack)
    if (value.cause !== undefined) show(`${what}: its cause`, value.cause)
  }
}

function attempt(what: string, action: () => unknown): void {
  try {
    show(what, action())
  } catch (error) {
    show(what, error)
  }
}

// ── configurations that are wrong ────────────────────────────────────────────────────────────────────────────────

// Whatever the compiler would say: this is what programs in JavaScript do.
const loosely = { plain, plainServer, curve, curveServer } as unknown as Record<string, (given: unknown) => Security>
const make = (maker: string, given: unknown): void => attempt(maker, () => loosely[maker]?.(given))

for (const maker of Object.keys(loosely)) {
  for (const given of [undefined, password, secretOctets, [username, password], { secret: password }, () => password]) {
    make(maker, given)
  }
}
make("plain", { username })
make("plain", { username, password: secretOctets })
make("plain", { username, password: { password } })
make("plain", { username, password: password.repeat(20) })
make("plain", { username, password, extra: password })
make("plainServer", { allow: { [username]: [password] } })
make("plainServer", { allow: { [username]: password.repeat(20) } })
make("plainServer", { allow: new Map([[username, password]]) })
make("plainServer", { allow: [`${username}:${password}`] })
make("plainServer", { allow: `${username}:${password}`, authorize: undefined })
make("plainServer", { authorize: password })
const other = curveKeyPair()
for (const secretKey of [
  server.secretKey.slice(1),
  `${server.secretKey}x`,
  [server.secretKey],
  { key: server.secretKey },
]) {
  make("curve", { serverKey: other.publicKey, publicKey: server.publicKey, secretKey })
  make("curveServer", { publicKey: server.publicKey, secretKey, anyone: true })
}
make("curve", { serverKey: server.secretKey, publicKey: other.publicKey, secretKey: server.secretKey })
make("curveServer", { publicKey: other.publicKey, secretKey: server.secretKey, anyone: true })
make("curveServer", { publicKey: server.publicKey, secretKey: server.secretKey })
make("curveServer", { publicKey: server.publicKey, secretKey: server.secretKey, anyone: server.secretKey })
make("curveServer", { publicKey: server.publicKey, secretKey: server.secretKey, allow: [`${server.secretKey}x`] })
make("curveServer", { publicKey: server.publicKey, secretKey: server.secretKey, authorize: server.secretKey })
for (const security of [password, [password], { password }, { mechanism: password }, secretOctets]) {
  attempt("an option", () => new Push({ security } as unknown as PushOptions))
}

// ── configurations that are right ────────────────────────────────────────────────────────────────────────────────

const account = plain({ username, password })
const accounts = plainServer({ allow: { [username]: password } })
attempt("allow", () => accounts.allow(username, password.repeat(20)))
attempt("allow", () => accounts.allow(username, [password] as unknown as string))
const keys = curve({ ...client, serverKey: server.publicKey })
const holders = curveServer({ ...server, allow: [Buffer.from("not a key")].slice(1) })
holders.allow(client.publicKey)
attempt("allow", () => holders.allow(`${client.secretKey}x`))
for (const security of [account, accounts, keys, holders]) show("security", security)

// ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────

const EVENTS = [
  "bind",
  "accept",
  "connect",
  "connect:retry",
  "handshake",
  "handshake:error",
  "disconnect",
  "close",
  "peer:join",
  "peer:leave",
  "limit",
  "message:dropped",
] as const

function watched<S extends Socket>(socket: S): S {
  for (const type of EVENTS) {
    socket.events.on(type, (event) => {
      show(type, event)
      // A listener that throws becomes a warning of the process.
      throw new Error(`a listener of ${type} failed`)
    })
  }
  return socket
}

/** Opens a server and a client, shows both while they are at it and after, and sends a message if they get that far. */
async function meet(
  what: string,
  theirs: PullOptions,
  ours: PushOptions,
  endpoint = "tcp://127.0.0.1:*",
): Promise<void> {
  console.log(`── ${what}`)
  await using pull = watched(new Pull({ handshakeInterval: 100, ...theirs }))
  await using push = watched(new Push({ handshakeInterval: 100, linger: 0, reconnectInterval: 20, ...ours }))
  const over = Promise.race([
    once(AbortSignal.timeout(1000), "abort"),
    push.events.once("handshake:error"),
    pull.events.once("handshake:error"),
    pull
      .waitForPeers()
      .then(() => push.send("hello"))
      .then(() => pull.receiveFrom())
      .then((received) => show("received", received)),
  ])
  push.connect(await pull.bind(endpoint))
  show("sockets", [pull, push])
  await over
  for (const socket of [pull, push]) {
    show("socket", socket)
    show("options", socket.options)
    show("peers", socket.peers)
    show("stats", socket.stats)
    show("security", socket.options.security)
  }
}

const authorizers: Record<string, Authorize> = {
  yes: (peer) => {
    show("applicant", peer)
    return { userId: "somebody", metadata: { role: "editor" } }
  },
  no: async () => false,
  throws: (peer) => {
    throw new Error("The accounts are away", { cause: peer })
  },
  rejects: (peer) => Promise.reject(peer),
  hangs: () => new Promise(() => {}),
  "gives the secret for a name": ({ password: secret }) => ({ userId: [secret] }) as never,
  "gives the secret as metadata": ({ password: secret }) => ({ metadata: { a: [secret] } }) as never,
  "gives metadata that is the secret": ({ password: secret }) => ({ userId: "x", metadata: secret }) as never,
}
for (const [what, authorize] of Object.entries(authorizers)) {
  await meet(`PLAIN: ${what}`, { security: plainServer({ authorize }) }, { security: account })
  await meet(`CURVE: ${what}`, { security: curveServer({ ...server, authorize }) }, { security: keys })
}
await meet("PLAIN by a list", { security: accounts }, { security: account }, "ipc://*")
await meet("CURVE by a list", { security: holders }, { security: keys }, "ipc://*")
const guess = plain({ username, password: "a wrong guess" })
await meet("a wrong password", { security: accounts }, { security: guess })
await meet("the password of somebody else", { security: plainServer({ allow: {} }) }, { security: account })
await meet("a server of another key", { security: curveServer({ ...other, anyone: true }) }, { security: keys })
await meet("a key that is not on the list", { security: curveServer({ ...server, allow: [] }) }, { security: keys })
for (const security of [account, accounts, keys, holders]) {
  await meet("to a server without security", {}, { security })
  await meet("from a client without security", { security }, {})
  await meet("to its own kind", { security }, { security })
}
await meet("of different kinds", { security: accounts }, { security: keys })
await meet("of different kinds", { security: holders }, { security: account })
await meet("too long for its limit", { security: accounts, maxHandshakeFrameSize: 64 }, { security: account })

// A peer that says the password in all the wrong places.
const pull = watched(new Pull({ security: accounts }))
const address = new URL((await pull.bind("tcp://127.0.0.1:*")).replace("tcp:", "http:"))
const hello = Buffer.concat([Buffer.from(`\x05HELLO\x03ann`), Buffer.from([secretOctets.length]), secretOctets])
const greeting = Buffer.alloc(64)
Buffer.from("ff00000000000000017f0301504c41494e", "hex").copy(greeting)
const command = (body: Buffer): Buffer => Buffer.concat([Buffer.from([4, body.length]), body])
const named = (name: string): Buffer => Buffer.concat([Buffer.from([name.length]), Buffer.from(name)])
for (const octets of [
  secretOctets,
  Buffer.concat([greeting.subarray(0, 12), secretOctets, greeting]),
  Buffer.concat([greeting, command(Buffer.concat([hello, Buffer.of(0)]))]),
  Buffer.concat([greeting, command(hello), command(hello)]),
  Buffer.concat([greeting, command(hello), command(Buffer.concat([named("READY"), secretOctets]))]),
  Buffer.concat([greeting, command(hello), command(Buffer.concat([named("INITIATE"), secretOctets]))]),
]) {
  const failed = pull.events.once("handshake:error")
  const peer = dial(Number(address.port), address.hostname).on("error", () => {})
  peer.end(octets)
  show("a failure", await failed)
  peer.destroy()
}
await pull.close()
clearInterval(alive)
console.log("everything was shown")
