// All fuzz targets.

import type { FuzzTarget } from "../support/fuzzing.ts"
import { pipelineCalls, pubsubCalls } from "./calls.ts"
import { commands } from "./commands.ts"
import { datagrams } from "./datagrams.ts"
import { endpoints } from "./endpoints.ts"
import { frames } from "./frames.ts"
import { greeting } from "./greeting.ts"
import { curveClient, curveServer } from "./mechanism-curve.ts"
import { mechanismNull } from "./mechanism-null.ts"
import { plainClient, plainServer } from "./mechanism-plain.ts"
import { metadata } from "./metadata.ts"
import { msgpackDecoder } from "./msgpack.ts"
import { octetsFromServers, octetsToListeners } from "./octets.ts"
import { options } from "./options.ts"
import { subscribers, subscriptionIndex } from "./subscriptions.ts"

export const TARGETS: readonly FuzzTarget<unknown>[] = [
  greeting,
  frames,
  commands,
  metadata,
  mechanismNull,
  plainServer,
  plainClient,
  curveServer,
  curveClient,
  subscriptionIndex,
  subscribers,
  endpoints,
  options,
  msgpackDecoder,
  datagrams,
  octetsToListeners,
  octetsFromServers,
  pipelineCalls,
  pubsubCalls,
] as FuzzTarget<unknown>[]
