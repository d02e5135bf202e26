// The transports over which sockets are tested, and endpoints of each. Nothing here opens anything that stays open.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { asTwoThreads } from "./as-two-threads.ts"
import { LOOPBACK, vacantEndpoint } from "./loopback.ts"

/** One transport under test. */
export interface TransportCase {
  readonly name: "inproc" | "ipc" | "tcp"
  /** An endpoint to bind, free each time; what `bind` returns is the one to connect to. */
  any(): string
  /** An endpoint that can be both bound and connected to as it stands, and is free now. */
  named(): Promise<string>
}

let count = 0
const fresh = (): string => `brokerless-${process.pid}-${Date.now().toString(36)}-${++count}`

const inprocCase: TransportCase = {
  name: "inproc",
  any: () => `inproc://${fresh()}`,
  named: async () => `inproc://${fresh()}`,
}

let directory: string | undefined

const ipcCase: TransportCase = {
  name: "ipc",
  any: () => "ipc://*",
  async named() {
    if (directory === undefined) {
      const path = mkdtempSync(join(tmpdir(), "brokerless-test-"))
      process.once("exit", () => rmSync(path, { recursive: true, force: true }))
      directory = path
    }
    return `ipc://${join(directory, `${++count}`)}`
  },
}

const tcpCase: TransportCase = {
  name: "tcp",
  any: () => `tcp://${LOOPBACK}:*`,
  named: vacantEndpoint,
}

/** Whether inproc is tested as it is between threads, and nothing else is; see vitest.config.ts. */
export const BETWEEN_THREADS: boolean = process.env.BROKERLESS_INPROC === "between threads"
if (BETWEEN_THREADS) asTwoThreads()

const ALL: readonly TransportCase[] =
  process.platform === "win32" ? [inprocCase, tcpCase] : [inprocCase, ipcCase, tcpCase]

/** All transports, those of octets last. */
export const TRANSPORTS: readonly TransportCase[] = BETWEEN_THREADS ? [inprocCase] : ALL

/** One transport by its name. */
export function transport(name: TransportCase["name"]): TransportCase {
  const found = ALL.find((each) => each.name === name)
  if (found === undefined) throw new Error(`There is no ${name} on ${process.platform}`)
  return found
}
