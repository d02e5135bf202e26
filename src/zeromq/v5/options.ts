// Options of versions 4 and 5: their numbers, their short names, and which option of a socket of this door each is.

import type { Socket } from "../socket.ts"
import * as zmq from "./constants.ts"

/** The short names of options, which are properties of a socket as well. */
export type ShortOption =
  | "_fd"
  | "_ioevents"
  | "_receiveMore"
  | "_subscribe"
  | "_unsubscribe"
  | "affinity"
  | "backlog"
  | "identity"
  | "linger"
  | "rate"
  | "rcvbuf"
  | "last_endpoint"
  | "reconnect_ivl"
  | "recovery_ivl"
  | "sndbuf"
  | "mechanism"
  | "plain_server"
  | "plain_username"
  | "plain_password"
  | "curve_server"
  | "curve_publickey"
  | "curve_secretkey"
  | "curve_serverkey"
  | "zap_domain"
  | "heartbeat_ivl"
  | "heartbeat_ttl"
  | "heartbeat_timeout"
  | "connect_timeout"

/** The number of each option that has a short name. */
export const shortOptions: Record<ShortOption, number> = {
  _fd: zmq.ZMQ_FD,
  _ioevents: zmq.ZMQ_EVENTS,
  _receiveMore: zmq.ZMQ_RCVMORE,
  _subscribe: zmq.ZMQ_SUBSCRIBE,
  _unsubscribe: zmq.ZMQ_UNSUBSCRIBE,
  affinity: zmq.ZMQ_AFFINITY,
  backlog: zmq.ZMQ_BACKLOG,
  identity: zmq.ZMQ_IDENTITY,
  linger: zmq.ZMQ_LINGER,
  rate: zmq.ZMQ_RATE,
  rcvbuf: zmq.ZMQ_RCVBUF,
  last_endpoint: zmq.ZMQ_LAST_ENDPOINT,
  reconnect_ivl: zmq.ZMQ_RECONNECT_IVL,
  recovery_ivl: zmq.ZMQ_RECOVERY_IVL,
  sndbuf: zmq.ZMQ_SNDBUF,
  mechanism: zmq.ZMQ_MECHANISM,
  plain_server: zmq.ZMQ_PLAIN_SERVER,
  plain_username: zmq.ZMQ_PLAIN_USERNAME,
  plain_password: zmq.ZMQ_PLAIN_PASSWORD,
  curve_server: zmq.ZMQ_CURVE_SERVER,
  curve_publickey: zmq.ZMQ_CURVE_PUBLICKEY,
  curve_secretkey: zmq.ZMQ_CURVE_SECRETKEY,
  curve_serverkey: zmq.ZMQ_CURVE_SERVERKEY,
  zap_domain: zmq.ZMQ_ZAP_DOMAIN,
  heartbeat_ivl: zmq.ZMQ_HEARTBEAT_IVL,
  heartbeat_ttl: zmq.ZMQ_HEARTBEAT_TTL,
  heartbeat_timeout: zmq.ZMQ_HEARTBEAT_TIMEOUT,
  connect_timeout: zmq.ZMQ_CONNECT_TIMEOUT,
}

/** A socket of any type, which may have the option or not. */
type Options = Record<string, unknown>

interface Rule {
  get?(options: Options): unknown
  set?(options: Options, value: unknown): unknown
}

/** An option under another name, as it is. */
function same(name: string): Rule {
  return { ...readable(name), ...writable(name) }
}

function readable(name: string): Rule {
  return { get: (options) => options[name] }
}

function writable(name: string, convert: (value: unknown) => unknown = (value) => value): Rule {
  return {
    set(options, value) {
      options[name] = convert(value)
    },
  }
}

/** A yes or no, which is read as 1 or 0. */
function flag(name: string): Rule {
  return { get: (options) => (options[name] ? 1 : 0), ...writable(name, Boolean) }
}

/** A method, called by assigning to it. */
function call(name: "subscribe" | "unsubscribe"): Rule {
  return { set: (options, value) => (options as unknown as Record<typeof name, (value: unknown) => void>)[name](value) }
}

function unsupported(name: string): () => never {
  return () => {
    throw new Error(`${name} is not supported in compatibility mode`)
  }
}

const MECHANISMS: readonly unknown[] = [null, "plain", "curve", "gssapi"]

const RULES: ReadonlyMap<number, Rule> = new Map([
  [zmq.ZMQ_AFFINITY, same("affinity")],
  [zmq.ZMQ_IDENTITY, same("routingId")],
  [zmq.ZMQ_SUBSCRIBE, call("subscribe")],
  [zmq.ZMQ_UNSUBSCRIBE, call("unsubscribe")],
  [zmq.ZMQ_RATE, same("rate")],
  [zmq.ZMQ_RECOVERY_IVL, same("recoveryInterval")],
  [zmq.ZMQ_SNDBUF, same("sendBufferSize")],
  [zmq.ZMQ_RCVBUF, same("receiveBufferSize")],
  [zmq.ZMQ_RCVMORE, { get: unsupported("ZMQ_RCVMORE") }],
  [zmq.ZMQ_FD, { get: unsupported("ZMQ_FD") }],
  [zmq.ZMQ_EVENTS, { get: pollStates }],
  [zmq.ZMQ_TYPE, readable("type")],
  [zmq.ZMQ_LINGER, same("linger")],
  [zmq.ZMQ_RECONNECT_IVL, same("reconnectInterval")],
  [zmq.ZMQ_BACKLOG, same("backlog")],
  [zmq.ZMQ_RECONNECT_IVL_MAX, same("reconnectMaxInterval")],
  [zmq.ZMQ_MAXMSGSIZE, same("maxMessageSize")],
  [zmq.ZMQ_SNDHWM, same("sendHighWaterMark")],
  [zmq.ZMQ_RCVHWM, same("receiveHighWaterMark")],
  [zmq.ZMQ_MULTICAST_HOPS, same("multicastHops")],
  [zmq.ZMQ_RCVTIMEO, same("receiveTimeout")],
  [zmq.ZMQ_SNDTIMEO, same("sendTimeout")],
  [zmq.ZMQ_IPV4ONLY, { get: ({ ipv6 }) => !ipv6, ...writable("ipv6", (value) => !value) }],
  [zmq.ZMQ_LAST_ENDPOINT, readable("lastEndpoint")],
  [zmq.ZMQ_ROUTER_MANDATORY, flag("mandatory")],
  [zmq.ZMQ_TCP_KEEPALIVE, same("tcpKeepalive")],
  [zmq.ZMQ_TCP_KEEPALIVE_CNT, same("tcpKeepaliveCount")],
  [zmq.ZMQ_TCP_KEEPALIVE_IDLE, same("tcpKeepaliveIdle")],
  [zmq.ZMQ_TCP_KEEPALIVE_INTVL, same("tcpKeepaliveInterval")],
  [zmq.ZMQ_TCP_ACCEPT_FILTER, writable("tcpAcceptFilter")],
  [zmq.ZMQ_DELAY_ATTACH_ON_CONNECT, flag("immediate")],
  [zmq.ZMQ_XPUB_VERBOSE, { get: verboseness, ...writable("verbosity", (value) => (value ? "allSubs" : null)) }],
  [zmq.ZMQ_ROUTER_RAW, { get: unsupported("ZMQ_ROUTER_RAW"), set: unsupported("ZMQ_ROUTER_RAW") }],
  [zmq.ZMQ_IPV6, flag("ipv6")],
  [zmq.ZMQ_MECHANISM, { get: ({ securityMechanism }) => MECHANISMS.indexOf(securityMechanism) }],
  [zmq.ZMQ_PLAIN_SERVER, flag("plainServer")],
  [zmq.ZMQ_PLAIN_USERNAME, same("plainUsername")],
  [zmq.ZMQ_PLAIN_PASSWORD, same("plainPassword")],
  [zmq.ZMQ_CURVE_SERVER, flag("curveServer")],
  [zmq.ZMQ_CURVE_PUBLICKEY, same("curvePublicKey")],
  [zmq.ZMQ_CURVE_SECRETKEY, same("curveSecretKey")],
  [zmq.ZMQ_CURVE_SERVERKEY, same("curveServerKey")],
  [zmq.ZMQ_ZAP_DOMAIN, same("zapDomain")],
  [zmq.ZMQ_HEARTBEAT_IVL, same("heartbeatInterval")],
  [zmq.ZMQ_HEARTBEAT_TTL, same("heartbeatTimeToLive")],
  [zmq.ZMQ_HEARTBEAT_TIMEOUT, same("heartbeatTimeout")],
  [zmq.ZMQ_CONNECT_TIMEOUT, same("connectTimeout")],
  [zmq.ZMQ_ROUTER_HANDOVER, writable("handover", Boolean)],
])

function pollStates({ readable, writable }: Options): number {
  return (readable ? zmq.ZMQ_POLLIN : 0) | (writable ? zmq.ZMQ_POLLOUT : 0)
}

function verboseness(): never {
  throw new Error("Reading ZMQ_XPUB_VERBOSE is not supported")
}

/** @throws Error for an option that does not exist or cannot be read */
export function getOption(socket: Socket, option: number | string): string | number | boolean | null {
  const { get } = ruleOf(option)
  if (get === undefined) throw new Error("Unknown option")
  return get(socket as unknown as Options) as string | number | boolean | null
}

/** @throws Error for an option that does not exist or cannot be set */
export function setOption(socket: Socket, option: number | string, value: unknown): void {
  const { set } = ruleOf(option)
  if (set === undefined) throw new Error("Unknown option")
  set(socket as unknown as Options, value)
}

function ruleOf(option: number | string): Rule {
  return RULES.get(typeof option === "number" ? option : shortOptions[option as ShortOption]) ?? {}
}
