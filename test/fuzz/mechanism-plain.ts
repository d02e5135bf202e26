// Whole conversations under PLAIN, spoiled and cut anywhere, to either side of it: what the engine makes of them is
// what the model makes of them, and who asks to come in is who said so.

import { SOCKET_TYPES, type SocketType } from "../../src/socket-type.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { PlainClient, PlainServer } from "../../src/zmtp/plain.ts"
import { type Conversation, fitting, metadata, mutate, utterance } from "../support/conversation.ts"
import { type EngineInput, engineInput, engineStage } from "../support/engine-stage.ts"
import type { FuzzTarget } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { command, frame, greeting } from "../support/raw-peer.ts"
import { plainClientModel, plainServerModel } from "../support/zmtp-model.ts"

const COMMAND = 4

export const plainServer: FuzzTarget<EngineInput> = {
  name: "mechanism-plain-server",
  cases: 2500,

  generate: (random) =>
    conversation(random, (theirs) => {
      const texts = random.list(2, random.once(8) ? 3 : 2, () => random.octets(random.size(255)))
      const hello = Buffer.concat(texts.flatMap((text) => [Buffer.from([text.length]), text]))
      return [command("HELLO", hello), command("INITIATE", metadata(random, theirs))]
    }),

  open: () =>
    engineStage({
      mechanism: (type, limits) => new PlainServer({ metadata: encodeMetadata([["Socket-Type", type]]), limits }),
      model: plainServerModel,
    }),
}

export const plainClient: FuzzTarget<EngineInput> = {
  name: "mechanism-plain-client",
  cases: 2500,

  generate: (random) =>
    conversation(random, (theirs) => {
      const ready = command("READY", metadata(random, theirs))
      const refusal = random.pick([command("ERROR", "\x03400"), frame("^RROR\x03400", COMMAND)])
      return random.choose(
        [6, () => [command("WELCOME"), ready]],
        [1, () => [refusal]],
        [1, () => [command("WELCOME"), refusal]],
      )
    }),

  open: () =>
    engineStage({
      mechanism: (type, limits) => {
        const setup = { metadata: encodeMetadata([["Socket-Type", type]]), limits }
        return new PlainClient(setup, Buffer.from("admin"), Buffer.from("secret"))
      },
      model: plainClientModel,
    }),
}

function conversation(random: Random, handshake: (theirs: SocketType) => Conversation): EngineInput {
  const theirs = random.pick(SOCKET_TYPES)
  const traffic = random.list(0, 4, () => utterance(random))
  const pieces = [greeting({ mechanism: "PLAIN" }), ...handshake(theirs), ...traffic]
  return engineInput(random, fitting(random, theirs), mutate(random, pieces))
}
