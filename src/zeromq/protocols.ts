// Which transports there are, and which types of sockets may use them, as libzmq tells it.

import { fromString } from "../bytes.ts"
import { errnoError } from "./errno.ts"

/** What systems have room for, without a final NUL; named pipes of Windows have more. */
const LONGEST_PATH = ["linux", "android", "win32"].includes(process.platform) ? 107 : 103

const SUPPORTED = ["tcp", "ipc", "inproc"]

/** Throws for an address whose transport does not exist, or is not for sockets of this type. */
export function checkProtocol(type: number, address: string): void {
  const end = address.indexOf("://")
  if (end < 0) throw errnoError("EINVAL", undefined, address)
  const protocol = address.slice(0, end)
  if (protocol === "" || end + 3 === address.length) throw errnoError("EINVAL", undefined, address)
  if (protocol === "udp" && type < 14) throw errnoError("ENOCOMPATPROTO", undefined, address)
  if (!SUPPORTED.includes(protocol)) throw errnoError("EPROTONOSUPPORT", undefined, address)
  if (protocol === "ipc" && fromString(address).length > LONGEST_PATH + end + 3) {
    throw errnoError("ENAMETOOLONG", undefined, address)
  }
}
