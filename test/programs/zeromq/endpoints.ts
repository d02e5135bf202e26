// Addresses: which are taken, what is reported, what is refused and how.

import { mkdtempSync, rmSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { type Scenario, sleep } from "./stage.ts"

export const refusedAddresses: Scenario = async ({ zmq, tell }) => {
  for (const address of ["foo-bar", "foo://bar", "tcp://127.0.0.1", "inproc://", "ipc://", "pgm://x", "norm://x"]) {
    const dealer = new zmq.Dealer({ linger: 0 })
    await tell(`bind ${address}`, () => dealer.bind(address))
    await tell(`bindSync ${address}`, () => dealer.bindSync(address))
    await tell(`connect ${address}`, () => dealer.connect(address))
    dealer.close()
  }
  const dealer = new zmq.Dealer({ linger: 0 })
  await tell("connect udp", () => dealer.connect("udp://127.0.0.1:5555"))
  await tell("connect *", () => dealer.connect("tcp://*:5555"))
  await tell("connect :*", () => dealer.connect("tcp://127.0.0.1:*"))
  await tell("bind elsewhere", () => dealer.bind("tcp://8.8.8.8:*"))
  await tell("bindSync elsewhere", () => dealer.bindSync("tcp://8.8.8.8:*"))
  await tell("bind nowhere", () => dealer.bind("tcp://no-such-host.invalid:*"))
  await tell("bind in no directory", () => dealer.bind("ipc:///no/such/directory/socket"))
  const odd = dealer as unknown as Record<string, (...parameters: unknown[]) => unknown>
  for (const method of ["bind", "bindSync", "unbind", "connect", "disconnect"]) {
    await tell(`${method}()`, () => odd[method]?.())
    await tell(`${method}(5)`, () => odd[method]?.(5))
  }
  dealer.close()
}

export const wildcards: Scenario = async ({ zmq, say }) => {
  const dealer = new zmq.Dealer()
  say(dealer.lastEndpoint)
  for (const address of ["tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "tcp://*:*", "tcp://localhost:*", "inproc://w"]) {
    await dealer.bind(address)
    say(address, dealer.lastEndpoint)
  }
  dealer.bindSync("tcp://127.0.0.1:*")
  say("at once", dealer.lastEndpoint)
  dealer.connect("tcp://127.0.0.1:45871")
  say("connected", dealer.lastEndpoint)
  dealer.linger = 0
  dealer.close()
}

export const taken: Scenario = async ({ zmq, tell }) => {
  const [one, two] = [new zmq.Dealer(), new zmq.Dealer()]
  for (const address of ["tcp://127.0.0.1:*", "inproc://taken"]) {
    await one.bind(address)
    await tell("bind", () => two.bind(one.lastEndpoint as string))
    await tell("bindSync", () => two.bindSync(one.lastEndpoint as string))
  }
  one.close()
  two.close()
}

export const atOnce: Scenario = async ({ zmq, say, tell }) => {
  const directory = mkdtempSync(join(tmpdir(), "unbinding-"))
  const addresses = ["tcp://127.0.0.1:*", "tcp://localhost:*", `tcp://${hostname()}:*`, "inproc://at-once", "ipc://*"]
  for (const address of [...addresses, `ipc://${directory}/socket`]) {
    const [pull, push] = [new zmq.Pull(), new zmq.Push({ linger: 0 })]
    await tell("bindSync", () => pull.bindSync(address))
    const endpoint = pull.lastEndpoint as string
    say(endpoint.startsWith("tcp") ? "tcp" : endpoint)
    // A path of ipc is libzmq's to take over.
    if (!address.startsWith("ipc")) await tell("again", () => push.bindSync(endpoint))
    push.connect(endpoint)
    await push.send(address)
    say(String((await pull.receive())[0]).startsWith("tcp") ? "tcp" : "came")
    push.close()
    await pull.unbind(endpoint)
    await sleep(20)
    await tell("bindSync, once more", () => pull.bindSync(endpoint))
    pull.close()
  }
  rmSync(directory, { recursive: true })
  const dealer = new zmq.Dealer()
  await tell("bindSync in no directory", () => dealer.bindSync("ipc:///no/such/directory/socket"))
  await tell("bindSync to a path that is too long", () => dealer.bindSync(`ipc:///tmp/${"x".repeat(200)}`))
  await tell("bindSync to no host", () => dealer.bindSync("tcp://no-such-host.invalid:*"))
  dealer.close()
}

export const unbinding: Scenario = async ({ zmq, say, tell }) => {
  const [one, two] = [new zmq.Dealer(), new zmq.Dealer()]
  const directory = mkdtempSync(join(tmpdir(), "unbinding-"))
  for (const address of ["tcp://127.0.0.1:*", "inproc://unbinding", `ipc://${directory}/socket`]) {
    await one.bind(address)
    const endpoint = one.lastEndpoint as string
    await one.unbind(endpoint)
    await tell("again", () => one.unbind(endpoint))
    await sleep(20)
    await two.bind(endpoint)
    say("free", two.lastEndpoint === endpoint)
  }
  rmSync(directory, { recursive: true })
  await tell("never bound", () => one.unbind("tcp://127.0.0.1:1"))
  await tell("never connected", () => one.disconnect("tcp://127.0.0.1:1"))
  await tell("no address", () => one.unbind("foo"))
  await tell("no address", () => one.disconnect("foo"))
  one.close()
  two.close()
}

export const disconnecting: Scenario = async ({ zmq, say, tell }) => {
  const [push, pull] = [new zmq.Push({ linger: 0, sendTimeout: 0 }), new zmq.Pull()]
  await pull.bind("tcp://127.0.0.1:*")
  const endpoint = pull.lastEndpoint as string
  push.connect(endpoint)
  await push.send("x")
  say(String((await pull.receive())[0]))
  push.disconnect(endpoint)
  await tell("again", () => push.disconnect(endpoint))
  await sleep(20)
  await tell("to nobody", () => push.send("y"))
  push.close()
  pull.close()
}

export const twiceTheSame: Scenario = async ({ zmq, say, tell }) => {
  const [push, pull] = [new zmq.Push({ sendTimeout: 0, linger: 0 }), new zmq.Pull()]
  await pull.bind("tcp://127.0.0.1:*")
  const endpoint = pull.lastEndpoint as string
  push.connect(endpoint)
  push.connect(endpoint)
  await push.send("x")
  await pull.receive()
  await tell("disconnect", () => push.disconnect(endpoint))
  say(push.writable)
  await tell("send", () => push.send("x"))
  await tell("disconnect", () => push.disconnect(endpoint))
  push.close()
  pull.close()
}

export const severalEndpoints: Scenario = async ({ zmq, say }) => {
  const pull = new zmq.Pull()
  const addresses = ["tcp://127.0.0.1:*", "ipc://*", "inproc://several-endpoints"]
  const pushes = []
  for (const address of addresses) {
    await pull.bind(address)
    const push = new zmq.Push()
    push.connect(pull.lastEndpoint as string)
    await push.send(address)
    pushes.push(push)
  }
  const came = []
  for (const _ of addresses) came.push(String((await pull.receive())[0]))
  say(came.sort())
  for (const socket of [pull, ...pushes]) socket.close()
}

export const contexts: Scenario = async ({ zmq, say, tell }) => {
  const other = new zmq.Context()
  const pull = new zmq.Pull()
  const lost = new zmq.Push({ context: other, linger: 0 })
  const found = new zmq.Push()
  await pull.bind("inproc://contexts")
  lost.connect("inproc://contexts")
  found.connect("inproc://contexts")
  await lost.send("lost")
  await found.send("found")
  say(String((await pull.receive())[0]), pull.readable)
  const twin = new zmq.Pull({ context: other })
  await twin.bind("inproc://contexts")
  say(String((await twin.receive())[0]), twin.lastEndpoint, twin.context === other, pull.context === zmq.context)
  for (const socket of [pull, lost, found, twin]) socket.close()
  const small = new zmq.Context({ maxSockets: 1 })
  const only = new zmq.Pull({ context: small })
  await tell("one too many", () => new zmq.Pull({ context: small }))
  only.close()
}

export const partingEitherWay: Scenario = async ({ zmq, say, tell }) => {
  for (const address of ["tcp://127.0.0.1:*", "inproc://parting-either-way"]) {
    const [bound, connected] = [new zmq.Dealer({ linger: 0 }), new zmq.Dealer({ linger: 0, sendTimeout: 0 })]
    await bound.bind(address)
    const endpoint = bound.lastEndpoint as string
    connected.connect(endpoint)
    connected.connect(endpoint)
    await tell("unbind what is connected", () => connected.unbind(endpoint))
    say(connected.writable)
    await tell("once more", () => connected.unbind(endpoint))
    await tell("disconnect it", () => connected.disconnect(endpoint))
    await tell("disconnect what is bound", () => bound.disconnect(endpoint))
    await tell("once more", () => bound.disconnect(endpoint))
    await tell("unbind it", () => bound.unbind(endpoint))
    await sleep(20)
    await tell("bind it again", () => bound.bind(endpoint))
    await tell("bind it twice", () => bound.bind(endpoint))
    await tell("bind it twice", () => bound.bindSync(endpoint))
    if (address.startsWith("tcp")) await tell("unbind the wildcard", () => bound.unbind(address))
    bound.close()
    connected.close()
  }
}
