// What code that is not ours has thrown. It may be anything: to look at it may run more of that code, and a proxy that
// was revoked cannot be looked at at all. Nothing here throws.

import { describe } from "./message.ts"

/** Itself if it is an error, else an error that has it for its cause. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(describe(thrown), { cause: thrown })
}

/** What it says of itself, in words. */
export function reasonOf(thrown: unknown): string {
  try {
    if (isError(thrown)) return String(thrown.message)
  } catch {
    // It will not say.
  }
  return describe(thrown)
}

/** Where it was thrown, if it knows. */
export function stackOf(thrown: unknown): string {
  try {
    if (isError(thrown)) return String(thrown.stack ?? "")
  } catch {
    // It will not say.
  }
  return ""
}

function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error
  } catch {
    return false
  }
}
