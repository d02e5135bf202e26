// Commands in traffic whose bodies are spoiled while their frames are legal; and the way back: what we say of
// ourselves is read as it was meant, by the model too.

import {
  cancel,
  error as errorCommand,
  parseCommand,
  parseError,
  parsePing,
  ping,
  pong,
  subscribe,
} from "../../src/zmtp/command.ts"
import { encodeMetadata } from "../../src/zmtp/metadata.ts"
import { nullMechanism } from "../../src/zmtp/null.ts"
import { mutate, topic } from "../support/conversation.ts"
import { verdictOf } from "../support/engine-reading.ts"
import { type EngineInput, engineInput, engineStage } from "../support/engine-stage.ts"
import { type FuzzTarget, holds, type Stage, same } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { frame, greeting, ready } from "../support/raw-peer.ts"
import { nullModel, parseCommand as parseByModel, verdictOfModel } from "../support/zmtp-model.ts"

const COMMAND = 4

interface Input {
  readonly conversation: EngineInput
  /** A single body. */
  readonly body: Buffer
  readonly octets: Buffer
  readonly tenths: number
}

const NAMES = ["SUBSCRIBE", "CANCEL", "PING", "PONG", "ERROR", "READY", "HELLO", "JOIN", "X", "subscribe", "P1NG", ""]

export const commands: FuzzTarget<Input> = {
  name: "commands",
  cases: 3000,

  generate(random: Random): Input {
    const body = (): Buffer =>
      Buffer.concat(mutate(random, [named(random.pick(NAMES)), topic(random)])).subarray(0, 9000)
    const traffic = random.list(1, 5, () => frame(body(), COMMAND))
    const conversation = engineInput(random, "XPUB", [greeting(), ready("SUB"), ...traffic])
    return {
      conversation: { ...conversation, limits: { ...conversation.limits, maxHandshakeBytes: 16_384 } },
      body: body(),
      octets: topic(random),
      tenths: random.within(-5, 70_000),
    }
  },

  open(): Stage<Input> {
    const engine = engineStage({
      mechanism: (type, limits) => nullMechanism({ metadata: encodeMetadata([["Socket-Type", type]]), limits }),
      model: nullModel,
    })
    return {
      check({ conversation, body, octets, tenths }) {
        engine.check(conversation)
        same(
          readByUs(() => parseCommand(body)),
          verdictOfModel(() => parseByModel(body)),
          "What a command is",
        )
        const shown = parseError(body)
        holds(/^[ -~]{0,32}$/.test(shown), () => `The reason ${JSON.stringify(shown)} is not fit to be shown`)
        const { ttl, context } = parsePing(parseByModel(ping(tenths, octets)).data)
        same(ttl, 100 * Math.min(655, Math.max(0, tenths)), "The time to live of our PING")
        same(context, octets.subarray(0, 16), "The context of our PING")
        same(parseByModel(pong(octets)), { name: "PONG", data: octets.subarray(0, 16) }, "Our PONG")
        same(parseByModel(subscribe(octets)), { name: "SUBSCRIBE", data: octets }, "Our SUBSCRIBE")
        same(parseByModel(cancel(octets)), { name: "CANCEL", data: octets }, "Our CANCEL")
        const { data } = parseByModel(errorCommand(octets.toString("latin1")))
        same(data.length, 1 + (data[0] as number), "The length of the reason in our ERROR")
      },
    }
  },
}

function named(name: string): Buffer {
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name)])
}

function readByUs<T>(read: () => T): T | string {
  try {
    return read()
  } catch (error) {
    return verdictOf(error)
  }
}
