// The three endpoints of a server, of which only the first is ever named: P, P+1 and P+2.

import { EndpointError } from "brokerless"

/** Snapshots, updates, collector. */
export type Ports = readonly [snapshots: string, updates: string, collector: string]

const PORT = /:(\d+)$/

/** Whether the system is to choose the port. */
export function isWildcard(endpoint: string): boolean {
  return /^tcp:.*:(\*|0)$/.test(endpoint)
}

/**
 * Those that belong to the one given. Where there are no numbers, `+1` and `+2` are put behind it.
 *
 * @throws EndpointError
 */
export function portsOf(endpoint: string): Ports {
  if (!endpoint.startsWith("tcp:")) return [endpoint, `${endpoint}+1`, `${endpoint}+2`]
  const port = Number(PORT.exec(endpoint)?.[1])
  if (!(port >= 1 && port <= 65_533)) {
    throw new EndpointError("EINVAL", endpoint, `A server has three ports, the first of 1 to 65533, got ${endpoint}`)
  }
  return [endpoint, endpoint.replace(PORT, `:${port + 1}`), endpoint.replace(PORT, `:${port + 2}`)]
}

/** What is to be bound, when the system has chosen the first: on the same host as asked for. */
export function chosenPorts(wildcard: string, bound: string): Ports {
  const [, port] = PORT.exec(bound) as unknown as [string, string]
  return portsOf(wildcard.replace(/:(\*|0)$/, `:${port}`))
}
