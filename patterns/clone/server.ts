// A server of CHP (RFC 12): one table, its snapshots, its updates, and, if there is another server, who of the two
// serves. Values are octets here; what they mean is known to clients.

import {
  ClosedError,
  EndpointError,
  type Frame,
  type Message,
  type Peer,
  Router,
  type Security,
  StateError,
  Subscriber,
  XPublisher,
} from "brokerless"
import { type LingerOptions, lingerOf } from "../closing.ts"
import { Emitter } from "../emitter.ts"
import { name, oneOf, type Settings, securitySetting, settle, whole } from "../settings.ts"
import {
  type CloneServerRole,
  type CloneServerState,
  EMPTY,
  HEARTBEAT,
  type Item,
  itemFrames,
  MIRROR_REQUEST,
  readQuestion,
  readUpdate,
  stateAnswer,
  ttlOf,
} from "./commands.ts"
import { maxBytes, maxKeys, maxValueBytes } from "./options.ts"
import { next, Watch } from "./pair.ts"
import { chosenPorts, isWildcard, type Ports, portsOf } from "./ports.ts"
import { RecentIds } from "./recent-ids.ts"
import { Session } from "./session.ts"
import { Snapshots } from "./snapshots.ts"
import { type CloneRefusal, Table } from "./table.ts"

/** What a server tells. */
export interface CloneServerEvents {
  /** It has become something else. */
  readonly state: { readonly state: CloneServerState; readonly former: CloneServerState }
  /**
   * It served while the other did, too, and yields: its table is replaced by the other's. `updates` is how many changes
   * it had made since it became active; they are lost.
   */
  readonly yielded: { readonly updates: number }
  /** The other server says that it has the role that this one has: neither knows who is to yield. */
  readonly misconfigured: { readonly role: CloneServerRole }
  /** It has a complete copy of the table of the other. */
  readonly mirrored: { readonly keys: number }
  /** A change was refused, because the table or the value would be too large. */
  readonly refused: { readonly key: string; readonly limit: CloneRefusal }
  /** A peer sent what is no command; it was ignored. */
  readonly invalid: object
  readonly [type: string]: object
}

/** Options of a {@link CloneServer}. */
export interface CloneServerOptions {
  /** How often HUGZ is published, and the other server is asked what it is, in ms. Default: 1000. */
  readonly heartbeatInterval?: number | undefined
  /** The first endpoint of the other server, if there are two. */
  readonly peer?: string | undefined
  /** Which of the two this one is: the primary is the one that does not yield. Default: `"primary"`. */
  readonly role?: CloneServerRole | undefined
  /** For how long the other server has to be silent before this one may take its place, in ms. Default: 3000. */
  readonly failoverTimeout?: number | undefined
  /** Default: 100 000. */
  readonly maxKeys?: number | undefined
  /** Octets of keys, values and properties, and 128 for each key. Default: 256 MiB. */
  readonly maxBytes?: number | undefined
  /** Octets of one value with its properties. Default: 1 MiB. */
  readonly maxValueBytes?: number | undefined
  /** Snapshots that are sent at once; others wait. Default: 8. */
  readonly maxSnapshots?: number | undefined
  /** Clients that may wait for a snapshot; beyond, they are not heard. Default: 10 000. */
  readonly maxAskers?: number | undefined
  /** How long a client may read nothing of its snapshot, in ms. Default: 10 000. */
  readonly snapshotTimeout?: number | undefined
  /** Who may come in. Default: everybody. */
  readonly security?: Security | undefined
  /** Proves to the other server who this one is. Default: nothing is proven. */
  readonly peerSecurity?: Security | undefined
}

const SETTINGS: Settings<CloneServerOptions> = {
  heartbeatInterval: whole("ms", 1000, 10, 3_600_000),
  peer: { ...name(), default: undefined },
  role: oneOf<CloneServerRole>(["primary", "backup"], "primary"),
  failoverTimeout: whole("ms", 3000, 10, 3_600_000),
  maxKeys,
  maxBytes,
  maxValueBytes,
  maxSnapshots: whole("snapshots", 8, 1),
  maxAskers: whole("clients", 10_000, 1),
  snapshotTimeout: whole("ms", 10_000, 1, 2_147_483_647),
  security: securitySetting,
  peerSecurity: securitySetting,
}

/** Counters of a server, at the moment at which they were read. */
export interface CloneServerStats {
  readonly state: CloneServerState
  readonly keys: number
  readonly bytes: number
  /** The highest sequence number there is. */
  readonly sequence: number
  /** Changes asked for by clients and made, those that came twice not counted. */
  readonly updates: number
  /** Changes that came twice, and were not made again. */
  readonly repeated: number
  /** Keys whose time had come. */
  readonly expired: number
  /** Changes refused for a limit. */
  readonly refused: number
  /** Changes that came while it was not active; their senders send them to whoever is. */
  readonly unheard: number
  readonly snapshots: number
  readonly failedSnapshots: number
  /** Clients that wait for a snapshot. */
  readonly waiting: number
  readonly invalid: number
}

/** How often to look for keys whose time has come, in ms. */
const SWEEP = 100
/** HUGZ that new subscribers wait for, gathered for so many ms. */
const WELCOME = 5
/** How often to look for three ports in a row. */
const TRIES = 50

/** Holds a table that any number of clients read and change (RFC 12). */
export class CloneServer implements AsyncDisposable {
  /** What happens to it, as it happens. */
  readonly events: Emitter<CloneServerEvents> = new Emitter<CloneServerEvents>([
    "state",
    "yielded",
    "misconfigured",
    "mirrored",
    "refused",
    "invalid",
  ])
  readonly #settings: ReturnType<typeof settle<CloneServerOptions>>
  readonly #router: Router
  readonly #publisher: XPublisher
  readonly #collector: Subscriber
  readonly #table: Table
  readonly #snapshots: Snapshots
  readonly #recent = new RecentIds()
  readonly #timers: NodeJS.Timeout[] = []
  #state: CloneServerState = "starting"
  #sequence = 0
  #watch: Watch | undefined
  #mirror: Session | undefined
  #mirrored = false
  /** The copy that a snapshot of the other server is becoming. */
  #staging: Table
  #bound: Promise<string> | undefined
  #welcome: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  readonly #counts = { updates: 0, repeated: 0, expired: 0, refused: 0, unheard: 0, invalid: 0 }
  #sinceActive = 0

  /** @throws OptionError */
  constructor(options?: CloneServerOptions) {
    this.#settings = settle("CloneServer", SETTINGS, options)
    const { security, maxSnapshots, maxAskers, snapshotTimeout } = this.#settings
    if (this.#settings.peer !== undefined) portsOf(this.#settings.peer)
    this.#table = new Table(this.#settings)
    this.#staging = new Table(this.#settings)
    this.#router = new Router({ mandatory: true, security })
    // A subscriber that misses an update would never know. One that is disconnected knows.
    this.#publisher = new XPublisher({ overflow: "disconnect", verbosity: "allSubs", security })
    this.#collector = new Subscriber({ security })
    this.#collector.subscribe()
    this.#snapshots = new Snapshots({
      table: this.#table,
      maxSending: maxSnapshots,
      maxWaiting: maxAskers,
      patience: snapshotTimeout,
      sequence: () => this.#sequence,
      send: (frames, timeout) => this.#router.send(frames, { timeout }),
      refused: () => this.#invalid(),
    })
    this.#router.events.on("peer:leave", ({ peer }) => this.#snapshots.left(peer))
  }

  /**
   * Opens the three ports: `endpoint` for snapshots and the next two for updates and changes. With `*` or 0 the system
   * chooses three in a row; where an endpoint has no number, `+1` and `+2` are put behind it. A server is bound once.
   *
   * @returns the first endpoint: the one that clients connect to
   * @throws EndpointError, StateError when it is bound already, ClosedError (as rejections)
   */
  bind(endpoint: string): Promise<string> {
    if (this.closed) return Promise.reject(new ClosedError("The server is closed"))
    if (this.#bound !== undefined) return Promise.reject(new StateError("The server is bound already"))
    const bound = this.#bind(endpoint)
    this.#bound = bound
    bound.then(
      () => this.#start(),
      () => {
        this.#bound = undefined
      },
    )
    return bound
  }

  /** What it is: a server without another one is active as soon as it is bound. */
  get state(): CloneServerState {
    return this.#state
  }

  /** The octets at a key, or nothing. */
  get(key: string): Frame | undefined {
    return this.#table.get(key)?.value
  }

  /** The keys there are. */
  keys(): IterableIterator<string> {
    return this.#table.keys()
  }

  get stats(): CloneServerStats {
    return {
      ...this.#counts,
      state: this.#state,
      keys: this.#table.size,
      bytes: this.#table.bytes,
      sequence: this.#sequence,
      snapshots: this.#snapshots.sent,
      failedSnapshots: this.#snapshots.failed,
      waiting: this.#snapshots.waiting,
    }
  }

  /** Whether it is closed, or being closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** Hears nobody any more, sends what is published for up to `linger` ms, and closes. @throws OptionError */
  close(options?: LingerOptions): Promise<void> {
    const linger = lingerOf(options)
    this.#closing ??= this.#close(linger)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #bind(endpoint: string): Promise<string> {
    const wildcard = isWildcard(endpoint)
    for (let tries = 1; ; tries++) {
      const bound: (readonly [Router | XPublisher | Subscriber, string])[] = []
      try {
        if (!wildcard) portsOf(endpoint)
        const first = await this.#router.bind(endpoint)
        bound.push([this.#router, first])
        const ports: Ports = wildcard ? chosenPorts(endpoint, first) : portsOf(besides(endpoint, first))
        for (const [socket, port] of [
          [this.#publisher, ports[1]],
          [this.#collector, ports[2]],
        ] as const) {
          bound.push([socket, await socket.bind(port)])
        }
        return first
      } catch (error) {
        for (const [socket, port] of bound) await socket.unbind(port)
        const taken = error instanceof EndpointError && (error.code === "EADDRINUSE" || error.code === "EINVAL")
        if (!wildcard || !taken || tries === TRIES) throw error
      }
    }
  }

  #start(): void {
    if (this.closed) return
    void listen(this.#router, (message, peer) => this.#question(message, peer))
    void listen(this.#publisher, (message) => this.#subscribed(message))
    void listen(this.#collector, (message) => this.#change(message))
    this.#timers.push(setInterval(() => this.#hug(), this.#settings.heartbeatInterval).unref())
    this.#timers.push(setInterval(() => this.#sweep(), SWEEP).unref())
    const { peer: endpoint, peerSecurity, heartbeatInterval, failoverTimeout, role } = this.#settings
    if (endpoint === undefined) {
      this.#become("active")
      return
    }
    this.#watch = new Watch({
      endpoint,
      security: peerSecurity,
      interval: heartbeatInterval,
      timeout: failoverTimeout,
      changed: () => this.#judge(),
      sameRole: (other) => other === role,
      misconfigured: () => this.events.emit("misconfigured", { role }),
    })
  }

  #question(message: Message, peer: Peer): void {
    const [to, ...frames] = message as [Frame, ...Frame[]]
    const question = readQuestion(frames)
    this.#checkAwake()
    if (question === undefined) {
      this.#invalid()
    } else if (question.kind === "state") {
      void this.#router
        .send([to, ...stateAnswer(this.#state, this.#settings.role, this.#sequence)], { timeout: 0 })
        .catch(() => {})
    } else {
      const subtree = question.kind === "snapshot" ? question.subtree : ""
      this.#snapshots.ask({ peer, subtree, mirror: question.kind === "mirror" })
      if (this.#state !== "active") this.#judge()
    }
  }

  /** Whoever subscribes wants to know that it works. */
  #subscribed(message: Message): void {
    if (message[0]?.[0] !== 1 || this.#welcome !== undefined) return
    this.#welcome = setTimeout(() => {
      this.#welcome = undefined
      this.#hug()
    }, WELCOME)
  }

  #change(message: Message): void {
    const item = readUpdate(message)
    if (item === undefined || item === "hugz" || (item.uuid.length !== 0 && item.uuid.length !== 16)) {
      this.#invalid()
      return
    }
    this.#checkAwake()
    if (this.#state !== "active") {
      this.#counts.unheard++
      return
    }
    if (this.#recent.has(item.uuid)) {
      this.#counts.repeated++
      // Its sender has not heard that it was made: what stands there now says so, and changes nothing.
      const { value, properties } = this.#table.get(item.key) ?? { value: EMPTY, properties: EMPTY }
      this.#publish({ ...item, value, properties, sequence: ++this.#sequence })
      return
    }
    const change: Item = { ...item, sequence: this.#sequence + 1 }
    if (change.value.length === 0) {
      this.#table.delete(change.key)
    } else {
      const limit = this.#table.set(change, ttlOf(change.properties))
      if (limit !== undefined) {
        this.#counts.refused++
        this.events.emit("refused", { key: change.key, limit })
        return
      }
    }
    this.#recent.add(change.uuid)
    this.#counts.updates++
    this.#sinceActive++
    this.#sequence++
    this.#publish(change)
  }

  #publish(item: Item): void {
    if (!this.#publisher.closed) this.#publisher.trySend(itemFrames(item))
  }

  #hug(): void {
    if (this.#state === "active" && !this.#publisher.closed) this.#publisher.trySend(HEARTBEAT)
  }

  #sweep(): void {
    if (this.#state !== "active") return
    for (const key of this.#table.ended(performance.now())) {
      if (!this.#table.delete(key)) continue
      this.#counts.expired++
      this.#publish({ key, sequence: ++this.#sequence, uuid: EMPTY, properties: EMPTY, value: EMPTY })
    }
  }

  #judge(): void {
    const watch = this.#watch
    if (watch === undefined || this.closed) return
    this.#checkAwake()
    const { peer } = watch
    const former = this.#state
    const state = next({
      role: this.#settings.role,
      state: former,
      peer,
      mirrored: this.#mirrored,
      asked: this.#snapshots.asked,
    })
    if (former === "active" && state !== "active") this.#yield()
    if (state !== former) this.#become(state)
    if (state !== "active" && peer === "active" && this.#mirror === undefined) this.#copy()
  }

  /** One that stood still does not serve before it knows that the other has not taken over. */
  #checkAwake(): void {
    if (this.#watch?.overslept() !== true || this.#state !== "active") return
    this.#become("passive")
    this.#sendAway()
  }

  #become(state: CloneServerState): void {
    const former = this.#state
    this.#state = state
    if (state === "active") {
      void this.#mirror?.close()
      this.#mirror = undefined
      this.#sinceActive = 0
    }
    this.#snapshots.open(state === "active")
    this.#hug()
    this.events.emit("state", { state, former })
  }

  #yield(): void {
    this.#mirrored = false
    this.events.emit("yielded", { updates: this.#sinceActive })
    this.#sendAway()
  }

  /** Its clients find out at once, and go where the table is. */
  #sendAway(): void {
    for (const peer of [...this.#publisher.peers, ...this.#collector.peers]) peer.disconnect()
  }

  /** Copies the table of the other server, from now on until this one is active. */
  #copy(): void {
    const { peer, peerSecurity, heartbeatInterval, maxKeys, maxBytes } = this.#settings
    this.#mirror = new Session({
      endpoint: peer as string,
      subtree: "",
      question: MIRROR_REQUEST,
      security: peerSecurity,
      patience: heartbeatInterval,
      maxKeys,
      maxBytes,
      begin: () => {
        this.#staging = new Table(this.#settings)
      },
      item: (item) => this.#put(this.#staging, item),
      complete: (sequence) => {
        this.#table.adopt(this.#staging)
        this.#staging = new Table(this.#settings)
        this.#sequence = sequence
        this.#mirrored = true
        this.events.emit("mirrored", { keys: this.#table.size })
        this.#judge()
      },
      update: (item) => this.#take(item),
      invalid: () => this.#invalid(),
      // Its clock decides what follows: a new copy when it is heard of again, or none.
      lost: () => {
        this.#mirror = undefined
      },
    })
  }

  #take(item: Item): void {
    this.#sequence = item.sequence
    this.#recent.add(item.uuid)
    this.#put(this.#table, item)
  }

  #put(table: Table, item: Item): void {
    const limit = item.value.length === 0 ? undefined : table.set(item, ttlOf(item.properties))
    if (limit === undefined && item.value.length > 0) return
    // What does not fit must not leave behind what stood there before.
    table.delete(item.key)
    if (limit === undefined) return
    this.#counts.refused++
    this.events.emit("refused", { key: item.key, limit })
  }

  #invalid(): void {
    this.#counts.invalid++
    this.events.emit("invalid", {})
  }

  async #close(linger: number): Promise<void> {
    await this.#bound?.catch(() => {})
    for (const timer of this.#timers) clearInterval(timer)
    clearTimeout(this.#welcome)
    this.#snapshots.open(false)
    await Promise.all([this.#watch?.close(), this.#mirror?.close()])
    await this.#collector.close()
    await Promise.all([this.#publisher.close({ linger }), this.#router.close({ linger })])
    this.#table.clear()
    this.events.close()
  }
}

/** Hands over what arrives until the socket is closed. */
async function listen(
  socket: Router | XPublisher | Subscriber,
  take: (message: Message, peer: Peer) => void,
): Promise<void> {
  try {
    for (;;) {
      const { message, peer } = await socket.receiveFrom()
      take(message, peer)
    }
  } catch (error) {
    if (!(error instanceof ClosedError)) throw error
  }
}

/** What stands beside the first endpoint: of one whose path the system chose, that path. */
function besides(asked: string, bound: string): string {
  return /^ipc:\/\/\*$/.test(asked) ? bound : asked
}
