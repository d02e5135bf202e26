// The three devices: which sockets each has on its two sides, and how they are bound and connected.

import {
  AbortError,
  Dealer,
  type DealerOptions,
  type Message,
  type MessageLike,
  OptionError,
  type ProxySocket,
  Publisher,
  Pull,
  type PullOptions,
  Push,
  type PushOptions,
  Router,
  type RouterOptions,
  Socket,
  type Writable,
  XPublisher,
  type XPublisherOptions,
  XSubscriber,
  type XSubscriberOptions,
} from "brokerless"
import { Device } from "./device.ts"

/** Where a side of a device is: endpoints to bind, endpoints to connect to, of any transports, and socket options. */
export interface Ends<Options> {
  readonly bind?: string | readonly string[] | undefined
  readonly connect?: string | readonly string[] | undefined
  /** Options of the socket. */
  readonly options?: Omit<Options, "codec"> | undefined
}

/** A side of a device; a string is an endpoint to bind. */
export type Side<Options> = string | Ends<Options>

/** What a device is made of. */
export interface DeviceOptions<Front, Back> {
  readonly frontend: Side<Front>
  readonly backend: Side<Back>
  /**
   * Gets a copy of every message that it has room for: a socket, which stays open when the device is closed, or an
   * endpoint at which a `Publisher` is bound.
   */
  readonly capture?: string | (Socket & Writable<MessageLike>) | undefined
  /** Closes the device: nothing more is taken in, and what is inside is passed on. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Passes on what publishers at the front publish to subscribers at the back, and their subscriptions the other way.
 *
 * @throws OptionError, EndpointError, AbortError (as rejections)
 */
export function forwarder(options: DeviceOptions<XSubscriberOptions, XPublisherOptions>): Promise<Device> {
  return open(
    "forwarder",
    options,
    (given) => new XSubscriber(given),
    (given) => new XPublisher(given),
  )
}

/**
 * Spreads requests of clients at the front (`Request`, `Dealer`) over services at the back (`Reply`, `Dealer`,
 * `Router`), and brings each answer to the one who asked.
 *
 * @throws OptionError, EndpointError, AbortError (as rejections)
 */
export function queue(options: DeviceOptions<RouterOptions, DealerOptions>): Promise<Device> {
  return open(
    "queue",
    options,
    (given) => new Router<MessageLike, Message>(given as RouterOptions & { readonly codec?: undefined }),
    (given) => new Dealer(given),
  )
}

/**
 * Gathers what `Push` sockets at the front send and spreads it over `Pull` sockets at the back.
 *
 * @throws OptionError, EndpointError, AbortError (as rejections)
 */
export function streamer(options: DeviceOptions<PullOptions, PushOptions>): Promise<Device> {
  return open(
    "streamer",
    options,
    (given) => new Pull(given),
    (given) => new Push(given),
  )
}

const NAMES = ["frontend", "backend", "capture", "signal"]

async function open<Front, Back>(
  kind: "forwarder" | "queue" | "streamer",
  options: DeviceOptions<Front, Back>,
  makeFront: (options: Omit<Front, "codec">) => ProxySocket,
  makeBack: (options: Omit<Back, "codec">) => ProxySocket,
): Promise<Device> {
  if (typeof options !== "object" || options === null) {
    throw new OptionError("options", `The options of a ${kind} must be an object`)
  }
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) {
    throw new OptionError(unknown, `A ${kind} has no option "${unknown}"; it takes ${NAMES.join(", ")}`)
  }
  const { capture, signal } = options
  if (signal?.aborted) throw new AbortError(signal.reason)
  const [front, back] = [endsOf("frontend", options.frontend), endsOf("backend", options.backend)]
  const sockets: Socket[] = []
  try {
    const frontend = makeFront((front.options ?? {}) as Omit<Front, "codec">)
    sockets.push(frontend)
    const backend = makeBack((back.options ?? {}) as Omit<Back, "codec">)
    sockets.push(backend)
    const tap = typeof capture === "string" ? new Publisher() : capture
    if (tap !== undefined && !(tap instanceof Socket)) {
      throw new OptionError("capture", "capture must be an endpoint or a socket of frames that sends")
    }
    if (typeof capture === "string") {
      sockets.push(tap as Socket)
      await (tap as Socket).bind(capture)
    }
    // The back first: what comes in at the front finds somewhere to go.
    await attach(backend, back)
    await attach(frontend, front)
    if (signal?.aborted) throw new AbortError(signal.reason)
    return new Device({ kind, frontend, backend, capture: tap, ownCapture: typeof capture === "string", signal })
  } catch (error) {
    await Promise.all(sockets.map((socket) => socket.close({ linger: 0 })))
    throw error
  }
}

interface CheckedEnds {
  readonly bind: readonly string[]
  readonly connect: readonly string[]
  readonly options: object | undefined
}

function endsOf(name: string, side: Side<object> | undefined): CheckedEnds {
  if (typeof side === "string") return { bind: [side], connect: [], options: undefined }
  if (typeof side !== "object" || side === null) {
    throw new OptionError(name, `${name} must be an endpoint to bind, or an object of bind, connect and options`)
  }
  const unknown = Object.keys(side).find((each) => !["bind", "connect", "options"].includes(each))
  if (unknown !== undefined) throw new OptionError(name, `${name} takes bind, connect and options, not "${unknown}"`)
  const ends = { bind: [side.bind ?? []].flat(), connect: [side.connect ?? []].flat(), options: side.options }
  if (ends.bind.length + ends.connect.length === 0) {
    throw new OptionError(name, `${name} needs at least one endpoint to bind or to connect to`)
  }
  if (ends.options !== undefined && (ends.options as { codec?: unknown }).codec !== undefined) {
    throw new OptionError(name, `${name} takes no codec: a device passes on what it does not decode`)
  }
  return ends
}

async function attach(socket: Socket, ends: CheckedEnds): Promise<void> {
  for (const endpoint of ends.bind) await socket.bind(endpoint)
  for (const endpoint of ends.connect) socket.connect(endpoint)
}
