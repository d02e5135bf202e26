// How many files this process may have open, and whether a newcomer is one too many. At the limit of the system
// connections would be accepted and closed by the runtime without a word; so they are turned away a little before,
// where it can be told, and the application keeps what it needs to read a file or to connect.
//
// Descriptors are given out lowest first: the number of one that was just accepted tells how many files are open.

import { readFileSync } from "node:fs"
import type { Socket } from "node:net"
import type { EndpointError } from "../errors.ts"
import { cannot } from "./net-error.ts"

/** Files left to the application when nothing else was said. */
const RESERVE = 16

/** Judges the newcomers of a listener: returns why there is no place for one, or undefined where there is. */
export function crowding(endpoint: string, maxOpenFiles: number): (socket: Socket) => EndpointError | undefined {
  const most = maxOpenFiles || systemLimit() - RESERVE
  return (socket) => {
    const files = descriptorOf(socket) + 1
    if (files <= most) return undefined
    return cannot("let anybody in at", endpoint, "EMFILE", `${files} files are open, of ${most} allowed`)
  }
}

/** -1 where the runtime does not tell, or connections are no files. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1
}

/** What the system allows this process; Infinity where it does not say. */
function systemLimit(): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? []
    if (soft !== undefined) return Number(soft)
  } catch {
    // No such file: another system than Linux.
  }
  reported ??= limitOfReport()
  return reported
}

let reported: number | undefined

/** The diagnostic report knows it on every Unix. It takes some milliseconds, hence once. */
function limitOfReport(): number {
  if (process.platform === "linux" || process.platform === "win32") return Number.POSITIVE_INFINITY
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } }
  const soft = Number(userLimits?.open_files?.soft)
  return soft > 0 ? soft : Number.POSITIVE_INFINITY
}
