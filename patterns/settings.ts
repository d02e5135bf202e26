// How the options of a pattern are checked: one row each, with what is accepted and the default. A pattern's options
// are given to its constructor, checked at once, and wrong ones name themselves, as those of a socket do.

import { OptionError, type Security } from "brokerless"

/** One option: what is accepted, in words; whether a value is; and what holds when none is given. */
export interface Setting<Value> {
  readonly accepts: string
  readonly test: (value: unknown) => boolean
  /** Absent: the option has to be given. */
  readonly default?: Value
}

/** The rows of a pattern, one for each of its options. */
export type Settings<Options> = { readonly [Name in keyof Required<Options>]: Setting<Options[Name]> }

/** A whole number between `least` and `most`, of `unit`. */
export function whole(
  unit: string,
  fallback: number,
  least = 0,
  most: number = Number.MAX_SAFE_INTEGER,
): Setting<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `${least} to ${most}`
  return {
    accepts: `a whole number of ${unit}, ${range}`,
    test: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
    default: fallback,
  }
}

/** `true` or `false`. */
export function flag(fallback: boolean): Setting<boolean> {
  return { accepts: "true or false", test: (value) => typeof value === "boolean", default: fallback }
}

/** Text of at least one character. */
export function name(fallback?: string): Setting<string> {
  const accepts = "a string that is not empty"
  const test = (value: unknown): boolean => typeof value === "string" && value !== ""
  return fallback === undefined ? { accepts, test } : { accepts, test, default: fallback }
}

/** One of a few words. */
export function oneOf<Word extends string>(words: readonly Word[], fallback: Word): Setting<Word> {
  return {
    accepts: `one of ${words.map((word) => `"${word}"`).join(", ")}`,
    test: (value) => words.includes(value as Word),
    default: fallback,
  }
}

/** What proves who this side is, or says who may come in; the socket checks it itself. */
export const securitySetting: Setting<Security | undefined> = {
  accepts: "what plain(), curve() and their like make",
  test: (value) => typeof (value as Security | null)?.create === "function",
  default: undefined,
}

/**
 * Fills in the defaults.
 *
 * @param what - whose options these are, for the message of an error
 * @throws OptionError for the first option that does not exist, is missing, or is not accepted
 */
export function settle<Options extends object>(
  what: string,
  settings: Settings<Options>,
  given: Options | undefined,
): { readonly [Name in keyof Required<Options>]: Exclude<Options[Name], undefined> } {
  if (given !== undefined && (typeof given !== "object" || given === null)) {
    throw new OptionError("options", `The options of ${what} must be an object`)
  }
  const chosen: Record<string, unknown> = { ...given }
  const names = Object.keys(settings)
  for (const option of Object.keys(chosen)) {
    if (names.includes(option)) continue
    throw new OptionError(option, `${what} has no option "${option}"; it takes ${names.join(", ")}`)
  }
  const settled: Record<string, unknown> = {}
  for (const option of names) {
    const setting = settings[option as keyof Options] as Setting<unknown>
    const value = chosen[option]
    if (value === undefined && "default" in setting) settled[option] = setting.default
    else if (setting.test(value)) settled[option] = value
    else throw new OptionError(option, `Option "${option}" of ${what} must be ${setting.accepts}, got ${shown(value)}`)
  }
  return Object.freeze(settled) as ReturnType<typeof settle<Options>>
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value)
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object"
  return typeof value === "function" ? "a function" : String(value)
}
