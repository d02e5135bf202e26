// Where tests listen at an endpoint that they leave and come back to, or that they tell before anybody is there.

import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"

/**
 * On Linux each test process has a loopback address to itself: nobody else listens there, and no connection to anywhere
 * begins there, so that a port stays vacant until this process takes it.
 */
export const LOOPBACK: string =
  process.platform === "linux" ? `127.77.${(process.pid >> 8) & 255}.${process.pid & 255}` : "127.0.0.1"

/** An endpoint of tcp at which nobody is. */
export async function vacantEndpoint(): Promise<string> {
  const server = createServer().listen(0, LOOPBACK)
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return `tcp://${LOOPBACK}:${port}`
}
