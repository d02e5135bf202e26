// Whole conversations under PLAIN, spoiled and cut anywhere, to either side of it: what the engine makes of them is
// what the model makes of them, and who asks to come in is who said so.

import { SOCKET_TYPES } from "../../src/socket-type.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { PlainClient, PlainServer } from "../../src/zmtp/plain.ts"
import {
  type Conversation,
  fitting,
  mutate,
  plainClientConversation,
  plainServerConversation,
} from "../support/conversation.ts"
import { type EngineInput, engineInput, engineStage } from "../support/engine-stage.ts"
import type { FuzzTarget } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { plainClientModel, plainServerModel } from "../support/zmtp-model.ts"

export const plainServer: FuzzTarget<EngineInput> = {
  name: "mechanism-plain-server",
  cases: 2500,

  generate: (random) => input(random, plainClientConversation),

  open: () =>
    engineStage({
      mechanism: (type, limits) => new PlainServer({ metadata: encodeMetadata([["Socket-Type", type]]), limits }),
      model: plainServerModel,
    }),
}

export const plainClient: FuzzTarget<EngineInput> = {
  name: "mechanism-plain-client",
  cases: 2500,

  generate: (random) => input(random, plainServerConversation),

  open: () =>
    engineStage({
      mechanism: (type, limits) => {
        const setup = { metadata: encodeMetadata([["Socket-Type", type]]), limits }
        return new PlainClient(setup, Buffer.from("admin"), Buffer.from("secret"))
      },
      model: plainClientModel,
    }),
}

function input(random: Random, says: (random: Random, theirs: string) => Conversation): EngineInput {
  const theirs = random.pick(SOCKET_TYPES)
  return engineInput(random, fitting(random, theirs), mutate(random, says(random, theirs)))
}
