// The checks of arguments that the `zeromq` package makes, with its very words.

/** Throws for arguments beyond those that a function takes. */
export function checkCount(given: ArrayLike<unknown>, expected: number): void {
  if (given.length <= expected) return
  const noun = expected === 1 ? "argument" : "arguments"
  throw new TypeError(`Expected ${expected} ${noun} but received ${given.length}`)
}

/** Throws unless there is exactly one argument, a string. */
export function checkAddress(given: ArrayLike<unknown>): string {
  const address = given[0]
  if (typeof address !== "string") throw new TypeError("Address must be a string")
  checkCount(given, 1)
  return address
}

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function"
}

/** A method was called on something of another class, or without anything. */
export function illegalInvocation(): TypeError {
  return new TypeError("Illegal invocation")
}

/** As an argument, or as that of which a property is read, an object of another class is without a code. */
export function invalidArgument(): Error {
  return new Error("Invalid argument")
}
