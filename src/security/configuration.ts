// The shape of what the makers of `security` are given: an object, of known names.

import { OptionError } from "../errors.ts"
import { describe } from "../message.ts"

/** The values, each still to be checked. Throws {@link OptionError} for what is no object, or has an unknown name. */
export function checkConfiguration<const N extends string>(
  maker: string,
  given: unknown,
  names: readonly N[],
): Readonly<Partial<Record<N, unknown>>> {
  const accepted = names.join(", ")
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    // What was given by mistake may be a secret: it is not repeated.
    throw new OptionError("security", `${maker} takes an object with ${accepted}, got a value of type ${typeof given}`)
  }
  for (const name of Object.keys(given)) {
    if (names.includes(name as N)) continue
    throw new OptionError("security", `${maker} knows no ${describe(name)}; it takes ${accepted}`)
  }
  return given as Readonly<Partial<Record<N, unknown>>>
}

/** Whether this is an object whose own properties are all that it holds: no array, no Map, no instance of a class. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
