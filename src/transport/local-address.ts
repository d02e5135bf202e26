// What a host means on this machine without asking a resolver: addresses and `*` themselves, interfaces one of theirs.

import { isIP } from "node:net"
import { networkInterfaces } from "node:os"
import { cannot } from "./net-error.ts"

/**
 * The address to bind for a host, `*` included: an interface's IPv4 address, or else its IPv6 address; `undefined` when
 * the host can only be a name.
 *
 * @param family 4 or 6 when an interface's address has to be of that family, 0 when either will do
 * @throws EndpointError `EINVAL` for an IPv6 address when `ipv6` is off, `EADDRNOTAVAIL` for an interface without a
 * fitting address
 */
export function localAddress(endpoint: string, host: string, ipv6: boolean, family: number): string | undefined {
  if (host === "*") return host
  if (isIP(host) !== 0) {
    checkFamily(endpoint, host, ipv6)
    return host
  }
  const interfaces = networkInterfaces()
  if (!Object.hasOwn(interfaces, host)) return undefined
  const fitting = (interfaces[host] ?? []).filter((one) =>
    one.family === "IPv4" ? family !== 6 : family !== 4 && ipv6,
  )
  const best =
    fitting.find((one) => one.family === "IPv4") ??
    fitting.find((one) => one.family === "IPv6" && one.scopeid === 0) ??
    fitting[0]
  if (best === undefined) {
    throw cannot("use", endpoint, "EADDRNOTAVAIL", `the interface ${host} has no address of the family wanted`)
  }
  // A link-local address means nothing without its link.
  return best.family === "IPv6" && best.scopeid !== 0 ? `${best.address}%${host}` : best.address
}

/** Throws for an IPv6 address when the option `ipv6` is off; names and interfaces pass. */
export function checkFamily(endpoint: string, host: string, ipv6: boolean): void {
  if (isIP(host) === 6 && !ipv6) {
    throw cannot("use", endpoint, "EINVAL", `${host} is an IPv6 address, and the option ipv6 is off`)
  }
}
