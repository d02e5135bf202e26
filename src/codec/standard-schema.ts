// What all schema libraries of today have in common: the interface of Standard Schema, version 1, as far as it is used
// here. Types only.

/**
 * A schema of any library that follows Standard Schema: zod, valibot, arktype and others.
 *
 * @typeParam Input - what it accepts
 * @typeParam Output - what it makes of it
 * @see https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What came of a validation: the value, or what is wrong with it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

/** One thing that is wrong, and where. */
export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema accepts. */
export type StandardInput<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["input"]

/** What a schema makes of it. */
export type StandardOutput<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["output"]
