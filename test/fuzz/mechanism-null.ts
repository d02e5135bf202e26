// Whole conversations under the NULL mechanism, spoiled and cut anywhere, to the engine of every socket type: it makes
// of them what the model makes of them, and takes memory in proportion to what came.

import { SOCKET_TYPES } from "../../src/socket-type.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { nullMechanism } from "../../src/zmtp/null.ts"
import { fitting, mutate, nullConversation } from "../support/conversation.ts"
import { type EngineInput, engineInput, engineStage } from "../support/engine-stage.ts"
import type { FuzzTarget } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { frame } from "../support/raw-peer.ts"
import { nullModel } from "../support/zmtp-model.ts"

const MORE = 1

export const mechanismNull: FuzzTarget<EngineInput> = {
  name: "mechanism-null",
  cases: 3000,

  generate(random: Random): EngineInput {
    const theirs = random.once(12) ? random.pick(["", "NONE", "dealer"]) : random.pick(SOCKET_TYPES)
    const ours = random.once(6) ? random.pick(SOCKET_TYPES) : fitting(random, theirs)
    const pieces = nullConversation(random, theirs)
    // What has no business in a handshake.
    if (random.once(12)) pieces.splice(1, 0, frame(random.octets(random.below(20)), random.pick([0, MORE])))
    return engineInput(random, ours, mutate(random, pieces))
  },

  open: () =>
    engineStage({
      mechanism: (type, limits) => nullMechanism({ metadata: encodeMetadata([["Socket-Type", type]]), limits }),
      model: nullModel,
    }),
}
