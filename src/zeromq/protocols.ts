// Which transports there are, and which types of sockets may use them, as libzmq tells it.

import { fromString } from "../bytes.ts"
import { errnoError } from "./errno.ts"

/** What systems have room for, without a final NUL; named pipes of Windows have more. */
const LONGEST_PATH = ["linux", "android", "win32"].includes(process.platform) ? 107 : 103

const SUPPORTED = ["tcp", "ipc", "inproc", "udp"]

const RADIO = 14
const DISH = 15
const DATAGRAM = 18

/** What is to be done with an address. */
export type Purpose = "bind" | "connect" | "part with"

/** Who may do what with datagrams. */
const WITH_UDP: Readonly<Record<Purpose, readonly number[]>> = {
  bind: [DISH, DATAGRAM],
  connect: [RADIO],
  "part with": [RADIO, DISH, DATAGRAM],
}

/** Throws for an address whose transport does not exist, or is not for sockets of this type. */
export function checkProtocol(type: number, address: string, purpose: Purpose): void {
  const end = address.indexOf("://")
  if (end < 0) throw errnoError("EINVAL", undefined, address)
  const protocol = address.slice(0, end)
  if (protocol === "" || end + 3 === address.length) throw errnoError("EINVAL", undefined, address)
  if (protocol === "udp" && !WITH_UDP[purpose].includes(type)) {
    throw errnoError("ENOCOMPATPROTO", undefined, address)
  }
  if (!SUPPORTED.includes(protocol)) throw errnoError("EPROTONOSUPPORT", undefined, address)
  if (protocol === "ipc" && fromString(address).length > LONGEST_PATH + end + 3) {
    throw errnoError("ENAMETOOLONG", undefined, address)
  }
}

/** What `lastEndpoint` says of an address: of datagrams, libzmq leaves the protocol out. */
export function lastEndpointOf(address: string): string {
  return address.startsWith("udp://") ? address.slice("udp://".length) : address
}
