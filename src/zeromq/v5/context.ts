// The context, of which versions 4 and 5 knew only one.

import { context } from "../context.ts"

/** The context of all sockets, in the manner of versions 4 and 5. There are no objects of this class. */
export class Context {
  /** @throws Error whenever it is called */
  constructor() {
    throw new Error("Context cannot be instantiated in compatibility mode")
  }

  /** Kept; there are no I/O threads. */
  static setMaxThreads(value: number): void {
    context.ioThreads = value
  }

  /** What was set by `setMaxThreads`. Default 1. */
  static getMaxThreads(): number {
    return context.ioThreads
  }

  /** How many sockets there may be at a time. */
  static setMaxSockets(value: number): void {
    context.maxSockets = value
  }

  /** How many sockets there may be at a time. Default 1023. */
  static getMaxSockets(): number {
    return context.maxSockets
  }
}
