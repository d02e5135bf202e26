// Headers of messages and of bindings: what they may hold, and how they are written. One flat object of JSON.

import { OptionError } from "brokerless"
import { MAX_HEADERS } from "./wire.ts"

/** What a header may say. */
export type HeaderValue = string | number | boolean

/** Headers of a message. */
export type Headers = Readonly<Record<string, HeaderValue>>

/**
 * What headers a queue wants. `"x-match": "all"` (default) wants every one of them, `"any"` at least one; `null` wants
 * the header to be there, whatever it says. Other names that begin with `x-` do not take part.
 */
export type HeadersBinding = Readonly<Record<string, HeaderValue | null>> & { readonly "x-match"?: "all" | "any" }

/** Headers that a message or a binding may have at most. */
const MOST = 64

/** Headers in the order of their names, so that equal ones are written alike. */
export function writeHeaders(headers: Headers | HeadersBinding | undefined, what: string): string {
  if (headers === undefined) return ""
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    throw new OptionError("headers", `The headers of ${what} must be an object`)
  }
  const pairs = Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1))
  if (pairs.length === 0) return ""
  const text = JSON.stringify(Object.fromEntries(pairs))
  if (pairs.length > MOST || Buffer.byteLength(text) > MAX_HEADERS) {
    throw new OptionError("headers", `The headers of ${what} must be at most ${MOST}, of ${MAX_HEADERS} octets of JSON`)
  }
  const wrong = pairs.find(([, value]) => !isValue(value) && !(what === "a binding" && value === null))
  if (wrong !== undefined) {
    throw new OptionError(
      "headers",
      `The header ${JSON.stringify(wrong[0])} must be text, a finite number or a boolean`,
    )
  }
  return text
}

/** Headers as they were written; undefined when they are not what they may be. */
export function readHeaders(text: string): ReadonlyMap<string, HeaderValue | null> | undefined {
  if (text === "") return new Map()
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined
  const pairs = Object.entries(parsed)
  if (pairs.length > MOST || !pairs.every(([, value]) => value === null || isValue(value))) return undefined
  return new Map(pairs as [string, HeaderValue | null][])
}

function isValue(value: unknown): value is HeaderValue {
  return (
    typeof value === "string" || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))
  )
}
