// A codec whose values are looked at by a schema, on their way out and on their way in.

import { CodecError, OptionError } from "../errors.ts"
import { describe } from "../message.ts"
import type { Codec } from "./codec.ts"
import type { StandardInput, StandardIssue, StandardOutput, StandardResult, StandardSchema } from "./standard-schema.ts"

/** How many issues an error tells of, and how many characters of each. */
const ISSUES = 3
const ISSUE_TEXT = 120

/**
 * The values of another codec, looked at by a schema: of zod, valibot, arktype, or whatever follows Standard Schema.
 *
 * What travels is what the schema accepts, its input; what is received is what the schema makes of that, its output. So
 * a value is looked at before it is sent, and sent as it is; and once more when it has arrived, when defaults are
 * filled in, values converted, and keys stripped that the schema does not know. A value that the schema refuses rejects
 * its `send`, or is announced as `message:invalid`, with a {@link CodecError} that names what is wrong and has all
 * issues in its `cause`.
 *
 * The schema must be synchronous: one that returns a promise is refused with {@link CodecError}.
 *
 * @param codec - carries the values: `msgpack()`, `json()`, or any other
 * @param schema - is asked by its method `~standard.validate`
 * @throws OptionError if one of them is not what it should be
 */
export function validated<Schema extends StandardSchema>(
  codec: Codec<StandardInput<Schema>, unknown>,
  schema: Schema,
): Codec<StandardInput<Schema>, StandardOutput<Schema>> {
  if (typeof codec?.encode !== "function" || typeof codec.decode !== "function") {
    throw new OptionError("codec", `validated() needs a codec, got ${describe(codec)}`)
  }
  const standard = schema?.["~standard"]
  if (typeof standard?.validate !== "function") {
    throw new OptionError("schema", `validated() needs a schema that follows Standard Schema, got ${describe(schema)}`)
  }
  if (standard.version !== 1) {
    throw new OptionError("schema", `Standard Schema must be of version 1, got ${describe(standard.version)}`)
  }
  const look = (value: unknown): unknown => outputOf(standard.validate(value), standard.vendor)
  return {
    encode(value) {
      look(value)
      return codec.encode(value)
    },
    decode: (frame) => look(codec.decode(frame)) as StandardOutput<Schema>,
  }
}

function outputOf(result: StandardResult<unknown> | Promise<StandardResult<unknown>>, vendor: string): unknown {
  if (isPromise(result)) {
    // Nobody waits for it, so nobody would hear that it fails.
    Promise.resolve(result).catch(() => {})
    throw new CodecError(`A schema (${describe(vendor)}) validates asynchronously; a codec needs one that does not`)
  }
  if (result.issues === undefined) return result.value
  throw new CodecError(`The schema refused a value: ${summary(result.issues)}`, { cause: result.issues })
}

function isPromise(result: object): result is Promise<unknown> {
  return typeof (result as { then?: unknown }).then === "function"
}

/** What a schema says may quote what a peer sent: so it is short, and on one line. */
function summary(issues: readonly StandardIssue[]): string {
  const said = issues.slice(0, ISSUES).map((issue) => shortened(`${placeOf(issue)}${issue.message}`))
  const more = issues.length - said.length
  return `${said.join("; ")}${more > 0 ? `; and ${more} more` : ""}`
}

function placeOf({ path }: StandardIssue): string {
  if (path === undefined || path.length === 0) return ""
  return `${path.map((step) => String(typeof step === "object" ? step.key : step)).join(".")}: `
}

function shortened(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, " ")
  return line.length > ISSUE_TEXT ? `${line.slice(0, ISSUE_TEXT)}…` : line
}
