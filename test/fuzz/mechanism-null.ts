// Whole conversations under the NULL mechanism, spoiled and cut anywhere, to the engine of every socket type: it makes
// of them what the model makes of them, and takes memory in proportion to what came.

import { SOCKET_TYPES } from "../../src/socket-type.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { nullMechanism } from "../../src/zmtp/null.ts"
import { fitting, mutate, nullConversation } from "../support/conversation.ts"
import { type EngineInput, engineInput, engineStage } from "../support/engine-stage.ts"
import type { FuzzTarget } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { nullModel } from "../support/zmtp-model.ts"

export const mechanismNull: FuzzTarget<EngineInput> = {
  name: "mechanism-null",
  cases: 3000,

  generate(random: Random): EngineInput {
    const theirs = random.once(12) ? random.pick(["", "NONE", "dealer"]) : random.pick(SOCKET_TYPES)
    const ours = random.once(6) ? random.pick(SOCKET_TYPES) : fitting(random, theirs)
    return engineInput(random, ours, mutate(random, nullConversation(random, theirs)))
  },

  open: () =>
    engineStage({
      mechanism: (type, limits) => nullMechanism({ metadata: encodeMetadata([["Socket-Type", type]]), limits }),
      model: nullModel,
    }),
}
