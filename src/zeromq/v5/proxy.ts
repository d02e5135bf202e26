// What versions 4 and 5 call a proxy: two sockets, each of which sends what the other emits.

import type { MessageLike } from "../messages.ts"
import type { Socket } from "./socket.ts"

/** Pairs of front and back, and how many frames of an answer are its envelope, which is not captured. */
const ENVELOPES: Readonly<Record<string, number>> = {
  "push/pull": 0,
  "pull/push": 0,
  "xpub/xsub": 0,
  "router/dealer": 2,
  "xrep/xreq": 2,
}

/**
 * Forwards messages between two sockets, both ways, until one of them is closed.
 *
 * @param frontend - a `push`, `pull`, `xpub`, `router` or `xrep`
 * @param backend - a `pull`, `push`, `xsub`, `dealer` or `xreq`, in this order
 * @param capture - is sent what comes from the back, without its envelope
 * @throws Error for any other pair
 */
export function proxy(frontend: Socket, backend: Socket, capture?: Socket): void {
  const envelope = ENVELOPES[`${frontend.type}/${backend.type}`]
  if (envelope === undefined) throw new Error("This socket type order is not supported in compatibility mode")
  frontend.on("message", (...frames: MessageLike[]) => {
    backend.send(frames)
  })
  backend.on("message", (...frames: MessageLike[]) => {
    frontend.send(frames)
    capture?.send(frames.slice(envelope))
  })
}
