// The path that `ipc://*` means where it has to be known before anything is bound.

import { randomBytes } from "node:crypto"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** An ipc address that nobody else has. */
export function chosenPath(): string {
  const name = `brokerless-${randomBytes(8).toString("hex")}`
  return `ipc://${process.platform === "win32" ? name : join(tmpdir(), name)}`
}
