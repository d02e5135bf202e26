// Servers and clients of a test, which are closed with it.

import { json } from "brokerless/codec"
import { CloneClient, type CloneClientOptions, CloneServer, type CloneServerOptions } from "brokerless/patterns/clone"

export class Stage implements AsyncDisposable {
  readonly #opened: { close(options: { linger: number }): Promise<void> }[] = []

  /** Has it closed at the end. */
  use<One extends { close(options: { linger: number }): Promise<void> }>(one: One): One {
    this.#opened.push(one)
    return one
  }

  server(options: CloneServerOptions = {}): CloneServer {
    return this.use(new CloneServer({ heartbeatInterval: 100, failoverTimeout: 600, ...options }))
  }

  /** A client that follows these servers. */
  client<T = number>(endpoints: readonly string[], options: Partial<CloneClientOptions<T>> = {}): CloneClient<T> {
    const client = this.use(new CloneClient<T>({ codec: json<T>(), serverTimeout: 1000, ...options }))
    client.connect(...endpoints)
    return client
  }

  /** The same, once it has the table. */
  async follower<T = number>(
    endpoints: readonly string[],
    options: Partial<CloneClientOptions<T>> = {},
  ): Promise<CloneClient<T>> {
    const client = this.client<T>(endpoints, options)
    await client.ready()
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((one) => one.close({ linger: 0 })))
  }
}

/** What a client has, as a plain object. */
export function tableOf<T>(client: CloneClient<T>): Record<string, T> {
  return Object.fromEntries([...client.entries()].sort(([a], [b]) => (a < b ? -1 : 1)))
}
