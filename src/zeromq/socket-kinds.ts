// The types of sockets by the numbers of libzmq, and the socket of the library behind each; those of drafts are in
// draft-kinds.ts.

import type { Message, MessageLike } from "../message.ts"
import { Pair } from "../socket/pair.ts"
import { Pull } from "../socket/pipeline/pull.ts"
import { Push } from "../socket/pipeline/push.ts"
import { Publisher } from "../socket/pubsub/publisher.ts"
import { Subscriber } from "../socket/pubsub/subscriber.ts"
import { XPublisher } from "../socket/pubsub/xpublisher.ts"
import { XSubscriber } from "../socket/pubsub/xsubscriber.ts"
import { Dealer } from "../socket/reqrep/dealer.ts"
import { Reply } from "../socket/reqrep/reply.ts"
import { Request } from "../socket/reqrep/request.ts"
import { Router } from "../socket/reqrep/router.ts"
import type { Socket } from "../socket/socket.ts"
import { Stream } from "../socket/stream.ts"
import type { OptionValues } from "./option-values.ts"
import * as option from "./option-values.ts"
import { conflating, publishing, receiving, type SocketKind, sending } from "./socket-kind.ts"

function named(values: OptionValues): object {
  return { routingId: values.octets(option.ROUTING_ID) ?? undefined }
}

function verbosityOf(values: OptionValues): "allSubs" | "allSubsUnsubs" | null {
  if (values.flag(option.VERBOSER)) return "allSubsUnsubs"
  return values.flag(option.VERBOSE) ? "allSubs" : null
}

/** By number; a number that is not there is no type. */
export const SOCKET_KINDS: ReadonlyMap<number, SocketKind> = new Map<number, SocketKind>([
  [
    0,
    {
      create: (options): Socket => new Pair(options),
      own: (values) => ({ ...sending(values), ...receiving(values) }),
      sends: true,
      receives: true,
    },
  ],
  [
    1,
    {
      create: (options): Socket => new Publisher<MessageLike>(options),
      own: (values) => ({ ...publishing(values), ...conflating(values) }),
      sends: true,
      receives: false,
      writable: true,
      impatient: true,
    },
  ],
  [
    2,
    {
      create: (options): Socket => new Subscriber<Message>(options),
      own: (values) => ({
        ...receiving(values),
        ...conflating(values),
        invertMatching: values.flag(option.INVERT_MATCHING),
      }),
      sends: false,
      receives: true,
      linger: 0,
    },
  ],
  [
    3,
    {
      create: (options): Socket => new Request(options),
      own: (values) => ({
        ...sending(values),
        ...receiving(values),
        ...named(values),
        correlate: values.flag(option.CORRELATE),
        relaxed: values.flag(option.RELAXED) && "forgetful",
        probeRouter: values.flag(option.PROBE_ROUTER),
      }),
      sends: true,
      receives: true,
      first: "send",
    },
  ],
  [
    4,
    {
      create: (options): Socket => new Reply(options),
      own: (values) => ({ ...sending(values), ...receiving(values), ...named(values) }),
      sends: true,
      receives: true,
      first: "receive",
    },
  ],
  [
    5,
    {
      create: (options): Socket => new Dealer(options),
      own: (values) => ({
        ...sending(values),
        ...receiving(values),
        ...named(values),
        ...conflating(values),
        probeRouter: values.flag(option.PROBE_ROUTER),
      }),
      sends: true,
      receives: true,
    },
  ],
  [
    6,
    {
      create: (options): Socket => new Router(options),
      own: (values) => ({
        ...sending(values),
        ...receiving(values),
        ...named(values),
        mandatory: values.flag(option.MANDATORY),
        handover: values.flag(option.HANDOVER),
        probeRouter: values.flag(option.PROBE_ROUTER),
      }),
      sends: true,
      receives: true,
      writable: true,
      insists: (values) => values.flag(option.MANDATORY),
      impatient: true,
    },
  ],
  [
    7,
    {
      create: (options): Socket => new Pull<Message>(options),
      own: (values) => ({ ...receiving(values), ...conflating(values) }),
      sends: false,
      receives: true,
    },
  ],
  [
    8,
    {
      create: (options): Socket => new Push<MessageLike>(options),
      own: (values) => ({ ...sending(values), ...conflating(values) }),
      sends: true,
      receives: false,
    },
  ],
  [
    9,
    {
      create: (options): Socket => new XPublisher(options),
      own: (values) => ({
        ...publishing(values),
        ...receiving(values),
        verbosity: verbosityOf(values),
        manual: values.flag(option.MANUAL),
        welcomeMessage: values.octets(option.WELCOME_MESSAGE),
      }),
      sends: true,
      receives: true,
      writable: true,
      impatient: true,
    },
  ],
  [
    10,
    {
      create: (options): Socket => new XSubscriber(options),
      own: (values) => ({ ...sending(values), ...receiving(values) }),
      sends: true,
      receives: true,
      writable: true,
      linger: 0,
    },
  ],
  [
    11,
    {
      create: (options, values): Socket => new Stream({ ...options, notify: values.flag(option.NOTIFY) }),
      own: (values) => ({ ...sending(values), ...receiving(values), mandatory: true }),
      sends: true,
      receives: true,
      writable: true,
      pairs: true,
    },
  ],
])
