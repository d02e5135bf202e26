// A bound inproc endpoint: the name is this thread's, for sockets of all threads of the process.

import { EndpointError } from "../../errors.ts"
import type { Binding, SocketHost } from "../transport.ts"
import { FULL } from "./directory.ts"
import type { Bound } from "./meeting.ts"
import { names } from "./names.ts"

export class InprocBinding implements Binding, Bound {
  readonly endpoint: string
  readonly host: SocketHost
  readonly #name: string

  private constructor(name: string, endpoint: string, host: SocketHost) {
    this.#name = name
    this.endpoint = endpoint
    this.host = host
  }

  /** Rejects with {@link EndpointError} when the name is taken, in this thread or in another. */
  static async bind(name: string, endpoint: string, host: SocketHost): Promise<InprocBinding> {
    const binding = new InprocBinding(name, endpoint, host)
    binding.#checkFree()
    return binding.#bound(await names().threads.claim(name, binding.#lost))
  }

  /** As {@link InprocBinding.bind}, at once. */
  static bindNow(name: string, endpoint: string, host: SocketHost): InprocBinding {
    const binding = new InprocBinding(name, endpoint, host)
    binding.#checkFree()
    return binding.#bound(names().threads.claimNow(name, binding.#lost))
  }

  #checkFree(): void {
    if (names().bound(this.#name) !== undefined) throw taken(this.endpoint)
  }

  #bound(claimed: boolean | typeof FULL): this {
    const { endpoint } = this
    if (claimed === FULL) {
      throw new EndpointError("EADDRNOTAVAIL", endpoint, `${endpoint}: this process has too many names bound already`)
    }
    if (!claimed) throw taken(endpoint)
    names().bind(this.#name, this)
    return this
  }

  /** The name was another thread's before. */
  readonly #lost = (): void => {
    const { endpoint } = this
    if (names().bound(this.#name) !== this) return
    this.host.monitor.emit({ type: "bind:error", endpoint, error: taken(endpoint) })
  }

  async close(): Promise<void> {
    const here = names()
    if (here.bound(this.#name) !== this) return
    here.unbind(this.#name)
    here.threads.release(this.#name)
  }
}

function taken(endpoint: string): EndpointError {
  return new EndpointError("EADDRINUSE", endpoint, `${endpoint} is bound by another socket of this process`)
}
