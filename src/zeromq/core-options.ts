// The options of a socket as the library has them. What libzmq has no limit for has none here, either, but for
// handshakes, where honest peers never meet one.

import type { OptionValues } from "./option-values.ts"
import * as option from "./option-values.ts"
import type { SocketKind } from "./socket-kind.ts"

/** What an unset option of keep-alive means to most systems, seconds. */
const SYSTEM_IDLE = 7200
const MAX_TIME_TO_LIVE = 65_500
const MAX_FILE_MODE = 0o777

/** All options of a socket of this kind but its security. */
export function coreOptions(kind: SocketKind, values: OptionValues): object {
  const number = (which: number): number => values.number(which)
  const heartbeatInterval = number(option.HEARTBEAT_INTERVAL)
  const heartbeatTimeout = number(option.HEARTBEAT_TIMEOUT)
  const timeToLive = Math.min(number(option.HEARTBEAT_TIME_TO_LIVE), MAX_TIME_TO_LIVE)
  const idle = number(option.TCP_KEEPALIVE_IDLE)
  const reconnectInterval = number(option.RECONNECT_INTERVAL)
  return {
    linger: number(option.LINGER),
    immediate: values.flag(option.IMMEDIATE),
    // Neither does 0 connect again in libzmq 4.3.5.
    reconnectInterval: reconnectInterval === 0 ? -1 : reconnectInterval,
    reconnectMaxInterval: number(option.RECONNECT_MAX_INTERVAL),
    connectTimeout: number(option.CONNECT_TIMEOUT),
    handshakeInterval: number(option.HANDSHAKE_INTERVAL),
    heartbeatInterval,
    heartbeatTimeout: Math.max(1, heartbeatTimeout < 0 ? heartbeatInterval : heartbeatTimeout),
    heartbeatTimeToLive: timeToLive,
    backlog: Math.max(1, number(option.BACKLOG)),
    maxMessageSize: Math.max(-1, number(option.MAX_MESSAGE_SIZE)),
    maxMessageFrames: Number.MAX_SAFE_INTEGER,
    maxBufferedBytes: 0,
    tcpKeepalive: number(option.TCP_KEEPALIVE) === 1,
    tcpKeepaliveIdle: Math.min(Math.max(1, idle > 0 ? idle : SYSTEM_IDLE) * 1000, 0x7fffffff),
    ipv6: values.flag(option.IPV6),
    // As libzmq leaves it: what the process gives to whatever it makes.
    ipcMode: MAX_FILE_MODE & ~process.umask(),
    ...kind.own?.(values),
  }
}
