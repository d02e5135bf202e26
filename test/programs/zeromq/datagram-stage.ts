// What scenarios of datagrams have at hand: ports, sockets that know nothing of groups, waits until theirs is there.

import { createSocket, type Socket as UdpSocket } from "node:dgram"
import { once } from "node:events"
import { type Stage, sleep } from "./stage.ts"

/** A port of udp that nobody has. */
export async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1")
  await once(socket, "listening")
  const { port } = socket.address()
  socket.close()
  await once(socket, "close")
  return port
}

/** A socket that knows nothing of groups. */
export async function plainSocket(): Promise<UdpSocket> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1")
  await once(socket, "listening")
  return socket
}

export async function put(socket: UdpSocket, datagram: string | Buffer, port: number): Promise<void> {
  const octets = typeof datagram === "string" ? Buffer.from(datagram, "latin1") : datagram
  await new Promise((resolve) => socket.send(octets, port, "127.0.0.1", resolve))
}

type Dish = InstanceType<Stage["draft"]["Dish"]>

/** With theirs, the bind is complete before the socket of the system is. */
export async function listening(dish: Dish, port: number): Promise<void> {
  const socket = await plainSocket()
  dish.join("listening?")
  let came = false
  const first = dish.receive().then(() => {
    came = true
  })
  while (!came) {
    await put(socket, "\u000alistening?", port)
    await sleep(5)
  }
  await first
  dish.leave("listening?")
  socket.close()
}

/** As above, of a Datagram. */
export async function receiving(datagram: InstanceType<Stage["draft"]["Datagram"]>, port: number): Promise<void> {
  const socket = await plainSocket()
  let came = false
  const first = datagram.receive().then(() => {
    came = true
  })
  while (!came) {
    await put(socket, "receiving?", port)
    await sleep(5)
  }
  await first
  await put(socket, "receiving!", port)
  while (String((await datagram.receive())[1]) !== "receiving!");
  socket.close()
}
