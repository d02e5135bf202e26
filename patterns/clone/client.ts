// A client of CHP (RFC 12): the table of a server, or a subtree of it, as a map of values that keeps itself up to date;
// changes go to the server and come back from there. When the server is lost the next one is asked.

import { randomBytes } from "node:crypto"
import {
  AbortError,
  ClosedError,
  type Codec,
  CodecError,
  type Frame,
  type FrameLike,
  MessageError,
  OptionError,
  type Security,
  StateError,
  TimeoutError,
} from "brokerless"
import { onAbort } from "../aborts.ts"
import { type LingerOptions, LONGEST, lingerOf, within } from "../closing.ts"
import { Emitter } from "../emitter.ts"
import { Register } from "../register.ts"
import { type Settings, securitySetting, settle, whole } from "../settings.ts"
import { Changes, type CloneChange } from "./changes.ts"
import {
  EMPTY,
  type Item,
  isKey,
  itemFrames,
  MAX_KEY_OCTETS,
  MAX_TTL,
  snapshotRequest,
  ttlProperty,
} from "./commands.ts"
import { Copy, type Held } from "./copy.ts"
import { codec, maxBytes, maxKeys } from "./options.ts"
import { portsOf } from "./ports.ts"
import { type CloneLossReason, Session } from "./session.ts"
import { Uplink } from "./uplink.ts"

/** Options of a {@link CloneClient}. */
export interface CloneClientOptions<T> {
  /** Turns values into octets and back. No value may be encoded as no octets at all: that is how keys are deleted. */
  readonly codec: Codec<T>
  /** Keys that begin so and no others: `/a/b/`. Default: all. */
  readonly subtree?: string | undefined
  /** For how long a server may be silent before the next one is asked, in ms. Default: 5000. */
  readonly serverTimeout?: number | undefined
  /** How long a change may take until the server has published it, in ms; -1 = for ever. Default: 10 000. */
  readonly timeout?: number | undefined
  /** Keys that are kept; others are not shown. Default: 100 000. */
  readonly maxKeys?: number | undefined
  /** Octets of keys and values that are kept, and 128 for each key. Default: 256 MiB. */
  readonly maxBytes?: number | undefined
  /** Changes that may be on their way; beyond, a change is refused. Default: 1000. */
  readonly maxPending?: number | undefined
  /** Proves who this client is. Default: nothing is proven. */
  readonly security?: Security | undefined
}

const SETTINGS: Settings<CloneClientOptions<unknown>> = {
  codec: codec as unknown as Settings<CloneClientOptions<unknown>>["codec"],
  subtree: {
    accepts: "empty, or text that begins and ends with a slash",
    test: (value) => typeof value === "string" && (value === "" || (/^\/(.*\/)?$/s.test(value) && isKey(value))),
    default: "",
  },
  serverTimeout: whole("ms", 5000, 30, 3_600_000),
  timeout: whole("ms", 10_000, -1, 2_147_483_647),
  maxKeys,
  maxBytes,
  maxPending: whole("changes", 1000, 1),
  security: securitySetting,
}

/** How one change is made. */
export interface CloneCallOptions {
  /** How long it may take, in ms; -1 = for ever. What becomes of it after that is unknown. */
  readonly timeout?: number | undefined
  /** Ends the wait. What becomes of the change is unknown then. */
  readonly signal?: AbortSignal | undefined
}

/** How a value is set. */
export interface CloneSetOptions extends CloneCallOptions {
  /** For how long the value is to stand there, in ms; CHP counts in seconds, so it is rounded up to those. */
  readonly ttl?: number | undefined
}

/** What a client tells. */
export interface CloneClientEvents<T> {
  /** A key has a value, or another one than before. */
  readonly update: { readonly key: string; readonly value: T; readonly former: T | undefined }
  /** A key is gone. */
  readonly delete: { readonly key: string; readonly former: T }
  /** What there is is the table of this server, as it is now. */
  readonly synchronized: { readonly endpoint: string; readonly keys: number }
  /** The server was lost. What there is is what it last said. */
  readonly lost: { readonly endpoint: string; readonly reason: CloneLossReason }
  /** Something came that is no command, or a value that does not decode: its key is not shown. */
  readonly invalid: { readonly key: string | undefined; readonly error: Error | undefined }
  /** A key is not shown, because there would be too many, or too many octets. */
  readonly refused: { readonly key: string; readonly limit: "maxKeys" | "maxBytes" }
  readonly [type: string]: object
}

/** Counters of a client, at the moment at which they were read. */
export interface CloneClientStats {
  readonly keys: number
  readonly bytes: number
  /** Updates and deletions received. */
  readonly updates: number
  /** Snapshots received to their end. */
  readonly snapshots: number
  /** Servers lost. */
  readonly lost: number
  /** Changes on their way. */
  readonly pending: number
  /** Changes sent again, to another server or over another connection. */
  readonly repeated: number
  readonly invalid: number
  readonly refused: number
}

/** Before a server that has let go of us is asked again, in ms, at most. */
const PAUSE = 100

interface Pending {
  readonly key: string
  readonly frames: readonly FrameLike[]
  sent: boolean
  readonly settle: (error?: Error) => void
}

/**
 * A map that is the same everywhere (RFC 12).
 *
 * @typeParam T - the values
 */
export class CloneClient<T> implements AsyncDisposable {
  /** What happens to it, as it happens. */
  readonly events: Emitter<CloneClientEvents<T>> = new Emitter<CloneClientEvents<T>>([
    "update",
    "delete",
    "synchronized",
    "lost",
    "invalid",
    "refused",
  ])
  readonly #settings: ReturnType<typeof settle<CloneClientOptions<unknown>>>
  readonly #codec: Codec<T>
  readonly #subtree: string
  readonly #pending = new Register<string, Pending>()
  readonly #changes = new Set<Changes<T>>()
  readonly #copy: Copy<T>
  #servers: readonly string[] = []
  #server = 0
  #session: Session | undefined
  #uplink: Uplink | undefined
  #ticker: NodeJS.Timeout | undefined
  #ticked = 0
  #again: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  readonly #counts = { updates: 0, snapshots: 0, lost: 0, repeated: 0, invalid: 0, refused: 0 }

  /** @throws OptionError */
  constructor(options: CloneClientOptions<T>) {
    this.#settings = settle("CloneClient", SETTINGS, options as unknown as CloneClientOptions<unknown>)
    this.#codec = this.#settings.codec as unknown as Codec<T>
    this.#subtree = this.#settings.subtree
    const { maxBytes, maxKeys } = this.#settings
    this.#copy = new Copy<T>({
      codec: this.#codec,
      maxBytes,
      maxKeys,
      changed: (key, former, held) => this.#tell(key, former, held),
      refused: (key, limit) => {
        this.#counts.refused++
        this.events.emit("refused", { key, limit })
      },
      invalid: (key, error) => this.#invalid(key, error),
    })
  }

  /**
   * Follows the server whose first endpoint this is; when it is lost, the next one, and after the last the first again.
   * Returns at once.
   *
   * @throws EndpointError, OptionError without an endpoint, StateError when it follows some already, ClosedError
   */
  connect(...endpoints: readonly string[]): void {
    if (this.closed) throw new ClosedError("The client is closed")
    if (this.#servers.length > 0) throw new StateError(`The client follows ${this.#servers.join(", ")} already`)
    if (endpoints.length === 0)
      throw new OptionError("endpoints", "connect() needs the endpoint of at least one server")
    for (const endpoint of endpoints) portsOf(endpoint)
    this.#servers = endpoints
    this.#follow()
    const interval = Math.max(Math.floor(this.#settings.serverTimeout / 10), 10)
    this.#ticked = performance.now()
    this.#ticker = setInterval(() => this.#tick(interval), interval).unref()
  }

  /** Whether what there is is what the server has, as far as is known. */
  get synchronized(): boolean {
    return this.#session?.live ?? false
  }

  /** Where the server is that is followed at the moment. */
  get endpoint(): string | undefined {
    return this.#servers[this.#server]
  }

  /**
   * Resolves when there is the table of a server.
   *
   * @throws TimeoutError, AbortError, ClosedError (as rejections)
   */
  async ready({ timeout = -1, signal }: CloneCallOptions = {}): Promise<void> {
    if (signal?.aborted) throw new AbortError(signal.reason)
    if (this.closed) throw new ClosedError("The client is closed")
    if (this.synchronized) return
    const late = new AbortController()
    const aborted = (): void => late.abort()
    const timer = timeout < 0 ? undefined : setTimeout(aborted, Math.min(timeout, LONGEST))
    const forgo = onAbort(signal, aborted)
    try {
      await this.events.once("synchronized", { signal: late.signal })
    } catch (error) {
      if (!(error instanceof AbortError)) throw error
      if (signal?.aborted) throw new AbortError(signal.reason)
      throw new TimeoutError(`No server has sent its table within ${timeout} ms`)
    } finally {
      clearTimeout(timer)
      forgo()
    }
  }

  /** The value at a key, as the server last said. */
  get(key: string): T | undefined {
    return this.#copy.entries.get(key)?.value
  }

  has(key: string): boolean {
    return this.#copy.entries.has(key)
  }

  /** How many keys there are. */
  get size(): number {
    return this.#copy.entries.size
  }

  keys(): IterableIterator<string> {
    return this.#copy.entries.keys()
  }

  /** Keys and values; only those whose key begins with `subtree`, if that is given. */
  *entries(subtree: string = ""): IterableIterator<[key: string, value: T]> {
    for (const [key, { value }] of this.#copy.entries) if (key.startsWith(subtree)) yield [key, value]
  }

  [Symbol.iterator](): IterableIterator<[key: string, value: T]> {
    return this.entries()
  }

  /**
   * Sets a value. Resolves when the server has published it, and everybody sees it who follows that server; until then
   * `get` gives the value that was there before.
   *
   * @throws TimeoutError, AbortError: what becomes of the change is unknown then; CodecError, MessageError for a value
   * without octets, OptionError for a key that is none or outside the subtree, StateError with too many changes on
   * their way, ClosedError (as rejections)
   */
  async set(key: string, value: T, { ttl, ...options }: CloneSetOptions = {}): Promise<void> {
    if (ttl !== undefined && !(typeof ttl === "number" && ttl > 0 && ttl < MAX_TTL)) {
      throw new OptionError("ttl", `ttl must be a number of ms above 0, got ${String(ttl)}`)
    }
    this.#checkKey(key)
    const octets = this.#encode(value)
    const properties = ttl === undefined ? EMPTY : ttlProperty(Math.ceil(ttl / 1000) * 1000)
    return this.#change(key, octets, properties, options)
  }

  /** Deletes a key, there or not. Resolves and rejects as {@link CloneClient.set}. */
  async delete(key: string, options: CloneCallOptions = {}): Promise<void> {
    this.#checkKey(key)
    return this.#change(key, EMPTY, EMPTY, options)
  }

  /**
   * Changes from now on, until the client is closed: with `entries()` of the same moment it is all there is. A loop
   * that is slower than they come gets the newest of each key.
   */
  changes(): AsyncIterableIterator<CloneChange<T>, undefined> {
    const changes = new Changes<T>(
      (key) => this.#copy.entries.get(key),
      (left) => this.#changes.delete(left),
    )
    if (this.closed) changes.end()
    else this.#changes.add(changes)
    return changes
  }

  /**
   * Takes no new changes, waits up to `linger` ms for those on their way, rejects the rest with ClosedError, and
   * closes. What there is can still be read.
   *
   * @throws OptionError
   */
  close(options?: LingerOptions): Promise<void> {
    const linger = lingerOf(options)
    this.#closing ??= this.#close(linger)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Whether it is closed, or being closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  get stats(): CloneClientStats {
    return { ...this.#counts, keys: this.size, bytes: this.#copy.bytes, pending: this.#pending.size }
  }

  #checkKey(key: string): void {
    if (!isKey(key)) {
      const accepted = `text of 1 to ${MAX_KEY_OCTETS} octets other than HUGZ and KTHXBAI`
      throw new OptionError("key", `A key must be ${accepted}, got ${JSON.stringify(key)?.slice(0, 64)}`)
    }
    if (key.startsWith(this.#subtree)) return
    throw new OptionError("key", `The key ${JSON.stringify(key.slice(0, 64))} is not below ${this.#subtree}`)
  }

  #encode(value: T): Frame {
    let octets: FrameLike
    try {
      octets = this.#codec.encode(value)
    } catch (error) {
      throw new CodecError("The codec could not encode the value", { cause: error })
    }
    const frame = frameOf(octets)
    if (frame.length > 0) return frame
    throw new MessageError("EINVAL", "A value of no octets would delete its key")
  }

  #change(key: string, value: Frame, properties: Frame, options: CloneCallOptions): Promise<void> {
    const { timeout = this.#settings.timeout, signal } = options
    if (!(Number.isSafeInteger(timeout) && timeout >= -1)) {
      throw new OptionError("timeout", `timeout must be -1 or a whole number of ms, got ${String(timeout)}`)
    }
    if (signal?.aborted) throw new AbortError(signal.reason)
    if (this.closed) throw new ClosedError("The client is closed")
    if (this.#pending.size >= this.#settings.maxPending) {
      throw new StateError(`${this.#pending.size} changes are on their way already (maxPending)`)
    }
    const uuid = randomBytes(16)
    const id = uuid.toString("latin1")
    return new Promise((resolve, reject) => {
      const late = (): void =>
        pending.settle(new TimeoutError(`No server has published the change of ${key} within ${timeout} ms`))
      const timer = timeout < 0 ? undefined : setTimeout(late, Math.min(timeout, LONGEST))
      const pending: Pending = {
        key,
        frames: itemFrames({ key, sequence: 0, uuid, properties, value }),
        sent: false,
        settle: (error) => {
          if (!this.#pending.delete(id)) return
          clearTimeout(timer)
          forgo()
          if (error === undefined) resolve()
          else reject(error)
          if (this.#pending.size === 0) this.#settled()
        },
      }
      const forgo = onAbort(signal, () => pending.settle(new AbortError(signal?.reason)))
      this.#pending.set(id, pending)
      // While there is no table its echo could not be told from what a snapshot brings.
      if (this.synchronized) this.#send(id, pending)
    })
  }

  /** Called when the last change on its way has arrived. */
  #settled: () => void = () => {}

  #send(id: string, pending: Pending): void {
    if (pending.sent) this.#counts.repeated++
    pending.sent = true
    this.#uplink?.send(pending.key, pending.frames, () => this.#pending.has(id))
  }

  /** Begins a session with the server whose turn it is. */
  #follow(): void {
    const endpoint = this.#servers[this.#server] as string
    const { maxBytes, maxKeys, security, serverTimeout } = this.#settings
    this.#uplink = new Uplink(endpoint, security, () => this.#lose(session, "connection", false))
    const session: Session = new Session({
      endpoint,
      subtree: this.#subtree,
      question: snapshotRequest(this.#subtree),
      security,
      patience: Math.floor(serverTimeout / 3),
      maxKeys,
      maxBytes,
      begin: () => this.#copy.begin(),
      item: (item) => this.#copy.stage(item),
      complete: () => this.#complete(endpoint),
      update: (item) => this.#update(item),
      invalid: () => this.#invalid(undefined, undefined),
      lost: (reason) => this.#lose(session, reason, false),
    })
    this.#session = session
  }

  /** What a snapshot says is all there is. */
  #complete(endpoint: string): void {
    this.#counts.snapshots++
    this.#copy.adopt()
    // What has not been heard of may not have arrived; a server knows what it has made already.
    queueMicrotask(() => {
      if (this.endpoint !== endpoint || !this.synchronized) return
      for (const [id, pending] of this.#pending) this.#send(id, pending)
      this.events.emit("synchronized", { endpoint, keys: this.size })
    })
  }

  #update(item: Item): void {
    this.#counts.updates++
    this.#copy.update(item)
    if (item.uuid.length === 16) this.#pending.get(item.uuid.toString("latin1"))?.settle()
  }

  #tell(key: string, former: Held<T> | undefined, held: Held<T> | undefined): void {
    for (const changes of this.#changes) changes.changed(key, former !== undefined)
    if (held !== undefined) this.events.emit("update", { key, value: held.value, former: former?.value })
    else if (former !== undefined) this.events.emit("delete", { key, former: former.value })
  }

  #invalid(key: string | undefined, error: Error | undefined): void {
    this.#counts.invalid++
    this.events.emit("invalid", { key, error })
  }

  #tick(interval: number): void {
    const now = performance.now()
    // A late timer has not let the event loop read what is there, so it judges nobody, nor does the next one.
    const late = now - this.#ticked > interval * 1.5 + 50
    this.#ticked = now
    const session = this.#session
    const { serverTimeout } = this.#settings
    if (session === undefined) return
    if (late) session.heard = Math.max(session.heard, now - serverTimeout / 2)
    else if (now - session.heard > serverTimeout) this.#lose(session, "silent", true)
  }

  /** Goes on to the next server, or tries the same one again. */
  #lose(session: Session, reason: CloneLossReason, next: boolean): void {
    if (session !== this.#session) return
    this.#session = undefined
    void session.close()
    void this.#uplink?.close(0)
    this.#uplink = undefined
    this.#counts.lost++
    this.events.emit("lost", { endpoint: session.endpoint, reason })
    if (this.closed && this.#pending.size === 0) return
    if (next) this.#server = (this.#server + 1) % this.#servers.length
    // One that lets go of its clients is not to be asked by all of them at once, nor as fast as it does so.
    this.#again = setTimeout(() => this.#follow(), next ? 0 : PAUSE * (0.2 + 0.8 * Math.random()))
  }

  async #close(linger: number): Promise<void> {
    if (this.#pending.size > 0) {
      const settled = new Promise<void>((resolve) => {
        this.#settled = resolve
      })
      await within(linger, settled)
    }
    for (const pending of [...this.#pending.values()]) pending.settle(new ClosedError("The client was closed"))
    clearInterval(this.#ticker)
    clearTimeout(this.#again)
    const [session, uplink] = [this.#session, this.#uplink]
    this.#session = undefined
    await Promise.all([session?.close(), uplink?.close(0)])
    for (const changes of this.#changes) changes.end()
    this.events.close()
  }
}

function frameOf(octets: FrameLike): Frame {
  if (typeof octets === "string") return Buffer.from(octets)
  if (octets === null) return EMPTY
  if (ArrayBuffer.isView(octets)) return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
  return Buffer.from(octets)
}
