// What SUB and XSUB share (RFC 29): the prefixes they want, told to every publisher, present and to come.

import type { Bytes } from "../../bytes.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { PrefixCounter } from "../../routing/prefixes.ts"
import type { Hub } from "../hub.ts"

export class Wishes {
  readonly prefixes: PrefixCounter = new PrefixCounter()
  readonly #hub: Hub

  constructor(hub: Hub) {
    this.#hub = hub
  }

  /** Every subscription is told, also one that was there already, as libzmq does. */
  subscribe(prefix: Bytes): void {
    this.prefixes.add(prefix)
    for (const pipe of this.#hub.ready) pipe.link?.subscribe("subscribe", prefix)
  }

  /** Only the end of the last of equal subscriptions is told; what was never subscribed is no matter. */
  unsubscribe(prefix: Bytes): void {
    if (this.prefixes.remove(prefix) !== "last") return
    for (const pipe of this.#hub.ready) pipe.link?.subscribe("cancel", prefix)
  }

  /** A publisher came: it is told all of them, once each. */
  tell(pipe: Pipe): void {
    for (const prefix of this.prefixes.prefixes()) pipe.link?.subscribe("subscribe", prefix)
  }
}
