// Which addresses are one machine's: what limits per address count together.

/** This machine's own, and all of ipc: judged by the total alone. */
export const LOCAL = "local"

/**
 * The group of an address as streams have it, its port left out: an IPv4 address, or the first half of an IPv6 one,
 * which is what a single customer gets of it.
 */
export function addressGroup(address: string): string {
  const port = address.lastIndexOf(":")
  if (port < 0 || address.startsWith("/") || address.startsWith("@")) return LOCAL
  const host = address.slice(0, port)
  if (host.startsWith("127.") || host === "[::1]") return LOCAL
  return host.startsWith("[") ? networkOf(host.slice(1, -1)) : host
}

/** The first 64 bits of an IPv6 address, zeros that were left out put back. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("::")
  const groups = head === "" ? [] : head.split(":")
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":")
    // An IPv4 address at the end stands for two groups.
    const missing = 8 - groups.length - after.length - (tail.includes(".") ? 1 : 0)
    for (let i = 0; i < missing; i++) groups.push("0")
    groups.push(...after)
  }
  const mapped = groups.slice(0, 5).every((group) => /^0+$/.test(group)) && /^ffff$/i.test(groups[5] ?? "")
  return mapped ? address : groups.slice(0, 4).join(":")
}
