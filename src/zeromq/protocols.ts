// Which transports there are, and which types of sockets may use them, as libzmq tells it.

import { errnoError } from "./errno.ts"

const SUPPORTED = ["tcp", "ipc", "inproc"]

/** Throws for an address whose transport does not exist, or is not for sockets of this type. */
export function checkProtocol(type: number, address: string): void {
  const end = address.indexOf("://")
  if (end < 0) throw errnoError("EINVAL", undefined, address)
  const protocol = address.slice(0, end)
  if (protocol === "" || end + 3 === address.length) throw errnoError("EINVAL", undefined, address)
  if (protocol === "udp" && type < 14) throw errnoError("ENOCOMPATPROTO", undefined, address)
  if (!SUPPORTED.includes(protocol)) throw errnoError("EPROTONOSUPPORT", undefined, address)
}
