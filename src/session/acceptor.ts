// A bound endpoint of a stream transport: every accepted stream becomes a session. What has not completed its handshake
// is counted, in total and by address, and the oldest makes room for the newest: honest newcomers get in.

import { MessagingError } from "../errors.ts"
import { Roster, type Seat } from "../roster.ts"
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
  readonly #pending = new Roster<Pending>()
  readonly #pendingByAddress = new Map<string, Roster<Pending>>()
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
    const pending = new Pending(addressGroup(stream.address))
    pending.session = this.#open({
      stream,
      mechanism: this.#mechanism(),
      host,
      endpoint,
      pipe: undefined,
      shared: this.#shared,
      established: () => this.#settle(pending),
      ended: () => this.#settle(pending),
    })
    this.#admitPending(pending)
  }

  failed(error: NodeJS.ErrnoException): void {
    if (isOutOfFiles(error)) this.#host.monitor.count("limit", this.endpoint, undefined, "maxOpenFiles", 1)
    this.#host.monitor.emit({ type: "accept:error", endpoint: this.endpoint, error })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { session } of this.#pending) session?.abort(undefined)
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

  #admitPending(pending: Pending): void {
    const { maxPendingHandshakes, maxPendingHandshakesPerAddress } = this.#host.options
    const { group } = pending
    // This machine's own have the total alone.
    if (group !== LOCAL) {
      const same = this.#pendingByAddress.get(group) ?? new Roster()
      if (same.size >= maxPendingHandshakesPerAddress) this.#evict(same, "maxPendingHandshakesPerAddress")
      pending.seatInGroup = same.add(pending)
      this.#pendingByAddress.set(group, same)
    }
    if (this.#pending.size >= maxPendingHandshakes) this.#evict(this.#pending, "maxPendingHandshakes")
    pending.seat = this.#pending.add(pending)
  }

  #evict({ first: oldest }: Roster<Pending>, limit: string): void {
    if (oldest === undefined) return
    this.#host.monitor.count("limit", this.endpoint, undefined, limit, 1)
    oldest.session?.abort(new LimitedError(`Made room for a newcomer: ${limit} was reached`))
    // Its end is told later than the next newcomer of the same turn may come.
    this.#settle(oldest)
  }

  #settle({ group, seat, seatInGroup }: Pending): void {
    if (seat !== undefined) this.#pending.remove(seat)
    const same = this.#pendingByAddress.get(group)
    if (same === undefined || seatInGroup === undefined) return
    same.remove(seatInGroup)
    if (same.size === 0) this.#pendingByAddress.delete(group)
  }
}

/** A session without a complete handshake. */
class Pending {
  /** The machine it comes from. */
  readonly group: string
  session: Conversation | undefined
  seat: Seat<Pending> | undefined
  seatInGroup: Seat<Pending> | undefined

  constructor(group: string) {
    this.group = group
  }
}

/** What came over a limit of ours and was turned away for it. */
class LimitedError extends MessagingError {
  readonly code = "ECONNREFUSED"
}
