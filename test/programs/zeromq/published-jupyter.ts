// `enchannel-zmq-backend`, as a front end of Jupyter uses it: all channels of a kernel, a question and its answer, each
// signed. The kernel is played with bare sockets.

import { createHmac } from "node:crypto"
import { createRequire } from "node:module"
import type { Dealer, Router } from "zeromq"
import type { Zmq } from "./stage.ts"

interface JupyterMessage {
  readonly header: { readonly msg_id: string; readonly msg_type: string }
  readonly content: Record<string, unknown>
  readonly channel: string
}

interface Channel {
  subscribe(listener: (message: JupyterMessage) => void): unknown
  next(message: object): void
  complete(): void
}

const require = createRequire(import.meta.url)
const zmq = require("zeromq") as Zmq
const { createMainChannel } = require("enchannel-zmq-backend") as {
  createMainChannel(config: object): Promise<Channel>
}

const key = "a secret"
const [shell, control, stdin] = [new zmq.Router(), new zmq.Router(), new zmq.Router()]
const iopub = new zmq.XPublisher()
const portOf = (socket: Router | Dealer | InstanceType<Zmq["XPublisher"]>): number =>
  Number(socket.lastEndpoint?.split(":").at(-1))
for (const socket of [shell, control, stdin, iopub]) await socket.bind("tcp://127.0.0.1:*")

const main = await createMainChannel({
  version: 5,
  transport: "tcp",
  ip: "127.0.0.1",
  signature_scheme: "hmac-sha256",
  key,
  shell_port: portOf(shell),
  control_port: portOf(control),
  stdin_port: portOf(stdin),
  iopub_port: portOf(iopub),
})

function signed(parts: readonly string[]): string[] {
  const hmac = createHmac("sha256", key)
  for (const part of parts) hmac.update(part)
  return ["<IDS|MSG>", hmac.digest("hex"), ...parts]
}

await iopub.receive()
const heard: JupyterMessage[] = []
const both = new Promise<void>((resolve) => {
  main.subscribe((message) => {
    heard.push(message)
    if (heard.length === 2) resolve()
  })
})
main.next({
  channel: "shell",
  header: { msg_id: "1", msg_type: "kernel_info_request", version: "5.3", date: new Date(0) },
  parent_header: {},
  metadata: {},
  content: {},
})

const [identity, , signature, ...parts] = await shell.receive()
const asked = parts.map(String)
console.log("signature is right", String(signature) === signed(asked.slice(0, 4))[1])
const header = JSON.parse(asked[0] as string) as { msg_type: string }
console.log("asked", header.msg_type)
const answer = JSON.stringify({ msg_id: "2", msg_type: "kernel_info_reply" })
const status = JSON.stringify({ msg_id: "3", msg_type: "status" })
await shell.send([identity as Buffer, ...signed([answer, asked[0] as string, "{}", '{"language":"any"}'])])
await iopub.send(["status", ...signed([status, asked[0] as string, "{}", '{"execution_state":"idle"}'])])
await both
const sorted = heard.map(({ channel, header, content }) => `${channel} ${header.msg_type} ${JSON.stringify(content)}`)
for (const line of sorted.sort()) console.log(line)
main.complete()
process.exit(0)
