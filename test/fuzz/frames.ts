// Frames behind a legal handshake, spoiled and cut anywhere: whole messages and commands within the limits come out of
// them, or the error that the model comes to, at the same place.

import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { nullMechanism } from "../../src/zmtp/null.ts"
import { mutate, utterance } from "../support/conversation.ts"
import { type EngineInput, engineInput, engineStage } from "../support/engine-stage.ts"
import type { FuzzTarget } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { frame, greeting, message, ready } from "../support/raw-peer.ts"
import { nullModel } from "../support/zmtp-model.ts"

const MORE = 1

export const frames: FuzzTarget<EngineInput> = {
  name: "frames",
  cases: 1800,

  generate(random: Random): EngineInput {
    const traffic = random.list(1, 10, () =>
      random.choose(
        [4, () => utterance(random)],
        [2, () => message(...random.list(1, 12, () => random.octets(random.size(300))))],
        [1, () => frame(random.octets(random.size(300)), MORE)],
        [1, () => message(random.octets(random.within(15_000, 300_000)))],
      ),
    )
    const input = engineInput(random, "PULL", [greeting(), ready("PUSH"), ...mutate(random, traffic)])
    return {
      ...input,
      limits: { ...input.limits, maxHandshakeBytes: 16_384, maxHandshakeFrameSize: 8192, maxMetadataBytes: 8192 },
    }
  },

  open: () =>
    engineStage({
      mechanism: (type, limits) => nullMechanism({ metadata: encodeMetadata([["Socket-Type", type]]), limits }),
      model: nullModel,
    }),
}
