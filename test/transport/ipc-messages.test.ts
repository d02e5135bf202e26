import { describe } from "vitest"
import { transportSuite } from "../suite/transport.ts"
import { transport } from "../support/transports.ts"

describe.skipIf(process.platform === "win32")("ipc", () => {
  if (process.platform !== "win32") transportSuite(() => transport("ipc"))
})
