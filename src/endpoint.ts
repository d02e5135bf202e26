// 'tcp://…', 'ipc://…', 'inproc://…' ⇄ Endpoint. What can be judged from the text alone is judged here, at once;
// whether a name resolves or a path can be used, only the transport finds out. Nothing here asks the system anything.

import { fromString } from "./bytes.ts"
import { EndpointError } from "./errors.ts"

/** `tcp://host:port`, or `tcp://source;host:port` when connecting. */
export interface TcpEndpoint {
  readonly transport: "tcp"
  /** The endpoint as it was given. */
  readonly text: string
  /** `*`, an IPv4 address, an IPv6 address without brackets, an interface, or a name. */
  readonly host: string
  /** 0 = any, for a bind only. */
  readonly port: number
  /** Where the connection is to leave from: `*` and 0 leave it to the system. */
  readonly source?: TcpSource | undefined
}

/** The local end of a connection still to be made. */
export interface TcpSource {
  readonly host: string
  readonly port: number
}

/** `ipc://path`. */
export interface IpcEndpoint {
  readonly transport: "ipc"
  readonly text: string
  /** `*` = one of our choosing, for a bind only; `@name` = in the abstract namespace of Linux. */
  readonly path: string
}

/** `inproc://name`. */
export interface InprocEndpoint {
  readonly transport: "inproc"
  readonly text: string
  readonly name: string
}

/** `udp://host:port`, or `udp://interface;group:port` for a multicast group. */
export interface UdpEndpoint {
  readonly transport: "udp"
  /** The endpoint as it was given. */
  readonly text: string
  /** As in {@link TcpEndpoint}. */
  readonly host: string
  /** 0 = any, for a bind only. */
  readonly port: number
  /** Whether the host is a multicast group. */
  readonly multicast: boolean
  /** Through which interface the group is reached: its address, its name, or `*` for what the system chooses. */
  readonly interface: string
}

export type Endpoint = TcpEndpoint | IpcEndpoint | InprocEndpoint | UdpEndpoint

/** What is to be done with an endpoint: wildcards are for `bind`, sources for `connect`. */
export type Purpose = "bind" | "connect"

/** `sun_path` of a Unix socket address holds 108 octets on Linux, one of them the end. */
const LONGEST_PATH = 107

const LONGEST_INPROC_NAME = 256

/** The longest name that DNS knows. */
const LONGEST_HOST = 253

const SCHEMES = "tcp://, ipc:// and inproc:// endpoints"

/** What is accepted after tcp. */
const TCP_FORMS: Readonly<Record<Purpose, string>> = {
  bind:
    "tcp://host:port with an address, an interface, a name or * as host, IPv6 in brackets, " +
    "and a port from 1 to 65535, or 0 or * for any",
  connect:
    "tcp://host:port with an address or a name as host, IPv6 in brackets, and a port from 1 to 65535; " +
    "or tcp://source:port;host:port to connect from there",
}

const UDP_FORM = "udp://host:port, or udp://interface;group:port for a multicast group"

/**
 * Takes an endpoint apart.
 *
 * @throws EndpointError `EINVAL` when it is malformed or of no use for the purpose; `EPROTONOSUPPORT` when the
 * transport is not one of ours. The message says what was wrong and what is accepted.
 */
export function parseEndpoint(text: string, purpose: Purpose): Endpoint {
  if (typeof text !== "string") {
    throw new EndpointError("EINVAL", "", `An endpoint is a string such as "tcp://127.0.0.1:5555"; got ${typeof text}`)
  }
  const colon = text.indexOf("://")
  if (colon < 1) throw invalid(text, "there is no transport before ://", SCHEMES)
  const scheme = text.slice(0, colon)
  const address = text.slice(colon + 3)
  switch (scheme) {
    case "tcp":
      return parseTcp(text, address, purpose)
    case "ipc":
      return parseIpc(text, address, purpose)
    case "inproc":
      return parseInproc(text, address)
    case "udp":
      return parseUdp(text, address, purpose)
    default:
      throw new EndpointError(
        "EPROTONOSUPPORT",
        text,
        `Endpoint ${quote(text)}: the transport ${quote(scheme)} is not supported; accepted: ${SCHEMES}`,
      )
  }
}

/** The text of a tcp endpoint; IPv6 addresses get their brackets. */
export function formatTcp(host: string, port: number): string {
  return host.includes(":") ? `tcp://[${host}]:${port}` : `tcp://${host}:${port}`
}

function parseTcp(text: string, address: string, purpose: Purpose): TcpEndpoint {
  const semicolon = address.indexOf(";")
  const accepted = TCP_FORMS[purpose]
  if (semicolon < 0) return { transport: "tcp", text, ...hostAndPort(text, address, purpose, accepted) }
  if (purpose === "bind") throw invalid(text, "a source is for connecting only", accepted)
  return {
    transport: "tcp",
    text,
    ...hostAndPort(text, address.slice(semicolon + 1), "connect", accepted),
    // The near end is bound, hence it may hold wildcards.
    source: hostAndPort(text, address.slice(0, semicolon), "bind", TCP_FORMS.bind),
  }
}

function parseUdp(text: string, address: string, purpose: Purpose): UdpEndpoint {
  const semicolon = address.lastIndexOf(";")
  const { host, port } = hostAndPort(text, address.slice(semicolon + 1), purpose, UDP_FORM)
  const multicast = isMulticast(host)
  if (semicolon < 0) return { transport: "udp", text, host, port, multicast, interface: "*" }
  if (!multicast) throw invalid(text, `${quote(host)} is no multicast group, so no interface leads to it`, UDP_FORM)
  const name = address.slice(0, semicolon)
  const wrong = wrongWithHost(name, "bind")
  if (wrong !== undefined) throw invalid(text, `of the interface, ${wrong}`, UDP_FORM)
  return { transport: "udp", text, host, port, multicast, interface: name }
}

/** RFC 5771: 224.0.0.0 to 239.255.255.255; RFC 4291: ff00::/8. */
function isMulticast(host: string): boolean {
  if (host.includes(":")) return /^ff[0-9a-f]{2}:/i.test(host)
  const first = isIPv4(host) ? Number(host.split(".")[0]) : 0
  return first >= 224 && first <= 239
}

function hostAndPort(text: string, address: string, purpose: Purpose, accepted: string): TcpSource {
  const bracketed = address.startsWith("[")
  const hostEnd = bracketed ? address.indexOf("]") + 1 : address.lastIndexOf(":")
  if (bracketed && hostEnd === 0) throw invalid(text, "the bracket is not closed", accepted)
  if (hostEnd < 0 || hostEnd === address.length) throw invalid(text, "the port is missing", accepted)
  if (address[hostEnd] !== ":") throw invalid(text, "after the bracket a colon and the port are missing", accepted)

  const host = bracketed ? address.slice(1, hostEnd - 1) : address.slice(0, hostEnd)
  const wrong = bracketed ? wrongWithIPv6(host) : wrongWithHost(host, purpose)
  if (wrong !== undefined) throw invalid(text, wrong, accepted)

  const digits = address.slice(hostEnd + 1)
  const port = purpose === "bind" && digits === "*" ? 0 : portNumber(digits)
  if (port === undefined) throw invalid(text, `the port ${quote(digits)} is not one`, accepted)
  if (port === 0 && purpose === "connect") throw invalid(text, "nobody can be reached at port 0", accepted)
  return { host, port }
}

function portNumber(digits: string): number | undefined {
  if (!/^[0-9]{1,5}$/.test(digits)) return undefined
  const port = Number(digits)
  return port <= 65535 ? port : undefined
}

/** Of no use in a host of whatever kind; some have a meaning in other kinds of addresses. */
const STRAY = '/?#@\\[]{}<>%*;,:"|'

function wrongWithHost(host: string, purpose: Purpose): string | undefined {
  if (host === "") return "the host is missing"
  if (host === "*") return purpose === "bind" ? undefined : "* can be bound, not connected to"
  if (host.length > LONGEST_HOST) return `the host is longer than ${LONGEST_HOST} characters`
  if (host.includes(":")) return "an IPv6 address goes in brackets"
  for (const char of host) {
    // Windows has spaces within the names of interfaces.
    const blank = char <= " " || char === "\u007f"
    if ((blank && !(char === " " && purpose === "bind")) || STRAY.includes(char)) {
      return `the host must not hold ${quote(char)}`
    }
  }
  if (host.trim() !== host) return "there is white space around the host"
  // Resolvers make something of "1.2.3" or "256.1"; nobody means what they make.
  const labels = (host.endsWith(".") ? host.slice(0, -1) : host).split(".")
  const numeric = /^[0-9]+$/.test(labels[labels.length - 1] as string)
  return numeric && !isIPv4(host) ? `${quote(host)} is not an IPv4 address` : undefined
}

function isIPv4(host: string): boolean {
  const parts = host.split(".")
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)
}

function wrongWithIPv6(host: string): string | undefined {
  const percent = host.indexOf("%")
  const address = percent < 0 ? host : host.slice(0, percent)
  // The URL parser knows every way of writing such an address; the character class keeps it from seeing anything else.
  if (!/^[0-9A-Fa-f:.]{2,45}$/.test(address) || !URL.canParse(`http://[${address}]/`)) {
    return `${quote(address)} is not an IPv6 address`
  }
  if (percent >= 0 && !/^[0-9A-Za-z._-]{1,64}$/.test(host.slice(percent + 1))) return "the zone after % is not one"
  return undefined
}

function parseIpc(text: string, path: string, purpose: Purpose): IpcEndpoint {
  const accepted = `ipc://path of at most ${LONGEST_PATH} octets${
    purpose === "bind" ? ", ipc://* for one of our choosing" : ""
  }, or on Linux ipc://@name`
  if (path === "") throw invalid(text, "the path is missing", accepted)
  if (path === "@") throw invalid(text, "the name after @ is missing", accepted)
  if (path === "*" && purpose === "connect") throw invalid(text, "* can be bound, not connected to", accepted)
  if (path.includes("\0")) throw invalid(text, "a path holds no NUL", accepted)
  const octets = fromString(path).length
  if (octets > LONGEST_PATH) throw invalid(text, `the path has ${octets} octets`, accepted)
  return { transport: "ipc", text, path }
}

function parseInproc(text: string, name: string): InprocEndpoint {
  const accepted = `inproc://name with a name of 1 to ${LONGEST_INPROC_NAME} characters`
  if (name === "") throw invalid(text, "the name is missing", accepted)
  if (name.length > LONGEST_INPROC_NAME) throw invalid(text, `the name has ${name.length} characters`, accepted)
  return { transport: "inproc", text, name }
}

function invalid(text: string, wrong: string, accepted: string): EndpointError {
  return new EndpointError("EINVAL", text, `Endpoint ${quote(text)}: ${wrong}; accepted: ${accepted}`)
}

/** Shown in full up to a length that a line of a log can bear, control characters escaped. */
function quote(text: string): string {
  return JSON.stringify(text.length > 128 ? `${text.slice(0, 128)}…` : text)
}
