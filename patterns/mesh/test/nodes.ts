// Nodes for one test: quick to notice what happens, and closed at its end whatever comes of it.

import { MeshNode, type MeshNodeOptions } from "brokerless/patterns/mesh"
import { LOOPBACK } from "../../../test/support/loopback.ts"

export class Nodes implements AsyncDisposable {
  readonly #nodes: MeshNode[] = []

  make(options: MeshNodeOptions = {}): MeshNode {
    const node = new MeshNode({
      heartbeatInterval: 50,
      reconnectInterval: 10,
      reconnectMaxInterval: 50,
      linger: 0,
      ...options,
    })
    this.#nodes.push(node)
    return node
  }

  /** A node that others can connect to, and where. */
  async bound(options: MeshNodeOptions = {}): Promise<[MeshNode, string]> {
    const node = this.make(options)
    return [node, await node.bind(`tcp://${LOOPBACK}:*`)]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.close({ linger: 0 })))
  }
}

/** Resolves when the node sees this: now, or after something has happened to it. */
export async function sees(node: MeshNode, sight: (node: MeshNode) => boolean): Promise<void> {
  const events = node.events[Symbol.asyncIterator]()
  try {
    while (!sight(node)) if ((await events.next()).done === true) throw new Error("The node was closed before")
  } finally {
    await events.return?.()
  }
}

/** Whether it sees exactly the nodes of these names, besides itself. */
export function names(...wanted: string[]): (node: MeshNode) => boolean {
  return (node) => {
    const seen = node.nodes.filter(({ id }) => id !== node.id).map(({ name }) => name)
    return seen.sort().join() === wanted.sort().join()
  }
}
