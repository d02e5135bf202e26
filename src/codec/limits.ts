// What a codec of structured values accepts at most, and how its options are checked. What is counted, and how, is the
// business of each format.

import { CodecError, OptionError } from "../errors.ts"
import { describe } from "../message.ts"

/**
 * The limits of a codec. They hold in both directions: what is over one of them is neither sent nor delivered, so that
 * whatever a codec encodes it also decodes.
 */
export interface CodecLimits {
  /** The octets of a frame. Default: 67 108 864 (64 MiB), as large as a socket's `maxMessageSize`. */
  readonly maxSize?: number | undefined
  /** How deep arrays and maps may be nested, 1 for one that holds none. Default: 100; at most 1000. */
  readonly maxDepth?: number | undefined
  /**
   * How many values a frame may hold, counting every array, map, key, string, number and so on. It bounds the memory
   * that a small frame can ask for: an empty map takes one octet on the wire and some sixty in the heap. Default:
   * 1 000 000. Long lists of numbers travel better as one run of octets.
   */
  readonly maxValues?: number | undefined
}

/** All of them settled. */
export type SettledLimits = { readonly [Name in keyof CodecLimits]-?: number }

/** One option: whether a value is accepted, in words what is, and what holds when none is given. */
export interface CodecOption {
  readonly accepts: string
  test(value: unknown): boolean
  readonly standard: unknown
}

/** A row for each limit. */
export const LIMITS: Readonly<Record<keyof CodecLimits, CodecOption>> = {
  maxSize: whole("octets", 2 ** 32, 64 * 1024 * 1024),
  // What unpacks them is recursive, so this must stay far from where a stack ends.
  maxDepth: whole("levels", 1000, 100),
  maxValues: whole("values", 2 ** 32, 1_000_000),
}

function whole(unit: string, most: number, standard: number): CodecOption {
  return {
    accepts: `a whole number of ${unit}, 1 to ${most}`,
    test: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most,
    standard,
  }
}

/**
 * Fills in what holds when an option is not given.
 *
 * @param maker - whose options these are, for the message of an error
 * @throws OptionError for an option that does not exist or is not accepted
 */
export function settle<Settled extends object>(
  maker: string,
  rows: Readonly<Record<keyof Settled & string, CodecOption>>,
  given: object | undefined,
): Settled {
  const table = rows as Readonly<Record<string, CodecOption>>
  const names = Object.keys(table)
  if (given !== undefined && (typeof given !== "object" || given === null)) {
    throw new OptionError("options", `The options of ${maker}() must be an object, got ${describe(given)}`)
  }
  const chosen: Record<string, unknown> = { ...given }
  for (const name of Object.keys(chosen)) {
    if (names.includes(name)) continue
    throw new OptionError(name, `${maker}() has no option ${describe(name)}; it takes ${names.join(", ")}`)
  }
  const settled: Record<string, unknown> = {}
  for (const [name, { accepts, test, standard }] of Object.entries(table)) {
    const value = chosen[name] ?? standard
    if (!test(value)) {
      throw new OptionError(name, `Option "${name}" of ${maker}() must be ${accepts}, got ${describe(value)}`)
    }
    settled[name] = value
  }
  return Object.freeze(settled) as Settled
}

export function tooLarge(size: number, { maxSize }: SettledLimits): CodecError {
  return new CodecError(`A frame of ${size} octets is over the limit of ${maxSize} (maxSize)`)
}

export function tooDeep({ maxDepth }: SettledLimits): CodecError {
  return new CodecError(`Arrays and maps are nested deeper than the limit of ${maxDepth} (maxDepth)`)
}

export function tooMany({ maxValues }: SettledLimits): CodecError {
  return new CodecError(`There are more values in a frame than the limit of ${maxValues} (maxValues)`)
}

/** The key that would set the prototype of whatever it is copied into. */
export function unsafeKey(): CodecError {
  return new CodecError('A map has the key "__proto__", which is not accepted')
}
