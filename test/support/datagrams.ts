// Sockets of the system for datagrams, which know nothing of groups.

import { createSocket, type Socket } from "node:dgram"
import { once } from "node:events"

/** One that is bound, and what was sent to it so far. */
export interface PlainSocket extends AsyncDisposable {
  readonly port: number
  readonly received: Buffer[]
  send(datagram: Buffer | string, port: number): Promise<void>
  close(): Promise<void>
}

export async function plainSocket(): Promise<PlainSocket> {
  const socket: Socket = createSocket("udp4")
  const received: Buffer[] = []
  socket.on("message", (octets) => received.push(octets))
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  const { port } = socket.address()
  const close = async (): Promise<void> => {
    socket.close()
    await once(socket, "close")
  }
  return {
    port,
    received,
    send: (datagram, to) =>
      new Promise((resolve, reject) => {
        const octets = typeof datagram === "string" ? Buffer.from(datagram, "latin1") : datagram
        socket.send(octets, to, "127.0.0.1", (error) => (error ? reject(error) : resolve()))
      }),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** A port of udp at which nobody is. */
export async function vacantPort(): Promise<number> {
  const socket = await plainSocket()
  await socket.close()
  return socket.port
}

/** The port of an endpoint that was bound. */
export function portOf(endpoint: string): number {
  return Number(/:(\d+)$/.exec(endpoint)?.[1])
}
