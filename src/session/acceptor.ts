// A bound endpoint of a stream transport: every accepted stream becomes a session. What has not completed its handshake
// is counted, in total and by address, and the oldest makes room for the newest: honest newcomers get in.

import { MessagingError } from "../errors.ts"
import type { Binding, ByteStream, Listener, SocketHost } from "../transport/transport.ts"
import type { Mechanism } from "../zmtp/mechanism.ts"
import { addressGroup, LOCAL } from "./address-group.ts"
import { type Conversation, converse, type OpenConversation } from "./conversation.ts"
import { isOutOfFiles } from "./out-of-files.ts"
import type { SharedBatch } from "./shared-batch.ts"

export class Acceptor implements Binding {
  readonly #host: SocketHost
  readonly #mechanism: () => Mechanism
  readonly #shared: SharedBatch | undefined
  readonly #open: OpenConversation
  /** Sessions without a complete handshake, the oldest first, each with the machine it comes from. */
  readonly #pending = new Map<Conversation, string>()
  readonly #pendingByAddress = new Map<string, Set<Conversation>>()
  #listener: Listener | undefined
  #closed = false

  constructor(
    host: SocketHost,
    mechanism: () => Mechanism,
    shared: SharedBatch | undefined,
    open: OpenConversation = converse,
  ) {
    this.#host = host
    this.#mechanism = mechanism
    this.#shared = shared
    this.#open = open
  }

  get endpoint(): string {
    return this.#listener?.endpoint ?? ""
  }

  /** The listener is there; streams may come. */
  opened(listener: Listener): void {
    this.#listener = listener
    listener.hold(false)
  }

  accepted(stream: ByteStream): void {
    const host = this.#host
    const endpoint = this.endpoint
    if (this.#closed || !this.#roomFor(stream)) {
      stream.hold(false)
      stream.destroy()
      return
    }
    host.monitor.emit({ type: "accept", endpoint, address: stream.address })
    const group = addressGroup(stream.address)
    const session: Conversation = this.#open({
      stream,
      mechanism: this.#mechanism(),
      host,
      endpoint,
      pipe: undefined,
      shared: this.#shared,
      established: () => this.#settle(session),
      ended: () => this.#settle(session),
    })
    this.#admitPending(session, group)
  }

  failed(error: NodeJS.ErrnoException): void {
    if (isOutOfFiles(error)) this.#host.monitor.count("limit", this.endpoint, undefined, "maxOpenFiles", 1)
    this.#host.monitor.emit({ type: "accept:error", endpoint: this.endpoint, error })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const session of [...this.#pending.keys()]) session.abort(undefined)
    await this.#listener?.close()
  }

  #roomFor(stream: ByteStream): boolean {
    const { maxConnections } = this.#host.options
    if (maxConnections === 0 || this.#host.acceptedPeers + this.#pending.size < maxConnections) return true
    this.#host.monitor.count("limit", this.endpoint, undefined, "maxConnections", 1)
    this.#host.monitor.emit({
      type: "accept:error",
      endpoint: this.endpoint,
      error: new LimitedError(`${stream.address} was turned away: maxConnections is ${maxConnections}`),
    })
    return false
  }

  #admitPending(session: Conversation, group: string): void {
    const { maxPendingHandshakes, maxPendingHandshakesPerAddress } = this.#host.options
    const same = this.#pendingByAddress.get(group) ?? new Set()
    if (group !== LOCAL && same.size >= maxPendingHandshakesPerAddress) {
      this.#evict(same, "maxPendingHandshakesPerAddress")
    }
    if (this.#pending.size >= maxPendingHandshakes) this.#evict(this.#pending.keys(), "maxPendingHandshakes")
    this.#pending.set(session, group)
    same.add(session)
    this.#pendingByAddress.set(group, same)
  }

  #evict(from: Iterable<Conversation>, limit: string): void {
    const [oldest] = from
    if (oldest === undefined) return
    this.#host.monitor.count("limit", this.endpoint, undefined, limit, 1)
    oldest.abort(new LimitedError(`Made room for a newcomer: ${limit} was reached`))
    // Its end is told later than the next newcomer of the same turn may come.
    this.#settle(oldest)
  }

  #settle(session: Conversation): void {
    const group = this.#pending.get(session)
    if (group === undefined) return
    this.#pending.delete(session)
    const same = this.#pendingByAddress.get(group)
    if (same === undefined) return
    same.delete(session)
    if (same.size === 0) this.#pendingByAddress.delete(group)
  }
}

/** What came over a limit of ours and was turned away for it. */
class LimitedError extends MessagingError {
  readonly code = "ECONNREFUSED"
}
