// The types of sockets whose RFCs are drafts, as socket-kinds.ts has the others.

import { Client } from "../socket/clientserver/client.ts"
import { numberFrame, Server } from "../socket/clientserver/server.ts"
import { Datagram } from "../socket/datagram.ts"
import { Gather } from "../socket/pipeline/gather.ts"
import { Scatter } from "../socket/pipeline/scatter.ts"
import { Dish } from "../socket/radiodish/dish.ts"
import { Radio } from "../socket/radiodish/radio.ts"
import type { Socket } from "../socket/socket.ts"
import * as option from "./option-values.ts"
import { groupFor, routingIdFor } from "./send-options.ts"
import { conflating, publishing, receiving, type SocketKind, sending } from "./socket-kind.ts"

/** By number. */
export const DRAFT_KINDS: ReadonlyMap<number, SocketKind> = new Map<number, SocketKind>([
  [
    12,
    {
      create: (options): Socket => new Server(options),
      own: (values) => ({ ...sending(values), ...receiving(values) }),
      sends: true,
      receives: true,
      writable: true,
      impatient: true,
      frames: 1,
      label: (options) => numberFrame(routingIdFor(options)),
    },
  ],
  [
    13,
    {
      create: (options): Socket => new Client(options),
      own: (values) => ({ ...sending(values), ...receiving(values) }),
      sends: true,
      receives: true,
      frames: 1,
    },
  ],
  [
    14,
    {
      create: (options, values): Socket =>
        new Radio({ ...options, multicastHops: () => values.number(option.MULTICAST_HOPS) }),
      own: publishing,
      sends: true,
      receives: false,
      writable: true,
      impatient: true,
      frames: 1,
      label: groupFor,
    },
  ],
  [
    15,
    {
      create: (options): Socket => new Dish(options),
      own: receiving,
      sends: false,
      receives: true,
      writable: true,
      linger: 0,
      joins: true,
    },
  ],
  [
    16,
    {
      create: (options): Socket => new Gather(options),
      own: (values) => ({ ...receiving(values), ...conflating(values) }),
      sends: false,
      receives: true,
    },
  ],
  [
    17,
    {
      create: (options): Socket => new Scatter(options),
      own: (values) => ({ ...sending(values), ...conflating(values) }),
      sends: true,
      receives: false,
      frames: 1,
    },
  ],
  [
    18,
    {
      create: (options): Socket => new Datagram(options),
      own: (values) => ({ ...sending(values), ...receiving(values) }),
      sends: true,
      receives: true,
      frames: 2,
    },
  ],
])
